//! A row of the run.

use std::sync::Arc;

use crate::record::call::Call;
use crate::record::event::Interface;
use crate::record::packet::Packet;

/// One thing that happened.
#[derive(Debug)]
pub struct Row {
    /// The index of the page's block that played.
    pub block: usize,
    /// The row that made it happen.
    pub cause: Option<usize>,
    /// The calls, as rows, whose wait it ended.
    pub wakes: Vec<usize>,
    /// What happened.
    pub what: Shown,
    /// How many bytes it takes, about.
    pub weight: usize,
}

/// What a row shows.
#[derive(Debug)]
pub enum Shown {
    /// Somebody typed.
    Typed {
        /// Where.
        terminal: String,
        /// What.
        text: String,
        /// At the shell's prompt.
        is_command: bool,
    },
    /// A line appeared.
    Line {
        /// Where.
        terminal: String,
        /// What.
        text: String,
    },
    /// A command has ended.
    Ended {
        /// Where.
        terminal: String,
        /// Its exit status.
        status: i32,
    },
    /// A call began, and has perhaps returned.
    Call {
        /// The terminal of its program.
        terminal: String,
        /// It; once it has returned, with its result.
        call: Box<Call>,
        /// The row at which it returned: its own if it did not wait.
        ended: Option<usize>,
    },
    /// A call returned, and no row woke it.
    Return {
        /// The row at which it began.
        of: usize,
    },
    /// A packet passed.
    Packet {
        /// Where.
        interface: Interface,
        /// It.
        packet: Arc<Packet>,
    },
    /// A remark: something was not seen, or something about the run itself.
    Remark(String),
}

impl Shown {
    /// How many bytes its texts take, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::Typed { text, .. } | Self::Line { text, .. } | Self::Remark(text) => text.len(),
            Self::Ended { .. } | Self::Return { .. } => 0,
            Self::Call { call, .. } => call.arguments.len(),
            Self::Packet { packet, .. } => packet.bytes.len(),
        }
    }

    /// The terminal in which it happened.
    #[must_use]
    pub fn terminal(&self) -> Option<&str> {
        match self {
            Self::Typed { terminal, .. }
            | Self::Line { terminal, .. }
            | Self::Ended { terminal, .. }
            | Self::Call { terminal, .. } => Some(terminal),
            Self::Return { .. } | Self::Packet { .. } | Self::Remark(_) => None,
        }
    }
}

/// Whether what was typed is a key, such as `^C`, and no line.
#[must_use]
pub fn is_key(text: &str) -> bool {
    text.starts_with('^') && text.chars().count() == 2
}
