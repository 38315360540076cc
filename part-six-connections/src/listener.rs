//! Part one's calls up to `listen`, and what can go wrong in `accept`.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, Result};
use common::stop::Stop;
use nix::errno::Errno;
use nix::sys::socket::sockopt::ReuseAddr;
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{accept4, bind, getsockname, listen, setsockopt, socket};
use tracing::{info, warn};

/// A listener at `address`, as in part one, with two differences: its `accept` never sleeps (`SOCK_NONBLOCK`; the
/// client that woke us may be gone again), and its queue is as long as the system allows. From here on Ctrl-C and SIGTERM
/// no longer end the process but ask it to stop.
///
/// # Errors
/// A call failed.
pub fn listen_on(address: SocketAddr) -> Result<(OwnedFd, Stop)> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let listener = socket(family, SockType::Stream, flags, SockProtocol::Tcp).context("socket")?;
    info!("Socket file descriptor: {}", listener.as_raw_fd());
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;
    setsockopt(&listener, ReuseAddr, &true).context("setsockopt SO_REUSEADDR")?;
    bind(listener.as_raw_fd(), &SockaddrStorage::from(address)).with_context(|| format!("bind {address}"))?;
    let bound: SockaddrStorage = getsockname(listener.as_raw_fd()).context("getsockname")?;
    info!("Socket bound to address: {bound}");
    listen(&listener, Backlog::MAXCONN).with_context(|| format!("listen on {bound}"))?;
    info!("Listening for incoming connections...");
    Ok((listener, stop))
}

/// What `accept` had for us.
#[derive(Debug)]
pub enum Accepted {
    /// A connection.
    Client(OwnedFd),
    /// Nothing: the queue is empty, or its first connection is gone already.
    Nobody,
    /// No descriptor or no memory is left. The connection stays in the queue, so the listener stays ready, and trying
    /// again at once would fail again, as fast as the processor can.
    Full(Errno),
}

/// Takes the first connection from the queue; `flags` are those of `accept4(2)` besides close-on-exec.
///
/// # Errors
/// The listener itself is broken. What is wrong with one connection is no error here.
pub fn accept(listener: &OwnedFd, flags: SockFlag) -> Result<Accepted> {
    match accept4(listener, flags | SockFlag::SOCK_CLOEXEC) {
        Ok(connection) => Ok(Accepted::Client(connection)),
        Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNABORTED) => Ok(Accepted::Nobody),
        Err(errno @ (Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM)) => {
            Ok(Accepted::Full(errno))
        }
        // Linux gives accept the errors that wait at the new connection, and a firewall's refusal: accept(2).
        Err(
            errno @ (Errno::ENETDOWN
            | Errno::EPROTO
            | Errno::ENOPROTOOPT
            | Errno::EHOSTDOWN
            | Errno::ENONET
            | Errno::EHOSTUNREACH
            | Errno::EOPNOTSUPP
            | Errno::ENETUNREACH
            | Errno::ETIMEDOUT
            | Errno::EPERM),
        ) => {
            warn!("accept: {errno}: that client is lost, on to the next");
            Ok(Accepted::Nobody)
        }
        Err(errno) => Err(errno).context("accept"),
    }
}
