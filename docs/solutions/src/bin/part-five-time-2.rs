//! Part five, what time does, exercise 2: a connect that gives up.
//!
//! What changes is step 2: connect comes back at once, and poll sleeps for it, no longer than 300 ms.

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use common::{Dump, arguments, program};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::SocketError;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{connect, getsockopt, recv, send, socket};
use tracing::info;

const HELP: &str = "\
Sends one message to an echo server, if it answers within 300 ms. An answer of Sockets, Part by Part.

Usage: part-five-time-2 [ADDR] [MESSAGE]

  ADDR           IP:PORT of the server [default: 127.0.0.1:6797]
  MESSAGE        what to send, as it is, without a line end [default: Hello from KungfuDev]

  -h, --help     print this help
  -V, --version  print the version
";

const TIMEOUT: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    program::run(
        env!("CARGO_BIN_NAME"),
        HELP,
        |words| {
            let address = words.address()?;
            let message = words.operand()?.map_or(Ok("Hello from KungfuDev".into()), arguments::text)?;
            Ok((address, message))
        },
        |(address, message)| talk(address, message.as_bytes()),
    )
}

fn talk(server: SocketAddr, message: &[u8]) -> Result<()> {
    let family = if server.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket(family, SockType::Stream, SockFlag::empty(), SockProtocol::Tcp).context("socket")?;
    connect_within(&socket, server, TIMEOUT)?;
    info!("Connected to {server}");

    let mut rest = message;
    while !rest.is_empty() {
        match send(socket.as_raw_fd(), rest, MsgFlags::empty()) {
            Ok(taken) => rest = &rest[taken..],
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).with_context(|| format!("send to {server}")),
        }
    }
    let mut buffer = [0; 1024];
    loop {
        match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Ok(0) => return Ok(()),
            Ok(received) => info!("{}", Dump(&buffer[..received])),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).with_context(|| format!("recv from {server}")),
        }
    }
}

fn connect_within(socket: &OwnedFd, server: SocketAddr, timeout: Duration) -> Result<()> {
    // 1. fcntl: from here on no call on this socket sleeps.
    let flags = OFlag::from_bits_retain(fcntl(socket, FcntlArg::F_GETFL).context("fcntl F_GETFL")?);
    fcntl(socket, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).context("fcntl F_SETFL")?;

    // 2. connect: sends the SYN, and comes back.
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(server)) {
        Ok(()) | Err(Errno::EINPROGRESS) => {}
        Err(errno) => return Err(errno).with_context(|| format!("connect {server}")),
    }

    // 3. poll: POLLOUT is the end of the handshake, well or not. A signal may wake us early: what is left is waited for.
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)], left) {
            Err(Errno::EINTR) => {}
            Ok(0) => bail!("connect {server}: no answer within {timeout:?}"),
            Ok(_) => break,
            Err(errno) => return Err(errno).context("poll"),
        }
    }

    // 4. getsockopt: which of the two it was.
    let error = getsockopt(socket, SocketError).context("getsockopt SO_ERROR")?;
    if error != 0 {
        return Err(Errno::from_raw(error)).with_context(|| format!("connect {server}"));
    }

    // 5. fcntl: send and recv sleep again, as the rest of the program expects.
    fcntl(socket, FcntlArg::F_SETFL(flags)).context("fcntl F_SETFL")?;
    Ok(())
}
