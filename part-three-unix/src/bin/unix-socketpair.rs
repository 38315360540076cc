//! Part three, a parent and its child: two sockets that are connected from the beginning, and no address.
//!
//! `socketpair`, and `sendmsg` and `recvmsg` in `src/passing.rs`. The page beside it is
//! `docs/part-three-descriptors.md`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsRawFd;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use common::arguments::{self, Arg, Arguments};
use common::program;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use part_three_unix::passing::{open, pass, take};
use tracing::info;

const HELP: &str = "\
Passes an open file to a child process. Part three of Sockets, Part by Part.

Usage: unix-socketpair FILE
       unix-socketpair --child

  FILE           what to open, and to pass over a socket pair

  --child        be the child: take a file from the socket that is standard input, and read it
  -h, --help     print this help
  -V, --version  print the version
";

enum Role {
    Parent(OsString),
    Child,
}

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, parse, |role| match role {
        Role::Parent(file) => parent(&file),
        Role::Child => take(io::stdin()).map(drop),
    })
}

fn parse(words: &mut Arguments) -> Result<Role, arguments::Error> {
    match words.word()? {
        Some(Arg::Long("child")) => Ok(Role::Child),
        Some(Arg::Value(file)) => Ok(Role::Parent(file)),
        Some(word) => Err(word.unexpected().into()),
        None => Err(arguments::Error::Unusable("which FILE?".into())),
    }
}

fn parent(name: &OsStr) -> Result<()> {
    // 1. socketpair: two connected sockets and no address. A process gets an end only by inheriting it, so none may be
    //    inherited by accident.
    let (ours, theirs) =
        socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::empty()).context("socketpair")?;
    for end in [&ours, &theirs] {
        fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).context("fcntl F_SETFD")?;
    }
    info!("Socket pair: descriptors {} and {}", ours.as_raw_fd(), theirs.as_raw_fd());
    let file = open(name)?;
    pass(&ours, &file, name)?;

    // 2. spawn: this program once more, as the child. It gets its end as standard input, and nothing else of ours.
    let program = env::current_exe().context("find this program")?;
    let child = Command::new(program).arg("--child").stdin(theirs).status().context("start the child")?;
    if !child.success() {
        bail!("the child failed: {child}");
    }
    info!("Child ended");
    Ok(())
}
