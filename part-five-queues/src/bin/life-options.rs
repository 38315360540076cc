//! Part five, the life of a connection: every option of a socket, as it is born and once it is connected.
//!
//! `getsockopt` and nothing else. Read `show` from top to bottom; the page beside it is `docs/part-five-time.md`.

use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::{Arguments, DEFAULT_ADDRESS};
use common::{arguments, program};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, socket};
use part_five_queues::stream::stream;
use part_five_queues::table::{self, NOT_OF_THIS_SOCKET};
use tracing::info;

const HELP: &str = "\
Every socket option with its default, and with its value once the socket is connected.
Part five of Sockets, Part by Part.

Usage: life-options [tcp|udp]

  tcp            a stream socket [this is the default]
  udp            a datagram socket
  -h, --help     print this help
  -V, --version  print the version
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, is_tcp, show)
}

fn is_tcp(words: &mut Arguments) -> Result<bool, arguments::Error> {
    match words.operand()?.unwrap_or_else(|| "tcp".into()).to_string_lossy().as_ref() {
        "tcp" => Ok(true),
        "udp" => Ok(false),
        word => {
            Err(arguments::Error::Unusable(format!("{word:?} is not a kind of socket: write tcp or udp")))
        }
    }
}

fn show(tcp: bool) -> Result<()> {
    // 1. socket: what it has now are the defaults, some of them the system's settings (sysctl).
    let socket = if tcp {
        stream(DEFAULT_ADDRESS)?
    } else {
        socket(AddressFamily::Inet, SockType::Datagram, SockFlag::empty(), None).context("socket")?
    };
    let defaults = table::of(&socket);

    // 2. connect: to a peer of our own, which is std's. A handshake settles some of the options.
    let tcp_peer = TcpListener::bind("127.0.0.1:0").context("bind 127.0.0.1:0")?;
    let udp_peer = UdpSocket::bind("127.0.0.1:0").context("bind 127.0.0.1:0")?;
    let peer = if tcp { tcp_peer.local_addr() } else { udp_peer.local_addr() }.context("getsockname")?;
    connect(socket.as_fd().as_raw_fd(), &SockaddrStorage::from(peer))
        .with_context(|| format!("connect {peer}"))?;

    // 3. getsockopt: the same questions once more.
    let title = if tcp { "after the handshake" } else { "after connect" };
    info!("{:<20} {:<20} {title}", "option", "default");
    let mut foreign = Vec::new();
    for ((name, default), (_, now)) in defaults.into_iter().zip(table::of(&socket)) {
        if default == NOT_OF_THIS_SOCKET {
            foreign.push(name);
        } else {
            info!("{name:<20} {default:<20} {now}");
        }
    }
    if !foreign.is_empty() {
        info!("{NOT_OF_THIS_SOCKET}: {}", foreign.join(" "));
    }
    Ok(())
}
