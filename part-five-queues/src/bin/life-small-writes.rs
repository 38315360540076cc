//! Part five, what time does: two small writes, a read, and 40 ms that nobody asked for.
//!
//! Write, write, read, ten times, and three ways out. Read `talk` and `round` from top to bottom; the page beside them
//! is `docs/part-five-time.md`.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use common::arguments::{Arg, Arguments};
use common::{arguments, program};
use nix::sys::socket::sockopt::TcpNoDelay;
use nix::sys::socket::{MsgFlags, SockaddrStorage, connect, recv, send, setsockopt};
use part_five_queues::stream::stream;
use tracing::info;

const HELP: &str = "\
Asks in two small writes and reads the answer, ten times. Part five of Sockets, Part by Part.

Usage: life-small-writes [--nodelay|--cork|--one-write]

  --nodelay      TCP_NODELAY: a small segment does not wait for an acknowledgment
  --cork         TCP_CORK: the kernel holds segments back until we say that we are done
                 (Linux only)
  --one-write    both pieces in one call
  -h, --help     print this help
  -V, --version  print the version

The other end is in here too: it reads both pieces, then answers.
";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cure {
    None,
    NoDelay,
    Cork,
    OneWrite,
}

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, cure, talk)
}

fn cure(words: &mut Arguments) -> Result<Cure, arguments::Error> {
    let mut cure = Cure::None;
    while let Some(word) = words.word()? {
        let next = match word {
            Arg::Long("nodelay") => Cure::NoDelay,
            Arg::Long("cork") => Cure::Cork,
            Arg::Long("one-write") => Cure::OneWrite,
            word => return Err(word.unexpected().into()),
        };
        if cure != Cure::None {
            return Err(arguments::Error::Unusable(
                "one cure at a time: --nodelay, --cork or --one-write".into(),
            ));
        }
        cure = next;
    }
    Ok(cure)
}

const HEAD: &[u8] = b"head";
const BODY: &[u8] = b"body";
const ROUNDS: usize = 10;
/// Linux waits 40 ms for something to send an acknowledgment with (`TCP_DELACK_MIN`, net/tcp.h).
const DELAYED: Duration = Duration::from_millis(35);

fn talk(cure: Cure) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").context("bind 127.0.0.1:0")?;
    let server = listener.local_addr().context("getsockname")?;
    let answering = thread::spawn(move || answer(&listener));

    let socket = stream(server)?;
    connect(socket.as_raw_fd(), &SockaddrStorage::from(server))
        .with_context(|| format!("connect {server}"))?;
    if cure == Cure::NoDelay {
        setsockopt(&socket, TcpNoDelay, &true).context("setsockopt TCP_NODELAY")?;
    }
    let mut times = Vec::new();
    for number in 1..=ROUNDS {
        let begun = Instant::now();
        round(&socket, cure)?;
        let time = begun.elapsed();
        info!("round {number}: {:.1} ms", time.as_secs_f64() * 1e3);
        times.push(time);
    }

    // The first round is left out: a connection that has just begun acknowledges at once.
    times.remove(0);
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let waited = if median > DELAYED { "more" } else { "not more" };
    info!("median of rounds 2 to {ROUNDS}: {:.1} ms, {waited} than 35 ms", median.as_secs_f64() * 1e3);
    drop(socket);
    match answering.join() {
        Ok(answered) => answered.context("the other end"),
        Err(_) => bail!("the other end panicked"),
    }
}

fn round(socket: &OwnedFd, cure: Cure) -> Result<()> {
    if cure == Cure::Cork {
        cork(socket, true)?;
    }
    // 1. send: the first piece. Nothing is under way, so it leaves at once, as a segment that is far from full.
    // 2. send: the second piece. One small segment is under way, not acknowledged, so this one waits (Nagle, RFC 896).
    //    The peer has nothing to answer yet, so its acknowledgment waits too, for an answer to go with.
    if cure == Cure::OneWrite {
        send_all(socket, &[HEAD, BODY].concat())?;
    } else {
        send_all(socket, HEAD)?;
        send_all(socket, BODY)?;
    }
    if cure == Cure::Cork {
        cork(socket, false)?;
    }
    // 3. recv: sleeps until the answer has come.
    let mut answer = [0; HEAD.len() + BODY.len()];
    let mut filled = 0;
    while filled < answer.len() {
        match recv(socket.as_raw_fd(), &mut answer[filled..], MsgFlags::empty()).context("recv")? {
            0 => bail!("recv: the other end has ended after {filled} bytes"),
            received => filled += received,
        }
    }
    Ok(())
}

fn send_all(socket: &OwnedFd, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        let sent = send(socket.as_raw_fd(), bytes, MsgFlags::empty()).context("send")?;
        bytes = &bytes[sent..];
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn cork(socket: &OwnedFd, corked: bool) -> Result<()> {
    setsockopt(socket, nix::sys::socket::sockopt::TcpCork, &corked).context("setsockopt TCP_CORK")
}

#[cfg(not(target_os = "linux"))]
fn cork(_: &OwnedFd, _: bool) -> Result<()> {
    bail!("setsockopt TCP_CORK: only Linux has it: try --nodelay or --one-write")
}

/// The other end, which is std's: it reads both pieces, and sends them back.
fn answer(listener: &TcpListener) -> std::io::Result<()> {
    let (mut connection, _): (TcpStream, _) = listener.accept()?;
    let mut question = [0; HEAD.len() + BODY.len()];
    loop {
        match connection.read_exact(&mut question) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        connection.write_all(&question)?;
    }
}
