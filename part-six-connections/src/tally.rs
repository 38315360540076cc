//! The words about clients, the same in every design, and the sum.

use std::os::fd::RawFd;

use anyhow::Result;
use nix::sys::socket::{SockaddrStorage, getpeername};
use tracing::{info, warn};

/// How many clients there were, and how many bytes went back to them.
#[derive(Debug, Default)]
pub struct Tally {
    clients: u64,
    bytes: u64,
}

impl Tally {
    /// A client was taken from the queue.
    pub fn connected(&mut self, descriptor: RawFd) {
        self.clients += 1;
        match getpeername::<SockaddrStorage>(descriptor) {
            Ok(peer) => info!("Client connected: {peer}, descriptor {descriptor}"),
            // Reset while it waited in the queue; recv will say so.
            Err(errno) => info!("Client connected: gone already ({errno}), descriptor {descriptor}"),
        }
    }

    /// A client is closed: at its end of file, with all of its echo, or lost before.
    pub fn closed(&mut self, descriptor: RawFd, echoed: u64, ended: Result<()>) {
        self.bytes += echoed;
        match ended {
            Ok(()) => info!("Client left: descriptor {descriptor}, {echoed} bytes echoed"),
            Err(error) => warn!("Client lost: descriptor {descriptor}, {echoed} bytes echoed: {error:#}"),
        }
    }

    /// The last line.
    pub fn stopped(&self) {
        info!("Stopped: {} clients, {} bytes echoed", self.clients, self.bytes);
    }
}
