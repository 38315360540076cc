//! Part five, the life of a connection: one end of it, driven by typed words, one call a word.
//!
//! Two terminals of it can walk every state of TCP, while a third one looks at them with `ss`. Read `live` from top to
//! bottom; the page beside it is `docs/part-five.md`.

use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::{Arg, Arguments, DEFAULT_ADDRESS, address, number};
use common::dump::Text;
use common::{arguments, program};
use nix::errno::Errno;
use nix::libc::linger;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::Linger;
use nix::sys::socket::{Backlog, MsgFlags, Shutdown, SockaddrStorage};
use nix::sys::socket::{accept, connect, getpeername, listen, recv, send, setsockopt, shutdown};
use part_five_queues::stream::{bound, local, set_buffers, stream};
use part_five_queues::table;
use tracing::{debug, info, warn};

const HELP: &str = "\
One end of a connection, driven by the words that you type. Part five of Sockets, Part by Part.

Usage: life-end listen  [--buffer BYTES] [ADDR]
       life-end connect [--buffer BYTES] [ADDR]

  listen           take one connection at ADDR, then listen no more
  connect          connect to ADDR
  ADDR             IP:PORT [default: 127.0.0.1:6797]

  --buffer BYTES   ask for BYTES of room in each direction, 1 to 16777216: a small
                   number is soon full [default: what the system gives]
  -h, --help       print this help
  -V, --version    print the version

The words, one call each:

  send TEXT   send TEXT, without a line end
  fill        send until the kernel takes no more
  recv        take what has come, 1024 bytes at most
  drain       take all that comes, until the end or until nothing comes for a second
  shutdown    send nothing any more: the FIN
  close       give the socket back; the kernel ends the connection alone
  reset       close without an end: the RST
  info        what the kernel says of the connection (Linux)
  options     the options of the socket and their values
  quit        end the program, and with it the socket, if it is still open
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Options::from_words, |options| live(&options))
}

struct Options {
    listens: bool,
    address: SocketAddr,
    buffer: Option<usize>,
}

impl Options {
    fn from_words(words: &mut Arguments) -> Result<Self, arguments::Error> {
        let (mut listens, mut place, mut buffer) = (None, None, None);
        while let Some(word) = words.word()? {
            match word {
                Arg::Long("buffer") => buffer = Some(number("--buffer", words.value()?, 1..=16_777_216)?),
                Arg::Value(word) if listens.is_none() => listens = Some(role(&word.to_string_lossy())?),
                Arg::Value(word) if place.is_none() => place = Some(address(word)?),
                word => return Err(word.unexpected().into()),
            }
        }
        let listens = listens.map_or_else(|| role(""), Ok)?;
        Ok(Self { listens, address: place.unwrap_or(DEFAULT_ADDRESS), buffer })
    }
}

/// Whether the word asks for the end that listens.
fn role(word: &str) -> Result<bool, arguments::Error> {
    match word {
        "listen" => Ok(true),
        "connect" => Ok(false),
        _ => {
            Err(arguments::Error::Unusable(format!("the first word must be listen or connect, not {word:?}")))
        }
    }
}

fn live(options: &Options) -> Result<()> {
    let mut socket = Some(if options.listens { accepted(options)? } else { connected(options)? });
    for line in io::stdin().lock().split(b'\n') {
        let line = line.context("read standard input")?;
        let line = line.trim_ascii();
        let (word, text) = match line.iter().position(u8::is_ascii_whitespace) {
            Some(at) => (&line[..at], line[at..].trim_ascii_start()),
            None => (line, &b""[..]),
        };
        match (word, &socket) {
            (b"", _) => {}
            (b"quit", _) => break,
            (word, _) if !WORDS.contains(&word) || (!text.is_empty() && word != b"send") => {
                warn!("{} is no word of ours: send TEXT, {}", Text(line), &NAMES);
            }
            (word, None) => warn!("{}: there is no socket any more; quit", word.escape_ascii()),
            (b"send", Some(socket)) => say("send", &send_once(socket, text)),
            (b"fill", Some(socket)) => say("fill", &fill(socket)),
            (b"recv", Some(socket)) => say("recv", &recv_once(socket)),
            (b"drain", Some(socket)) => say("drain", &drain(socket)),
            // The FIN: the peer reads on to what we have sent, and then to the end.
            (b"shutdown", Some(socket)) => say(
                "shutdown",
                &shutdown(socket.as_raw_fd(), Shutdown::Write).map(|()| "we send no more".into()),
            ),
            (b"info", Some(socket)) => say("info", &state(socket)),
            (b"options", Some(socket)) => {
                for (name, value) in table::of(socket) {
                    info!("{name:<20} {value}");
                }
            }
            // close gives the number back at once. What was not sent yet the kernel still sends.
            (b"close", Some(_)) => {
                socket = None;
                info!("close: the kernel goes on alone");
            }
            // With SO_LINGER on and 0 seconds, close throws the connection away: RST instead of FIN.
            (_, Some(open)) => {
                let lingered = setsockopt(open, Linger, &linger { l_onoff: 1, l_linger: 0 });
                socket = None;
                say("reset", &lingered.map(|()| "closed without an end".into()));
            }
        }
    }
    Ok(())
}

