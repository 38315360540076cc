//! One code block of a page: what it shows, and what is to be done with it.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use crate::hosts::plan::Plan;
use crate::privilege::Capability;
use crate::record::event::{Interface, Lane};
use crate::record::packet::Packet;

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
    /// A terminal: ` ```console NAME `; on a page with hosts it is on the host `NAME`, or `HOST.NAME`.
    Console(Console),
    /// The system calls of a terminal since last shown: ` ```text syscalls=NAME `
    Calls(String),
    /// The packets since last shown: ` ```text packets `, ` ```text packets host=alice `; the one line `(none)` shows
    /// that there were none.
    Packets(Interface),
    /// One packet, header by header: ` ```text frame=data `
    Frame(Interface, Which),
    /// The payload of one packet in the three lines of the dump: ` ```text payload=data `
    Payload(Interface, Which),
    /// A region of a file: ` ```rust from=FILE#REGION `
    Excerpt {
        /// Relative to the root of the workspace.
        file: String,
        /// None for the whole file.
        region: Option<String>,
    },
    /// An interface goes up or down, as if a cable were pulled, or takes no larger packets: ` ```text link=down `. The
    /// block shows the command that does it as root.
    Link {
        /// The loopback interface, or one of a host.
        interface: Interface,
        /// What becomes of it.
        change: LinkChange,
    },
    /// A setting of the network changes, as for sysctl(8): ` ```text sysctl=net.ipv4.tcp_abort_on_overflow=1 `. The
    /// block shows the command that does it as root. It is gone with the page's network.
    Setting {
        /// Whose setting; empty where the page has no hosts.
        host: String,
        /// `net.ipv4.tcp_abort_on_overflow`
        name: String,
        /// What is written; several numbers stand apart by spaces.
        value: String,
    },
    /// Nothing is run for it, and nothing compared.
    Unchecked(Unchecked),
}

/// Why nothing is compared with a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unchecked {
    /// Excused with a reason: ` ```console norun="why" `
    Excused(String),
    /// A drawing: ` ```text figure `
    Figure,
    /// Of a language that nobody runs.
    Language(String),
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
    pub fn of(self, packets: &[Arc<Packet>]) -> Option<&Packet> {
        match self {
            Self::Data => packets.iter().map(Arc::as_ref).find(|packet| packet.payload.1 > 0),
            Self::Number(number) => packets.get(number.checked_sub(1)?).map(Arc::as_ref),
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

/// What becomes of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkChange {
    /// `link=up`
    Up,
    /// `link=down`
    Down,
    /// `link="mtu 576"`: the largest IP packet that it sends, in bytes.
    Mtu(u32),
}

impl fmt::Display for LinkChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up => f.write_str("up"),
            Self::Down => f.write_str("down"),
            Self::Mtu(bytes) => write!(f, "mtu {bytes}"),
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
    /// `cap=net_raw`: what the programs of this terminal may do, in every block of it; see [`crate::privilege`].
    pub capabilities: Vec<Capability>,
    /// `exit=N`: the last command ends in this block, with this status.
    pub exit: Option<i32>,
    /// What is typed and what appears, in order.
    pub steps: Vec<Step>,
}

impl Console {
    /// The commands that are typed, in order.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match &step.input {
            Input::Command(command) => Some(command.as_str()),
            _ => None,
        })
    }
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

impl Block {
    /// Whether something is run for this block.
    #[must_use]
    pub fn is_played(&self) -> bool {
        !matches!(self.kind, Kind::Excerpt { .. } | Kind::Unchecked(_))
    }

    /// The stream that the block consumes from.
    #[must_use]
    pub fn lane(&self) -> Option<Lane> {
        match &self.kind {
            Kind::Console(console) => Some(Lane::Terminal(console.terminal.clone())),
            Kind::Calls(terminal) => Some(Lane::Calls(terminal.clone())),
            Kind::Packets(interface) => Some(Lane::Packets(interface.clone())),
            Kind::Frame(..)
            | Kind::Payload(..)
            | Kind::Link { .. }
            | Kind::Setting { .. }
            | Kind::Excerpt { .. }
            | Kind::Unchecked(_) => None,
        }
    }

    /// The interface whose packets the block shows.
    #[must_use]
    pub fn packets(&self) -> Option<&Interface> {
        match &self.kind {
            Kind::Packets(interface) | Kind::Frame(interface, _) | Kind::Payload(interface, _) => {
                Some(interface)
            }
            _ => None,
        }
    }

    /// Whether what the block names is there: a host of the page, an interface of that host.
    pub(super) fn is_on(&self, hosts: &Plan) -> std::result::Result<(), String> {
        let (host, interface) = match &self.kind {
            Kind::Console(Console { terminal, .. }) | Kind::Calls(terminal) => {
                (host_of(hosts, terminal), None)
            }
            Kind::Packets(interface)
            | Kind::Frame(interface, _)
            | Kind::Payload(interface, _)
            | Kind::Link { interface, .. } => (interface.host.as_str(), Some(interface.name.as_str())),
            Kind::Setting { host, .. } => (host.as_str(), None),
            Kind::Excerpt { .. } | Kind::Unchecked(_) => return Ok(()),
        };
        match hosts.host(host) {
            None if hosts.hosts.is_empty() && host.is_empty() => Ok(()),
            None if host.is_empty() => Err(format!("{}: on which host? host=NAME", self.name())),
            None => Err(format!("{}: the page has no host {host}", self.name())),
            Some(index) => {
                let has = |name| name == "lo" || hosts.interfaces(index).any(|end| end.interface == name);
                match interface {
                    Some(name) if !has(name) => Err(format!("host {host} has no interface {name}")),
                    _ => Ok(()),
                }
            }
        }
    }

    /// How reports name the block.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.kind {
            Kind::Console(console) => format!("terminal \"{}\"", console.terminal),
            Kind::Calls(terminal) => format!("system calls of \"{terminal}\""),
            Kind::Packets(interface) => Lane::Packets(interface.clone()).to_string(),
            Kind::Frame(..) => "frame".into(),
            Kind::Payload(..) => "payload".into(),
            Kind::Link { .. } => "link".into(),
            Kind::Setting { name, .. } => format!("setting {name}"),
            Kind::Excerpt { file, region: None } => format!("excerpt of {file}"),
            Kind::Excerpt { file, region: Some(region) } => format!("excerpt {file}#{region}"),
            Kind::Unchecked(_) => "unchecked block".into(),
        }
    }
}

/// The host on which a terminal is: what stands before the dot in its name, or its whole name. Empty if the page has no
/// hosts.
#[must_use]
pub fn host_of<'a>(hosts: &Plan, terminal: &'a str) -> &'a str {
    if hosts.hosts.is_empty() { "" } else { terminal.split('.').next().unwrap_or_default() }
}
