//! For the designs whose calls do not sleep: one client, a turn at a time.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use common::Dump;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};
use tracing::debug;

use crate::QUIET;

/// One client. What a sleeping thread kept on its stack stands here: 48 bytes, and `rest` only while there is one.
#[derive(Debug)]
pub struct Connection {
    socket: OwnedFd,
    /// What was received and could not be sent back yet. While it holds something nothing more is received, so it
    /// never holds more than one buffer.
    rest: Box<[u8]>,
    /// Bytes that went back.
    pub echoed: u64,
    /// When bytes last went either way.
    active: Instant,
}

/// What became of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// So many bytes came and went back.
    Echoed(usize),
    /// Nothing had come.
    Nothing,
    /// The kernel has no room for the answer: ask when the client can be written to, and do not read until then.
    Stalled,
    /// The client's end of file, and it has all of its echo.
    Ended,
}

impl Connection {
    /// A client whose `socket` is `SOCK_NONBLOCK`.
    #[must_use]
    pub fn new(socket: OwnedFd, now: Instant) -> Self {
        Self { socket, rest: Box::default(), echoed: 0, active: now }
    }

    /// Sends what is left over; if nothing is, receives once, a `buffer` at most, and sends that.
    ///
    /// # Errors
    /// The client is lost.
    pub fn turn(&mut self, buffer: &mut [u8], now: Instant) -> Result<Turn> {
        if !self.rest.is_empty() {
            let sent = self.send(&self.rest)?;
            if sent > 0 {
                self.active = now;
                self.echoed += sent as u64;
                self.rest = self.rest.get(sent..).unwrap_or_default().into();
            }
            if !self.rest.is_empty() {
                return Ok(Turn::Stalled);
            }
        }
        let received = match recv(self.socket.as_raw_fd(), buffer, MsgFlags::empty()) {
            Ok(0) => return Ok(Turn::Ended),
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(Turn::Nothing),
            Err(errno) => return Err(errno).context("recv"),
        };
        self.active = now;
        let message = buffer.get(..received).unwrap_or_default();
        debug!("received {received} bytes from descriptor {}\n{}", self.descriptor(), Dump(message));

        let sent = self.send(message)?;
        self.echoed += sent as u64;
        debug!("Sent {sent} bytes back to descriptor {}", self.descriptor());
        if sent < received {
            self.rest = message.get(sent..).unwrap_or_default().into();
            return Ok(Turn::Stalled);
        }
        Ok(Turn::Echoed(received))
    }

    /// How much of `bytes` the kernel took; nothing where it has no room.
    fn send(&self, bytes: &[u8]) -> Result<usize> {
        match send(self.socket.as_raw_fd(), bytes, MsgFlags::empty()) {
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
            sent => sent.context("send"),
        }
    }

    /// Whether an answer waits for room.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        !self.rest.is_empty()
    }

    /// How long no byte has gone either way.
    #[must_use]
    pub fn idle(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.active)
    }

    /// At the stop: whether it has been quiet for long enough, and has all of its echo.
    #[must_use]
    pub fn is_done(&self, now: Instant) -> bool {
        !self.is_stalled() && self.idle(now) >= QUIET
    }

    /// Starts its clock anew.
    pub fn touch(&mut self, now: Instant) {
        self.active = now;
    }

    /// Its descriptor.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
