//! Part five, the queues: connects until the listener's queue is full, and a little longer.
//!
//! `connect` without sleeping, `poll`, `SO_ERROR`. Read `fill` and `attempt` from top to bottom; the page beside them
//! is `docs/part-five-queues.md`.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use common::arguments::{Arg, Arguments, DEFAULT_ADDRESS, address, number};
use common::{arguments, program};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::SocketError;
use nix::sys::socket::{SockaddrStorage, connect, getsockopt};
use nix::unistd::read;
use part_five_queues::stream::{local, set_nonblocking, stream};
use tracing::info;

const HELP: &str = "\
Connects again and again, and says how many got in. Part five of Sockets, Part by Part.

Usage: queue-fill [OPTIONS] [ADDR]

  ADDR           IP:PORT of the listener [default: 127.0.0.1:6797]

  --most N       try N times, 1 to 1000 [default: 8]
  --timeout MS   wait for an answer for MS milliseconds, 1 to 60000, then give up this
                 attempt and close its socket [default: 200]
  -h, --help     print this help
  -V, --version  print the version

The connections that got in stay open until you press Return.
Before it, in a first terminal: cargo run -p part-five-queues
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Options::from_words, |options| fill(&options))
}

struct Options {
    server: SocketAddr,
    most: u32,
    timeout: Duration,
}

impl Options {
    fn from_words(words: &mut Arguments) -> Result<Self, arguments::Error> {
        let (mut server, mut most, mut timeout) = (None, 8, 200);
        while let Some(word) = words.word()? {
            match word {
                Arg::Long("most") => most = number("--most", words.value()?, 1..=1000)?,
                Arg::Long("timeout") => timeout = number("--timeout", words.value()?, 1..=60_000)?,
                Arg::Value(word) if server.is_none() => server = Some(address(word)?),
                word => return Err(word.unexpected().into()),
            }
        }
        let server = server.unwrap_or(DEFAULT_ADDRESS);
        Ok(Self { server, most, timeout: Duration::from_millis(timeout) })
    }
}

/// What became of an attempt.
enum Outcome {
    Connected(OwnedFd),
    NoAnswer,
    Failed(Errno),
}

fn fill(options: &Options) -> Result<()> {
    let backlog = backlog(options.server);
    let mut connections = Vec::new();
    let mut last = None;
    for number in 1..=options.most {
        match attempt(options)? {
            Outcome::Connected(socket) => {
                info!("attempt {number}: connected from {}", local(&socket)?);
                connections.push(socket);
            }
            Outcome::NoAnswer => info!("attempt {number}: no answer within {:?}", options.timeout),
            Outcome::Failed(errno) => {
                info!("attempt {number}: {errno}");
                last = Some(errno);
            }
        }
    }
    info!("Backlog {backlog} successful connections: {} - attempts: {}", connections.len(), options.most);
    match last {
        Some(errno) if connections.is_empty() => bail!("connect {}: {errno}: nobody got in", options.server),
        _ => {}
    }
    // They stay open while you look at them: read sleeps until Return, or ends at once where there is no keyboard.
    read(io::stdin(), &mut [0; 64]).context("read standard input")?;
    Ok(())
}

fn attempt(options: &Options) -> Result<Outcome> {
    // 1. socket: one for each attempt: what has failed to connect is of no use any more.
    let socket = stream(options.server)?;

    // 2. fcntl: connect will not sleep.
    set_nonblocking(&socket)?;

    // 3. connect: sends the SYN and comes back with EINPROGRESS: the kernel shakes hands while we do something else.
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(options.server)) {
        Ok(()) | Err(Errno::EINPROGRESS) => {}
        Err(errno) => return Ok(Outcome::Failed(errno)),
    }

    // 4. poll: POLLOUT wakes us when the attempt is over, well or not. A signal's EINTR must not prolong the wait.
    let deadline = Instant::now() + options.timeout;
    loop {
        // poll counts whole milliseconds: rounded up, or the last one would be a loop without sleep.
        let left = deadline.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)], left) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).context("poll"),
            // Dropped here, the socket is closed, and the kernel stops sending SYNs.
            Ok(0) => return Ok(Outcome::NoAnswer),
            Ok(_) => break,
        }
    }

    // 5. getsockopt: SO_ERROR is what connect would have returned, told once; 0 is success.
    match getsockopt(&socket, SocketError).context("getsockopt SO_ERROR")? {
        0 => Ok(Outcome::Connected(socket)),
        errno => Ok(Outcome::Failed(Errno::from_raw(errno))),
    }
}

/// The backlog of the listener, if it is on this machine: what `ss -tln` shows as its `Send-Q`.
#[cfg(target_os = "linux")]
fn backlog(server: SocketAddr) -> String {
    part_five_queues::backlog::of_listener(server).map_or("unknown".into(), |backlog| backlog.to_string())
}

/// Only Linux's way of asking is in here.
#[cfg(not(target_os = "linux"))]
fn backlog(_: SocketAddr) -> String {
    "unknown".into()
}
