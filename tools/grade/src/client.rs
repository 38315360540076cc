//! A client of the learner's server: a socket that never waits by itself, and everything that went over it.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::rc::Rc;

use lab::error::{Error, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{Linger, RcvBuf, ReuseAddr, SocketError, TcpCork};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, getsockopt, setsockopt, socket,
};

use crate::fault::{Exchange, How};
use crate::kernel;

/// More than was sent may come back; so much of it is read, and no more.
pub const TOO_MUCH: usize = 64 * 1024;

/// The same where it is the program that speaks first: more than its longest message.
const MESSAGE: usize = 1024 * 1024;

/// Sockets of clients that are not needed any more. They stay open until a check is over: what their going away brings
/// about would stand in its report.
pub type Kept = Rc<RefCell<Vec<TcpStream>>>;

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: Option<TcpStream>,
    kept: Kept,
    /// Its own address, by which its connection is known.
    pub address: SocketAddr,
    /// Everything that it has sent.
    pub sent: Vec<u8>,
    /// Everything that has come back.
    pub got: Vec<u8>,
    /// How it stands.
    pub how: How,
    /// So many bytes more than were sent are read, and no further ones.
    most: usize,
}

impl Client {
    /// Begins a connection from `from` to `to`; `kept` is where its socket stays. It is made when [`Self::is_connected`] says so.
    ///
    /// # Errors
    /// The kernel refuses a call; that nobody listens is no such error.
    pub fn begin(from: SocketAddr, to: SocketAddr, kept: &Kept) -> Result<Self> {
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
        Ok(Self {
            stream,
            kept: Rc::clone(kept),
            address: from,
            sent: Vec::new(),
            got: Vec::new(),
            how,
            most: TOO_MUCH,
        })
    }

    /// Connects to the server at `path`. It has no address of its own, and the unspecified one here.
    ///
    /// # Errors
    /// The kernel refuses a call; that nobody listens is no such error.
    pub fn at_path(path: &Path, kept: &Kept) -> Result<Self> {
        let (stream, how) = match UnixStream::connect(path) {
            Ok(stream) => (Some(TcpStream::from(OwnedFd::from(stream))), How::Open),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => {
                (None, How::Reset)
            }
            Err(error) => return Err(Error::of(format!("connect {}", path.display()), error)),
        };
        if let Some(stream) = &stream {
            stream.set_nonblocking(true).map_err(|error| Error::of("make a socket non-blocking", error))?;
        }
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        Ok(Self {
            stream,
            kept: Rc::clone(kept),
            address,
            sent: Vec::new(),
            got: Vec::new(),
            how,
            most: TOO_MUCH,
        })
    }

    /// The other way round: the connection that the learner's program has made with us; `kept` is where its socket stays.
    ///
    /// # Errors
    /// The kernel refuses a call.
    pub fn accepted(stream: TcpStream, address: SocketAddr, kept: &Kept) -> Result<Self> {
        stream.set_nonblocking(true).map_err(|error| Error::of("make a socket non-blocking", error))?;
        Ok(Self {
            stream: Some(stream),
            kept: Rc::clone(kept),
            address,
            sent: Vec::new(),
            got: Vec::new(),
            how: How::Open,
            most: MESSAGE,
        })
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
        while self.how == How::Open && self.got.len() < self.sent.len() + self.most {
            let Some(stream) = &mut self.stream else { break };
            match stream.read(&mut buffer) {
                Ok(0) => self.how = How::End,
                Ok(length) => {
                    let room = (self.sent.len() + self.most).saturating_sub(self.got.len());
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

    /// Takes `most` bytes at most of what has come, and forgets them: so slowly that more is always on its way.
    pub fn sip(&mut self, most: usize) {
        let mut buffer = vec![0; most];
        if let Some(stream) = &mut self.stream {
            // That the connection is over shows in the next write.
            let _ = stream.read(&mut buffer);
        }
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
            // A stream in the Unix domain has no segments.
            Some(_) if self.address.port() == 0 => Ok(()),
            Some(stream) => {
                setsockopt(stream, TcpCork, &true).map_err(|errno| Error::of("setsockopt TCP_CORK", errno))
            }
            None => Ok(()),
        }
    }

    /// How many segments with data have come.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub fn data_segments(&self) -> Result<u32> {
        self.stream.as_ref().map_or(Ok(0), kernel::data_segments)
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

impl Drop for Client {
    fn drop(&mut self) {
        self.kept.borrow_mut().extend(self.stream.take());
    }
}
