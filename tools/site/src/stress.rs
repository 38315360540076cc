//! Emphasised words. A page emphasises a term where it explains it, and the glossary has that term; or it emphasises what
//! a speaker would stress. Which of the two, somebody has to say: a term goes into `docs/glossary.md`, a stress in here.

use std::collections::BTreeSet;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// More words than these are no term.
const TERM: usize = 3;

/// What the pages stress, and names of what is no word of this book: other people's books, fields of a packet, the
/// long form of an abbreviation.
const STRESSED: [&str; 58] = [
    "acknowledge",
    "address resolution protocol",
    "all",
    "and",
    "as long as",
    "async",
    "before",
    "both",
    "broken",
    "cancelled",
    "capabilities",
    "client's",
    "compare",
    "different",
    "done",
    "each",
    "equal",
    "finish",
    "first",
    "for the server",
    "gone",
    "has been",
    "header checksum",
    "is",
    "kept",
    "kernel",
    "least",
    "limit",
    "listen",
    "maximum transmission unit",
    "more",
    "new",
    "next",
    "not finished",
    "one",
    "one or more",
    "or",
    "other",
    "pay ten euros",
    "program",
    "push",
    "second",
    "send",
    "server",
    "sleeping",
    "solved when",
    "synchronise",
    "taken away",
    "tcp itself",
    "temporary",
    "this",
    "total length",
    "twice",
    "wait",
    "waiting",
    "when something changes",
    "who is ready",
    "wrong type",
];

/// What `source` emphasises, in small letters: up to three words each.
#[must_use]
pub fn emphasised(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut inside: Option<String> = None;
    for event in Parser::new_ext(source, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Emphasis) => inside = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(words) = &mut inside {
                    words.push_str(&text);
                }
            }
            Event::SoftBreak => {
                if let Some(words) = &mut inside {
                    words.push(' ');
                }
            }
            Event::End(TagEnd::Emphasis) => {
                let words = inside.take().unwrap_or_default().to_lowercase();
                let words = words.trim_end_matches(|c: char| c.is_ascii_punctuation());
                if words.split(' ').count() <= TERM {
                    found.insert(words.to_owned());
                }
            }
            _ => {}
        }
    }
    found
}

/// Of the words that the pages emphasise, those that are neither in the glossary nor known as stressed; and those known
/// as stressed that no page emphasises.
#[must_use]
pub fn unsaid(
    emphasised: &BTreeSet<String>,
    glossary: &BTreeSet<String>,
) -> (Vec<String>, Vec<&'static str>) {
    let is_term = |words: &str| {
        glossary.contains(words) || words.strip_suffix('s').is_some_and(|one| glossary.contains(one))
    };
    let unsaid = emphasised.iter().filter(|words| !is_term(words) && !STRESSED.contains(&words.as_str()));
    let gone = STRESSED.iter().filter(|words| !emphasised.contains(**words));
    (unsaid.cloned().collect(), gone.copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_short_and_in_small_letters() {
        let found = emphasised("A *SYN\nflood*, a *`veth` pair*. *Four words are too long.* **No.** `*no*`");
        assert_eq!(Vec::from_iter(found), ["syn flood", "veth pair"]);
    }

    #[test]
    fn what_nobody_has_decided_is_said() {
        let glossary = BTreeSet::from(["frame".to_owned()]);
        let emphasised = BTreeSet::from(["frames".to_owned(), "cookie".to_owned()]);
        assert_eq!(unsaid(&emphasised, &glossary).0, ["cookie"]);
    }
}
