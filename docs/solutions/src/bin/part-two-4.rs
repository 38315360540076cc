//! Part two, exercise 4: a client that numbers its messages, and so tells an old echo from a new one.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use common::arguments::{self, Arguments, text};
use common::{Dump, program};
use nix::errno::Errno;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{recvfrom, sendto, setsockopt, socket};
use nix::sys::time::{TimeVal, TimeValLike};
use tracing::{info, warn};

const HELP: &str = "\
Sends numbered messages and waits for the echo of each. An answer of Sockets, Part by Part.

Usage: part-two-4 ADDR [MESSAGE...]

  ADDR           IP:PORT of the server or of the relay
  MESSAGE        what to send, with a number in front

  -h, --help     print this help
  -V, --version  print the version
";

/// How often a message is sent, and how many milliseconds its echo may take.
const TRIES: u32 = 4;
const TIMEOUT: i64 = 250;

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, parse, |(server, messages)| talk(server, &messages))
}

fn parse(words: &mut Arguments) -> Result<(SocketAddr, Vec<String>), arguments::Error> {
    let server = words.address()?;
    let mut messages = Vec::new();
    while let Some(message) = words.operand()? {
        messages.push(text(message)?);
    }
    Ok((server, messages))
}

fn talk(server: SocketAddr, messages: &[String]) -> Result<()> {
    let family = if server.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket =
        socket(family, SockType::Datagram, SockFlag::empty(), SockProtocol::Udp).context("socket")?;
    setsockopt(&socket, ReceiveTimeout, &TimeVal::milliseconds(TIMEOUT)).context("setsockopt SO_RCVTIMEO")?;
    let mut answered = 0;
    for (number, message) in messages.iter().enumerate() {
        answered += usize::from(ask(&socket, server, &number.to_string(), message)?);
    }
    info!("{answered} of {} messages answered", messages.len());
    Ok(())
}

fn ask(socket: &OwnedFd, server: SocketAddr, number: &str, message: &str) -> Result<bool> {
    let server = SockaddrStorage::from(server);
    let mut buffer = vec![0; 65535];
    for _ in 0..TRIES {
        // 3. sendto: the number goes in front, with a blank behind it.
        let numbered = format!("{number} {message}");
        sendto(socket.as_raw_fd(), numbered.as_bytes(), &server, MsgFlags::empty()).context("sendto")?;
        loop {
            let answer = match recvfrom::<SockaddrStorage>(socket.as_raw_fd(), &mut buffer) {
                Ok((received, Some(peer))) if peer == server => &buffer[..received],
                Ok(_) | Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => break,
                Err(errno) => bail!("recvfrom {server}: {errno}"),
            };
            info!("{}", Dump(answer));
            // 6. compare: what stands before the blank, and nothing else.
            if answer.split(|&byte| byte == b' ').next() == Some(number.as_bytes()) {
                return Ok(true);
            }
            warn!("ignored: this is not the echo of message {number}");
        }
    }
    Ok(false)
}
