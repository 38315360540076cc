//! Part three, descriptors and credentials, exercise 2: one process accepts a TCP connection, another one goes on
//! with it.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::program;
use nix::sys::socket::sockopt::ReuseAddr;
use nix::sys::socket::{AddressFamily, Backlog, ControlMessage, MsgFlags, SockFlag, SockType};
use nix::sys::socket::{SockaddrStorage, UnixAddr};
use nix::sys::socket::{accept, bind, getsockname, listen, sendmsg, setsockopt, socket};
use part_three_unix::address::{Shown, address};
use part_three_unix::socket_file::bind_file;
use tracing::info;

const HELP: &str = "\
Accepts one TCP connection and passes it to a process that connects. An answer of Sockets, Part by Part.

Usage: part-three-descriptors-2 [ADDR] [PATH]

  ADDR           IP:PORT for the TCP client [default: 127.0.0.1:6797]
  PATH           the socket's file for the taker [default: part-three-pass.sock]

  -h, --help     print this help
  -V, --version  print the version
";

fn main() -> ExitCode {
    program::run(
        env!("CARGO_BIN_NAME"),
        HELP,
        |words| {
            let tcp = words.address()?;
            Ok((tcp, address(&words.operand()?.unwrap_or_else(|| "part-three-pass.sock".into()))?))
        },
        |(tcp, path)| give(tcp, path),
    )
}

fn give(tcp: SocketAddr, path: UnixAddr) -> Result<()> {
    let family = if tcp.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let listener = socket(family, SockType::Stream, SockFlag::empty(), None).context("socket")?;
    setsockopt(&listener, ReuseAddr, &true).context("setsockopt SO_REUSEADDR")?;
    bind(listener.as_raw_fd(), &SockaddrStorage::from(tcp)).with_context(|| format!("bind {tcp}"))?;
    let bound: SockaddrStorage = getsockname(listener.as_raw_fd()).context("getsockname")?;
    info!("Socket bound to address: {bound}");
    listen(&listener, Backlog::new(1)?).context("listen")?;

    let meeting_place =
        socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).context("socket")?;
    let _file = bind_file(&meeting_place, &path)?;
    listen(&meeting_place, Backlog::new(1)?).context("listen")?;
    info!("Listening on {}", Shown(&path));

    let client = accept(&listener).context("accept the client")?;
    let taker = accept(&meeting_place).context("accept the taker")?;
    // 4. sendmsg: whatever has a descriptor can be passed, a connection like a file.
    let descriptors = [client.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    let name = [IoSlice::new(b"a TCP connection")];
    sendmsg(taker.as_raw_fd(), &name, &rights, MsgFlags::empty(), None::<&UnixAddr>).context("sendmsg")?;
    info!("Passed descriptor {}", client.as_raw_fd());
    // Here our descriptor is closed. The connection is not: the taker's is another one for the same socket.
    Ok(())
}
