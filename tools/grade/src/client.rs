//! A client of the learner's server: a socket that never waits by itself, and everything that went over it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use lab::error::{Error, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{Linger, RcvBuf, ReuseAddr, SocketError, TcpCork};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, getsockopt, setsockopt, socket,
};

use crate::fault::{Exchange, How};

/// More than was sent may come back; so much of it is read, and no more.
pub const TOO_MUCH: usize = 64 * 1024;

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: Option<TcpStream>,
    /// Its own address, by which its connection is known.
    pub address: SocketAddr,
    /// Everything that it has sent.
    pub sent: Vec<u8>,
    /// Everything that has come back.
    pub got: Vec<u8>,
    /// How it stands.
    pub how: How,
}

impl Client {
    /// Begins a connection from `from` to `to`. It is made when [`Self::is_connected`] says so.
    ///
    /// # Errors
    /// The kernel refuses a call; that nobody listens is no such error.
    pub fn begin(from: SocketAddr, to: SocketAddr) -> Result<Self> {
        let doing = |errno| Error::of(format!("connect {from} to {to}"), errno);
        let family = if to.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(family, SockType::Stream, flags, None).map_err(doing)?;
        // An earlier connection from the same port may rest in TIME-WAIT.
        setsockopt(&socket, ReuseAddr, &true).map_err(doing)?;
        // A client that does not read fills up soon.
        setsockopt(&socket, RcvBuf, &(32 * 1024)).map_err(doing)?;
        bind(socket.as_raw_fd(), &SockaddrStorage::from(from)).map_err(doing)?;
        let how = match connect(socket.as_raw_fd(), &SockaddrStorage::from(to)) {
            Ok(()) | Err(Errno::EINPROGRESS) => How::Open,
            Err(Errno::ECONNREFUSED) => How::Reset,
            Err(errno) => return Err(doing(errno)),
        };
        let stream = Some(TcpStream::from(socket));
        Ok(Self { stream, address: from, sent: Vec::new(), got: Vec::new(), how })
    }

    /// Whether the handshake is over; that it was refused shows in [`Self::how`].
    pub fn is_connected(&mut self) -> bool {
        let Some(stream) = &self.stream else { return true };
        if !self.is_ready(PollFlags::POLLOUT, PollTimeout::ZERO) {
            return false;
        }
        if getsockopt(stream, SocketError).is_ok_and(|error| error != 0) {
            self.how = How::Reset;
        }
        true
    }

    /// Waits for at most `limit` until something can be done with it; whether that is so.
    #[must_use]
    pub fn is_ready(&self, flags: PollFlags, limit: PollTimeout) -> bool {
        let Some(fd) = self.descriptor() else { return false };
        // A signal ends the wait; who called asks whether one has come.
        poll(&mut [PollFd::new(fd, flags)], limit).is_ok_and(|ready| ready > 0)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.stream.as_ref().map(AsFd::as_fd)
    }

    /// Reads what has come, without waiting; whether anything had.
    pub fn read(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        let before = self.got.len();
        while self.how == How::Open && self.got.len() < self.sent.len() + TOO_MUCH {
            let Some(stream) = &mut self.stream else { break };
            match stream.read(&mut buffer) {
                Ok(0) => self.how = How::End,
                Ok(length) => {
                    let room = (self.sent.len() + TOO_MUCH).saturating_sub(self.got.len());
                    self.got.extend(buffer.iter().take(length.min(room)));
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => break,
                    _ => self.how = How::Reset,
                },
            }
        }
        self.got.len() > before || self.how != How::Open
    }

    /// Gives the kernel as much of `bytes` as it takes without waiting, and says how much that was.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let Some(stream) = &mut self.stream else { return 0 };
        match stream.write(bytes) {
            Ok(length) => {
                self.sent.extend(bytes.iter().take(length));
                length
            }
            Err(error) => {
                if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) {
                    // What had come before the reset can still be read.
                    let how = self.how;
                    self.read();
                    self.how = if how == How::Open { How::Reset } else { how };
                }
                0
            }
        }
    }

    /// Keeps what is written from here on until the end of the stream follows: they arrive together (`TCP_CORK`).
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn cork(&self) -> Result<()> {
        match &self.stream {
            Some(stream) => {
                setsockopt(stream, TcpCork, &true).map_err(|errno| Error::of("setsockopt TCP_CORK", errno))
            }
            None => Ok(()),
        }
    }

    /// Sends the end of the stream (FIN), and goes on reading.
    pub fn finish(&mut self) {
        // It may be over already; then reading says how.
        let _ = self.stream.as_ref().map(|stream| stream.shutdown(Shutdown::Write));
    }

    /// Goes away with a reset (RST), as a program does that is killed with bytes unread.
    ///
    /// # Errors
    /// The kernel refuses `SO_LINGER`.
    pub fn reset(&mut self) -> Result<()> {
        if let Some(stream) = self.stream.take() {
            let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
            setsockopt(&stream, Linger, &linger).map_err(|errno| Error::of("setsockopt SO_LINGER", errno))?;
            drop(OwnedFd::from(stream));
        }
        Ok(())
    }

    /// Goes away.
    pub fn close(&mut self) {
        self.stream = None;
    }

    /// What went over it.
    #[must_use]
    pub fn exchange(&self) -> Exchange {
        Exchange { sent: self.sent.clone(), got: self.got.clone(), how: self.how }
    }
}
