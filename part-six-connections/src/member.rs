//! One client of `crowd`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result};
use nix::poll::PollFlags;

use crate::picture::Mark;

/// One client, who sends its next message when the echo of the last is back.
#[derive(Debug)]
pub struct Member {
    /// Which one, from 1.
    pub number: usize,
    /// How many echoes it has.
    pub echoes: u32,
    /// How far it is.
    pub state: State,
    stream: TcpStream,
    messages: u32,
    message: Vec<u8>,
    sent: usize,
    received: usize,
    /// Whether an echo came since the last [`mark`](Self::mark).
    echoed: bool,
}

/// How far a client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It has every echo so far.
    Ready,
    /// It has sent a message, or a part of it, and waits.
    Waits,
    /// It has all its echoes and has closed its side.
    Leaving,
    /// And so has the server.
    Closed,
    /// The server closed or erred before; a sentence.
    Lost(String),
}

impl Member {
    /// A client that will send `messages` of `size` bytes over `stream`.
    ///
    /// # Errors
    /// The stream cannot be made non-blocking.
    pub fn new(number: usize, stream: TcpStream, size: usize, messages: u32) -> Result<Self> {
        stream.set_nonblocking(true).context("set O_NONBLOCK")?;
        Ok(Self {
            number,
            echoes: 0,
            state: State::Ready,
            stream,
            messages,
            message: vec![0; size],
            sent: 0,
            received: 0,
            echoed: false,
        })
    }

    /// Whether it still talks or waits.
    #[must_use]
    pub fn is_here(&self) -> bool {
        !matches!(self.state, State::Closed | State::Lost(_))
    }

    /// Begins the next message, if it has the echo of the last.
    pub fn speak(&mut self) {
        if self.state != State::Ready {
            return;
        }
        // Another text for each client and each message: an answer to somebody else would be noticed.
        let words = format!("client {} message {} ", self.number, self.echoes + 1);
        self.message.iter_mut().zip(words.bytes().cycle()).for_each(|(byte, word)| *byte = word);
        (self.sent, self.received, self.state) = (0, 0, State::Waits);
        self.turn();
    }

    /// What it waits for.
    #[must_use]
    pub fn events(&self) -> PollFlags {
        if self.state == State::Waits && self.sent < self.message.len() {
            PollFlags::POLLIN | PollFlags::POLLOUT
        } else {
            PollFlags::POLLIN
        }
    }

    /// Writes and reads what is possible now; whether the echo is complete with that.
    pub fn turn(&mut self) -> bool {
        match self.exchange() {
            Ok(echoed) => {
                self.echoed |= echoed;
                echoed
            }
            Err(why) => {
                self.state = State::Lost(why);
                false
            }
        }
    }

    fn exchange(&mut self) -> Result<bool, String> {
        if self.state == State::Waits {
            let rest = self.message.get(self.sent..).unwrap_or_default();
            if !rest.is_empty() {
                self.sent +=
                    ready(self.stream.write(rest)).map_err(|error| format!("send: {error}"))?.unwrap_or(0);
            }
        }
        let mut buffer = [0; 16_384];
        let received = match ready(self.stream.read(&mut buffer)) {
            Ok(None) => return Ok(false),
            Ok(Some(received)) => buffer.get(..received).unwrap_or_default(),
            Err(error) => return Err(format!("recv: {error}")),
        };
        match (&self.state, received) {
            (State::Leaving, []) => {
                self.state = State::Closed;
                Ok(false)
            }
            (_, []) => Err(format!("the server closed after {} of {} echoes", self.echoes, self.messages)),
            (State::Waits, _) => {
                let expected = self.message.get(self.received..self.received + received.len());
                if expected != Some(received) {
                    return Err("what came back is not what was sent".into());
                }
                self.received += received.len();
                if self.received < self.message.len() {
                    return Ok(false);
                }
                self.echoes += 1;
                self.state = State::Ready;
                if self.echoes == self.messages {
                    self.stream.shutdown(Shutdown::Write).map_err(|error| format!("shutdown: {error}"))?;
                    self.state = State::Leaving;
                }
                Ok(true)
            }
            _ => Err("more came back than was sent".into()),
        }
    }

    /// Its mark for the tick that ends now.
    pub fn mark(&mut self) -> Mark {
        match (std::mem::take(&mut self.echoed), &self.state) {
            (true, _) => Mark::Echo,
            (false, State::Leaving | State::Closed) => Mark::Leaves,
            (false, _) => Mark::Waits,
        }
    }
}

impl AsFd for Member {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Nothing where it would have slept.
fn ready(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}
