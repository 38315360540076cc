//! Part one, exercise 4: a server that stays.
//!
//! What changes is the loop: steps 1 to 5 come once, 6 to 9 once for every client.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::Arguments;
use common::{Dump, program};
use nix::sys::socket::sockopt::ReuseAddr;
use nix::sys::socket::{AddressFamily, Backlog, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{accept, bind, getsockname, listen, recv, send, setsockopt, socket};
use tracing::{info, warn};

const HELP: &str = "\
Echoes one message to each client, one client after another. An answer of Sockets, Part by Part.

Usage: part-one-4 [ADDR]

  ADDR           IP:PORT to listen on; port 0 lets the kernel choose one
                 [default: 127.0.0.1:6797]

  -h, --help     print this help
  -V, --version  print the version
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Arguments::address, serve)
}

fn serve(address: SocketAddr) -> Result<()> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let listener =
        socket(family, SockType::Stream, SockFlag::empty(), SockProtocol::Tcp).context("socket")?;
    setsockopt(&listener, ReuseAddr, &true).context("setsockopt SO_REUSEADDR")?;
    bind(listener.as_raw_fd(), &SockaddrStorage::from(address)).with_context(|| format!("bind {address}"))?;
    let bound: SockaddrStorage = getsockname(listener.as_raw_fd()).context("getsockname")?;
    info!("Socket bound to address: {bound}");
    listen(&listener, Backlog::new(1)?).with_context(|| format!("listen on {bound}"))?;
    info!("Listening for incoming connections...");

    loop {
        // 6. accept: the owner of the connection lives in this round of the loop alone.
        let connection = accept(&listener).with_context(|| format!("accept on {bound}"))?;
        // One client's error is one line, not the end of the server.
        if let Err(error) = echo(&connection) {
            warn!("{error:#}: on to the next client");
        }
        // Here the owner ends, so descriptor 4 is free again for the next client.
    }
}

fn echo(connection: &OwnedFd) -> Result<()> {
    let mut buffer = [0; 1024];
    let received = recv(connection.as_raw_fd(), &mut buffer, MsgFlags::empty()).context("recv")?;
    info!("received {received} bytes");
    info!("{}", Dump(&buffer[..received]));
    let sent = send(connection.as_raw_fd(), &buffer[..received], MsgFlags::empty()).context("send")?;
    info!("Sent {sent} bytes back to client");
    Ok(())
}
