//! Part three, the datagram client: each message one datagram, each answer one datagram.
//!
//! `socket`, `bind`, `connect`, `send`, `recv`. The page beside it is `docs/part-three-datagrams.md`.

use std::ffi::OsString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use common::arguments::{self, Arg, Arguments};
use common::stop::{Stop, Woken};
use common::{Dump, program};
use nix::errno::Errno;
use nix::poll::PollFlags;
#[cfg(target_os = "linux")]
use nix::sys::socket::bind;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr};
use nix::sys::socket::{connect, getsockname, recv, send, socket};
use part_three_unix::address::{Shown, address};
use part_three_unix::socket_file::bind_file;
use tracing::info;

const HELP: &str = "\
Sends each message as one datagram and waits for its answer. Part three of Sockets, Part by Part.

Usage: unix-datagram-client [--name NAME | --unnamed] [PATH] [MESSAGE...]

  PATH           the server's socket file; on Linux also @NAME, a name without a file
                 [default: part-three-datagram.sock, in the current folder]
  MESSAGE        what to send, as it is, without a line end [default: Hello from KungfuDev]

  --name NAME    our own address, which the answers go to: a path, or @NAME
                 [default: on Linux one that the kernel chooses, elsewhere part-three-client.sock]
  --unnamed      no address: what is sent arrives, and nothing can come back
  -h, --help     print this help
  -V, --version  print the version

Before it, in a first terminal: cargo run -p part-three-unix --bin unix-datagram-server
";

/// How long a server may take for one datagram, in or out.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Which address we take.
enum Name {
    Given(UnixAddr),
    Chosen,
    None,
}

struct Options {
    name: Name,
    server: UnixAddr,
    messages: Vec<OsString>,
}

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, parse, talk)
}

fn parse(words: &mut Arguments) -> Result<Options, arguments::Error> {
    let (mut name, mut operands) = (Name::Chosen, Vec::new());
    while let Some(word) = words.word()? {
        match word {
            Arg::Long("name") => name = Name::Given(address(&words.value()?)?),
            Arg::Long("unnamed") => name = Name::None,
            Arg::Value(operand) => operands.push(operand),
            option => return Err(option.unexpected().into()),
        }
    }
    let mut operands = operands.into_iter();
    let server = address(&operands.next().unwrap_or_else(|| "part-three-datagram.sock".into()))?;
    let mut messages: Vec<_> = operands.collect();
    if messages.is_empty() {
        messages.push("Hello from KungfuDev".into());
    }
    Ok(Options { name, server, messages })
}

fn talk(options: Options) -> Result<()> {
    let server = Shown(&options.server);
    // 1. socket: an end for datagrams.
    let socket =
        socket(AddressFamily::Unix, SockType::Datagram, SockFlag::empty(), None).context("socket")?;
    info!("Socket file descriptor: {}", socket.as_raw_fd());

    // 2. bind: gives us a name, so that the server can answer. On an IP network the kernel does this by itself. Here we
    //    must ask for it, with an address of no bytes (unix(7), "Autobind").
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;
    let mut _file = None;
    match options.name {
        Name::Given(address) => _file = bind_file(&socket, &address)?,
        #[cfg(target_os = "linux")]
        Name::Chosen => bind(socket.as_raw_fd(), &UnixAddr::new_unnamed()).context("bind without a name")?,
        #[cfg(not(target_os = "linux"))]
        Name::Chosen => _file = bind_file(&socket, &UnixAddr::new("part-three-client.sock")?)?,
        Name::None => {}
    }
    let own: UnixAddr = getsockname(socket.as_raw_fd()).context("getsockname")?;
    info!("Our address: {}", Shown(&own));

    // 3. connect: sends nothing. From here on the kernel lets only the server send to us.
    match connect(socket.as_raw_fd(), &options.server) {
        Err(errno @ (Errno::ENOENT | Errno::ECONNREFUSED)) => bail!(
            "connect {server}: {errno}: nobody answers there; \
             start `cargo run -p part-three-unix --bin unix-datagram-server` first"
        ),
        connected => connected.with_context(|| format!("connect {server}"))?,
    }

    for message in options.messages {
        // 4. send: one call, one datagram, whole or not at all. While the server's queue is full, there is no room.
        let sent = loop {
            let no_room = || format!("send to {server}: no room in its queue");
            if !wait(&socket, PollFlags::POLLOUT, &stop, no_room)? {
                return Ok(());
            }
            match send(socket.as_raw_fd(), message.as_bytes(), MsgFlags::MSG_DONTWAIT) {
                Err(Errno::EAGAIN) => {}
                sent => break sent.with_context(|| format!("send {} bytes to {server}", message.len()))?,
            }
        };
        info!("Sent {sent} bytes to server");
        if matches!(options.name, Name::None) {
            continue;
        }

        // 5. recv: one call, one datagram. It is as long as the message; a longer one would fill the spare byte.
        if !wait(&socket, PollFlags::POLLIN, &stop, || format!("recv from {server}: no answer"))? {
            return Ok(());
        }
        let mut buffer = vec![0; message.len() + 1];
        let received = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())
            .with_context(|| format!("recv from {server}"))?;
        info!("received {received} bytes");
        info!("{}", Dump(&buffer[..received]));
        if buffer[..received] != *message.as_bytes() {
            bail!("recv from {server}: the answer is not what was sent: this is no echo");
        }
    }
    // 6. close: here the name goes, then the socket.
    Ok(())
}

/// Sleeps until the socket can be used, for [`TIMEOUT`] at most. False at the stop.
fn wait(socket: &OwnedFd, events: PollFlags, stop: &Stop, missed: impl Fn() -> String) -> Result<bool> {
    match stop.wait_within(socket, events, TIMEOUT).context("poll")? {
        Woken::Ready => Ok(true),
        Woken::Stop => Ok(false),
        Woken::Timeout => bail!("{} for {TIMEOUT:?}", missed()),
    }
}
