//! Part three, the taker: receives a file that it could not have opened, and reads it.
//!
//! `socket`, `connect`, and `recvmsg` with `SCM_RIGHTS` in `src/passing.rs`. The page beside it is
//! `docs/part-three-descriptors.md`.

use std::io;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::{self, Arg, Arguments};
use common::program;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use part_three_unix::address::{Shown, address};
use part_three_unix::passing::take;
use part_three_unix::peer::peer;
use tracing::info;

const HELP: &str = "\
Receives an open file and reads it to its end. Part three of Sockets, Part by Part.

Usage: unix-take [--hold] [PATH]

  PATH           the giver's socket file; on Linux also @NAME, a name without a file
                 [default: part-three-pass.sock, in the current folder]

  --hold         keep the file open until Enter, time enough to look at /proc/PID/fd
  -h, --help     print this help
  -V, --version  print the version

Before it, in a first terminal: cargo run -p part-three-unix --bin unix-give FILE
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, parse, |(server, hold)| take_from(server, hold))
}

fn parse(words: &mut Arguments) -> Result<(UnixAddr, bool), arguments::Error> {
    let (mut path, mut hold) = (None, false);
    while let Some(word) = words.word()? {
        match word {
            Arg::Long("hold") => hold = true,
            Arg::Value(operand) if path.is_none() => path = Some(operand),
            word => return Err(word.unexpected().into()),
        }
    }
    Ok((address(&path.unwrap_or_else(|| "part-three-pass.sock".into()))?, hold))
}

fn take_from(server: UnixAddr, hold: bool) -> Result<()> {
    // 1. socket, connect: as in the stream client.
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).context("socket")?;
    connect(socket.as_raw_fd(), &server).with_context(|| format!("connect {}", Shown(&server)))?;
    info!("Connected to {}", peer(&socket).context("getsockopt SO_PEERCRED")?);

    let file = take(&socket)?;
    if hold {
        info!("Holding descriptor {} until Enter", file.as_raw_fd());
        io::stdin().read_line(&mut String::new()).context("read standard input")?;
    }
    Ok(())
}
