//! Part two, the server: every datagram of every peer, echoed.
//!
//! `socket`, `bind`, `recvmsg`, `sendto`, and the close. Read `serve` from top to bottom; the page beside it is
//! `docs/part-two.md`.

use std::io::IoSliceMut;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use common::arguments::{Arg, Arguments, DEFAULT_ADDRESS, address, number};
use common::stop::Stop;
use common::{Dump, arguments, program};
use nix::errno::Errno;
use nix::sys::socket::sockopt::Ipv6V6Only;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType};
use nix::sys::socket::{SockaddrIn, SockaddrIn6, SockaddrStorage};
use nix::sys::socket::{bind, getsockname, recvmsg, sendto, setsockopt, socket};
use tracing::{info, warn};

const HELP: &str = "\
Echoes every datagram to its sender, until Ctrl-C. Part two of Sockets, Part by Part.

Usage: datagram-server [OPTIONS] [ADDR]

  ADDR           IP:PORT to receive at; port 0 lets the kernel choose one
                 [default: 127.0.0.1:6797]

  --buffer N     take N bytes of a datagram at most, 1 to 65535; what a longer one
                 loses is said [default: 65535, longer than any]
  --v6only       at an IPv6 address, leave IPv4 peers alone
  -h, --help     print this help
  -V, --version  print the version

Beside it, in a second terminal: cargo run -p part-two-datagram --bin datagram-client
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Wish::from_words, |wish| serve(&wish))
}

struct Wish {
    address: SocketAddr,
    buffer: u16,
    v6only: bool,
}

impl Wish {
    fn from_words(words: &mut Arguments) -> Result<Self, arguments::Error> {
        // UDP's length field has 16 bits: no datagram is longer.
        let (mut place, mut buffer, mut v6only) = (None, u16::MAX, false);
        while let Some(word) = words.word()? {
            match word {
                Arg::Long("buffer") => buffer = number("--buffer", words.value()?, 1..=u16::MAX)?,
                Arg::Long("v6only") => v6only = true,
                Arg::Value(word) if place.is_none() => place = Some(address(word)?),
                word => return Err(word.unexpected().into()),
            }
        }
        Ok(Self { address: place.unwrap_or(DEFAULT_ADDRESS), buffer, v6only })
    }
}

fn serve(wish: &Wish) -> Result<()> {
    let address = wish.address;
    // 1. socket: in this family, for datagrams. It will serve every peer: nothing is listened for or accepted.
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket =
        socket(family, SockType::Datagram, SockFlag::empty(), SockProtocol::Udp).context("socket")?;
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;
    info!("Socket file descriptor: {}", socket.as_raw_fd());

    // 2. setsockopt: a socket of IPv6 takes IPv4 peers as well, as ::ffff:a.b.c.d, unless it is told not to.
    if wish.v6only {
        setsockopt(&socket, Ipv6V6Only, &true).context("setsockopt IPV6_V6ONLY")?;
    }

    // 3. bind: from here on the kernel queues what comes for this address. No SO_REUSEADDR: there is no TIME-WAIT to
    //    get around, and any process that sets it too could bind this port and take our datagrams.
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address)).with_context(|| format!("bind {address}"))?;

    // 4. getsockname: asks which address it has now. For port 0 the kernel has chosen a free port.
    let bound: SockaddrStorage = getsockname(socket.as_raw_fd()).context("getsockname")?;
    info!("Socket bound to address: {bound}");
    if !address.ip().to_canonical().is_loopback() {
        warn!("{bound} is more than loopback: by forging a sender one can have us send to anybody");
    }
    info!("Waiting for datagrams...");

    let mut buffer = vec![0; wish.buffer.into()];
    let (mut received, mut answered) = (0_u64, 0_u64);
    // 5. poll: sleeps until a datagram is in the queue, or until Ctrl-C or SIGTERM.
    while stop.wait_for(&socket).context("poll")? {
        // 6. recvmsg: recvfrom with more answers: one datagram and its sender, and whether all of it fitted. What did
        //    not is gone; with MSG_TRUNC Linux says the real length all the same. MSG_DONTWAIT, since the datagram
        //    that woke us may be found damaged only now, and dropped.
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let flags = MsgFlags::MSG_TRUNC | MsgFlags::MSG_DONTWAIT;
        let taken = match recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, None, flags) {
            Ok(taken) => taken,
            Err(Errno::EAGAIN | Errno::EINTR) => continue,
            Err(errno) => {
                warn!("recvmsg: {errno}");
                // Should the error stay, this is a loop that turns ten times a second.
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        let (length, truncated) = (taken.bytes, taken.flags.contains(MsgFlags::MSG_TRUNC));
        let Some(peer) = taken.address else { continue };
        received += 1;
        let datagram = buffer.get(..length).unwrap_or(&buffer);
        info!("received {} bytes from {peer}", datagram.len());
        if length > datagram.len() {
            warn!("truncated: the datagram had {length} bytes, {} are lost", length - datagram.len());
        } else if truncated {
            warn!("truncated: this system does not say how many bytes are lost");
        }
        // None at all is a datagram too, not an end: without a connection nothing can end.
        info!("{}", Dump(datagram));

        // 7. sendto: an echo of an echo never ends, and a sender is easily forged. So no answer to where a service
        //    may answer in turn: a port below 1024, or our own. (To port 0 nothing can be sent at all.)
        if port(&peer) < 1024 || port(&peer) == port(&bound) {
            warn!("not answered: at {peer} may be an echo service, and the two of us would never end");
            continue;
        }
        match sendto(socket.as_raw_fd(), datagram, &peer, MsgFlags::MSG_DONTWAIT) {
            Ok(sent) => {
                answered += 1;
                info!("Sent {sent} bytes back to {peer}");
            }
            // One peer's trouble, or the network's: the others go on.
            Err(errno) => warn!("sendto {peer}: {errno}"),
        }
    }

    // 8. close: the owner of the descriptor ends here. What was still in the queue is gone, and nobody is told.
    info!("Stopped: {received} datagrams received, {answered} answered");
    Ok(())
}

/// The port in an address of IPv4 or IPv6; a socket of these families meets no others.
fn port(address: &SockaddrStorage) -> u16 {
    let v4 = address.as_sockaddr_in().map(SockaddrIn::port);
    let v6 = address.as_sockaddr_in6().map(SockaddrIn6::port);
    v4.or(v6).unwrap_or_default()
}
