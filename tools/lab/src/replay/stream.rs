//! What came in one lane and no block has consumed yet.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Came;
use crate::record::packet::Packet;

/// So many lines of one lane may wait for a block that shows them; what comes beyond is counted.
const KEPT: usize = 20_000;

/// A stream of one lane.
#[derive(Default)]
pub(super) struct Stream {
    pub(super) seen: VecDeque<Pending>,
    /// What stands in a terminal after its last line.
    pub(super) partial: String,
    /// The shell, or the observer, has ended.
    pub(super) closed: bool,
    /// The block that consumed from it last: whatever comes unasked belongs after it.
    pub(super) owner: Option<usize>,
    /// How many lines came and were not kept.
    pub(super) left_out: usize,
    /// The command whose exit status the next prompt tells.
    pub(super) running: Option<Running>,
}

pub(super) enum Pending {
    Line(String),
    Prompt(i32),
    Packet(Arc<Packet>),
}

/// Where on the page something stands.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The index of the block.
    pub(super) block: usize,
    pub(super) line: usize,
}

/// A command that was typed.
pub(super) struct Running {
    pub(super) at: Place,
    /// The process group of the shell, which was in the foreground when the command was typed.
    pub(super) shell: Option<i32>,
    /// A control key was typed into it: it may end by a signal.
    pub(super) interrupted: bool,
}

/// Why no more lines were taken.
#[derive(PartialEq, Eq)]
pub(super) enum End {
    Enough,
    /// The shell is back at its prompt, or has ended.
    Over,
    Timeout,
}

impl Stream {
    /// Keeps it for a block to come, or counts it.
    pub(super) fn keep(&mut self, pending: Pending) {
        if self.seen.len() < KEPT {
            self.seen.push_back(pending);
        } else {
            self.left_out += 1;
        }
    }

    /// The next line, if there is one before the next prompt.
    pub(super) fn next(&mut self) -> Option<Came> {
        let came = match self.seen.front()? {
            Pending::Line(text) => Came { text: text.clone(), lenient: false },
            Pending::Packet(packet) => Came { text: packet.to_string(), lenient: packet.pure_ack },
            Pending::Prompt(_) => return None,
        };
        self.seen.pop_front();
        Some(came)
    }

    /// The shell is back at its prompt, or has ended; nothing more comes by itself.
    pub(super) fn is_over(&self) -> bool {
        match self.seen.front() {
            Some(seen) => matches!(seen, Pending::Prompt(_)),
            None => self.closed,
        }
    }
}
