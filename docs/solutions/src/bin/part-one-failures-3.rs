//! Part one's failures, exercise 3: a server that echoes everything up to the end of the stream.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::Arguments;
use common::{Dump, program};
use nix::sys::socket::sockopt::ReuseAddr;
use nix::sys::socket::{AddressFamily, Backlog, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{accept, bind, getsockname, listen, recv, send, setsockopt, socket};
use tracing::info;

const HELP: &str = "\
Echoes everything that one client sends. An answer of Sockets, Part by Part.

Usage: part-one-failures-3 [ADDR]

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

    let mut buffer = [0; 1024];
    loop {
        // 7. recv: until it gives 0. Only then is nothing left in the kernel that a close would throw away.
        let received = recv(connection.as_raw_fd(), &mut buffer, MsgFlags::empty()).context("recv")?;
        info!("received {received} bytes");
        if received == 0 {
            return Ok(());
        }
        info!("{}", Dump(&buffer[..received]));

        // 8. send: the kernel may take fewer; the rest is ours to send.
        let mut rest = &buffer[..received];
        while !rest.is_empty() {
            let sent = send(connection.as_raw_fd(), rest, MsgFlags::empty()).context("send")?;
            rest = &rest[sent..];
        }
        info!("Sent {received} bytes back to client");
    }
}
