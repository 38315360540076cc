//! A listener for IPv4, IPv6 or both, and one client after another.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use anyhow::{Context, Result};
use common::stop::Stop;
use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::sockopt::{Ipv6V6Only, ReuseAddr};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{accept, bind, getpeername, getsockname, listen, setsockopt, socket};
use tracing::{info, warn};

use crate::connection::Connection;

/// A socket that listens.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    bound: SockaddrStorage,
}

impl Listener {
    /// Listens at `address`: part one's calls, and one option more. At `[::]` it serves IPv4 as well, unless `v6only`.
    ///
    /// # Errors
    /// The call that failed, with its object.
    pub fn open(address: SocketAddr, v6only: bool) -> Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let socket =
            socket(family, SockType::Stream, SockFlag::empty(), SockProtocol::Tcp).context("socket")?;
        info!("Socket file descriptor: {}", socket.as_raw_fd());
        setsockopt(&socket, ReuseAddr, &true).context("setsockopt SO_REUSEADDR")?;

        // 1. setsockopt: may a socket of IPv6 serve IPv4 too? Systems differ in what they do without an answer, and a
        //    machine's owner may change it (net.ipv6.bindv6only). So it is always set, to one or the other.
        if address.is_ipv6() {
            setsockopt(&socket, Ipv6V6Only, &v6only).context("setsockopt IPV6_V6ONLY")?;
        }

        bind(socket.as_raw_fd(), &SockaddrStorage::from(address))
            .with_context(|| format!("bind {address}"))?;
        let bound: SockaddrStorage = getsockname(socket.as_raw_fd()).context("getsockname")?;
        info!("Socket bound to address: {bound}");
        listen(&socket, Backlog::new(128)?).with_context(|| format!("listen on {bound}"))?;
        info!("Listening for incoming connections...");
        Ok(Self { socket, bound })
    }

    /// The next client; nothing when the stop was asked for.
    ///
    /// # Errors
    /// What `accept(2)` lists, without what is one client's trouble or passes by.
    pub fn accept<'a>(&self, stop: &'a Stop, timeout: Duration) -> Result<Option<Connection<'a>>> {
        let bound = &self.bound;
        while stop.wait_for(&self.socket).context("poll")? {
            match accept(&self.socket) {
                Ok(socket) => {
                    // Gone already? Then the first recv says so.
                    let peer = getpeername::<SockaddrStorage>(socket.as_raw_fd())
                        .map_or_else(|errno| format!("getpeername: {errno}"), |peer| peer.to_string());
                    info!("Client connected: {peer}");
                    return Ok(Some(Connection::new(socket, stop, timeout)));
                }
                Err(errno @ (Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM)) => {
                    warn!("accept on {bound}: {errno}: trying again in a second");
                    stop.wait_within(&self.socket, PollFlags::empty(), Duration::from_secs(1))
                        .context("poll")?;
                }
                Err(Errno::ECONNABORTED | Errno::EINTR) => {}
                Err(errno) => return Err(errno).with_context(|| format!("accept on {bound}")),
            }
        }
        Ok(None)
    }
}
