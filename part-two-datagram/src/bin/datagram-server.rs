//! Part two, the server that stays: it stops when it is asked to, and it knows when a datagram did not fit.
//!
//! `socket`, `bind`, `poll`, `recvmsg`, `sendto`, and the close. Lay it beside `datagram-echo.rs`; the page is
//! `docs/part-two.md`.

use std::io::IoSliceMut;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use common::arguments::{Arg, Arguments, DEFAULT_ADDRESS, address, number};
use common::stop::Stop;
use common::{Dump, arguments, program};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
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
    program::run(env!("CARGO_BIN_NAME"), HELP, Options::parse, serve)
}

struct Options {
    address: SocketAddr,
    buffer: u16,
    v6only: bool,
}

impl Options {
    fn parse(words: &mut Arguments) -> Result<Self, arguments::Error> {
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

fn serve(Options { address, buffer, v6only }: Options) -> Result<()> {
    // 1. socket: in this family, for datagrams. It will serve every peer: there is no listen and no accept.
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket =
        socket(family, SockType::Datagram, SockFlag::empty(), SockProtocol::Udp).context("socket")?;
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;
    info!("Socket file descriptor: {}", socket.as_raw_fd());

    // 2. setsockopt: an IPv6 socket takes IPv4 peers as well, as ::ffff:a.b.c.d, unless you tell it not to.
    if v6only {
        setsockopt(&socket, Ipv6V6Only, &true).context("setsockopt IPV6_V6ONLY")?;
    }

    // 3. bind: from here on the kernel queues what comes for this address. No SO_REUSEADDR: there is no TIME-WAIT to
    //    get around, and any process that sets it too could bind this port and take our datagrams.
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address)).with_context(|| format!("bind {address}"))?;

    // 4. getsockname: asks which address it has now. If we asked for port 0, the kernel has chosen a free one.
    let bound: SockaddrStorage = getsockname(socket.as_raw_fd()).context("getsockname")?;
    info!("Socket bound to address: {bound}");
    if !address.ip().to_canonical().is_loopback() {
        warn!("{bound} is more than loopback: by forging a sender one can have us send to anybody");
    }
    info!("Waiting for datagrams...");

    let mut buffer = vec![0; buffer.into()];
    let (mut received, mut answered) = (0_u64, 0_u64);
    loop {
        // 5. poll: sleeps until one of two descriptors has something to read: the socket, or the request to stop.
        let mut ready =
            [PollFd::new(socket.as_fd(), PollFlags::POLLIN), PollFd::new(stop.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            polled => polled.context("poll")?,
        };
        if ready[1].any() == Some(true) {
            break;
        }

        let Some((length, peer)) = receive(&socket, &mut buffer) else { continue };
        received += 1;
        if answer(&socket, &buffer[..length], &peer, &bound) {
            answered += 1;
        }
    }

    // 8. close: the owner of the descriptor ends here. Whatever was still in the queue is lost, and nobody is told.
    info!("Stopped: {received} datagrams received, {answered} answered");
    Ok(())
}

/// One datagram: how many bytes of the buffer it fills, and who sent it.
fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> Option<(usize, SockaddrStorage)> {
    // 6. recvmsg: recvfrom with more answers: one datagram, its sender, and whether all of it fitted. The rest is gone,
    //    but with MSG_TRUNC Linux still says the real length. MSG_DONTWAIT, because the kernel may find only now that
    //    the datagram that woke us is damaged, and drop it.
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_TRUNC | MsgFlags::MSG_DONTWAIT;
    let (length, peer, truncated) =
        match recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, None, flags) {
            Ok(taken) => (taken.bytes, taken.address?, taken.flags.contains(MsgFlags::MSG_TRUNC)),
            Err(Errno::EAGAIN | Errno::EINTR) => return None,
            Err(errno) => {
                warn!("recvmsg: {errno}");
                // If the error stays, the server tries ten times a second.
                thread::sleep(Duration::from_millis(100));
                return None;
            }
        };
    let kept = length.min(buffer.len());
    info!("received {kept} bytes from {peer}");
    if length > kept {
        warn!("truncated: the datagram had {length} bytes, {} are lost", length - kept);
    } else if truncated {
        warn!("truncated: this system does not say how many bytes are lost");
    }
    // 0 bytes are a datagram, too, and not an end: without a connection nothing can end.
    info!("{}", Dump(&buffer[..kept]));
    Some((kept, peer))
}

/// Echoes one datagram; whether it was sent.
fn answer(socket: &OwnedFd, datagram: &[u8], peer: &SockaddrStorage, bound: &SockaddrStorage) -> bool {
    // 7. sendto: an echo of an echo never ends, and a sender is easily forged. So we do not answer a port where a
    //    service may answer in turn: one below 1024, or our own. (To port 0 nothing can be sent at all.)
    if port(peer) < 1024 || port(peer) == port(bound) {
        warn!("not answered: at {peer} may be an echo service, and the two of us would never end");
        return false;
    }
    match sendto(socket.as_raw_fd(), datagram, peer, MsgFlags::MSG_DONTWAIT) {
        Ok(sent) => info!("Sent {sent} bytes back to {peer}"),
        // This is one peer's trouble, or the network's. The others go on.
        Err(errno) => {
            warn!("sendto {peer}: {errno}");
            return false;
        }
    }
    true
}

/// The port in an address of IPv4 or IPv6; a socket of these families meets no others.
fn port(address: &SockaddrStorage) -> u16 {
    let v4 = address.as_sockaddr_in().map(SockaddrIn::port);
    let v6 = address.as_sockaddr_in6().map(SockaddrIn6::port);
    v4.or(v6).unwrap_or_default()
}
