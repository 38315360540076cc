//! The sender's side: the file, the first address that answers, the answer.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use common::dump::Text;
use nix::errno::Errno;
use nix::sys::socket::sockopt::{ReceiveTimeout, SendTimeout};
use nix::sys::socket::{
    AddressFamily, MsgFlags, Shutdown, SockFlag, SockProtocol, SockType, SockaddrStorage,
};
use nix::sys::socket::{connect, getsockname, recv, send, setsockopt, shutdown, socket};
use nix::sys::time::{TimeVal, TimeValLike};
use tracing::{info, warn};

use crate::frame::{Header, Status};
use crate::part_file::errno;

/// How many seconds the receiver may take no byte, or owe us an answer: longer than it waits for us itself, so that
/// we hear its reason.
const TIMEOUT: i64 = 60;

/// A file as long as this or longer shows how far it is.
const LONG: u64 = 16 * 1024 * 1024;

/// Opens the file, and makes the header from its name and its length.
///
/// # Errors
/// It cannot be opened, or is not a regular file: only that has a length beforehand. Or no receiver would take its name.
pub fn open(path: &Path) -> Result<(File, Header)> {
    let shown = path.display();
    // Opening a pipe would sleep until somebody writes to it; so look first.
    let kind = fs::metadata(path).map_err(|error| errno(&error)).with_context(|| format!("stat {shown}"))?;
    if !kind.is_file() {
        bail!("stat {shown}: not a regular file: its length must be known before its content");
    }
    let file = File::open(path).map_err(|error| errno(&error)).with_context(|| format!("open {shown}"))?;
    let length =
        file.metadata().map_err(|error| errno(&error)).with_context(|| format!("fstat {shown}"))?.len();
    let header = Header::new(path.file_name().unwrap_or_default().as_bytes(), length)?;
    info!("{}: {length} bytes", header.name());
    Ok((file, header))
}

/// A connection to the first of `addresses` that takes one, and which that was.
///
/// # Errors
/// None does; each that does not is said.
pub fn connect_to_any(addresses: &[SocketAddr]) -> Result<(OwnedFd, SocketAddr)> {
    for (index, &server) in addresses.iter().enumerate() {
        // 1. socket: a new one for each try, in the family of the address. A socket whose connect failed is used up, and
        //    a machine without IPv6 does not even give one for it.
        let family = if server.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let tried =
            socket(family, SockType::Stream, SockFlag::empty(), SockProtocol::Tcp).and_then(|socket| {
                // 2. connect: one address after the other. What is left out: not to wait two minutes for one that does
                //    not answer at all, while the next one would.
                connect(socket.as_raw_fd(), &SockaddrStorage::from(server)).map(|()| socket)
            });
        let socket = match tried {
            Ok(socket) => socket,
            Err(errno) if index + 1 < addresses.len() => {
                warn!("connect {server}: {errno}: on to the next address");
                continue;
            }
            Err(errno @ Errno::ECONNREFUSED) => bail!(
                "connect {server}: {errno}: nobody listens there; start `cargo run -p part-four-frames` first"
            ),
            Err(errno) => return Err(errno).with_context(|| format!("connect {server}")),
        };
        setsockopt(&socket, SendTimeout, &TimeVal::seconds(TIMEOUT)).context("setsockopt SO_SNDTIMEO")?;
        setsockopt(&socket, ReceiveTimeout, &TimeVal::seconds(TIMEOUT)).context("setsockopt SO_RCVTIMEO")?;
        let local: SockaddrStorage = getsockname(socket.as_raw_fd()).context("getsockname")?;
        info!("Connected from {local} to {server}");
        return Ok((socket, server));
    }
    bail!("connect: there is no address to connect to");
}

/// Whether the receiver takes more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It has all that it was given.
    Open,
    /// It has closed or reset the connection. It may have told why: read its answer.
    Closed,
}

