//! Part three, datagrams and sequenced packets, exercise 2: a server that answers each message with its number.

use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::program;
use common::stop::Stop;
use nix::sys::socket::{AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr};
use nix::sys::socket::{accept, listen, recv, send, socket};
use part_three_unix::address::{Shown, address};
use part_three_unix::socket_file::bind_file;
use tracing::{info, warn};

const HELP: &str = "\
Answers each message of a client with its number. An answer of Sockets, Part by Part.

Usage: part-three-datagrams-2 [PATH]

  PATH           the socket's file [default: part-three-seqpacket.sock, in the current folder]

  -h, --help     print this help
  -V, --version  print the version
";

fn main() -> ExitCode {
    program::run(
        env!("CARGO_BIN_NAME"),
        HELP,
        |words| address(&words.operand()?.unwrap_or_else(|| "part-three-seqpacket.sock".into())),
        serve,
    )
}

fn serve(address: UnixAddr) -> Result<()> {
    let listener =
        socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::empty(), None).context("socket")?;
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;
    let _file = bind_file(&listener, &address)?;
    listen(&listener, Backlog::new(128)?).context("listen")?;
    info!("Listening on {}", Shown(&address));
    while stop.wait_for(&listener).context("poll")? {
        if let Err(error) = count(&accept(&listener).context("accept")?) {
            warn!("{error:#}: on to the next client");
        }
    }
    Ok(())
}

fn count(connection: &OwnedFd) -> Result<()> {
    let mut buffer = vec![0; 1024];
    for number in 1_u64.. {
        if recv(connection.as_raw_fd(), &mut buffer, MsgFlags::empty()).context("recv")? == 0 {
            break;
        }
        // 5. send: each recv was one message, so counting calls is counting messages.
        send(connection.as_raw_fd(), number.to_string().as_bytes(), MsgFlags::empty()).context("send")?;
    }
    Ok(())
}
