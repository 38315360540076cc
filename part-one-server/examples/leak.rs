//! What owning a descriptor is good for: a server that gives the ownership away, and leaks a descriptor a client.
//!
//! The echo is part one's. `docs/part-one.md` looks into its `/proc/PID/fd`.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, IntoRawFd};
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::Arguments;
use common::program;
use nix::sys::socket::sockopt::ReuseAddr;
use nix::sys::socket::{AddressFamily, Backlog, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{accept, bind, getsockname, listen, recv, send, setsockopt, socket};
use tracing::{info, warn};

const HELP: &str = "\
Echoes one message to each client, and closes none of them: every client leaks a descriptor.

Usage: leak [ADDR]

  ADDR           IP:PORT to listen on; port 0 lets the kernel choose one
                 [default: 127.0.0.1:6797]

  -h, --help     print this help
  -V, --version  print the version
";

fn main() -> ExitCode {
    program::run(env!("CARGO_CRATE_NAME"), HELP, Arguments::address, serve)
}

fn serve(address: SocketAddr) -> Result<()> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let listener =
        socket(family, SockType::Stream, SockFlag::empty(), SockProtocol::Tcp).context("socket")?;
    setsockopt(&listener, ReuseAddr, &true).context("setsockopt SO_REUSEADDR")?;
    bind(listener.as_raw_fd(), &SockaddrStorage::from(address)).with_context(|| format!("bind {address}"))?;
    let bound: SockaddrStorage = getsockname(listener.as_raw_fd()).context("getsockname")?;
    info!("Socket bound to address: {bound}");
    listen(&listener, Backlog::new(16)?).with_context(|| format!("listen on {bound}"))?;
    info!("Listening for incoming connections...");

    loop {
        // 1. accept: gives an owner, and into_raw_fd takes the number and dismisses the owner. Nobody closes a number.
        let connection = accept(&listener).with_context(|| format!("accept on {bound}"))?.into_raw_fd();

        let mut buffer = [0; 1024];
        let echoed = recv(connection, &mut buffer, MsgFlags::empty())
            .and_then(|received| send(connection, &buffer[..received], MsgFlags::empty()));
        match echoed {
            Ok(sent) => info!("Echoed {sent} bytes on descriptor {connection}"),
            Err(errno) => warn!("descriptor {connection}: {errno}"),
        }
    }
}
