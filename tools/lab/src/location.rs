//! Where a program is started: among which processes, on which host, with which rights, on which processor.

use std::process::Child;

use crate::error::Result;
use crate::hosts::Hosts;
use crate::privilege::{self, Capability};
use crate::processes::Processes;
use crate::processor::Processor;

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
    /// The one that its programs share; none lets them run anywhere.
    pub processor: Option<&'a Processor>,
}

impl Location<'_> {
    /// Does `spawn`, which starts a program, so that the program is there.
    ///
    /// # Errors
    /// When the location cannot be entered, or what `spawn` gives.
    pub fn start(&self, spawn: impl FnOnce() -> Result<Child> + Send) -> Result<Child> {
        let with_rights = || privilege::with(self.capabilities, spawn);
        self.processes.within(|| {
            self.hosts.within(self.host, || match self.processor {
                Some(processor) => processor.run(with_rights),
                None => with_rights(),
            })
        })
    }
}
