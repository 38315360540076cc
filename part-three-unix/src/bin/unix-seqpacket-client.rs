//! Part three, the third type: connections like a stream's, boundaries like a datagram's. The client.
//!
//! The stream client's calls, without its loops: a message is sent whole and received whole. The page beside it is
//! `docs/part-three-datagrams.md`.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use common::arguments::{self, Arguments};
use common::{Dump, program};
use nix::errno::Errno;
use nix::sys::socket::sockopt::{ReceiveTimeout, SendTimeout};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr};
use nix::sys::socket::{connect, recv, send, setsockopt, socket};
use nix::sys::time::{TimeVal, TimeValLike};
use part_three_unix::address::{Shown, address};
use tracing::info;

const HELP: &str = "\
Sends messages over a connection that keeps boundaries. Part three of Sockets, Part by Part.

Usage: unix-seqpacket-client [PATH] [MESSAGE...]

  PATH           the server's socket file; on Linux also @NAME, a name without a file
                 [default: part-three-seqpacket.sock, in the current folder]
  MESSAGE        what to send, as it is, without a line end [default: Hello from KungfuDev]

  -h, --help     print this help
  -V, --version  print the version

Before it, in a first terminal: cargo run -p part-three-unix --bin unix-seqpacket-server
";

/// The largest echo that is taken, in bytes.
const LARGEST: usize = 256 * 1024;

/// How many messages are sent before their echoes are taken.
const AHEAD: usize = 8;

/// How many seconds the server may keep silent.
const TIMEOUT: i64 = 30;

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, parse, |(server, messages)| talk(server, &messages))
}

fn parse(words: &mut Arguments) -> Result<(UnixAddr, Vec<OsString>), arguments::Error> {
    let server = address(&words.operand()?.unwrap_or_else(|| "part-three-seqpacket.sock".into()))?;
    let mut messages = Vec::new();
    while let Some(message) = words.operand()? {
        if message.is_empty() {
            let why = "an empty message cannot be sent: recv gives 0 bytes for it, as at the end of file";
            return Err(arguments::Error::Unusable(why.into()));
        }
        messages.push(message);
    }
    if messages.is_empty() {
        messages.push("Hello from KungfuDev".into());
    }
    Ok((server, messages))
}

fn talk(server: UnixAddr, messages: &[OsString]) -> Result<()> {
    let name = Shown(&server);
    // 1. socket, connect: to a server of the same type. With a stream server the error is EPROTOTYPE.
    let socket =
        socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::empty(), None).context("socket")?;
    connect(socket.as_raw_fd(), &server).with_context(|| format!("connect {name}"))?;
    setsockopt(&socket, ReceiveTimeout, &TimeVal::seconds(TIMEOUT)).context("setsockopt SO_RCVTIMEO")?;
    setsockopt(&socket, SendTimeout, &TimeVal::seconds(TIMEOUT)).context("setsockopt SO_SNDTIMEO")?;
    info!("Connected to {name}");

    // 2. send: sends several before it reads an echo. Only the boundaries that the kernel keeps tell one from the next.
    //    But not all of them: once the buffers of both directions were full, each side would wait for the other.
    let mut unanswered = messages.iter();
    for (index, message) in messages.iter().enumerate() {
        if index >= AHEAD {
            unanswered.next().map_or(Ok(()), |message| take_echo(&socket, name, message))?;
        }
        let sent = retry(|| send(socket.as_raw_fd(), message.as_bytes(), MsgFlags::empty()))
            .with_context(|| format!("send {} bytes to {name}", message.len()))?;
        info!("Sent {sent} bytes to server");
    }
    // As many echoes, in the same order.
    unanswered.try_for_each(|message| take_echo(&socket, name, message))
}

/// Takes one message, which must be `message`.
fn take_echo(socket: &OwnedFd, name: Shown<'_>, message: &OsStr) -> Result<()> {
    // 3. recv: one message, and never a part of the next.
    let mut buffer = vec![0; LARGEST];
    let received = retry(|| recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()))
        .with_context(|| format!("recv from {name}"))?;
    info!("received {received} bytes");
    info!("{}", Dump(&buffer[..received]));
    if buffer[..received] != *message.as_bytes() {
        bail!("recv from {name}: the answer is not what was sent: this is no echo");
    }
    Ok(())
}

/// Again after EINTR: with a timeout set, Linux ends the call so when the process was stopped and goes on (signal(7)).
fn retry(mut call: impl FnMut() -> nix::Result<usize>) -> nix::Result<usize> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            done => return done,
        }
    }
}
