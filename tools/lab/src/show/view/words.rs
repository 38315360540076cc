//! The words of a page, in the page's order: what stands before each block that plays, set to the width of the window.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::book::block::{Kind, Unchecked};
use crate::book::info::kind_of;
use crate::book::label::Label;
use crate::book::page::{LineNumbers, Page};

/// How wide a line of words may be.
const WIDEST: usize = 100;

/// A piece of the page that does not play.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    /// Where it begins, counted from 1.
    line: usize,
    tone: Tone,
    text: String,
    /// How far in it stands.
    indent: usize,
}

/// How a line of words is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// The title or a heading.
    Heading,
    /// Plain words.
    Text,
    /// As it is, line by line: a piece of a file, a drawing.
    Code,
    /// What a line of code is taken from.
    Label,
}

/// A line of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How it is meant.
    pub tone: Tone,
    /// What it says.
    pub text: String,
}

/// A heading, and which block plays first behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// Its words.
    pub text: String,
    /// The index of the block.
    pub block: usize,
}

/// The words of a page.
#[derive(Debug)]
pub struct Words {
    /// The first heading.
    pub title: String,
    /// The page that comes next, as its link says it: words and file.
    pub next: Option<(String, String)>,
    pieces: Vec<Piece>,
    /// The line and the index of each block that plays.
    blocks: Vec<(usize, usize)>,
}

impl Words {
    /// Those of this page.
    #[must_use]
    pub fn of(page: &Page) -> Self {
        let mut pieces = pieces(page);
        let title = pieces.iter().find(|piece| piece.tone == Tone::Heading);
        let title = title.map_or_else(|| page.path.display().to_string(), |piece| piece.text.clone());
        let is_links =
            |piece: &Piece| piece.text.contains(" · Contents") || piece.text.starts_with("Contents ·");
        pieces.retain(|piece| !is_links(piece));
        let blocks = page.played().map(|(index, block)| (block.line, index)).collect();
        Self { title, next: next(&page.source), pieces, blocks }
    }

    /// How many blocks play, and the place of this one among them, counted from 1.
    #[must_use]
    pub fn place(&self, block: usize) -> (usize, usize) {
        (self.blocks.partition_point(|(_, index)| *index <= block), self.blocks.len())
    }

    /// The lines of the page between the block that plays before this one and this one.
    fn before(&self, block: usize) -> Range<usize> {
        let at = self.blocks.partition_point(|(_, index)| *index < block);
        let from = at.checked_sub(1).and_then(|at| self.blocks.get(at)).map_or(0, |(line, _)| *line);
        let to = self.blocks.get(at).map_or(usize::MAX, |(line, _)| *line);
        from..to
    }

    /// The same; of a block that follows another without a word between them, what stands before that one.
    fn read_before(&self, block: usize) -> Range<usize> {
        let range = self.before(block);
        let has_words = self.pieces.iter().any(|piece| range.contains(&piece.line));
        let before = self.blocks.iter().rfind(|(_, index)| *index < block);
        match before {
            Some((_, before)) if !has_words => self.read_before(*before),
            _ => range,
        }
    }

    /// What stands before the block; behind the last one for a block that is none.
    #[must_use]
    pub fn lines(&self, block: usize, width: usize) -> Vec<Line> {
        let range = self.read_before(block);
        let width = width.clamp(10, WIDEST);
        let mut lines: Vec<Line> = Vec::new();
        // The heading under which it stands, if it stands behind another block.
        let heading =
            self.pieces.iter().rfind(|piece| piece.tone == Tone::Heading && piece.line <= range.start);
        let begins = self.pieces.iter().find(|piece| range.contains(&piece.line));
        if let (Some(heading), Some(begins)) = (heading, begins)
            && begins.tone != Tone::Heading
        {
            lines.push(Line { tone: Tone::Heading, text: heading.text.clone() });
        }
        for piece in self.pieces.iter().filter(|piece| range.contains(&piece.line)) {
            piece.set(width, &mut lines);
        }
        lines
    }

    /// How many words there are to read before the block.
    #[must_use]
    pub fn count(&self, block: usize) -> usize {
        let range = self.before(block);
        let pieces = self.pieces.iter().filter(|piece| range.contains(&piece.line));
        pieces.map(|piece| piece.text.split_whitespace().count()).sum()
    }

    /// The headings, each with the block that plays first behind it.
    #[must_use]
    pub fn headings(&self) -> Vec<Heading> {
        let headings = self.pieces.iter().filter(|piece| piece.tone == Tone::Heading);
        let block = |line: usize| self.blocks.get(self.blocks.partition_point(|(at, _)| *at < line));
        let mut headings: Vec<Heading> = headings
            .filter_map(|piece| Some(Heading { text: piece.text.clone(), block: block(piece.line)?.1 }))
            .collect();
        // Of two with no block between them the lower one says more.
        headings.reverse();
        headings.dedup_by_key(|heading| heading.block);
        headings.reverse();
        headings
    }
}

