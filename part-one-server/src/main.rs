//! Part one, the server: one client, one message, echoed.
//!
//! `socket`, `bind`, `listen`, `accept`, `recv`, `send`, and the two closes. Read `serve` from top to bottom; the
//! page beside it is `docs/part-one.md`.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::Arguments;
use common::{Dump, program};
use nix::sys::socket::sockopt::ReuseAddr;
use nix::sys::socket::{AddressFamily, Backlog, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{accept, bind, getsockname, listen, recv, send, setsockopt, socket};
use tracing::{debug, info};

const HELP: &str = "\
Echoes one message to one client, then ends. Part one of Sockets, Part by Part.

Usage: part-one-server [ADDR]

  ADDR           IP:PORT to listen on; port 0 lets the kernel choose one
                 [default: 127.0.0.1:6797]

  -h, --help     print this help
  -V, --version  print the version

Beside it, in a second terminal: telnet 127.0.0.1 6797
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Arguments::address, serve)
}

fn serve(address: SocketAddr) -> Result<()> {
    // 1. socket: one end of a conversation, in this family, as a stream of bytes. It has no address yet.
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let listener =
        socket(family, SockType::Stream, SockFlag::empty(), SockProtocol::Tcp).context("socket")?;
    info!("Socket file descriptor: {}", listener.as_raw_fd());

    // 2. setsockopt: the last run's port may rest in TIME-WAIT for a minute. If both runs set this, we get it anyway.
    setsockopt(&listener, ReuseAddr, &true).context("setsockopt SO_REUSEADDR")?;

    // 3. bind: gives the socket its address. Two listeners cannot have the same one.
    bind(listener.as_raw_fd(), &SockaddrStorage::from(address)).with_context(|| format!("bind {address}"))?;

    // 4. getsockname: asks which address it has now. If we asked for port 0, the kernel has chosen a free one.
    let bound: SockaddrStorage = getsockname(listener.as_raw_fd()).context("getsockname")?;
    info!("Socket bound to address: {bound}");

    // 5. listen: from here on the kernel itself answers handshakes and keeps the connections in a queue for us.
    listen(&listener, Backlog::new(1)?).with_context(|| format!("listen on {bound}"))?;
    info!("Listening for incoming connections...");

    // 6. accept: takes the first connection from the queue, as a new descriptor. Sleeps while the queue is empty.
    let connection = accept(&listener).with_context(|| format!("accept on {bound}"))?;
    debug!("accepted a connection: descriptor {}", connection.as_raw_fd());

    // 7. recv: takes what has come, 1024 bytes at most. TCP knows no messages: the rest of a longer one stays in the
    //    kernel, and one that was sent in two pieces may come in two. One recv is right for a typed line only.
    let mut buffer = [0; 1024];
    let received = recv(connection.as_raw_fd(), &mut buffer, MsgFlags::empty())
        .with_context(|| format!("recv from descriptor {}", connection.as_raw_fd()))?;
    info!("received {received} bytes");
    if received == 0 {
        // This is not an empty message. It is the end of the stream: the client has closed its side.
        return Ok(());
    }
    info!("{}", Dump(&buffer[..received]));

    // 8. send: hands the bytes to the kernel. It may take fewer, but 1024 fit into the empty buffer of a new
    //    connection. Rust ignores SIGPIPE: if the client is gone, this is an error and does not kill us.
    let sent = send(connection.as_raw_fd(), &buffer[..received], MsgFlags::empty())
        .with_context(|| format!("send to descriptor {}", connection.as_raw_fd()))?;
    info!("Sent {sent} bytes back to client");

    // 9. close: both descriptors have an owner, and here the owners end: first `connection`, then `listener`.
    Ok(())
}
