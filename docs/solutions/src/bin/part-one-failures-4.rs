//! Part one's failures, exercise 4: a server that waits ten seconds for a message, and no longer.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use common::arguments::Arguments;
use common::{Dump, program};
use nix::errno::Errno;
use nix::sys::socket::sockopt::{ReceiveTimeout, ReuseAddr};
use nix::sys::socket::{AddressFamily, Backlog, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{accept, bind, getsockname, listen, recv, send, setsockopt, socket};
use nix::sys::time::{TimeVal, TimeValLike};
use tracing::info;

const HELP: &str = "\
Echoes one message to one client, which must say it within ten seconds. An answer of Sockets, Part by Part.

Usage: part-one-failures-4 [ADDR]

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

    // 7. setsockopt: of the connection, not of the listener, which may wait for its client as long as it likes.
    setsockopt(&connection, ReceiveTimeout, &TimeVal::seconds(10)).context("setsockopt SO_RCVTIMEO")?;

    // 8. recv: when the time is over it ends with EAGAIN.
    let mut buffer = [0; 1024];
    let received = match recv(connection.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
        Err(Errno::EAGAIN) => bail!("recv: the client has said nothing for ten seconds"),
        received => received.context("recv")?,
    };

    info!("received {received} bytes");
    info!("{}", Dump(&buffer[..received]));
    let sent = send(connection.as_raw_fd(), &buffer[..received], MsgFlags::empty()).context("send")?;
    info!("Sent {sent} bytes back to client");
    Ok(())
}
