//! The calls of part one in one place: no lesson of this part is about them.

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use anyhow::{Context, Result};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::sockopt::{RcvBuf, ReuseAddr, SndBuf};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{bind, getsockname, setsockopt, socket};

/// A stream socket in the family of `address`.
///
/// # Errors
/// What `socket(2)` lists.
pub fn stream(address: SocketAddr) -> Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    socket(family, SockType::Stream, SockFlag::empty(), SockProtocol::Tcp).context("socket")
}

/// A stream socket that is bound to `address`, with `SO_REUSEADDR`; it does not listen yet.
///
/// # Errors
/// What `socket(2)` and `bind(2)` list.
pub fn bound(address: SocketAddr) -> Result<OwnedFd> {
    let socket = stream(address)?;
    setsockopt(&socket, ReuseAddr, &true).context("setsockopt SO_REUSEADDR")?;
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address)).with_context(|| format!("bind {address}"))?;
    Ok(socket)
}

/// The address that `socket` has.
///
/// # Errors
/// What `getsockname(2)` lists.
pub fn local<Fd: AsFd>(socket: Fd) -> Result<SockaddrStorage> {
    getsockname(socket.as_fd().as_raw_fd()).context("getsockname")
}

/// From here on no call on `socket` sleeps: where it would, it ends with `EAGAIN`, `connect` with `EINPROGRESS`.
///
/// # Errors
/// What `fcntl(2)` lists.
pub fn set_nonblocking<Fd: AsFd>(socket: Fd) -> Result<()> {
    let flags = fcntl(socket.as_fd(), FcntlArg::F_GETFL).context("fcntl F_GETFL")?;
    let flags = OFlag::from_bits_retain(flags) | OFlag::O_NONBLOCK;
    fcntl(socket.as_fd(), FcntlArg::F_SETFL(flags)).context("fcntl F_SETFL O_NONBLOCK")?;
    Ok(())
}

/// Asks for `bytes` of room in both directions. It must be asked before `connect` or `listen`: the handshake promises
/// the peer the room for what it sends. Linux doubles the number, to have room for its own bookkeeping (`socket(7)`).
///
/// # Errors
/// What `setsockopt(2)` lists.
pub fn set_buffers<Fd: AsFd>(socket: Fd, bytes: usize) -> Result<()> {
    setsockopt(&socket, RcvBuf, &bytes).with_context(|| format!("setsockopt SO_RCVBUF {bytes}"))?;
    setsockopt(&socket, SndBuf, &bytes).with_context(|| format!("setsockopt SO_SNDBUF {bytes}"))
}
