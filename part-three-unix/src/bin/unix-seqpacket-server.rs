//! Part three, the third type: connections like a stream's, boundaries like a datagram's. The server.
//!
//! The stream server's calls; what differs is one word in `socket`, and what `recv` gives. The page beside it is
//! `docs/part-three-datagrams.md`.

use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use common::stop::{Stop, Woken};
use common::{Dump, program};
use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr};
use nix::sys::socket::{accept, listen, recv, send, socket};
use part_three_unix::address::{Shown, address};
use part_three_unix::socket_file::bind_file;
use tracing::{info, warn};

const HELP: &str = "\
Echoes messages over connections that keep boundaries. Part three of Sockets, Part by Part.

Usage: unix-seqpacket-server [PATH]

  PATH           the socket's file, made now and removed at the end; on Linux also @NAME,
                 a name without a file [default: part-three-seqpacket.sock, in the current folder]

  -h, --help     print this help
  -V, --version  print the version

Beside it, in a second terminal: cargo run -p part-three-unix --bin unix-seqpacket-client
";

/// The largest message that is taken, in bytes.
const LARGEST: usize = 256 * 1024;

/// How long a client may keep silent.
const TIMEOUT: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    program::run(
        env!("CARGO_BIN_NAME"),
        HELP,
        |words| address(&words.operand()?.unwrap_or_else(|| "part-three-seqpacket.sock".into())),
        serve,
    )
}

fn serve(address: UnixAddr) -> Result<()> {
    let name = Shown(&address);
    // 1. socket: the type is the one difference from the stream server. Apple's systems do not have it.
    let listener =
        socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::empty(), None).context("socket")?;

    // 2. bind, listen: as for a stream.
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;
    let _file = bind_file(&listener, &address)?;
    listen(&listener, Backlog::new(128)?).with_context(|| format!("listen on {name}"))?;
    info!("Listening on {name}");

    while stop.wait_for(&listener).context("poll")? {
        // 3. accept: as for a stream.
        match accept(&listener) {
            Ok(connection) => {
                info!("Client connected");
                if let Err(error) = echo(&connection, &stop) {
                    warn!("{error:#}: on to the next client");
                }
            }
            Err(errno) => {
                warn!("accept on {name}: {errno}: trying again in a second");
                stop.wait_within(&listener, PollFlags::empty(), Duration::from_secs(1)).context("poll")?;
            }
        }
    }
    info!("Stopped");
    Ok(())
}

fn echo(connection: &OwnedFd, stop: &Stop) -> Result<()> {
    let client = connection.as_raw_fd();
    let mut buffer = vec![0; LARGEST + 1];
    while wait(connection, PollFlags::POLLIN, stop)? {
        // 4. recv: one message, whole, and nothing of the next one. What does not fit into the buffer is lost. 0 bytes
        //    are the end of file or an empty message: nobody can tell which.
        let received = recv(client, &mut buffer, MsgFlags::empty())
            .with_context(|| format!("recv from descriptor {client}"))?;
        info!("received {received} bytes");
        if received == 0 {
            break;
        }
        if received > LARGEST {
            bail!("recv from descriptor {client}: cut after {received} bytes");
        }
        info!("{}", Dump(&buffer[..received]));

        // 5. send: one message, whole or not at all: there is no rest to come back for.
        let sent = loop {
            if !wait(connection, PollFlags::POLLOUT, stop)? {
                return Ok(());
            }
            match send(client, &buffer[..received], MsgFlags::MSG_DONTWAIT) {
                Err(Errno::EAGAIN) => {}
                sent => break sent.with_context(|| format!("send to descriptor {client}"))?,
            }
        };
        info!("Sent {sent} bytes back to client");
    }
    Ok(())
}

/// Sleeps until the client is ready. False at the stop.
fn wait(connection: &OwnedFd, events: PollFlags, stop: &Stop) -> Result<bool> {
    match stop.wait_within(connection, events, TIMEOUT).context("poll")? {
        Woken::Ready => Ok(true),
        Woken::Stop => Ok(false),
        Woken::Timeout => bail!("no sign of the client for {TIMEOUT:?}"),
    }
}
