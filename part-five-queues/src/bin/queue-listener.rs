//! Part five, the queues: a listener that does not accept.
//!
//! `listen`, and then nothing until you press Return. Read `serve` from top to bottom; the page beside it is
//! `docs/part-five-queues.md`.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use common::arguments::{Arg, Arguments, DEFAULT_ADDRESS, address, number};
use common::stop::{Stop, Woken};
use common::{arguments, program};
use nix::libc;
use nix::poll::PollFlags;
use nix::sys::socket::{Backlog, SockaddrStorage, accept, getpeername, listen};
use nix::unistd::read;
use part_five_queues::stream::{bound, local, set_nonblocking};
use tracing::{info, warn};

const HELP: &str = "\
Listens and does not accept: connections queue until you press Return, once for each.
Part five of Sockets, Part by Part.

Usage: queue-listener [OPTIONS] [ADDR]

  ADDR             IP:PORT to listen at; port 0 lets the kernel choose one
                   [default: 127.0.0.1:6797]

  --backlog N      let N connections wait for accept (Linux: N + 1) [default: 2]
  --defer SECONDS  do not queue a connection before its first byte has come, for about
                   so long (TCP_DEFER_ACCEPT, Linux only), 1 to 120
  -h, --help       print this help
  -V, --version    print the version

Beside it, in a second terminal: cargo run -p part-five-queues --bin queue-fill
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Options::from_words, |options| serve(&options))
}

struct Options {
    address: SocketAddr,
    backlog: i32,
    defer: Option<i32>,
}

impl Options {
    fn from_words(words: &mut Arguments) -> Result<Self, arguments::Error> {
        let (mut place, mut backlog, mut defer) = (None, 2, None);
        while let Some(word) = words.word()? {
            match word {
                Arg::Long("backlog") => {
                    backlog = number("--backlog", words.value()?, 0..=libc::SOMAXCONN)?;
                }
                Arg::Long("defer") => defer = Some(number("--defer", words.value()?, 1..=120)?),
                Arg::Value(word) if place.is_none() => place = Some(address(word)?),
                word => return Err(word.unexpected().into()),
            }
        }
        Ok(Self { address: place.unwrap_or(DEFAULT_ADDRESS), backlog, defer })
    }
}

fn serve(options: &Options) -> Result<()> {
    // 1. socket, bind: as in part one. It is non-blocking, so that accept never sleeps.
    let listener = bound(options.address)?;
    set_nonblocking(&listener)?;
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;

    // 2. setsockopt: with TCP_DEFER_ACCEPT a client that has not spoken yet is kept out of the accept queue.
    if let Some(seconds) = options.defer {
        defer(&listener, seconds)?;
    }

    // 3. listen: from here on the kernel answers every SYN by itself, and queues what comes of it. The backlog says
    //    how many may wait; a number above net.core.somaxconn is cut to it, and nobody is told.
    let name = local(&listener)?;
    listen(&listener, Backlog::new(options.backlog)?).with_context(|| format!("listen on {name}"))?;
    info!("Listening on {name}, backlog {}: Return accepts one connection", options.backlog);

    let mut connections = Vec::new();
    // 4. poll: sleeps until something is typed, or until Ctrl-C. What comes to the listener does not wake us: the
    //    kernel needs nobody to shake hands.
    let mut typed = [0; 64];
    while stop.wait_for(io::stdin()).context("poll")? {
        let length = read(io::stdin(), &mut typed).context("read standard input")?;
        if length == 0 {
            info!("End of input: nothing is accepted any more; Ctrl-C ends");
            while stop.wait_within(&listener, PollFlags::empty(), Duration::MAX).context("poll")?
                != Woken::Stop
            {}
            break;
        }
        // 5. accept: takes the oldest connection from the queue, whose place is free from here on.
        for _ in typed.iter().take(length).filter(|key| **key == b'\n') {
            match accept(&listener) {
                Ok(connection) => {
                    info!("Accepted {}", peer(&connection));
                    connections.push(connection);
                }
                Err(errno) => warn!("accept on {name}: {errno}"),
            }
        }
    }

    // 6. close: whoever still waits in the queue is reset, for nobody has read what it sent.
    info!("Stopped: {} accepted", connections.len());
    Ok(())
}

#[cfg(target_os = "linux")]
fn defer(listener: &OwnedFd, seconds: i32) -> Result<()> {
    use nix::sys::socket::setsockopt;
    use part_five_queues::option::linux::TcpDeferAccept;
    setsockopt(listener, TcpDeferAccept, &seconds).context("setsockopt TCP_DEFER_ACCEPT")
}

#[cfg(not(target_os = "linux"))]
fn defer(_: &OwnedFd, _: i32) -> Result<()> {
    anyhow::bail!("setsockopt TCP_DEFER_ACCEPT: only Linux has it: leave --defer out")
}

/// The peer's address; a peer that was reset meanwhile has none any more.
fn peer(connection: &OwnedFd) -> String {
    match getpeername::<SockaddrStorage>(connection.as_raw_fd()) {
        Ok(peer) => peer.to_string(),
        Err(errno) => format!("a client that is gone ({errno})"),
    }
}
