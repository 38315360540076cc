//! Part three, the giver: one process opens a file, and passes it open to every process that connects.
//!
//! The stream server's calls, and `sendmsg` with `SCM_RIGHTS` in `src/passing.rs`. The page beside it is
//! `docs/part-three-descriptors.md`.

use std::ffi::{OsStr, OsString};
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use common::arguments::{self, Arguments};
use common::program;
use common::stop::Stop;
use nix::poll::PollFlags;
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, accept, listen, socket};
use part_three_unix::address::{Shown, address};
use part_three_unix::passing::{open, pass};
use part_three_unix::peer::peer;
use part_three_unix::socket_file::bind_file;
use tracing::{info, warn};

const HELP: &str = "\
Passes an open file to everybody who connects. Part three of Sockets, Part by Part.

Usage: unix-give FILE [PATH]

  FILE           what to open, and to pass until Ctrl-C or SIGTERM
  PATH           the socket's file, made now and removed at the end; on Linux also @NAME,
                 a name without a file [default: part-three-pass.sock, in the current folder]

  -h, --help     print this help
  -V, --version  print the version

Beside it, in a second terminal: cargo run -p part-three-unix --bin unix-take
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, parse, |(file, address)| give(&file, address))
}

fn parse(words: &mut Arguments) -> Result<(OsString, UnixAddr), arguments::Error> {
    let file = words.operand()?.ok_or_else(|| arguments::Error::Unusable("which FILE?".into()))?;
    Ok((file, address(&words.operand()?.unwrap_or_else(|| "part-three-pass.sock".into()))?))
}

fn give(name: &OsStr, address: UnixAddr) -> Result<()> {
    let file = open(name)?;

    // 1. socket, bind, listen: as in the stream server.
    let listener =
        socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).context("socket")?;
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;
    let _socket_file = bind_file(&listener, &address)?;
    listen(&listener, Backlog::new(128)?).with_context(|| format!("listen on {}", Shown(&address)))?;
    info!("Listening on {}", Shown(&address));

    while stop.wait_for(&listener).context("poll")? {
        // 2. accept: as in the stream server. The connection ends right after the one message.
        let connection = match accept(&listener) {
            Ok(connection) => connection,
            Err(errno) => {
                warn!("accept on {}: {errno}: trying again in a second", Shown(&address));
                stop.wait_within(&listener, PollFlags::empty(), Duration::from_secs(1)).context("poll")?;
                continue;
            }
        };
        let taker = peer(&connection).context("getsockopt SO_PEERCRED");
        match taker.and_then(|taker| pass(&connection, &file, name).map(|()| taker)) {
            Ok(taker) => info!("Passed descriptor {} to {taker}", file.as_raw_fd()),
            Err(error) => warn!("{error:#}"),
        }
    }
    Ok(())
}
