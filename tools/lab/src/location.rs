//! Where a program is started: among which processes, on which host, with which rights.

use std::process::Child;

use crate::error::Result;
use crate::hosts::Hosts;
use crate::privilege::{self, Capability};
use crate::processes::Processes;

/// A location for programs.
#[derive(Debug, Clone, Copy)]
pub struct Location<'a> {
    /// Whom its programs see, and with whom they end.
    pub processes: &'a Processes,
    /// The hosts of the page, which may be none.
    pub hosts: &'a Hosts,
    /// The host's name; empty if there are none.
    pub host: &'a str,
    /// What its programs may do besides.
    pub capabilities: &'a [Capability],
}

impl Location<'_> {
    /// Does `spawn`, which starts a program, so that the program is there.
    ///
    /// # Errors
    /// When the location cannot be entered, or what `spawn` gives.
    pub fn start(&self, spawn: impl FnOnce() -> Result<Child> + Send) -> Result<Child> {
        self.processes.within(|| self.hosts.within(self.host, || privilege::with(self.capabilities, spawn)))
    }
}
