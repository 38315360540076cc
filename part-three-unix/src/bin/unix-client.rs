//! Part three, the stream client: one message sent, its echo read to the end.
//!
//! `socket`, `connect`, `send`, `shutdown`, `recv`. Lay it beside `part-one-client/src/main.rs`; the page beside it is
//! `docs/part-three.md`. What is new besides the family and the address is the half-close.

use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use common::{Dump, program};
use nix::errno::Errno;
use nix::sys::socket::sockopt::{ReceiveTimeout, SendTimeout};
use nix::sys::socket::{AddressFamily, MsgFlags, Shutdown, SockFlag, SockType, UnixAddr};
use nix::sys::socket::{connect, recv, send, setsockopt, shutdown, socket};
use nix::sys::time::{TimeVal, TimeValLike};
use part_three_unix::address::{Shown, address};
use tracing::info;

const HELP: &str = "\
Sends one message to an echo server and reads until the server closes. Part three of Sockets, Part by Part.

Usage: unix-client [PATH] [MESSAGE]

  PATH           the server's socket file; on Linux also @NAME, a name without a file
                 [default: part-three.sock, in the current folder]
  MESSAGE        what to send, as it is, without a line end [default: Hello from KungfuDev]

  -h, --help     print this help
  -V, --version  print the version

Before it, in a first terminal: cargo run -p part-three-unix
";

/// How many seconds a server may keep silent while it owes us bytes, or refuse ours.
const TIMEOUT: i64 = 30;

fn main() -> ExitCode {
    program::run(
        env!("CARGO_BIN_NAME"),
        HELP,
        |words| {
            let address = address(&words.operand()?.unwrap_or_else(|| "part-three.sock".into()))?;
            Ok((address, words.operand()?.unwrap_or_else(|| "Hello from KungfuDev".into())))
        },
        |(address, message): (_, OsString)| talk(address, message.as_bytes()),
    )
}

fn talk(server: UnixAddr, message: &[u8]) -> Result<()> {
    let name = Shown(&server);
    // 1. socket: one end of a conversation, in the family of the server's address.
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).context("socket")?;
    info!("Socket file descriptor: {}", socket.as_raw_fd());

    // 2. connect: the kernel puts a connection into the server's queue, and no packet is sent. This end has no name; a
    //    stream needs none to find its way back.
    match connect(socket.as_raw_fd(), &server) {
        Err(errno @ Errno::ENOENT) => bail!(
            "connect {name}: {errno}: start `cargo run -p part-three-unix` first; \
             a relative path begins in the folder where each program was started"
        ),
        Err(errno @ Errno::ECONNREFUSED) => bail!(
            "connect {name}: {errno}: nobody answers there; a server that was killed leaves its file, \
             and the next one replaces it"
        ),
        connected => connected.with_context(|| format!("connect {name}"))?,
    }
    info!("Connected to {name}");

    // 3. setsockopt: if the server is stuck, no send and no recv sleeps longer than this.
    setsockopt(&socket, SendTimeout, &TimeVal::seconds(TIMEOUT)).context("setsockopt SO_SNDTIMEO")?;
    setsockopt(&socket, ReceiveTimeout, &TimeVal::seconds(TIMEOUT)).context("setsockopt SO_RCVTIMEO")?;

    // 4. send: the kernel takes what fits into its buffer and says how much that was. We must send the rest. What is
    //    left out: to read meanwhile. An argument has 128 KiB at most, and fits into the buffers on the way.
    let mut rest = message;
    while !rest.is_empty() {
        match send(socket.as_raw_fd(), rest, MsgFlags::empty()) {
            Ok(taken) => rest = &rest[taken..],
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).with_context(|| format!("send to {name}")),
        }
    }
    info!("Sent {} bytes to server", message.len());

    // 5. shutdown: closes our direction and leaves the other one open. The server reads 0 bytes and knows that was all.
    match shutdown(socket.as_raw_fd(), Shutdown::Write) {
        // The server has closed already. What it has sent is still there to read.
        Ok(()) | Err(Errno::ENOTCONN) => {}
        Err(errno) => return Err(errno).with_context(|| format!("shutdown towards {name}")),
    }

    // 6. recv: takes what has come so far, perhaps a piece. 0 bytes are the end: the server has closed its side.
    let (mut buffer, mut echoed) = ([0; 1024], 0);
    loop {
        match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Ok(0) => break,
            Ok(received) => {
                info!("received {received} bytes");
                info!("{}", Dump(&buffer[..received]));
                echoed += received;
            }
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => bail!(
                "recv from {name}: nothing for {TIMEOUT} seconds, after {echoed} of {} bytes and no end of file",
                message.len()
            ),
            Err(errno) => bail!("recv from {name} after {echoed} of {} bytes: {errno}", message.len()),
        }
        if echoed > message.len() {
            bail!("recv from {name}: {echoed} bytes for {}: this is no echo", message.len());
        }
    }
    info!("Server closed the connection");
    if echoed < message.len() {
        bail!("recv from {name}: end of file after {echoed} of {} bytes", message.len());
    }

    // 7. close: the owner of the descriptor ends here. Nothing is left behind: there is no TIME-WAIT.
    Ok(())
}
