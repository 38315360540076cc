//! The reference: tables of what stands on the pages of the book, each thing with the sections that show it.
//!
//! A table is Markdown in `docs/`, so that it reads on a forge, too. What a thing means is written there by hand; its last
//! column is made here, from the pages. [`Table::rewritten`] gives the page as it must be, and a test compares.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Context, Result, bail};
use lab::book::block::Kind;
use lab::book::page::Page;
use nix::errno::Errno;
use pulldown_cmark::{Event, Parser, Tag};
use regex::Regex;

use crate::sections::sections;

/// One table of the reference.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// The page that it is on, in `docs/`.
    pub page: &'static str,
    /// The first cell of its head, by which it is found there.
    pub head: &'static str,
    /// What the pages are searched for.
    pub of: Thing,
}

/// What a table lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// System calls, and library calls that are taught like them.
    Call,
    /// Errors, by their names.
    Error,
    /// Options of a socket.
    Option,
    /// Flags of one call.
    Flag,
    /// Settings of the network, as for sysctl(8).
    Setting,
    /// Words: not searched for, since the table itself says which.
    Word,
}

/// Every table.
pub const TABLES: [Table; 6] = [
    Table { page: "calls.md", head: "call", of: Thing::Call },
    Table { page: "errors.md", head: "error", of: Thing::Error },
    Table { page: "options.md", head: "option", of: Thing::Option },
    Table { page: "options.md", head: "flag", of: Thing::Flag },
    Table { page: "options.md", head: "setting", of: Thing::Setting },
    Table { page: "glossary.md", head: "word", of: Thing::Word },
];

/// The pages with these tables, and the others that stand behind the parts: they are no source of themselves.
const BEHIND: [&str; 6] = ["calls.md", "errors.md", "options.md", "glossary.md", "reading.md", "next.md"];

/// How many sections a table links for each thing.
const FEW: usize = 5;

/// Names of numbered steps that are no calls: what a lesson does itself, or what the standard library calls so.
const STEPS: [&str; 53] = [
    "acquire",
    "address",
    "answer",
    "ask",
    "asleep",
    "checksum",
    "compare",
    "completions",
    "connect_to_any",
    "content",
    "content_length",
    "deadline",
    "ear",
    "encode",
    "end",
    "fields",
    "filter",
    "finish",
    "free",
    "header",
    "idle",
    "join",
    "keep",
    "length",
    "limit",
    "memory",
    "name",
    "name_length",
    "option",
    "packet",
    "queue",
    "race",
    "refuse",
    "release",
    "remove_stale",
    "resolve",
    "room",
    "s_addr",
    "segment",
    "sent",
    "serve",
    "sockaddr_in",
    "spawn",
    "split",
    "states",
    "stop",
    "task",
    "timeout",
    "timer",
    "turn",
    "wait",
    "wake",
    "workers",
];

/// The book, as the tables are made of it.
#[derive(Debug)]
pub struct Book(Vec<Leaf>);

/// One of its pages.
#[derive(Debug)]
struct Leaf {
    name: String,
    page: Page,
    /// Where each section begins: line, heading, anchor.
    sections: Vec<(usize, String, String)>,
}

/// Where something stands.
#[derive(Debug)]
struct Place<'a> {
    leaf: &'a Leaf,
    line: usize,
    /// In a run or in a file that the page quotes, instead of only in its text.
    shown: bool,
}

static ERRORS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    (1..256)
        .map(|number| format!("{:?}", Errno::from_raw(number)))
        .filter(|name| name != "UnknownErrno")
        .collect()
});
static NAMES: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\b"));
static SETTINGS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bnet\.[a-z0-9_]+(?:\.[a-z0-9_]+)+\b"));
static CALL: LazyLock<Regex> = LazyLock::new(|| pattern(r"^([a-z][a-z0-9_]*)\("));

#[expect(clippy::expect_used, reason = "the patterns are constants; every test compiles them")]
fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

/// Whether the tables of a page are lists, to be read row by row: those of the reference, and that of the parts.
#[must_use]
pub fn is_list(page: &Path) -> bool {
    page == Path::new("README.md") || BEHIND.iter().any(|name| page == Path::new(name))
}

