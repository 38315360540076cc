//! The sections of a page, as links name them.

use std::collections::BTreeMap;

use lab::book::page::LineNumbers;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The headings of a page: line, words, and the anchor that forges and mdBook give them.
#[must_use]
pub fn sections(source: &str) -> Vec<(usize, String, String)> {
    let numbers = LineNumbers::of(source);
    let mut sections = Vec::new();
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let mut heading: Option<(usize, String)> = None;
    for (event, range) in Parser::new_ext(source, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some((numbers.at(range.start), String::new())),
            Event::Text(text) | Event::Code(text) => {
                if let Some((_, words)) = &mut heading {
                    words.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let Some((line, words)) = heading.take() else { continue };
                let kept = words.to_lowercase();
                let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
                let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
                let again = taken.entry(anchor.clone()).or_default();
                let anchor = if *again == 0 { anchor } else { format!("{anchor}-{again}") };
                *again += 1;
                sections.push((line, words, anchor));
            }
            _ => {}
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::sections;

    #[test]
    fn a_heading_that_comes_again_gets_a_number() {
        let page = "# A `b`, c's\n\n## D\n\n## D\n";
        let expected = [(1, "A b, c's", "a-b-cs"), (3, "D", "d"), (5, "D", "d-1")];
        let expected = expected.map(|(line, words, anchor)| (line, words.to_owned(), anchor.to_owned()));
        assert_eq!(sections(page), expected);
    }
}
