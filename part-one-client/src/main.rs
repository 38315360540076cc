//! Part one, the client: one message sent, its echo read to the end.
//!
//! `socket`, `connect`, `send`, `recv`. Read `talk` from top to bottom; the page beside it is `docs/part-one.md`.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use common::{Dump, arguments, program};
use nix::errno::Errno;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{connect, getsockname, recv, send, setsockopt, socket};
use nix::sys::time::{TimeVal, TimeValLike};
use tracing::info;

const HELP: &str = "\
Sends one message to an echo server and reads until the server closes. Part one of Sockets, Part by Part.

Usage: part-one-client [ADDR] [MESSAGE]

  ADDR           IP:PORT of the server [default: 127.0.0.1:6797]
  MESSAGE        what to send, as it is, without a line end [default: Hello from KungfuDev]

  -h, --help     print this help
  -V, --version  print the version

Before it, in a first terminal: cargo run -p part-one-server
";

/// How many seconds a server may keep silent while it owes us bytes; time enough to type an answer into `nc -l`.
const TIMEOUT: u32 = 30;

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
    // 1. socket: one end of a conversation, in the family of the server's address.
    let family = if server.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket(family, SockType::Stream, SockFlag::empty(), SockProtocol::Tcp).context("socket")?;
    info!("Socket file descriptor: {}", socket.as_raw_fd());

    // 2. connect: the handshake. No bind before it: the kernel gives this end an address and a free port.
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(server)) {
        Err(Errno::ECONNREFUSED) => bail!(
            "connect {server}: {}: nobody listens there; start `cargo run -p part-one-server` first, \
             once for every client: it serves one and ends",
            Errno::ECONNREFUSED
        ),
        connected => connected.with_context(|| format!("connect {server}"))?,
    }
    let local: SockaddrStorage = getsockname(socket.as_raw_fd()).context("getsockname")?;
    info!("Connected from {local} to {server}");

    // 3. send: the kernel takes what fits into its buffer and says how much that was. We must send the rest.
    let mut rest = message;
    while !rest.is_empty() {
        match send(socket.as_raw_fd(), rest, MsgFlags::empty()) {
            Ok(taken) => rest = &rest[taken..],
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).with_context(|| format!("send to {server}")),
        }
    }
    info!("Sent {} bytes to server", message.len());

    // 4. setsockopt: lets recv sleep for one second at a time, so that a silent server cannot hold us for ever.
    setsockopt(&socket, ReceiveTimeout, &TimeVal::seconds(1)).context("setsockopt SO_RCVTIMEO")?;

    // 5. recv: takes what has come so far, perhaps a piece. 0 bytes are the end: the server has closed its side.
    let (mut buffer, mut echoed, mut silent_seconds) = ([0; 1024], 0, 0);
    loop {
        match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Ok(0) => break,
            Ok(received) => {
                info!("received {received} bytes");
                info!("{}", Dump(&buffer[..received]));
                (echoed, silent_seconds) = (echoed + received, 0);
            }
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) if echoed == message.len() => {
                info!("Server keeps the connection open: closing first");
                return Ok(());
            }
            Err(Errno::EAGAIN) if silent_seconds + 1 < TIMEOUT => silent_seconds += 1,
            Err(errno) => {
                let why = match errno {
                    Errno::EAGAIN => format!("silent for {TIMEOUT} seconds"),
                    errno => errno.to_string(),
                };
                bail!("recv from {server} after {echoed} of {} bytes: {why}", message.len());
            }
        }
        if echoed > message.len() {
            bail!("recv from {server}: {echoed} bytes for {}: this is no echo", message.len());
        }
    }
    info!("Server closed the connection");
    if echoed < message.len() {
        bail!("recv from {server}: end of file after {echoed} of {} bytes", message.len());
    }

    // 6. close: the owner of the descriptor ends here. The server closed first, so TIME-WAIT is on its side.
    Ok(())
}