impl Piece {
    fn set(&self, width: usize, lines: &mut Vec<Line>) {
        let mut put = |text: String| lines.push(Line { tone: self.tone, text });
        let indent = " ".repeat(self.indent);
        match self.tone {
            Tone::Code => {
                let wide = textwrap::Options::new(width)
                    .initial_indent("  ")
                    .subsequent_indent("      ")
                    .word_separator(textwrap::WordSeparator::AsciiSpace);
                for line in self.text.lines() {
                    // Only what is too wide is wrapped: wrapping eats spaces.
                    if line.chars().count() + 2 <= width {
                        put(format!("  {line}"));
                    } else {
                        for line in textwrap::wrap(line, &wide) {
                            put(line.into_owned());
                        }
                    }
                }
                put(String::new());
            }
            Tone::Heading | Tone::Text | Tone::Label => {
                let text =
                    if self.tone == Tone::Label { format!("  {}", self.text) } else { self.text.clone() };
                // A file's name is not cut at its hyphens.
                let options = textwrap::Options::new(width)
                    .word_splitter(textwrap::WordSplitter::NoHyphenation)
                    .initial_indent(&indent)
                    .subsequent_indent(&indent);
                for line in textwrap::wrap(&text, options) {
                    put(line.into_owned());
                }
                if self.tone == Tone::Text {
                    put(String::new());
                }
            }
        }
    }
}

/// The pieces of the page that are no blocks that play.
fn pieces(page: &Page) -> Vec<Piece> {
    let numbers = LineNumbers::of(&page.source);
    let mut all: Vec<Piece> = Vec::new();
    let mut current: Option<Piece> = None;
    let mut items = 0_usize;
    let options = Options::ENABLE_TABLES;
    for (event, range) in Parser::new_ext(&page.source, options).into_offset_iter() {
        let line = numbers.at(range.start);
        let begin = |tone, indent: usize, text: &str| {
            Some(Piece { line, tone, text: text.to_owned(), indent: 2 * indent })
        };
        match event {
            Event::Start(Tag::Heading { .. }) => current = begin(Tone::Heading, 0, ""),
            Event::Start(Tag::List(_)) => {
                all.extend(current.take());
                items += 1;
            }
            Event::End(TagEnd::List(_)) => items = items.saturating_sub(1),
            Event::Start(Tag::Item) => current = begin(Tone::Text, items.saturating_sub(1), "- "),
            Event::Start(Tag::Paragraph) if current.is_none() => current = begin(Tone::Text, items, ""),
            Event::Start(Tag::TableHead | Tag::TableRow) => current = begin(Tone::Text, 0, ""),
            Event::End(TagEnd::TableCell) => {
                if let Some(piece) = &mut current {
                    piece.text.push_str("   ");
                }
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                all.extend(current.take());
                let plays = page.blocks.iter().any(|block| block.line == line && block.is_played());
                if !plays {
                    if let CodeBlockKind::Fenced(info) = &kind
                        && let Ok(kind) = kind_of(info, &[])
                        && !matches!(kind, Kind::Unchecked(Unchecked::Language(_)))
                    {
                        let text = Label::of(&kind).to_string();
                        all.push(Piece { line, tone: Tone::Label, text, indent: 0 });
                    }
                    current = begin(Tone::Code, 0, "");
                }
            }
            Event::End(TagEnd::CodeBlock) => all.extend(current.take()),
            Event::End(
                TagEnd::Heading(_) | TagEnd::Paragraph | TagEnd::Item | TagEnd::TableHead | TagEnd::TableRow,
            ) => {
                all.extend(current.take().filter(|piece| !piece.text.trim().is_empty()));
            }
            event => {
                let Some(piece) = &mut current else { continue };
                match event {
                    Event::Text(text) => piece.text.push_str(&text),
                    Event::Code(code) => {
                        piece.text.push('`');
                        piece.text.push_str(&code);
                        piece.text.push('`');
                    }
                    Event::SoftBreak | Event::HardBreak => piece.text.push(' '),
                    _ => {}
                }
            }
        }
    }
    all
}

/// Where the last arrow of the page's links leads.
fn next(source: &str) -> Option<(String, String)> {
    let mut link: Option<(String, String)> = None;
    for event in Parser::new(source) {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => link = Some((String::new(), dest_url.to_string())),
            Event::Text(text) | Event::Code(text) => {
                if let Some((words, _)) = &mut link {
                    words.push_str(&text);
                }
            }
            Event::End(TagEnd::Link) => {
                if let Some((words, file)) = link.take()
                    && let Some(words) = words.strip_suffix('→')
                {
                    return Some((words.trim().to_owned(), file));
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const PAGE: &str = "\
# Part *one*

[← Before](a.md) · [Contents](SUMMARY.md) · [Next `x` →](b.md)

One `bind` and
[a link](x.md).

## The client

Words.

```console a
$ true
```

More words, behind the block.

```rust from=x.rs#bind
let x = 1;
```

- an item
- another

## Last

```console a
$ true
```

The end.
";

    fn texts(words: &Words, block: usize) -> Vec<String> {
        words.lines(block, 40).into_iter().map(|line| line.text).filter(|text| !text.is_empty()).collect()
    }

    #[test]
    fn the_order_is_that_of_the_page() {
        let page = Page::parse(Path::new("page.md"), PAGE.to_owned());
        let words = Words::of(&page);
        assert_eq!(words.title, "Part one");
        assert_eq!(words.next, Some(("Next x".to_owned(), "b.md".to_owned())));
        assert_eq!(texts(&words, 0), ["Part one", "One `bind` and a link.", "The client", "Words."]);
        assert_eq!(
            texts(&words, 2),
            [
                "The client",
                "More words, behind the block.",
                "  ¶ x.rs, bind",
                "  let x = 1;",
                "- an item",
                "- another",
                "Last"
            ]
        );
        assert_eq!(texts(&words, 9), ["Last", "The end."]);
        assert_eq!(words.place(2), (2, 2));
        let headings: Vec<(String, usize)> =
            words.headings().into_iter().map(|heading| (heading.text, heading.block)).collect();
        assert_eq!(headings, [("The client".to_owned(), 0), ("Last".to_owned(), 2)]);
    }
}
