//! A client's connection: read whole fields, say the last word, close without a reset.

use std::fmt::{self, Display, Formatter};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use common::stop::{Stop, Woken};
use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{MsgFlags, Shutdown, recv, send, shutdown};

use crate::frame::Answer;

/// How long a client may take to close, once we have said our last word.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection that we have accepted.
#[derive(Debug)]
pub struct Connection<'a> {
    socket: OwnedFd,
    stop: &'a Stop,
    timeout: Duration,
}

/// Why no more bytes come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The peer has closed or half-closed: `recv` gave 0 bytes.
    EndOfFile,
    /// The peer was silent for this long, or took nothing.
    Timeout(Duration),
    /// We were asked to stop.
    Stop,
    /// `recv` or `send` failed.
    Failed(Errno),
}

impl Display for End {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndOfFile => f.write_str("end of file"),
            Self::Timeout(timeout) => write!(f, "the peer was silent for {timeout:?}"),
            Self::Stop => f.write_str("the receiver was stopped"),
            Self::Failed(errno) => errno.fmt(f),
        }
    }
}

/// A field that did not come whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// The name of the field.
    pub field: &'static str,
    /// How many bytes had come.
    pub after: u64,
    /// How many it has.
    pub of: u64,
    /// Why no more came.
    pub end: End,
}

impl Display for Torn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { field, after, of, end } = self;
        write!(f, "{field}: ended after {after} of {of} bytes: {end}")
    }
}

impl From<Torn> for Answer {
    fn from(torn: Torn) -> Self {
        Self::broken(torn.to_string())
    }
}

impl<'a> Connection<'a> {
    /// Around a socket that is connected; none of its waits lasts longer than `timeout`.
    #[must_use]
    pub fn new(socket: OwnedFd, stop: &'a Stop, timeout: Duration) -> Self {
        Self { socket, stop, timeout }
    }

    /// Takes what has come, one byte at least.
    ///
    /// # Errors
    /// [`End`]: no more comes.
    pub fn recv(&self, buffer: &mut [u8]) -> Result<usize, End> {
        loop {
            self.wait(PollFlags::POLLIN)?;
            match recv(self.socket.as_raw_fd(), buffer, MsgFlags::empty()) {
                Ok(0) => return Err(End::EndOfFile),
                Ok(received) => return Ok(received),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(End::Failed(errno)),
            }
        }
    }

    /// Fills `buffer`, which is a whole field, in as many pieces as it takes.
    ///
    /// # Errors
    /// [`Torn`]: it ended before.
    pub fn recv_exact(&self, field: &'static str, buffer: &mut [u8]) -> Result<(), Torn> {
        // 1. recv_exact: recv gives what has come, and that may be a piece. So again, into the rest of the buffer, until it is full.
        let mut filled = 0;
        while filled < buffer.len() {
            filled += self.recv(&mut buffer[filled..]).map_err(|end| Torn {
                field,
                after: filled as u64,
                of: buffer.len() as u64,
                end,
            })?;
        }
        Ok(())
    }

    /// Sends all of it.
    ///
    /// # Errors
    /// [`End`]: the peer takes no more.
    pub fn send_all(&self, mut rest: &[u8]) -> Result<(), End> {
        while !rest.is_empty() {
            // Not to sleep here: a sleep in send would not end with Ctrl-C. The last word after one still goes out.
            match send(self.socket.as_raw_fd(), rest, MsgFlags::MSG_DONTWAIT) {
                Ok(taken) => rest = &rest[taken..],
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => self.wait(PollFlags::POLLOUT)?,
                Err(errno) => return Err(End::Failed(errno)),
            }
        }
        Ok(())
    }

    /// Says that nothing more will come from us, and closes when the peer has closed too.
    pub fn close(self) {
        // 2. shutdown: our FIN, behind the last byte of what we have said.
        if shutdown(self.socket.as_raw_fd(), Shutdown::Write).is_err() {
            return;
        }
        // 3. drain: what the peer still sends is thrown away. With bytes unread, close would send RST instead of FIN,
        //    and our last word might be lost with it (RFC 2525, section 2.17). Half a minute must do.
        let (begun, mut buffer) = (Instant::now(), [0; 4096]);
        while begun.elapsed() < CLOSE_TIMEOUT {
            match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(0) => break,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if self.wait(PollFlags::POLLIN).is_ok() => {}
                Err(_) => break,
            }
        }
        // 4. close: the owner of the descriptor ends here.
    }

    /// Sleeps until the socket is ready for `events`.
    fn wait(&self, events: PollFlags) -> Result<(), End> {
        match self.stop.wait_within(&self.socket, events, self.timeout).map_err(End::Failed)? {
            Woken::Ready => Ok(()),
            Woken::Timeout => Err(End::Timeout(self.timeout)),
            Woken::Stop => Err(End::Stop),
        }
    }
}
