//! A page of the book, as the laboratory reads it: settings, and blocks in document order, which is time order.
//!
//! What is checked is said by words after the language in a fence's info string, which renderers drop.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::book::block::{Block, Input, Kind};
use crate::book::info::kind_of;
use crate::error::{self, Result};
use crate::hosts::plan::{Host, Plan};

/// One Markdown file.
#[derive(Debug)]
pub struct Page {
    /// As reports name it, relative to the root of the workspace.
    pub path: PathBuf,
    /// The whole text.
    pub source: String,
    /// What `<!-- lab: ... -->` comments ask for.
    pub settings: Settings,
    /// Every code block, in document order.
    pub blocks: Vec<Block>,
    /// What the page says wrongly: settings and blocks that the laboratory does not understand, with their line.
    pub faults: Vec<(usize, String)>,
}

/// What a page asks of the network and of the replay.
#[derive(Debug)]
pub struct Settings {
    /// `<!-- lab: sysctl net.ipv4.tcp_syn_retries=1 -->`: name and value.
    pub sysctls: Vec<(String, String)>,
    /// `<!-- lab: timeout 30 -->`: how long, in seconds, a block waits for its lines.
    pub timeout: Duration,
    /// `<!-- lab: private -->`: the page makes sense only on a private network, even without settings of its own.
    pub private: bool,
    /// `<!-- lab: host alice 10.67.1.2/24 -->`, `<!-- lab: router middle 10.67.1.1/24 10.67.2.1/24 -->`: the hosts on
    /// which the page's terminals are; none for one network with nothing but a loopback interface.
    pub hosts: Plan,
}

impl Page {
    /// Reads the page `path` beneath `root`.
    ///
    /// # Errors
    /// When the file cannot be read. What it says wrongly is not an error here but in `faults`.
    pub fn read(root: &Path, path: &Path) -> Result<Self> {
        Ok(Self::parse(path, error::read(&root.join(path))?))
    }

    /// Reads a page from its text.
    #[must_use]
    pub fn parse(path: &Path, source: String) -> Self {
        let mut page = Self {
            path: path.to_owned(),
            source: String::new(),
            settings: Settings {
                sysctls: Vec::new(),
                timeout: Duration::from_secs(30),
                private: false,
                hosts: Plan::default(),
            },
            blocks: Vec::new(),
            faults: Vec::new(),
        };
        let lines: Vec<&str> = source.lines().collect();
        let numbers = LineNumbers::of(&source);
        let mut hosts = Vec::new();
        let mut block: Option<(usize, CodeBlockKind<'_>, String)> = None;
        for (event, range) in Parser::new_ext(&source, Options::ENABLE_TABLES).into_offset_iter() {
            let line = numbers.at(range.start);
            match event {
                Event::Start(Tag::CodeBlock(kind)) => block = Some((line, kind, String::new())),
                Event::Text(text) => {
                    if let Some((_, _, body)) = &mut block {
                        body.push_str(&text);
                    }
                }
                Event::End(TagEnd::CodeBlock) => {
                    if let Some((line, kind, body)) = block.take() {
                        page.add_block(&lines, line, &kind, &body);
                    }
                }
                Event::Html(html) | Event::InlineHtml(html) => page.add_settings(line, &html, &mut hosts),
                _ => {}
            }
        }
        page.add_hosts(hosts);
        page.source = source;
        page
    }

    /// The blocks that something is run for.
    pub fn played(&self) -> impl Iterator<Item = (usize, &Block)> {
        self.blocks.iter().enumerate().filter(|(_, block)| block.is_played())
    }

    /// The commands that the page types, in order.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        self.typed().map(|(_, command)| command)
    }

    /// The commands that the page types into this terminal, in order.
    pub fn commands_in(&self, terminal: &str) -> impl Iterator<Item = &str> {
        self.typed().filter(move |(name, _)| *name == terminal).map(|(_, command)| command)
    }

    fn typed(&self) -> impl Iterator<Item = (&str, &str)> {
        let consoles = self.blocks.iter().filter_map(|block| match &block.kind {
            Kind::Console(console) => Some(console),
            _ => None,
        });
        consoles.flat_map(|console| {
            console.steps.iter().filter_map(|step| match &step.input {
                Input::Command(command) => Some((console.terminal.as_str(), command.as_str())),
                _ => None,
            })
        })
    }

