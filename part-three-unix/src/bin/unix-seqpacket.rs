//! Part three, the third type: connections like a stream's, boundaries like a datagram's.
//!
//! A server and its client in one file. Each makes the calls of the stream pair; what differs is one word in `socket`
//! and what `recv` gives. The page beside it is `docs/part-three.md`.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use common::arguments::{self, Arguments};
use common::stop::{Stop, Woken};
use common::{Dump, program};
use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::sockopt::{ReceiveTimeout, SendTimeout};
use nix::sys::socket::{AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr};
use nix::sys::socket::{accept, bind, connect, listen, recv, send, setsockopt, socket};
use nix::sys::stat::{Mode, umask};
use nix::sys::time::{TimeVal, TimeValLike};
use part_three_unix::address::{Shown, address};
use part_three_unix::socket_file::{SocketFile, claim};
use tracing::{info, warn};

const HELP: &str = "\
Echoes messages, or sends some, over a connection that keeps boundaries. Part three of Sockets, Part by Part.

Usage: unix-seqpacket serve [PATH]
       unix-seqpacket talk [PATH] [MESSAGE...]

  serve          echo one client after another until Ctrl-C or SIGTERM
  talk           send each message, wait for each echo
  PATH           the server's socket file; on Linux also @NAME, a name without a file
                 [default: part-three-seqpacket.sock, in the current folder]
  MESSAGE        what to send, as it is, without a line end [default: Hello from KungfuDev]

  -h, --help     print this help
  -V, --version  print the version
";

/// The largest message that is taken, in bytes.
const LARGEST: usize = 256 * 1024;

/// How many messages the client sends before it takes their echoes.
const AHEAD: usize = 8;

/// How long the other end may keep silent.
const PATIENCE: Duration = Duration::from_secs(30);

enum Role {
    Serve(UnixAddr),
    Talk(UnixAddr, Vec<OsString>),
}

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, role, |role| match role {
        Role::Serve(address) => serve(address),
        Role::Talk(server, messages) => talk(server, &messages),
    })
}

fn role(words: &mut Arguments) -> Result<Role, arguments::Error> {
    let role = words.operand()?.unwrap_or_default();
    let address = address(&words.operand()?.unwrap_or_else(|| "part-three-seqpacket.sock".into()))?;
    match role.to_str() {
        Some("serve") => Ok(Role::Serve(address)),
        Some("talk") => {
            let mut messages = Vec::new();
            while let Some(message) = words.operand()? {
                if message.is_empty() {
                    let why =
                        "an empty message cannot be sent: recv gives 0 bytes for it, as at the end of file";
                    return Err(arguments::Error::Unusable(why.into()));
                }
                messages.push(message);
            }
            if messages.is_empty() {
                messages.push("Hello from KungfuDev".into());
            }
            Ok(Role::Talk(address, messages))
        }
        _ => Err(arguments::Error::Unusable("the first word must be serve or talk".into())),
    }
}

fn serve(address: UnixAddr) -> Result<()> {
    let name = Shown(&address);
    // 1. socket: the type is the one difference from the stream server. Apple's systems do not have it.
    let listener =
        socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::empty(), None).context("socket")?;

    // 2. bind, listen: as for a stream.
    let claim = claim(&address)?;
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;
    umask(Mode::from_bits_truncate(0o177));
    bind(listener.as_raw_fd(), &address).with_context(|| format!("bind {name}"))?;
    let _file = SocketFile::made_at(&address)?;
    listen(&listener, Backlog::new(128)?).with_context(|| format!("listen on {name}"))?;
    drop(claim);
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
    let mut buffer = vec![0; LARGEST + 1];
    loop {
        // 4. recv: one message, whole, whatever else waits behind it; what does not fit into the buffer is lost. 0
        //    bytes are the end of file, or an empty message: nobody can tell.
        if !wait(connection, PollFlags::POLLIN, stop)? {
            return Ok(());
        }
        let received = recv(connection.as_raw_fd(), &mut buffer, MsgFlags::empty())
            .with_context(|| format!("recv from descriptor {}", connection.as_raw_fd()))?;
        info!("received {received} bytes");
        let message = buffer.get(..received).unwrap_or_default();
        if message.is_empty() {
            return Ok(());
        }
        if message.len() > LARGEST {
            bail!("recv from descriptor {}: cut after {received} bytes", connection.as_raw_fd());
        }
        info!("{}", Dump(message));

        // 5. send: one message, whole or not at all: there is no rest to come back for.
        loop {
            if !wait(connection, PollFlags::POLLOUT, stop)? {
                return Ok(());
            }
            match send(connection.as_raw_fd(), message, MsgFlags::MSG_DONTWAIT) {
                Err(Errno::EAGAIN) => {}
                sent => {
                    let sent =
                        sent.with_context(|| format!("send to descriptor {}", connection.as_raw_fd()))?;
                    info!("Sent {sent} bytes back to client");
                    break;
                }
            }
        }
    }
}

/// Sleeps until the client is ready. False at the stop.
fn wait(connection: &OwnedFd, events: PollFlags, stop: &Stop) -> Result<bool> {
    match stop.wait_within(connection, events, PATIENCE).context("poll")? {
        Woken::Ready => Ok(true),
        Woken::Stop => Ok(false),
        Woken::Timeout => bail!("no sign of the client for {PATIENCE:?}"),
    }
}

fn talk(server: UnixAddr, messages: &[OsString]) -> Result<()> {
    let name = Shown(&server);
    // To a server of the same type: a stream's answers EPROTOTYPE.
    let socket =
        socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::empty(), None).context("socket")?;
    connect(socket.as_raw_fd(), &server).with_context(|| format!("connect {name}"))?;
    let patience = TimeVal::seconds(i64::try_from(PATIENCE.as_secs())?);
    setsockopt(&socket, ReceiveTimeout, &patience).context("setsockopt SO_RCVTIMEO")?;
    setsockopt(&socket, SendTimeout, &patience).context("setsockopt SO_SNDTIMEO")?;
    info!("Connected to {name}");

    // Several at once: nothing but the boundaries that the kernel keeps tells one from the next. Not all of them: with
    // the buffers of both directions full, each side would wait for the other.
    let mut unanswered = messages.iter();
    for (index, message) in messages.iter().enumerate() {
        if index >= AHEAD {
            unanswered.next().map_or(Ok(()), |message| echoed(&socket, name, message))?;
        }
        let sent = retry(|| send(socket.as_raw_fd(), message.as_bytes(), MsgFlags::empty()))
            .with_context(|| format!("send {} bytes to {name}", message.len()))?;
        info!("Sent {sent} bytes to server");
    }
    // As many echoes, in the same order.
    unanswered.try_for_each(|message| echoed(&socket, name, message))
}

/// Takes one message, which must be `message`.
fn echoed(socket: &OwnedFd, name: Shown<'_>, message: &OsStr) -> Result<()> {
    let mut buffer = vec![0; LARGEST];
    let received = retry(|| recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()))
        .with_context(|| format!("recv from {name}"))?;
    info!("received {received} bytes");
    let echo = buffer.get(..received).unwrap_or_default();
    info!("{}", Dump(echo));
    if echo != message.as_bytes() {
        bail!("recv from {name}: the answer is not what was sent: this is no echo");
    }
    Ok(())
}

/// Again after EINTR: with a timeout set, Linux ends the call so when the process was stopped and goes on (signal(7)).
fn retry(mut call: impl FnMut() -> nix::Result<usize>) -> nix::Result<usize> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            done => return done,
        }
    }
}
