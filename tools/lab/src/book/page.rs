//! A page of the book, as the laboratory reads it: settings, and blocks in document order, which is time order.
//!
//! What is checked is said by words after the language in a fence's info string, which renderers drop.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::error::{self, Result};
use crate::record::event::{Lane, Packet};

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
}

/// One code block.
#[derive(Debug)]
pub struct Block {
    /// The line of the opening fence, counted from 1; the body begins on the next one.
    pub line: usize,
    /// Spaces before the fence, not part of `lines`.
    pub indent: usize,
    /// The body.
    pub lines: Vec<String>,
    /// What is to be done with it.
    pub kind: Kind,
}

/// What a block is.
#[derive(Debug)]
pub enum Kind {
    /// A terminal: ` ```console NAME `
    Console(Console),
    /// The system calls of a terminal since last shown: ` ```text syscalls=NAME `
    Calls(String),
    /// The packets since last shown: ` ```text packets `; the one line `(none)` shows that there were none.
    Packets,
    /// One packet, header by header: ` ```text frame=data `
    Frame(Which),
    /// The payload of one packet in the three lines of the dump: ` ```text payload=data `
    Payload(Which),
    /// A region of a file: ` ```rust from=FILE#REGION `
    Excerpt {
        /// Relative to the root of the workspace.
        file: String,
        /// None for the whole file.
        region: Option<String>,
    },
    /// The loopback interface goes up or down, as if a cable were pulled: ` ```text link=down `. The block shows the
    /// command that does it as root.
    Link {
        /// What it becomes.
        up: bool,
    },
    /// A setting of the network changes, as for sysctl(8): ` ```text sysctl=net.ipv4.tcp_abort_on_overflow=1 `. The
    /// block shows the command that does it as root. It is gone with the page's network.
    Setting {
        /// `net.ipv4.tcp_abort_on_overflow`
        name: String,
        /// What is written; several numbers stand apart by spaces.
        value: String,
    },
    /// Excused with a reason, ` ```console norun="why" `; a drawing, ` ```text figure `; or of a language that nobody
    /// runs.
    Unchecked,
}

/// Which packet a block shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The first one with payload.
    Data,
    /// The N-th of the page, counted from 1.
    Number(usize),
}

impl Which {
    /// That packet among those that have come so far.
    #[must_use]
    pub fn of(self, packets: &[Packet]) -> Option<&Packet> {
        match self {
            Self::Data => packets.iter().find(|packet| packet.payload.1 > 0),
            Self::Number(number) => packets.get(number.checked_sub(1)?),
        }
    }
}

impl FromStr for Which {
    type Err = ();

    fn from_str(word: &str) -> std::result::Result<Self, ()> {
        match (word, word.parse()) {
            ("data", _) => Ok(Self::Data),
            (_, Ok(number)) if number > 0 => Ok(Self::Number(number)),
            _ => Err(()),
        }
    }
}

/// What happens in a terminal.
#[derive(Debug)]
pub struct Console {
    /// The terminal's name.
    pub terminal: String,
    /// `trace`: watch the system calls from here on.
    pub trace: bool,
    /// `calls="read,write"`: with `trace`, families to watch besides the taught ones.
    pub calls: Vec<String>,
    /// `exit=N`: the last command ends in this block, with this status.
    pub exit: Option<i32>,
    /// What is typed and what appears, in order.
    pub steps: Vec<Step>,
}

/// Something typed and the lines that follow it.
#[derive(Debug)]
pub struct Step {
    /// What is typed first.
    pub input: Input,
    /// The lines that must appear, as indices into the block's lines.
    pub expected: Range<usize>,
}

/// What is typed into a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Nothing: more output is expected.
    Nothing,
    /// `type="TEXT"`: into the running program, with Return.
    Text(String),
    /// `type="^C"`: the control character.
    Control(u8),
    /// A line `$ COMMAND`, at the prompt.
    Command(String),
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
            settings: Settings { sysctls: Vec::new(), timeout: Duration::from_secs(10), private: false },
            blocks: Vec::new(),
            faults: Vec::new(),
        };
        let lines: Vec<&str> = source.lines().collect();
        let mut block: Option<(usize, CodeBlockKind<'_>, String)> = None;
        for (event, range) in Parser::new_ext(&source, Options::ENABLE_TABLES).into_offset_iter() {
            let line = source.get(..range.start).unwrap_or_default().matches('\n').count() + 1;
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
                Event::Html(html) | Event::InlineHtml(html) => page.add_settings(line, &html),
                _ => {}
            }
        }
        page.source = source;
        page
    }

    /// The blocks that something is run for.
    pub fn played(&self) -> impl Iterator<Item = (usize, &Block)> {
        self.blocks.iter().enumerate().filter(|(_, block)| block.is_played())
    }

    /// The commands that the page types, in order.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        self.blocks
            .iter()
            .flat_map(|block| match &block.kind {
                Kind::Console(console) => console.steps.as_slice(),
                _ => &[],
            })
            .filter_map(|step| match &step.input {
                Input::Command(command) => Some(command.as_str()),
                _ => None,
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
            Ok(Kind::Unchecked) => {}
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

    fn add_settings(&mut self, line: usize, html: &str) {
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
            _ => self.faults.push((
                line,
                format!(
                    "unknown setting `{setting}`: known are `sysctl NAME=VALUE`, `timeout SECONDS`, `private`"
                ),
            )),
        }
    }
}

