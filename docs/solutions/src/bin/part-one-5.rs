//! Part one, exercise 5: a server that waits for the whole line.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::Arguments;
use common::{Dump, program};
use nix::sys::socket::sockopt::ReuseAddr;
use nix::sys::socket::{AddressFamily, Backlog, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{accept, bind, getsockname, listen, recv, send, setsockopt, socket};
use tracing::{info, warn};

const HELP: &str = "\
Echoes one line, whole, to one client. An answer of Sockets, Part by Part.

Usage: part-one-5 [ADDR]

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
    let connection = accept(&listener).with_context(|| format!("accept on {bound}"))?;

    // 7. recv: again and again, each time behind what has come already, until there is a line feed.
    let (mut buffer, mut length) = ([0; 1024], 0);
    while !buffer[..length].contains(&b'\n') {
        let received =
            recv(connection.as_raw_fd(), &mut buffer[length..], MsgFlags::empty()).context("recv")?;
        info!("received {received} bytes");
        if received == 0 {
            // The end of the stream, or a line that is longer than the buffer.
            warn!("no whole line came");
            return Ok(());
        }
        length += received;
    }
    info!("{}", Dump(&buffer[..length]));

    let sent = send(connection.as_raw_fd(), &buffer[..length], MsgFlags::empty()).context("send")?;
    info!("Sent {sent} bytes back to client");
    Ok(())
}
