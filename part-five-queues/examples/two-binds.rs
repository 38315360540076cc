//! Part five: which two sockets may be bound to one port.
//!
//! Every combination of `SO_REUSEADDR` and `SO_REUSEPORT` on a first and on a second socket. The page beside it is
//! `docs/part-five-failures.md`.

use std::fmt::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::program;
use nix::errno::Errno;
use nix::sys::socket::sockopt::{ReuseAddr, ReusePort};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockProtocol, SockType, SockaddrIn};
use nix::sys::socket::{bind, getsockname, listen, setsockopt, socket};
use tracing::info;

const HELP: &str = "\
Binds two sockets to one port, with every combination of SO_REUSEADDR and SO_REUSEPORT, and
says what bind, or else listen, answers for the second. Part five of Sockets, Part by Part.

Usage: two-binds
";

/// What a socket asks for: its name in the table, `SO_REUSEADDR`, `SO_REUSEPORT`.
const WAYS: [(&str, bool, bool); 4] =
    [("neither", false, false), ("REUSEADDR", true, false), ("REUSEPORT", false, true), ("both", true, true)];

fn main() -> ExitCode {
    program::run("two-binds", HELP, |_| Ok(()), |()| tables())
}

fn tables() -> Result<()> {
    table("the first listens at 127.0.0.1, the second will listen at 127.0.0.1:", [127, 0, 0, 1], true)?;
    table("the first listens at 0.0.0.0, the second will listen at 127.0.0.1:", [0, 0, 0, 0], true)?;
    table("the first is bound to 127.0.0.1, the second will be bound to 127.0.0.1:", [127, 0, 0, 1], false)
}

/// A row for each way of the first socket, a column for each of the second.
fn table(title: &str, [a, b, c, d]: [u8; 4], listening: bool) -> Result<()> {
    info!("{title}");
    info!("{:<16}{}", "first \\ second", WAYS.map(|(name, ..)| format!("{name:<12}")).concat().trim_end());
    for first in WAYS {
        let mut answers = String::new();
        for second in WAYS {
            let first = open(first)?;
            bind(first.as_raw_fd(), &SockaddrIn::new(a, b, c, d, 0)).context("bind the first")?;
            if listening {
                listen(&first, Backlog::new(1)?).context("listen with the first")?;
            }
            let port = getsockname::<SockaddrIn>(first.as_raw_fd()).context("getsockname")?.port();
            let answer = match join(&open(second)?, port, listening) {
                Ok(()) => "ok",
                Err(Errno::EADDRINUSE) => "EADDRINUSE",
                Err(errno) => return Err(errno).context("bind the second"),
            };
            write!(answers, "{answer:<12}")?;
        }
        info!("{:<16}{}", first.0, answers.trim_end());
    }
    Ok(())
}

fn open((_, address, port): (&str, bool, bool)) -> Result<OwnedFd> {
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), SockProtocol::Tcp)
        .context("socket")?;
    setsockopt(&socket, ReuseAddr, &address).context("setsockopt SO_REUSEADDR")?;
    setsockopt(&socket, ReusePort, &port).context("setsockopt SO_REUSEPORT")?;
    Ok(socket)
}

/// The second socket goes to the first one's port.
fn join(second: &OwnedFd, port: u16, listening: bool) -> Result<(), Errno> {
    bind(second.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, port))?;
    if listening {
        listen(second, Backlog::new(1)?)?;
    }
    Ok(())
}