impl Block {
    /// Whether something is run for this block.
    #[must_use]
    pub fn is_played(&self) -> bool {
        !matches!(self.kind, Kind::Excerpt { .. } | Kind::Unchecked)
    }

    /// The stream that the block consumes from.
    #[must_use]
    pub fn lane(&self) -> Option<Lane> {
        match &self.kind {
            Kind::Console(console) => Some(Lane::Terminal(console.terminal.clone())),
            Kind::Calls(terminal) => Some(Lane::Calls(terminal.clone())),
            Kind::Packets => Some(Lane::Packets),
            Kind::Frame(_)
            | Kind::Payload(_)
            | Kind::Link { .. }
            | Kind::Setting { .. }
            | Kind::Excerpt { .. }
            | Kind::Unchecked => None,
        }
    }

    /// How reports name the block.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.kind {
            Kind::Console(console) => format!("terminal \"{}\"", console.terminal),
            Kind::Calls(terminal) => format!("system calls of \"{terminal}\""),
            Kind::Packets => "packets".into(),
            Kind::Frame(_) => "frame".into(),
            Kind::Payload(_) => "payload".into(),
            Kind::Link { .. } => "link".into(),
            Kind::Setting { name, .. } => format!("setting {name}"),
            Kind::Excerpt { file, region: None } => format!("excerpt of {file}"),
            Kind::Excerpt { file, region: Some(region) } => format!("excerpt {file}#{region}"),
            Kind::Unchecked => "unchecked block".into(),
        }
    }
}

/// The words after the language, each `name` or `name=value`.
struct Words(Vec<(String, Option<String>)>);

impl Words {
    fn parse(text: &str) -> std::result::Result<Self, String> {
        let words =
            shell_words::split(text).map_err(|_| "a quote in the info string is not closed".to_owned())?;
        Ok(Self(
            words
                .into_iter()
                .map(|word| match word.split_once('=') {
                    Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                    None => (word, None),
                })
                .collect(),
        ))
    }

    /// The value of `name=value`, taken out.
    fn value(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(word, value)| word == name && value.is_some())?;
        self.0.remove(at).1
    }

    /// Whether `name` stands there alone, taken out.
    fn flag(&mut self, name: &str) -> bool {
        let at = self.0.iter().position(|(word, value)| word == name && value.is_none());
        at.map(|at| self.0.remove(at)).is_some()
    }

    /// The first word without a value, taken out.
    fn first(&mut self) -> Option<String> {
        let at = self.0.iter().position(|(_, value)| value.is_none())?;
        Some(self.0.remove(at).0)
    }

    /// Nothing may be left.
    fn end(self, kind: Kind) -> std::result::Result<Kind, String> {
        match self.0.into_iter().next() {
            None => Ok(kind),
            Some((name, None)) => Err(format!("unknown word `{name}` after the language")),
            Some((name, Some(value))) => Err(format!("unknown word `{name}={value}` after the language")),
        }
    }
}

/// What a link block shows, before `up` or `down`.
const LINK: &str = "# ip link set lo ";
/// What a block of a setting shows, before its name and value.
const SYSCTL: &str = "# sysctl -w ";

/// Languages that claim to be commands, output or our own code, and so must be checked or excused.
const CHECKED: [&str; 7] = ["", "console", "sh", "bash", "shell", "rust", "text"];

