//! Part three, descriptors and credentials, exercise 1: a server for its own user alone.

use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::stop::Stop;
use common::{Dump, program};
use nix::sys::socket::{AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr};
use nix::sys::socket::{accept, listen, recv, send, socket};
use nix::unistd::geteuid;
use part_three_unix::address::{Shown, address};
use part_three_unix::peer::peer;
use part_three_unix::socket_file::bind_file;
use tracing::{info, warn};

const HELP: &str = "\
Echoes one message to each client of our own user. An answer of Sockets, Part by Part.

Usage: part-three-descriptors-1 [PATH]

  PATH           the socket's file; on Linux also @NAME [default: part-three.sock]

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
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;
    let _file = bind_file(&listener, &address)?;
    listen(&listener, Backlog::new(128)?).context("listen")?;
    info!("Listening on {}", Shown(&address));

    while stop.wait_for(&listener).context("poll")? {
        // 6. accept: the connection is made already; whoever is not us is sent away before a byte is read.
        let connection = accept(&listener).context("accept")?;
        match peer(&connection) {
            Ok(peer) if peer.uid == geteuid().as_raw() => {
                if let Err(error) = echo(&connection) {
                    warn!("{error:#}: on to the next client");
                }
            }
            Ok(peer) => warn!("refused: {peer}"),
            Err(errno) => warn!("refused: getsockopt SO_PEERCRED: {errno}"),
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