    fn add_block(&mut self, source: &[&str], line: usize, kind: &CodeBlockKind<'_>, body: &str) {
        let CodeBlockKind::Fenced(info) = kind else {
            self.faults.push((line, "an indented code block cannot say what it is: use a fence".into()));
            return;
        };
        let lines: Vec<String> = body.lines().map(str::to_owned).collect();
        let fence = source.get(line - 1).copied().unwrap_or_default();
        let indent = fence.len() - fence.trim_start_matches(' ').len();
        match kind_of(info, &lines) {
            Ok(Kind::Unchecked(_)) => {}
            Ok(kind) => {
                let in_place = lines.iter().enumerate().all(|(index, text)| {
                    let raw = source.get(line + index).copied().unwrap_or_default();
                    raw.get(indent..).unwrap_or_default() == text
                });
                let fenced = fence.trim_start().starts_with(['`', '~']);
                if fenced && in_place {
                    self.blocks.push(Block { line, indent, lines, kind });
                } else {
                    let fault =
                        "a checked block stands at the margin or indented by spaces, not in a quotation";
                    self.faults.push((line, fault.into()));
                }
            }
            Err(fault) => self.faults.push((line, fault)),
        }
    }

    /// Takes a setting; a host with its line goes to `hosts`, since only all of them together make sense.
    fn add_settings(&mut self, line: usize, html: &str, hosts: &mut Vec<(usize, Host)>) {
        let Some(setting) =
            html.trim().strip_prefix("<!--").and_then(|rest| rest.trim_start().strip_prefix("lab:"))
        else {
            return;
        };
        let setting = setting.trim().trim_end_matches("-->").trim();
        let (name, value) = setting.split_once(' ').unwrap_or((setting, ""));
        match (name, value.split_once('='), value.parse()) {
            ("sysctl", Some((name, value)), _) => {
                self.settings.sysctls.push((name.trim().into(), value.trim().into()));
            }
            ("timeout", _, Ok(seconds)) => self.settings.timeout = Duration::from_secs(seconds),
            ("private", _, _) if value.is_empty() => self.settings.private = true,
            ("host" | "router", _, _) => match Host::parse(name == "router", value) {
                Ok(host) => hosts.push((line, host)),
                Err(fault) => self.faults.push((line, fault)),
            },
            _ => self.faults.push((
                line,
                format!(
                    "unknown setting `{setting}`: known are `sysctl NAME=VALUE`, `timeout SECONDS`, `private`, \
                     `host NAME ADDRESS/PREFIX...`, `router NAME ADDRESS/PREFIX...`"
                ),
            )),
        }
    }

    /// Joins the hosts, and sees to it that every block names one of them, or none if there are none.
    fn add_hosts(&mut self, hosts: Vec<(usize, Host)>) {
        let line = hosts.last().map_or(0, |(line, _)| *line);
        match Plan::new(hosts.into_iter().map(|(_, host)| host).collect()) {
            Ok(plan) => self.settings.hosts = plan,
            Err(fault) => {
                // Nothing else would be said about such a page that helps.
                self.faults.push((line, fault));
                self.blocks.retain(|block| !block.is_played());
                return;
            }
        }
        let hosts = &self.settings.hosts;
        let faults = &mut self.faults;
        self.blocks.retain(|block| match block.is_on(hosts) {
            Ok(()) => true,
            Err(fault) => {
                faults.push((block.line, fault));
                false
            }
        });
    }
}

/// Where the lines of a text begin.
#[derive(Debug)]
pub struct LineNumbers(Vec<usize>);