/// Sends all of it, unless the receiver closes meanwhile.
///
/// # Errors
/// `send` fails for another reason.
pub fn send_all(socket: &OwnedFd, mut rest: &[u8]) -> Result<Flow> {
    while !rest.is_empty() {
        match send(socket.as_raw_fd(), rest, MsgFlags::empty()) {
            Ok(taken) => rest = &rest[taken..],
            Err(Errno::EINTR) => {}
            Err(Errno::EPIPE | Errno::ECONNRESET) => return Ok(Flow::Closed),
            Err(Errno::EAGAIN) => bail!("send: the receiver has taken nothing for {TIMEOUT} seconds"),
            Err(errno) => return Err(errno).context("send"),
        }
    }
    Ok(Flow::Open)
}

/// Whether the receiver has answered already, and not with `kept`: then the rest need not be sent.
#[must_use]
pub fn has_refused(socket: &OwnedFd) -> bool {
    // 3. peek: recv looks at the first byte that has come, leaves it where it is (MSG_PEEK), and does not wait for one.
    let mut status = [0];
    match recv(socket.as_raw_fd(), &mut status, MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT) {
        Ok(0) => true,
        Ok(_) => Status::from_byte(status[0]) != Some(Status::Kept),
        Err(errno) => !matches!(errno, Errno::EAGAIN | Errno::EINTR),
    }
}

/// Half-closes, reads the answer, says it.
///
/// # Errors
/// The file was not kept, or the answer did not come whole.
pub fn finish(socket: &OwnedFd, server: SocketAddr, name: &str) -> Result<()> {
    // 4. shutdown: our FIN, behind the last byte. We have no more to send, and can still receive.
    match shutdown(socket.as_raw_fd(), Shutdown::Write) {
        Ok(()) => info!("Half-closed: no more to send"),
        // The receiver was first. What it said is still there to read.
        Err(Errno::ENOTCONN) => {}
        Err(errno) => return Err(errno).context("shutdown"),
    }

    // 5. answer: it has a status, a length and a text. It may come in pieces like everything else.
    let mut head = [0; 3];
    recv_answer(socket, server, &mut head)?;
    let [status, length @ ..] = head;
    let mut text = vec![0; u16::from_be_bytes(length).into()];
    recv_answer(socket, server, &mut text)?;
    let text = Text(&text);
    match Status::from_byte(status) {
        Some(Status::Kept) => info!("Answer: kept, {text}"),
        Some(status) => bail!("{name} was not kept by {server}: {status}, {text}"),
        None => bail!("answer of {server}: status {status} is none of 0, 1, 2: this is no frames-receiver"),
    }
    Ok(())
}

fn recv_answer(socket: &OwnedFd, server: SocketAddr, buffer: &mut [u8]) -> Result<()> {
    let (mut filled, length) = (0, buffer.len());
    while filled < length {
        let torn = || format!("recv the answer of {server}: ended after {filled} of {length} bytes");
        match recv(socket.as_raw_fd(), &mut buffer[filled..], MsgFlags::empty()) {
            Ok(0) => bail!("{}: end of file", torn()),
            Ok(received) => filled += received,
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => bail!("{}: silent for {TIMEOUT} seconds", torn()),
            Err(errno) => return Err(errno).with_context(torn),
        }
    }
    Ok(())
}

/// Says how far a long file is, a line for every tenth.
#[derive(Debug)]
pub struct Progress {
    length: u64,
    sent: u64,
    tenths: u64,
}

impl Progress {
    /// For a content of so many bytes.
    #[must_use]
    pub fn of(length: u64) -> Self {
        Self { length, sent: 0, tenths: 0 }
    }

    /// How many bytes have been sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// How many bytes are left.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.length.saturating_sub(self.sent)
    }

    /// So many bytes more have been sent.
    pub fn advance(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        if self.length < LONG {
            return;
        }
        // Without a product that could be too large for 64 bits.
        let tenths = self.sent / (self.length / 10);
        if tenths > self.tenths {
            self.tenths = tenths;
            info!("Sent {} % ({} of {} bytes)", (tenths * 10).min(100), self.sent, self.length);
        }
    }
}
