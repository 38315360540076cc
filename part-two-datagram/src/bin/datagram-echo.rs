//! Part two, the first server: every datagram goes back to where it came from.
//!
//! `socket`, `bind`, `getsockname`, `recvfrom`, `sendto`. Read `serve` from top to bottom; the page beside it is
//! `docs/part-two.md`.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::Arguments;
use common::{Dump, program};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{bind, getsockname, recvfrom, sendto, socket};
use tracing::{info, warn};

const HELP: &str = "\
Echoes every datagram to its sender. Part two of Sockets, Part by Part.

Usage: datagram-echo [ADDR]

  ADDR           IP:PORT to receive at; port 0 lets the kernel choose one
                 [default: 127.0.0.1:6797]

  -h, --help     print this help
  -V, --version  print the version

Beside it, in a second terminal: cargo run -p part-two-datagram --bin datagram-client
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Arguments::address, serve)
}

fn serve(address: SocketAddr) -> Result<()> {
    // 1. socket: in this family, for datagrams. It will serve every peer: there is no listen and no accept.
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket =
        socket(family, SockType::Datagram, SockFlag::empty(), SockProtocol::Udp).context("socket")?;
    info!("Socket file descriptor: {}", socket.as_raw_fd());

    // 2. bind: from here on the kernel queues what comes for this address.
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address)).with_context(|| format!("bind {address}"))?;

    // 3. getsockname: asks which address it has now. If we asked for port 0, the kernel has chosen a free one.
    let bound: SockaddrStorage = getsockname(socket.as_raw_fd()).context("getsockname")?;
    info!("Socket bound to address: {bound}");
    info!("Waiting for datagrams...");

    // UDP's length field has 16 bits: no datagram is longer.
    let mut buffer = vec![0; 65535];
    loop {
        // 4. recvfrom: takes one datagram and the address of its sender. Sleeps while the queue is empty.
        let datagram = recvfrom::<SockaddrStorage>(socket.as_raw_fd(), &mut buffer).context("recvfrom")?;
        let (received, Some(peer)) = datagram else { continue };
        info!("received {received} bytes from {peer}");
        info!("{}", Dump(&buffer[..received]));

        // 5. sendto: one call, one datagram. What is left out: that peer may be an echo service, too.
        match sendto(socket.as_raw_fd(), &buffer[..received], &peer, MsgFlags::empty()) {
            Ok(sent) => info!("Sent {sent} bytes back to {peer}"),
            // This is one peer's trouble, or the network's. The others go on.
            Err(errno) => warn!("sendto {peer}: {errno}"),
        }
    }
    // There is no close: Ctrl-C ends the process in its sleep, and the kernel closes what it leaves open.
}
