//! Part three, descriptors and credentials, exercise 3: read a passed file from its beginning, in two ways.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::{self, Arg, Arguments};
use common::{Dump, program};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::sys::uio::pread;
use nix::unistd::{Whence, lseek};
use part_three_unix::address::{Shown, address};
use part_three_unix::rights;
use tracing::info;

const HELP: &str = "\
Receives an open file and reads it from its beginning. An answer of Sockets, Part by Part.

Usage: part-three-descriptors-3 --lseek|--pread [PATH]

  PATH           the giver's socket file [default: part-three-pass.sock]

  --lseek        move the shared position to the beginning first
  --pread        leave the shared position where it is
  -h, --help     print this help
  -V, --version  print the version
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, parse, |(server, move_position)| take(server, move_position))
}

fn parse(words: &mut Arguments) -> Result<(UnixAddr, bool), arguments::Error> {
    let move_position = match words.word()? {
        Some(Arg::Long("lseek")) => true,
        Some(Arg::Long("pread")) => false,
        _ => return Err(arguments::Error::Unusable("the first word must be --lseek or --pread".into())),
    };
    Ok((address(&words.operand()?.unwrap_or_else(|| "part-three-pass.sock".into()))?, move_position))
}

fn take(server: UnixAddr, move_position: bool) -> Result<()> {
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).context("socket")?;
    connect(socket.as_raw_fd(), &server).with_context(|| format!("connect {}", Shown(&server)))?;
    let mut buffer = [0; 4096];
    let message = rights::recvmsg(&socket, &mut buffer, 1).context("recvmsg")?;
    let mut file = File::from(message.descriptors.into_iter().next().context("no descriptor came")?);

    let received = if move_position {
        // 1. lseek: moves the position of the open file, which all who have a descriptor for it share.
        lseek(&file, 0, Whence::SeekSet).context("lseek")?;
        file.read(&mut buffer).context("read")?
    } else {
        // 2. pread: reads from this offset, and neither asks for the position nor moves it.
        pread(&file, &mut buffer, 0).context("pread")?
    };
    info!("read {received} bytes");
    info!("{}", Dump(&buffer[..received]));
    Ok(())
}