impl Book {
    /// Reads the pages that the table of contents of the workspace in `root` lists, in its order.
    ///
    /// # Errors
    /// One cannot be read.
    pub fn read(root: &Path) -> Result<Self> {
        let summary =
            std::fs::read_to_string(root.join("docs/SUMMARY.md")).context("read docs/SUMMARY.md")?;
        let names = Parser::new(&summary).filter_map(|event| match event {
            Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.into_string()),
            _ => None,
        });
        let names = names.filter(|name| name != "README.md" && !BEHIND.contains(&name.as_str()));
        let leaves = names.map(|name| {
            let page = Page::read(root, &Path::new("docs").join(&name))?;
            let sections = sections(&page.source);
            Ok(Leaf { name, page, sections })
        });
        Ok(Self(leaves.collect::<Result<_>>()?))
    }

    /// The text of every page, in order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|leaf| leaf.page.source.as_str())
    }

    /// Everything of this kind on the pages, with its places in order.
    fn find(&self, thing: Thing) -> BTreeMap<String, Vec<Place<'_>>> {
        let mut found: BTreeMap<String, Vec<Place<'_>>> = BTreeMap::new();
        for leaf in &self.0 {
            let mut add = |name: &str, line, shown| {
                found.entry(name.to_owned()).or_default().push(Place { leaf, line, shown });
            };
            if thing == Thing::Call {
                for (name, line) in calls(&leaf.page) {
                    add(&name, line, true);
                }
                continue;
            }
            for (index, text) in leaf.page.source.lines().enumerate() {
                let line = index + 1;
                let shown = leaf
                    .page
                    .blocks
                    .iter()
                    .any(|block| (block.line..=block.line + block.lines.len()).contains(&line));
                let names = if thing == Thing::Setting { &SETTINGS } else { &NAMES };
                for name in names.find_iter(text).map(|found| found.as_str()) {
                    // strace's name for the same option, from before time was counted in 64 bits.
                    let name = name.strip_suffix("_OLD").unwrap_or(name);
                    if thing.is(name) {
                        add(name, line, shown);
                    }
                }
            }
        }
        found
    }

    /// Where a word is explained: where it is first emphasised, or else where it first stands.
    fn explains(&self, word: &str) -> Option<Place<'_>> {
        let word = word.to_lowercase();
        let emphasised = self.0.iter().find_map(|leaf| {
            let lines = leaf.page.source.lines().enumerate();
            lines.map(|(index, text)| (index + 1, text.to_lowercase())).find_map(|(line, text)| {
                let stands = ["", "s"].iter().any(|plural| text.contains(&format!("*{word}{plural}*")));
                stands.then_some(Place { leaf, line, shown: true })
            })
        });
        let bounded = Regex::new(&format!(r"(?i)\b{}s?\b", regex::escape(&word))).ok()?;
        let named = || {
            self.0.iter().find_map(|leaf| {
                let mut lines = leaf.page.source.lines().enumerate();
                lines.find(|(_, text)| bounded.is_match(text)).map(|(index, _)| Place {
                    leaf,
                    line: index + 1,
                    shown: true,
                })
            })
        };
        emphasised.or_else(named)
    }
}

impl Thing {
    /// Whether a name is one of these.
    fn is(self, name: &str) -> bool {
        let begins = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
        match self {
            Self::Error => ERRORS.contains(name),
            // Not the values that an option takes, a packet's kind, a constant of the kernel, another system's option.
            Self::Option => {
                begins(&["SO_", "TCP_", "IP_", "IPV6_", "PACKET_", "UDP_"])
                    && !name.contains("_PMTUDISC_")
                    && !["PACKET_OUTGOING", "TCP_TIMEWAIT_LEN", "SO_REUSEPORT_LB"].contains(&name)
            }
            Self::Flag => begins(&["MSG_", "SOCK_CLOEXEC", "SOCK_NONBLOCK", "SHUT_"]),
            Self::Setting => true,
            Self::Call | Self::Word => false,
        }
    }
}