impl LineNumbers {
    /// Of this text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The number of the line, counted from 1, in which the byte at `offset` is.
    #[must_use]
    pub fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|end| *end < offset) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Page {
        Page::parse(Path::new("p.md"), text.to_owned())
    }

    #[test]
    fn a_console_block_is_cut_into_steps() {
        let page =
            page("```console server type=\"hi there\" exit=3\nhi there\n$ a | b\none\ntwo\n$ c\n```\n");
        let [Block { line: 1, kind: Kind::Console(console), .. }] = page.blocks.as_slice() else {
            panic!("{page:?}");
        };
        let steps: Vec<_> =
            console.steps.iter().map(|step| (step.input.clone(), step.expected.clone())).collect();
        assert_eq!(
            steps,
            [
                (Input::Text("hi there".into()), 0..1),
                (Input::Command("a | b".into()), 2..4),
                (Input::Command("c".into()), 5..5),
            ]
        );
        assert_eq!(console.exit, Some(3));
    }

    #[test]
    fn what_is_neither_checked_nor_excused_is_a_fault() {
        for text in [
            "```\nx\n```\n",
            "```sh\nls\n```\n",
            "```console\n$ ls\n```\n",
            "```rust\nfn main() {}\n```\n",
            "```text\nx\n```\n",
            "```console norun=\"\"\n$ ls\n```\n",
            "```console a tpye=\"x\"\n```\n",
            "```console a exit=256\n```\n",
            "```text frame=0\n```\n",
            "```text payload=all\n```\n",
            "```text sysctl=net.core.somaxconn\n```\n",
            "```text sysctl=net.core.somaxconn=1\n$ sysctl -w net.core.somaxconn=1\n```\n",
            "> ```console a\n> $ ls\n> ```\n",
            "    indented\n",
            "<!-- lab: sysctl -->\n",
            "<!-- lab: timeout soon -->\n",
        ] {
            assert_eq!(page(text).faults.len(), 1, "{text}");
        }
        for text in ["```toml\nx = 1\n```\n", "```sh norun=\"asks\"\nls\n```\n", "```text figure\n+\n```\n"] {
            let page = page(text);
            assert!(page.faults.is_empty() && page.blocks.is_empty(), "{page:?}");
        }
    }

    #[test]
    fn an_indented_block_keeps_its_own_indentation() {
        let page = page("- item\n\n  ```text packets\n  a\n    b\n  ```\n");
        let [block] = page.blocks.as_slice() else { panic!("{page:?}") };
        assert_eq!(
            (block.line, block.indent, block.lines.as_slice()),
            (3, 2, ["a".into(), "  b".into()].as_slice())
        );
    }

    #[test]
    fn a_line_is_found_by_any_of_its_bytes() {
        let text = "a\n\nbc\r\n\u{fc}";
        let numbers = LineNumbers::of(text);
        let lines: Vec<usize> = (0..=text.len()).map(|offset| numbers.at(offset)).collect();
        assert_eq!(lines, [1, 1, 2, 3, 3, 3, 3, 4, 4, 4]);
        assert_eq!(LineNumbers::of("").at(0), 1);
    }

    #[test]
    fn settings_are_comments() {
        let page = page(
            "<!-- lab: sysctl net.ipv4.tcp_syn_retries=1 -->\n\n<!-- lab: timeout 30 -->\n<!-- other -->\n",
        );
        assert_eq!(page.settings.sysctls, [("net.ipv4.tcp_syn_retries".into(), "1".into())]);
        assert_eq!(page.settings.timeout, Duration::from_secs(30));
        assert!(page.faults.is_empty());
    }

    const HOSTS: &str = "<!-- lab: host alice 10.67.1.2/24 -->\n<!-- lab: router middle 10.67.1.1/24 10.67.2.1/24 -->\n\
                         <!-- lab: host bob 10.67.2.2/24 -->\n\n";

    #[test]
    fn every_block_of_a_page_with_hosts_names_one() {
        for block in [
            "```console alice\n```\n",
            "```console bob.client\n```\n",
            "```text syscalls=bob.client\n```\n",
            "```text packets host=alice\nx\n```\n",
            "```text packets host=middle.eth1\nx\n```\n",
            "```text frame=data host=alice.lo\n```\n",
            "```text link=down host=middle.eth1\n# ip link set eth1 down\n```\n",
            "```text sysctl=net.core.somaxconn=1 host=bob\n# sysctl -w net.core.somaxconn=1\n```\n",
        ] {
            let with = page(&format!("{HOSTS}{block}"));
            assert!(with.faults.is_empty() && with.blocks.len() == 1, "{block}: {:?}", with.faults);
        }
        for (block, fault) in [
            ("```console carol\n```\n", "terminal \"carol\": the page has no host carol"),
            ("```text packets\nx\n```\n", "packets: on which host? host=NAME"),
            ("```text packets host=alice\n```\n", "a block of packets shows at least one, or `(none)`"),
            ("```text packets host=alice.eth1\nx\n```\n", "host alice has no interface eth1"),
            ("```text link=up\n# ip link set lo up\n```\n", "link: on which host? host=NAME"),
        ] {
            assert_eq!(page(&format!("{HOSTS}{block}")).faults, [(5, fault.to_owned())]);
        }
        assert_eq!(
            page("```text packets host=alice\nx\n```\n").faults,
            [(1, "packets of \"alice\": the page has no host alice".to_owned())]
        );
        let half = page("<!-- lab: host alice 10.67.1.2/24 -->\n\n```console alice\n```\n");
        assert_eq!((half.faults.len(), half.blocks.len()), (1, 0));
    }
}
