//! What was seen, where and when: the one type that terminals and observers send and that a replay consumes.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::record::call::Call;
use crate::record::packet::Packet;

/// One thing that was seen. Events of one lane arrive in their own order; `at` orders events of different lanes.
#[derive(Debug, Clone)]
pub struct Event {
    /// When it happened, by the clock that strace and the packet socket use too.
    pub at: SystemTime,
    /// Where it was seen.
    pub lane: Lane,
    /// What was seen.
    pub what: What,
}

/// Where something is seen: the stream of lines that the blocks of a page consume in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// What appears in the terminal of this name.
    Terminal(String),
    /// The system calls of the programs in the terminal of this name.
    Calls(String),
    /// The packets that pass this interface.
    Packets(Interface),
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interface {
    /// The host that has it; empty for the one network where there are no hosts.
    pub host: String,
    /// `lo`, `eth0`
    pub name: String,
}

impl Interface {
    /// The loopback interface of a network without hosts.
    #[must_use]
    pub fn loopback() -> Self {
        Self { host: String::new(), name: "lo".into() }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.host.as_str(), self.name.as_str()) {
            ("", name) => f.write_str(name),
            // A host that is no router has no other.
            (host, "eth0") => f.write_str(host),
            (host, name) => write!(f, "{host}.{name}"),
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Terminal(name) => write!(f, "terminal \"{name}\""),
            Self::Calls(name) => write!(f, "system calls of \"{name}\""),
            Self::Packets(interface) if interface.host.is_empty() => f.write_str("packets"),
            Self::Packets(interface) => write!(f, "packets of \"{interface}\""),
        }
    }
}

/// What was seen in a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Only terminals: one whole line, without its line end.
    Line(String),
    /// Only terminals: what stands after the last line end so far; a later `Line` or `Partial` replaces it.
    Partial(String),
    /// Only terminals: the shell is back at its prompt; `status` is the exit status (`$?`) of the last command.
    Prompt {
        /// 0..=255, as the shell reports it.
        status: i32,
    },
    /// Only terminals and calls: the last program in the terminal, or its strace, has ended.
    Closed,
    /// Only terminals: this was typed, before its echo appeared.
    Typed(String),
    /// Only calls: one that goes on (it has no result yet), or one that has returned.
    Call(Box<Call>),
    /// Something was not seen, and what.
    LeftOut(String),
    /// Only packets: one packet.
    Packet(Arc<Packet>),
}
