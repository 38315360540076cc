//! Part two, the client: each message one datagram, tried until its echo comes.
//!
//! `socket`, perhaps `connect`, `sendto`, `recvfrom`. Read `talk`, `ask` and `echoed` from top to bottom; the page
//! beside them is `docs/part-two.md`.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use common::arguments::{Arg, Arguments, DEFAULT_ADDRESS, address, number, text};
use common::{Dump, arguments, program};
use nix::errno::Errno;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{connect, recvfrom, send, sendto, setsockopt, socket};
use nix::sys::time::{TimeVal, TimeValLike};
use tracing::{info, warn};

const HELP: &str = "\
Sends each message as one datagram and waits for its echo. Part two of Sockets, Part by Part.

Usage: datagram-client [OPTIONS] [ADDR] [MESSAGE...]

  ADDR           IP:PORT of the server [default: 127.0.0.1:6797]
  MESSAGE        what to send, as it is [default: Hello from KungfuDev]

  --connect      connect the socket first: then an ICMP error is heard
  --timeout MS   wait for the first try's answer for MS milliseconds, 1 to 60000, and for
                 each further try's twice as long, at most 2 seconds or MS [default: 250]
  --tries N      send a message N times at most, 1 to 100 [default: 4]
  -h, --help     print this help
  -V, --version  print the version

Before it, in a first terminal: cargo run -p part-two-datagram
";

/// Where the doubling of the timeout ends.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Options::parse, |options| talk(&options))
}

struct Options {
    server: SocketAddr,
    messages: Vec<String>,
    connect: bool,
    timeout: Duration,
    tries: u32,
}

impl Options {
    fn parse(words: &mut Arguments) -> Result<Self, arguments::Error> {
        let (mut server, mut messages) = (None, Vec::new());
        let (mut connect, mut timeout, mut tries) = (false, 250, 4);
        while let Some(word) = words.word()? {
            match word {
                Arg::Long("connect") => connect = true,
                Arg::Long("timeout") => timeout = number("--timeout", words.value()?, 1..=60_000)?,
                Arg::Long("tries") => tries = number("--tries", words.value()?, 1..=100)?,
                Arg::Value(word) if server.is_none() => server = Some(address(word)?),
                Arg::Value(word) => messages.push(text(word)?),
                word => return Err(word.unexpected().into()),
            }
        }
        if messages.is_empty() {
            messages.push("Hello from KungfuDev".into());
        }
        let server = server.unwrap_or(DEFAULT_ADDRESS);
        Ok(Self { server, messages, connect, timeout: Duration::from_millis(timeout), tries })
    }
}

fn talk(options: &Options) -> Result<()> {
    // 1. socket: in the family of the server's address, for datagrams. No bind: the first sendto gives it a port.
    let family = if options.server.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket =
        socket(family, SockType::Datagram, SockFlag::empty(), SockProtocol::Udp).context("socket")?;
    info!("Socket file descriptor: {}", socket.as_raw_fd());

    // 2. connect: sends nothing and asks nobody. The kernel writes the peer's address into the socket. From then on it
    //    only gives us that peer's datagrams, and the ICMP errors that come back for ours.
    if options.connect {
        connect(socket.as_raw_fd(), &SockaddrStorage::from(options.server))
            .with_context(|| format!("connect {}", options.server))?;
        info!("Connected to {}: no packet was sent", options.server);
    }

    let (mut answered, mut sent) = (0, 0);
    for message in &options.messages {
        let (answer, tries) = ask(&socket, options, message.as_bytes())?;
        answered += usize::from(answer);
        sent += tries;
    }
    let messages = options.messages.len();
    info!("{answered} of {messages} messages answered, {sent} datagrams sent");
    if answered < messages {
        bail!("{} of {messages} answers from {} are missing", messages - answered, options.server);
    }
    // 7. close: the owner of the descriptor ends here. The server is not told: there was no connection.
    Ok(())
}

/// One message, sent until its echo comes or the tries are used up: whether it came, and how many it took.
fn ask(socket: &OwnedFd, options: &Options, message: &[u8]) -> Result<(bool, u32)> {
    let server = SockaddrStorage::from(options.server);
    let began = Instant::now();
    let mut timeout = options.timeout;
    for attempt in 1..=options.tries {
        // 3. sendto: one call, one datagram: all of it is taken, or it is an error. A connected socket takes send.
        let none = MsgFlags::empty();
        let (call, sent) = if options.connect {
            ("send", send(socket.as_raw_fd(), message, none))
        } else {
            ("sendto", sendto(socket.as_raw_fd(), message, &server, none))
        };
        let sent = sent.with_context(|| format!("{call} {server}, {} bytes", message.len()))?;
        info!("Sent {sent} bytes to {server}, try {attempt} of {}", options.tries);

        if echoed(socket, &server, message, began, timeout)? {
            return Ok((true, attempt));
        }
        warn!("no answer from {server} within {} ms", timeout.as_millis());
        timeout = timeout.saturating_mul(2).min(LONGEST_TIMEOUT.max(options.timeout));
    }
    Ok((false, options.tries))
}

/// Whether the echo of `message` comes within `timeout`.
fn echoed(
    socket: &OwnedFd,
    server: &SockaddrStorage,
    message: &[u8],
    began: Instant,
    timeout: Duration,
) -> Result<bool> {
    let mut buffer = vec![0; u16::MAX.into()];
    let mut now = Instant::now();
    let deadline = now + timeout;
    while now < deadline {
        // 4. setsockopt: recvfrom sleeps for what is left of this try's time, since others may have sent something
        //    meanwhile. 0 would mean for ever.
        let left = TimeVal::microseconds((deadline - now).as_micros().max(1).try_into()?);
        setsockopt(socket, ReceiveTimeout, &left).context("setsockopt SO_RCVTIMEO")?;

        // 5. recvfrom: takes one datagram and its sender, who may be anybody.
        let datagram = recvfrom::<SockaddrStorage>(socket.as_raw_fd(), &mut buffer);
        now = Instant::now();
        let (received, peer) = match datagram {
            Ok((received, Some(peer))) => (received, peer),
            Err(Errno::EAGAIN) => break,
            Ok((_, None)) | Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno).with_context(|| format!("recvfrom {server}")),
        };
        if peer != *server {
            warn!("ignored {received} bytes from {peer}: a stranger; our server is {server}");
            continue;
        }
        info!("received {received} bytes from {peer} in {:.1} ms", (now - began).as_secs_f64() * 1e3);
        info!("{}", Dump(&buffer[..received]));

        // 6. compare: an answer does not say which try it answers, nor which message. It may be late, or a duplicate.
        //    If it is different, it is not ours. (A protocol for more than echoes numbers its messages.)
        if buffer[..received] == *message {
            return Ok(true);
        }
        warn!("ignored: this is not the echo of our {} bytes", message.len());
    }
    Ok(false)
}