fn kind_of(info: &str, lines: &[String]) -> std::result::Result<Kind, String> {
    let (language, rest) = info.trim().split_once(char::is_whitespace).unwrap_or((info.trim(), ""));
    let mut words = Words::parse(rest)?;
    if let Some(reason) = words.value("norun") {
        return match reason.trim() {
            "" => Err("norun gives no reason".into()),
            _ => Ok(Kind::Unchecked),
        };
    }
    if let Some(from) = words.value("from") {
        let (file, region) = match from.split_once('#') {
            Some((file, region)) => (file.to_owned(), Some(region.to_owned())),
            None => (from, None),
        };
        return words.end(Kind::Excerpt { file, region });
    }
    match language {
        "console" => console(words, lines),
        "text" => {
            if let Some(terminal) = words.value("syscalls") {
                words.end(Kind::Calls(terminal))
            } else if let Some(which) = words.value("frame") {
                words.end(Kind::Frame(packet("frame", &which)?))
            } else if let Some(which) = words.value("payload") {
                words.end(Kind::Payload(packet("payload", &which)?))
            } else if let Some(state) = words.value("link") {
                let shown = format!("{LINK}{state}");
                match state.as_str() {
                    "up" | "down" if lines.concat() == shown => words.end(Kind::Link { up: state == "up" }),
                    "up" | "down" => Err(format!("a block of link={state} shows `{LINK}{state}`")),
                    _ => Err(format!("link={state}: neither `up` nor `down`")),
                }
            } else if let Some(setting) = words.value("sysctl") {
                words.end(self::setting(&setting, lines)?)
            } else if words.flag("packets") {
                words.end(Kind::Packets)
            } else if words.flag("figure") {
                words.end(Kind::Unchecked)
            } else {
                Err(unexcused(language))
            }
        }
        language if CHECKED.contains(&language) => Err(unexcused(language)),
        _ => Ok(Kind::Unchecked),
    }
}

fn packet(word: &str, which: &str) -> std::result::Result<Which, String> {
    which.parse().map_err(|()| format!("{word}={which}: neither `data` nor a number from 1 on"))
}

fn setting(setting: &str, lines: &[String]) -> std::result::Result<Kind, String> {
    let Some((name, value)) = setting.split_once('=').filter(|(_, value)| !value.is_empty()) else {
        return Err(format!("sysctl={setting}: it is sysctl=NAME=VALUE"));
    };
    let quote = if value.contains(char::is_whitespace) { "\"" } else { "" };
    let shown = format!("{SYSCTL}{name}={quote}{value}{quote}");
    if lines.concat() == shown {
        Ok(Kind::Setting { name: name.to_owned(), value: value.to_owned() })
    } else {
        Err(format!("a block of sysctl={setting} shows `{shown}`"))
    }
}

fn unexcused(language: &str) -> String {
    let language =
        if language.is_empty() { "block without a language" } else { &format!("{language} block") };
    format!("this {language} is neither checked nor excused with norun=\"why\"")
}

fn console(mut words: Words, lines: &[String]) -> std::result::Result<Kind, String> {
    let trace = words.flag("trace");
    let calls = words.value("calls");
    let typed = words.value("type");
    let exit = words.value("exit");
    let Some(terminal) = words.first() else {
        return Err(unexcused("console"));
    };
    if calls.is_some() && !trace {
        return Err("calls= belongs to trace".into());
    }
    let exit = match exit.map(|exit| exit.parse::<u8>()) {
        None => None,
        Some(Ok(status)) => Some(i32::from(status)),
        Some(Err(_)) => return Err("exit= wants a status from 0 to 255".into()),
    };
    let mut steps = vec![Step { input: typed.map_or(Input::Nothing, input), expected: 0..0 }];
    for (index, line) in lines.iter().enumerate() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { input: Input::Command(command.to_owned()), expected: index + 1..index + 1 });
        } else if let Some(step) = steps.last_mut() {
            step.expected.end = index + 1;
        }
    }
    if steps.len() > 1
        && steps.first().is_some_and(|step| step.input == Input::Nothing && step.expected.is_empty())
    {
        steps.remove(0);
    }
    words.end(Kind::Console(Console {
        terminal,
        trace,
        calls: calls.iter().flat_map(|calls| calls.split(',')).map(|call| call.trim().to_owned()).collect(),
        exit,
        steps,
    }))
}

/// `^C` and its like are one key; everything else is text.
fn input(typed: String) -> Input {
    match typed.as_bytes() {
        [b'^', key @ b'@'..=b'_'] => Input::Control(key & 0x1f),
        _ => Input::Text(typed),
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
    fn a_caret_and_a_letter_are_one_key() {
        assert_eq!(input("^C".into()), Input::Control(3));
        assert_eq!(input("^]".into()), Input::Control(0x1d));
        assert_eq!(input("^Cx".into()), Input::Text("^Cx".into()));
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
    fn a_setting_of_several_numbers_is_quoted() {
        let page = page(
            "```text sysctl=\"net.ipv4.tcp_rmem=4096 8192 16384\"\n# sysctl -w net.ipv4.tcp_rmem=\"4096 8192 16384\"\n```\n",
        );
        let [Block { kind: Kind::Setting { name, value }, .. }] = page.blocks.as_slice() else {
            panic!("{page:?}");
        };
        assert_eq!((name.as_str(), value.as_str()), ("net.ipv4.tcp_rmem", "4096 8192 16384"));
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
}
