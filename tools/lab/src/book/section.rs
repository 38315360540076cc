//! The sections of a page.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// The lines, counted from 1, of the section with this heading: up to the next one that is not below it. `None` if there
/// is no such heading.
#[must_use]
pub fn lines(source: &str, heading: &str) -> Option<Range<usize>> {
    let mut start: Option<(usize, HeadingLevel)> = None;
    let mut current: Option<(usize, HeadingLevel, String)> = None;
    for (event, range) in Parser::new_ext(source, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                let line = source.get(..range.start).unwrap_or_default().matches('\n').count() + 1;
                match start {
                    Some((begins, of)) if level <= of => return Some(begins..line),
                    _ => current = Some((line, level, String::new())),
                }
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some((_, _, words)) = &mut current {
                    words.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((line, level, words)) = current.take()
                    && start.is_none()
                    && words == heading
                {
                    start = Some((line, level));
                }
            }
            _ => {}
        }
    }
    start.map(|(begins, _)| begins..usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_before_the_next_that_is_not_below_it() {
        let page = "# A\n\ntext\n\n## B `c`\n\n### D\n\n## E\n";
        assert_eq!(lines(page, "B c"), Some(5..9));
        assert_eq!(lines(page, "D"), Some(7..9));
        assert_eq!(lines(page, "A"), Some(1..usize::MAX));
        assert_eq!(lines(page, "F"), None);
    }
}