const WORDS: [&[u8]; 9] =
    [b"send", b"fill", b"recv", b"drain", b"shutdown", b"close", b"reset", b"info", b"options"];
const NAMES: &str = "fill, recv, drain, shutdown, close, reset, info, options, quit";

fn say(word: &str, answer: &nix::Result<String>) {
    match answer {
        Ok(answer) => info!("{word}: {answer}"),
        Err(errno) => info!("{word}: {errno}"),
    }
}

fn accepted(options: &Options) -> Result<OwnedFd> {
    // With small buffers, if they are asked for; a connection inherits them from its listener.
    let listener = bound(options.address)?;
    if let Some(bytes) = options.buffer {
        set_buffers(&listener, bytes)?;
    }
    let name = local(&listener)?;
    listen(&listener, Backlog::new(1)?).with_context(|| format!("listen on {name}"))?;
    info!("Listening on {name}");
    // One connection; the listener is closed behind it, so that `ss` shows nothing but this connection.
    let connection = accept(&listener).with_context(|| format!("accept on {name}"))?;
    let peer: SockaddrStorage = getpeername(connection.as_raw_fd()).context("getpeername")?;
    info!("Accepted {peer}");
    Ok(connection)
}

fn connected(options: &Options) -> Result<OwnedFd> {
    // connect sends the SYN and sleeps until the answer comes. Until then this end is in SYN-SENT.
    let socket = stream(options.address)?;
    if let Some(bytes) = options.buffer {
        set_buffers(&socket, bytes)?;
    }
    info!("Connecting to {}", options.address);
    connect(socket.as_raw_fd(), &SockaddrStorage::from(options.address))
        .with_context(|| format!("connect {}", options.address))?;
    info!("Connected from {} to {}", local(&socket)?, options.address);
    Ok(socket)
}

fn send_once(socket: &OwnedFd, text: &[u8]) -> nix::Result<String> {
    // MSG_DONTWAIT: no word may sleep, or the next one would not be heard.
    let sent = send(socket.as_raw_fd(), text, MsgFlags::MSG_DONTWAIT)?;
    Ok(format!("{sent} bytes taken"))
}

fn fill(socket: &OwnedFd) -> nix::Result<String> {
    let mut taken = 0;
    loop {
        match send(socket.as_raw_fd(), &[b'x'; 16_384], MsgFlags::MSG_DONTWAIT) {
            Ok(sent) => taken += sent,
            // How much there is room for, here and at the peer, is the kernel's business: RUST_LOG=debug shows it.
            Err(Errno::EAGAIN) => {
                debug!("fill: {taken} bytes");
                return Ok("all taken that there is room for, then EAGAIN".into());
            }
            Err(errno) => return Err(errno),
        }
    }
}

fn recv_once(socket: &OwnedFd) -> nix::Result<String> {
    let mut buffer = [0; 1024];
    match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT)? {
        0 => Ok("0 bytes, the end".into()),
        received => Ok(format!("{received} bytes {}", Text(&buffer[..received]))),
    }
}

fn drain(socket: &OwnedFd) -> nix::Result<String> {
    let (mut buffer, mut drained) = ([0; 4096], 0);
    let last = loop {
        match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => break "the end",
            Ok(received) => drained += received,
            // Room was made: the peer's kernel sends what it had to hold back.
            Err(Errno::EAGAIN) => {
                let more = PollFd::new(socket.as_fd(), PollFlags::POLLIN);
                match poll(&mut [more], PollTimeout::from(1000_u16)) {
                    Ok(0) => break "nothing for a second",
                    Ok(_) | Err(Errno::EINTR) => {}
                    Err(errno) => return Err(errno),
                }
            }
            Err(errno) => return Err(errno),
        }
    };
    debug!("drain: {drained} bytes");
    Ok(format!("all read that came, then {last}"))
}

#[cfg(target_os = "linux")]
fn state(socket: &OwnedFd) -> nix::Result<String> {
    Ok(part_five_queues::state::Info::of(socket)?.to_string())
}

#[cfg(not(target_os = "linux"))]
fn state(_: &OwnedFd) -> nix::Result<String> {
    Ok("only Linux's TCP_INFO is in here".into())
}
