//! Part three, exercise 1: a server that its group may connect to as well.

use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::stop::Stop;
use common::{Dump, program};
use nix::sys::socket::{AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr};
use nix::sys::socket::{accept, bind, listen, recv, send, socket};
use nix::sys::stat::{Mode, umask};
use part_three_unix::address::{Shown, address};
use part_three_unix::socket_file::{SocketFile, remove_stale};
use tracing::{info, warn};

const HELP: &str = "\
Echoes one message to each client of our user or group. An answer of Sockets, Part by Part.

Usage: part-three-1 [PATH]

  PATH           the socket's file [default: part-three.sock, in the current folder]

  -h, --help     print this help
  -V, --version  print the version
";

fn main() -> ExitCode {
    program::run(
        env!("CARGO_BIN_NAME"),
        HELP,
        |words| address(&words.operand()?.unwrap_or_else(|| "part-three.sock".into())),
        serve,
    )
}

fn serve(address: UnixAddr) -> Result<()> {
    let listener =
        socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).context("socket")?;
    remove_stale(&address)?;
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;

    // 3. bind: makes the file with the permissions that the umask leaves: all but these.
    umask(Mode::from_bits_truncate(0o117));
    bind(listener.as_raw_fd(), &address).with_context(|| format!("bind {}", Shown(&address)))?;
    let _file = SocketFile::made_at(&address)?;

    listen(&listener, Backlog::new(128)?).context("listen")?;
    info!("Listening for incoming connections...");
    while stop.wait_for(&listener).context("poll")? {
        if let Err(error) = echo(&accept(&listener).context("accept")?) {
            warn!("{error:#}: on to the next client");
        }
    }
    Ok(())
}

fn echo(connection: &OwnedFd) -> Result<()> {
    let mut buffer = [0; 1024];
    let received = recv(connection.as_raw_fd(), &mut buffer, MsgFlags::empty()).context("recv")?;
    info!("{}", Dump(&buffer[..received]));
    send(connection.as_raw_fd(), &buffer[..received], MsgFlags::empty()).context("send")?;
    Ok(())
}
