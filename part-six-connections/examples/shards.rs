//! One port, several listeners: with `SO_REUSEPORT` each has a queue of its own, and the kernel deals clients out by a
//! hash of their address and port. Part six, the failures.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::Arguments;
use common::program;
use nix::sys::socket::sockopt::{ReuseAddr, ReusePort};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{bind, listen, setsockopt, socket};
use part_six_connections::limits;
use part_six_connections::listener::{Accepted, accept};
use tracing::{debug, info};

const HELP: &str = "\
Binds four listeners to one port with SO_REUSEPORT, lets a thousand clients connect, and says
how many each listener got (RUST_LOG=debug: one by one).

Usage: cargo run -p part-six-connections --example shards [-- ADDR]
";

const LISTENERS: usize = 4;
const CLIENTS: usize = 1000;

fn main() -> ExitCode {
    program::run(env!("CARGO_CRATE_NAME"), HELP, Arguments::address, deal)
}

fn deal(address: SocketAddr) -> Result<()> {
    limits::raise_descriptors();
    let listeners = (0..LISTENERS).map(|_| listener(address)).collect::<Result<Vec<_>>>()?;
    info!("{LISTENERS} listeners at {address}");
    let clients = (0..CLIENTS)
        .map(|_| TcpStream::connect(address).with_context(|| format!("connect {address}")))
        .collect::<Result<Vec<_>>>()?;
    let mut counts = Vec::new();
    for listener in &listeners {
        let mut accepted = Vec::new();
        while let Accepted::Client(client) = accept(listener, SockFlag::empty())? {
            accepted.push(client);
        }
        debug!("a listener got {} clients", accepted.len());
        counts.push(accepted.len());
    }
    let fair = counts.iter().filter(|&&count| count > CLIENTS / LISTENERS / 2).count();
    info!("{} clients, {} accepted", clients.len(), counts.iter().sum::<usize>());
    info!("{fair} of {LISTENERS} listeners got more than {}", CLIENTS / LISTENERS / 2);
    Ok(())
}

fn listener(address: SocketAddr) -> Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let listener = socket(family, SockType::Stream, flags, SockProtocol::Tcp).context("socket")?;
    // Part one's option, against the rest of the last run; and the one that is shown here.
    setsockopt(&listener, ReuseAddr, &true).context("setsockopt SO_REUSEADDR")?;
    setsockopt(&listener, ReusePort, &true).context("setsockopt SO_REUSEPORT")?;
    bind(listener.as_raw_fd(), &SockaddrStorage::from(address)).with_context(|| format!("bind {address}"))?;
    listen(&listener, Backlog::MAXCONN).with_context(|| format!("listen on {address}"))?;
    Ok(listener)
}