impl Table {
    /// The page `source` with this table as the book makes it: a new row for what has none, and every last cell anew.
    ///
    /// # Errors
    /// The page has no such table, or a row for what is on no page.
    pub fn rewritten(&self, book: &Book, source: &str) -> Result<String> {
        let head = format!("| {} ", self.head);
        let lines: Vec<&str> = source.lines().collect();
        let start = lines.iter().position(|line| line.starts_with(&head));
        let start =
            start.with_context(|| format!("docs/{} has no table that begins with {head}", self.page))? + 2;
        let length = lines.iter().skip(start).take_while(|line| line.starts_with('|')).count();
        let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in lines.iter().skip(start).take(length) {
            let cells: Vec<String> =
                line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
            let key = cells.first().map(|key| key.trim_matches('`').to_owned()).unwrap_or_default();
            rows.insert(key, cells);
        }
        let columns = lines.get(start - 1).map_or(0, |line| line.matches('|').count() - 1);
        let found = if self.of == Thing::Word {
            let words = rows.keys().filter_map(|word| Some((word.clone(), vec![book.explains(word)?])));
            words.collect()
        } else {
            book.find(self.of)
        };
        if let Some(key) = rows.keys().find(|key| !found.contains_key(*key)) {
            bail!("docs/{} explains {key}, which is on no page of the book", self.page);
        }
        let code = if self.of == Thing::Word { "" } else { "`" };
        for (key, places) in &found {
            let row = rows.entry(key.clone()).or_insert_with(|| {
                let mut row = vec![String::new(); columns];
                row.insert(0, format!("{code}{key}{code}"));
                row
            });
            row.resize(columns, String::new());
            if let Some(last) = row.last_mut() {
                *last = links(places);
            }
        }
        let mut sorted: Vec<(&String, &Vec<String>)> = rows.iter().collect();
        sorted.sort_by_key(|(key, _)| key.to_lowercase());
        let table = sorted.iter().map(|(_, cells)| format!("| {} |", cells.join(" | ")));
        let before = lines.iter().take(start).map(|line| (*line).to_owned());
        let after = lines.iter().skip(start + length).map(|line| (*line).to_owned());
        Ok(before.chain(table).chain(after).map(|line| line + "\n").collect())
    }

    /// What this table on the page `source` explains: its first cells.
    #[must_use]
    pub fn keys<'a>(&self, source: &'a str) -> Vec<&'a str> {
        let head = format!("| {} ", self.head);
        let rows = source.lines().skip_while(|line| !line.starts_with(&head)).skip(2);
        let rows = rows.take_while(|line| line.starts_with('|'));
        rows.filter_map(|line| line.trim_matches('|').split('|').next())
            .map(|cell| cell.trim().trim_matches('`'))
            .collect()
    }

    /// The rows of this table on the page `source` in which a cell is empty.
    #[must_use]
    pub fn gaps(&self, source: &str) -> Vec<String> {
        let head = format!("| {} ", self.head);
        let rows = source
            .lines()
            .skip_while(|line| !line.starts_with(&head))
            .skip(2)
            .take_while(|line| line.starts_with('|'));
        rows.filter(|line| line.contains("|  |")).map(str::to_owned).collect()
    }
}

/// The calls that a page shows, with the lines: those of a run, and those that a quoted step names.
fn calls(page: &Page) -> Vec<(String, usize)> {
    let mut calls = Vec::new();
    for block in &page.blocks {
        match &block.kind {
            Kind::Calls(_) => {
                let names = block
                    .lines
                    .iter()
                    .filter_map(|line| Some(CALL.captures(line)?.get(1)?.as_str().to_owned()));
                calls.extend(names.map(|name| (name, block.line)));
            }
            Kind::Excerpt { region: Some(region), .. } => {
                let is_call =
                    region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
                if is_call && !STEPS.contains(&region.as_str()) {
                    calls.push((region.clone(), block.line));
                }
            }
            _ => {}
        }
    }
    calls
}

/// Links to the sections, one a page: those that show it, or, if none does, those that name it. The first few.
fn links(places: &[Place<'_>]) -> String {
    let any_shown = places.iter().any(|place| place.shown);
    let mut seen = BTreeSet::new();
    let places = places.iter().filter(|place| place.shown == any_shown && seen.insert(&place.leaf.name));
    let mut links: Vec<String> = places.map(Place::link).collect();
    let more = links.len().saturating_sub(FEW);
    links.truncate(FEW);
    if more > 0 {
        links.push(format!("and {more} more"));
    }
    links.join(", ")
}

impl Place<'_> {
    /// A link to the section, which says on which page it is: `one failures: Nobody listens`.
    fn link(&self) -> String {
        let Leaf { name, sections, .. } = self.leaf;
        let page = name.trim_end_matches(".md").trim_start_matches("part-").replace('-', " ");
        match sections.iter().rev().find(|(line, ..)| *line <= self.line) {
            Some((_, heading, anchor)) => format!("[{page}: {heading}]({name}#{anchor})"),
            None => format!("[{page}]({name})"),
        }
    }
}
