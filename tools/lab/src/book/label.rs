//! What a block is, in a word and a mark: one vocabulary for the site, for the terminal and for reports.

use std::fmt;

use crate::book::block::{Kind, LinkChange, Unchecked, Which};
use crate::record::event::Interface;

/// What kind of thing a block shows. Each has a mark of its own, so that nobody must tell them by their colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The terminal in which a server runs.
    Server,
    /// The terminal in which a client runs.
    Client,
    /// A terminal that asks the kernel.
    Kernel,
    /// Any other terminal.
    Terminal,
    /// System calls.
    Calls,
    /// Packets, one a line.
    Packets,
    /// One packet: its headers, or its payload.
    Bytes,
    /// Lines of a file.
    Excerpt,
    /// A drawing.
    Figure,
    /// Something about the network changes.
    Setting,
    /// Shown only: nobody runs it.
    NotRun,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 11] = [
        Self::Server,
        Self::Client,
        Self::Kernel,
        Self::Terminal,
        Self::Calls,
        Self::Packets,
        Self::Bytes,
        Self::Excerpt,
        Self::Figure,
        Self::Setting,
        Self::NotRun,
    ];

    /// The role of a terminal, by its name: `server`, or `alice.server` on a page with hosts.
    #[must_use]
    pub fn of_terminal(terminal: &str) -> Self {
        match terminal.rsplit('.').next() {
            Some("server") => Self::Server,
            Some("client") => Self::Client,
            Some("kernel") => Self::Kernel,
            _ => Self::Terminal,
        }
    }

    /// A character that is one column wide.
    #[must_use]
    pub const fn mark(self) -> char {
        match self {
            Self::Server => '■',
            Self::Client => '●',
            Self::Kernel => '◆',
            Self::Terminal => '▲',
            Self::Calls => 'λ',
            Self::Packets => '→',
            Self::Bytes => '≡',
            Self::Excerpt => '¶',
            Self::Figure => '□',
            Self::Setting => '±',
            Self::NotRun => '×',
        }
    }

    /// One word in lower case, as a style sheet names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Kernel => "kernel",
            Self::Terminal => "terminal",
            Self::Calls => "calls",
            Self::Packets => "packets",
            Self::Bytes => "bytes",
            Self::Excerpt => "excerpt",
            Self::Figure => "figure",
            Self::Setting => "setting",
            Self::NotRun => "notrun",
        }
    }
}

/// What stands over a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// What kind of thing it shows.
    pub role: Role,
    /// Which one: `client on alice`, `system calls of server`.
    pub words: String,
}

impl Label {
    /// Of a block.
    #[must_use]
    pub fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Console(console) => Self::terminal(&console.terminal),
            Kind::Calls(terminal) => Self::calls(terminal),
            Kind::Packets(interface) => Self::packets(interface),
            Kind::Frame(interface, which) => {
                Self::new(Role::Bytes, format!("{}, header by header{}", packet(*which), at(interface)))
            }
            Kind::Payload(interface, which) => {
                Self::new(Role::Bytes, format!("payload of {}{}", packet(*which), at(interface)))
            }
            Kind::Excerpt { file, region } => Self::new(
                Role::Excerpt,
                match region {
                    Some(region) => format!("{file}, {region}"),
                    None => file.clone(),
                },
            ),
            Kind::Link { interface, change } => Self::new(
                Role::Setting,
                match change {
                    LinkChange::Up => format!("the link comes up{}", at(interface)),
                    LinkChange::Down => format!("the link goes down{}", at(interface)),
                    LinkChange::Mtu(_) => format!("the link takes smaller packets{}", at(interface)),
                },
            ),
            Kind::Setting { host, .. } if host.is_empty() => Self::new(Role::Setting, "a setting changes"),
            Kind::Setting { host, .. } => Self::new(Role::Setting, format!("a setting of {host} changes")),
            Kind::Unchecked(Unchecked::Figure) => Self::new(Role::Figure, "figure"),
            Kind::Unchecked(Unchecked::Excused(reason)) => {
                Self::new(Role::NotRun, format!("not run: {reason}"))
            }
            Kind::Unchecked(Unchecked::Language(language)) => {
                Self::new(Role::NotRun, format!("not run: {language}"))
            }
        }
    }

    /// Of a terminal with this name.
    #[must_use]
    pub fn terminal(name: &str) -> Self {
        Self::new(Role::of_terminal(name), spoken(name))
    }

    /// Of the system calls of a terminal.
    #[must_use]
    pub fn calls(terminal: &str) -> Self {
        Self::new(Role::Calls, format!("system calls of {}", spoken(terminal)))
    }

    /// Of the packets on an interface.
    #[must_use]
    pub fn packets(interface: &Interface) -> Self {
        Self::new(Role::Packets, format!("packets{}", at(interface)))
    }

    fn new(role: Role, words: impl Into<String>) -> Self {
        Self { role, words: words.into() }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.role.mark(), self.words)
    }
}

/// A terminal's name as one says it: `alice.client` is the client on alice.
fn spoken(terminal: &str) -> String {
    match terminal.split_once('.') {
        Some((host, name)) => format!("{name} on {host}"),
        None => terminal.to_owned(),
    }
}

fn packet(which: Which) -> String {
    match which {
        Which::Data => "first packet with data".to_owned(),
        Which::Number(number) => format!("packet {number}"),
    }
}

/// Where packets pass, if the page has several places.
fn at(interface: &Interface) -> String {
    if interface.host.is_empty() { String::new() } else { format!(" at {interface}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::book::info::kind_of;

    fn label(info: &str, lines: &[&str]) -> String {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        Label::of(&kind_of(info, &lines).unwrap()).to_string()
    }

    #[test]
    fn a_label_says_what_the_laboratory_does_with_the_block() {
        assert_eq!(label("console server trace", &[]), "■ server");
        assert_eq!(label("console alice.client", &[]), "● client on alice");
        assert_eq!(label("console kernel", &[]), "◆ kernel");
        assert_eq!(label("console bob", &[]), "▲ bob");
        assert_eq!(label("text syscalls=bob.server", &[]), "λ system calls of server on bob");
        assert_eq!(label("text packets", &["(none)"]), "→ packets");
        assert_eq!(label("text packets host=middle.eth1", &["(none)"]), "→ packets at middle.eth1");
        assert_eq!(label("text frame=data", &[]), "≡ first packet with data, header by header");
        assert_eq!(label("text payload=3 host=bob", &[]), "≡ payload of packet 3 at bob");
        assert_eq!(label("rust from=a/b.rs#bind", &[]), "¶ a/b.rs, bind");
        assert_eq!(label("text link=down", &["# ip link set lo down"]), "± the link goes down");
        assert_eq!(label("text figure", &[]), "□ figure");
        assert_eq!(label("console norun=\"it waits\"", &[]), "× not run: it waits");
    }

    #[test]
    fn no_two_roles_look_or_sound_alike() {
        let marks: BTreeSet<char> = Role::ALL.iter().map(|role| role.mark()).collect();
        let names: BTreeSet<&str> = Role::ALL.iter().map(|role| role.name()).collect();
        assert_eq!((marks.len(), names.len()), (Role::ALL.len(), Role::ALL.len()));
    }
}
