//! One client of the `io_uring` server: what the kernel was asked to do for it, and has not done yet.
//!
//! In part six a thread's place in the conversation became data ([`Connection`](part_six_connections::connection)). Here
//! there is more to write down, since the kernel may be busy for a client while we look at another one: a client can be
//! closed only when nothing is on its way for it.

use std::mem;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Instant;

use anyhow::{Context, Result};
use common::Dump;
use nix::errno::Errno;
use nix::sys::socket::{Shutdown, shutdown};
use tracing::debug;

use crate::ring::{Buffer, Completion, Operation, Ring};

/// A client, and what is on its way for it.
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
    /// Bytes that went back.
    pub echoed: u64,
    /// When bytes last went either way.
    pub active: Instant,
    /// A receive is on its way.
    receiving: bool,
    /// It has been asked to end.
    pausing: bool,
    /// A send of so many bytes of this buffer, which is over when `enter` returns.
    now: Option<(Buffer, usize)>,
    /// A send is on its way that waits until the client reads.
    sending: bool,
    /// What comes after those two.
    kept: Vec<u8>,
    /// There is nothing more to receive: the end of file, or why the client is lost.
    ended: Option<Result<()>>,
}

impl Client {
    /// A client for whom nothing has been asked yet.
    #[must_use]
    pub fn new(socket: OwnedFd, now: Instant) -> Self {
        Self {
            socket,
            echoed: 0,
            active: now,
            receiving: false,
            pausing: false,
            now: None,
            sending: false,
            kept: Vec::new(),
            ended: None,
        }
    }

    /// Its descriptor.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Whether a send waits until the client reads.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.sending
    }

    /// A receive has a completion. Gives true where the bytes are to be sent back in the next `enter`.
    ///
    /// # Errors
    /// As [`Ring::enter`].
    pub fn received(&mut self, ring: &mut Ring, completion: Completion, plain: bool) -> nix::Result<bool> {
        if !completion.more {
            (self.receiving, self.pausing) = (false, false);
        }
        match (completion.result, completion.buffer) {
            (Ok(length), Some(buffer)) if length > 0 => {
                let message = ring.bytes(&buffer, length);
                debug!("received {length} bytes from descriptor {}\n{}", self.descriptor(), Dump(message));
                if !plain && self.now.is_none() && !self.sending && self.kept.is_empty() {
                    ring.send_now(self.descriptor(), &buffer, length)?;
                    self.now = Some((buffer, length));
                    return Ok(true);
                }
                // Not before what is on its way already. It waits in memory of ours: the buffers are everybody's.
                self.kept.extend_from_slice(message);
                ring.give_back(buffer);
            }
            (Ok(_), _) => self.end(Ok(())),
            // All buffers are taken, or we have asked to pause: `go_on` asks again when the time has come.
            (Err(Errno::ENOBUFS | Errno::ECANCELED), _) => {}
            (Err(errno), _) => self.end(Err(errno).context("recv")),
        }
        Ok(false)
    }

    /// The send of the last `enter` is over: it has done its work, or else `failed` tells what became of it.
    pub fn sent_now(&mut self, ring: &mut Ring, failed: Option<nix::Result<usize>>) {
        let Some((buffer, length)) = self.now.take() else { return };
        let sent = match failed {
            None => length,
            Some(Ok(part)) => part,
            Some(Err(Errno::EAGAIN)) => 0,
            Some(Err(errno)) => {
                self.end(Err(errno).context("send"));
                0
            }
        };
        self.echoed += sent as u64;
        debug!("Sent {sent} bytes back to descriptor {}", self.descriptor());
        let rest = ring.bytes(&buffer, length).get(sent..).unwrap_or_default();
        self.kept.splice(0..0, rest.iter().copied());
        ring.give_back(buffer);
    }

    /// A send that could wait has its completion.
    pub fn sent(&mut self, ring: &mut Ring, completion: &Completion) {
        let bytes = ring.sent(completion);
        self.sending = false;
        match completion.result {
            Ok(sent) => {
                self.echoed += sent as u64;
                debug!("Sent {sent} bytes back to descriptor {}", self.descriptor());
                self.kept.splice(0..0, bytes.get(sent..).unwrap_or_default().iter().copied());
            }
            Err(errno) => self.end(Err(errno).context("send")),
        }
    }

    /// Asks for whatever is to be done next. Gives how the client has ended, if it has: then nothing is on its way.
    ///
    /// # Errors
    /// As [`Ring::enter`].
    pub fn go_on(&mut self, ring: &mut Ring, plain: bool) -> nix::Result<Option<Result<()>>> {
        if self.now.is_some() {
            return Ok(None);
        }
        if !self.sending && !self.kept.is_empty() {
            ring.send(self.descriptor(), mem::take(&mut self.kept))?;
            self.sending = true;
        }
        if self.receiving {
            // The client sends, and does not read: we no longer receive, so that what we keep for it is bounded.
            if self.sending && !self.kept.is_empty() && !self.pausing {
                ring.cancel(Operation::Recv, self.descriptor())?;
                self.pausing = true;
            }
        } else if !self.sending {
            if let Some(ended) = self.ended.take() {
                return Ok(Some(ended));
            }
            ring.recv(self.descriptor(), !plain)?;
            self.receiving = true;
        }
        Ok(None)
    }

    /// Whether the kernel may be busy for it with what has no completion, while there is more to do.
    #[must_use]
    pub fn is_in_a_hurry(&self) -> bool {
        self.now.is_some() && (!self.receiving || !self.kept.is_empty())
    }

    /// Nothing more is received, and if it was not the client's own end of file, nothing more is sent: what is on its
    /// way ends at once. The first reason counts.
    pub fn end(&mut self, why: Result<()>) {
        if self.ended.is_some() {
            return;
        }
        if why.is_err() {
            self.kept.clear();
        }
        if why.is_err() || self.receiving {
            // It fails where the other end is gone, and then all that is on its way has failed as well.
            let _ = shutdown(self.descriptor(), Shutdown::Both);
        }
        self.ended = Some(why);
    }
}
