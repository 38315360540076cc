//! Part three, the stream server: part one's calls in part one's order, and the address is a path.
//!
//! `socket`, `bind`, `listen`, `accept`, `recv`, `send`, and the closes. Lay it beside `part-one-server/src/main.rs`;
//! the page beside it is `docs/part-three.md`. What is new besides the family and the address is the loop: one client
//! after another, and each until its end of file.

use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use common::stop::{Stop, Woken};
use common::{Dump, program};
use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr};
use nix::sys::socket::{accept, bind, getsockname, listen, recv, send, socket};
use nix::sys::stat::{Mode, umask};
use part_three_unix::address::{Shown, address};
use part_three_unix::peer::peer;
use part_three_unix::socket_file::{SocketFile, remove_stale};
use tracing::{debug, info, warn};

const HELP: &str = "\
Echoes one client after another until Ctrl-C or SIGTERM. Part three of Sockets, Part by Part.

Usage: unix-server [PATH]

  PATH           the socket's file, made now and removed at the end; on Linux also @NAME,
                 a name without a file [default: part-three.sock, in the current folder]

  -h, --help     print this help
  -V, --version  print the version

Beside it, in a second terminal: nc -U part-three.sock
";

/// How long a client may keep us waiting while others wait in the queue.
const TIMEOUT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    program::run(
        env!("CARGO_BIN_NAME"),
        HELP,
        |words| address(&words.operand()?.unwrap_or_else(|| "part-three.sock".into())),
        serve,
    )
}

fn serve(address: UnixAddr) -> Result<()> {
    // 1. socket: one end of a conversation, in this family, as a stream of bytes. It has no address yet.
    let listener =
        socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).context("socket")?;
    info!("Socket file descriptor: {}", listener.as_raw_fd());

    // 2. remove_stale: the last run's file may still be there, and there is no option to take it over. If a server
    //    answers, or if it is not a socket, we leave it alone. From here on we catch signals: our file must go.
    remove_stale(&address)?;
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;

    // 3. bind: gives the socket its address, and makes the file. Whoever may write to the file may connect. The umask
    //    allows that to its owner alone.
    umask(Mode::from_bits_truncate(0o177));
    bind(listener.as_raw_fd(), &address).with_context(|| format!("bind {}", Shown(&address)))?;
    let _file = SocketFile::made_at(&address)?;

    // 4. getsockname: asks which address it has now. It is the path as we gave it, relative or not.
    let bound: UnixAddr = getsockname(listener.as_raw_fd()).context("getsockname")?;
    let bound = Shown(&bound);
    info!("Socket bound to address: {bound}");

    // 5. listen: from here on the kernel itself takes connections and keeps them in a queue for us. There is no
    //    handshake: if the queue is full, a client sleeps in its connect.
    listen(&listener, Backlog::new(128)?).with_context(|| format!("listen on {bound}"))?;
    info!("Listening for incoming connections...");

    let mut clients = 0;
    while stop.wait_for(&listener).context("poll")? {
        // 6. accept: takes the first connection from the queue, as a new descriptor. If no descriptor is left, it fails
        //    at once and leaves the queue as it is. Without the pause we would try again and again, and never rest.
        let connection = match accept(&listener) {
            Ok(connection) => connection,
            Err(errno) => {
                warn!("accept on {bound}: {errno}: trying again in a second");
                stop.wait_within(&listener, PollFlags::empty(), Duration::from_secs(1)).context("poll")?;
                continue;
            }
        };
        clients += 1;
        debug!("accepted a connection: descriptor {}", connection.as_raw_fd());
        match peer(&connection) {
            Ok(peer) => info!("Client connected: {peer}"),
            Err(errno) => warn!("getsockopt SO_PEERCRED: {errno}"),
        }
        if let Err(error) = echo(&connection, &listener, &stop) {
            warn!("{error:#}: on to the next client");
        }
        // 9. close: here the owner of `connection` ends; at the end of the function the file goes, then `listener`.
    }
    info!("Stopped after {clients} clients");
    Ok(())
}

/// Echoes one client until its end of file, or until the stop.
fn echo(connection: &OwnedFd, listener: &OwnedFd, stop: &Stop) -> Result<()> {
    let client = connection.as_raw_fd();
    let mut buffer = [0; 1024];
    while wait_turn(connection, PollFlags::POLLIN, listener, stop)? {
        // 7. recv: takes what has come, 1024 bytes at most, and comes back for the rest. 0 bytes are the end of the
        //    stream: the client has closed its side.
        let received = recv(client, &mut buffer, MsgFlags::empty())
            .with_context(|| format!("recv from descriptor {client}"))?;
        info!("received {received} bytes");
        if received == 0 {
            break;
        }
        info!("{}", Dump(&buffer[..received]));

        // 8. send: hands the bytes to the kernel. It may take fewer, and then we must send the rest. It must not sleep
        //    for a client that never reads, because Ctrl-C would not end that sleep.
        let mut rest = &buffer[..received];
        while !rest.is_empty() {
            if !wait_turn(connection, PollFlags::POLLOUT, listener, stop)? {
                return Ok(());
            }
            match send(client, rest, MsgFlags::MSG_DONTWAIT) {
                Err(Errno::EAGAIN) => {}
                sent => rest = &rest[sent.with_context(|| format!("send to descriptor {client}"))?..],
            }
        }
        info!("Sent {received} bytes back to client");
    }
    Ok(())
}

/// Sleeps until the client has something for us (`POLLIN`) or room for more (`POLLOUT`). False at the stop.
///
/// It may take its time while nobody else waits. What is left out: a client that keeps talking keeps its turn.
fn wait_turn(connection: &OwnedFd, events: PollFlags, listener: &OwnedFd, stop: &Stop) -> Result<bool> {
    loop {
        match stop.wait_within(connection, events, TIMEOUT).context("poll")? {
            Woken::Ready => return Ok(true),
            Woken::Stop => return Ok(false),
            Woken::Timeout => {
                let others = stop.wait_within(listener, PollFlags::POLLIN, Duration::ZERO).context("poll")?;
                if others == Woken::Ready {
                    bail!("no sign of the client for {TIMEOUT:?} while others wait");
                }
            }
        }
    }
}
