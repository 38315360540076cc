//! Part one's failures, exercise 1: the server without `SO_REUSEADDR`, whose port rests.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::Arguments;
use common::{Dump, program};
use nix::sys::socket::{AddressFamily, Backlog, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{accept, bind, getsockname, listen, recv, send, socket};
use tracing::info;

const HELP: &str = "\
Echoes one message to one client, and leaves its port at rest. An answer of Sockets, Part by Part.

Usage: part-one-failures-1 [ADDR]

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
    // 1. socket: and no setsockopt SO_REUSEADDR behind it.
    let listener =
        socket(family, SockType::Stream, SockFlag::empty(), SockProtocol::Tcp).context("socket")?;

    bind(listener.as_raw_fd(), &SockaddrStorage::from(address)).with_context(|| format!("bind {address}"))?;
    let bound: SockaddrStorage = getsockname(listener.as_raw_fd()).context("getsockname")?;
    info!("Socket bound to address: {bound}");
    listen(&listener, Backlog::new(1)?).with_context(|| format!("listen on {bound}"))?;
    info!("Listening for incoming connections...");
    let connection = accept(&listener).with_context(|| format!("accept on {bound}"))?;
    let mut buffer = [0; 1024];
    let received = recv(connection.as_raw_fd(), &mut buffer, MsgFlags::empty()).context("recv")?;
    info!("received {received} bytes");
    info!("{}", Dump(&buffer[..received]));
    let sent = send(connection.as_raw_fd(), &buffer[..received], MsgFlags::empty()).context("send")?;
    info!("Sent {sent} bytes back to client");
    Ok(())
}
