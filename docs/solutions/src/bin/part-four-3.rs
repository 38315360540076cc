//! Part four, exercise 3: the addresses of a name at the same time, and the first that takes us wins.
//!
//! What changes is `connect_to_any`, which is `race` here.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use common::arguments::{Arg, Arguments, Error, text};
use common::program;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::SocketError;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{connect, getsockopt, socket};
use nix::unistd::read;
use part_four_frames::address::{or_default, resolve};
use part_four_frames::frame::ByteOrder;
use part_four_frames::outgoing::{Flow, Progress, finish, has_refused, open, send_all};
use tracing::{info, warn};

const HELP: &str = "\
Sends one file with its name and its length in front, and says what the receiver answers.
An answer of Sockets, Part by Part.

Usage: part-four-3 FILE [HOST:PORT]

  FILE              a regular file; its name goes with it, without its folder
  HOST:PORT         the receiver, by name or by address; the addresses of a name race
                    each other [default: 127.0.0.1:6797]

  -h, --help        print this help
  -V, --version     print the version

Before it, in a first terminal: cargo run -p part-four-frames
";

/// How much is read and sent at once. `cargo bench -p part-four-frames` shows what other sizes cost.
const CHUNK: usize = 64 * 1024;

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Options::from_words, |options| send_file(&options))
}

struct Options {
    file: PathBuf,
    server: String,
}

impl Options {
    fn from_words(words: &mut Arguments) -> Result<Self, Error> {
        let (mut file, mut server) = (None::<OsString>, None);
        while let Some(word) = words.word()? {
            match word {
                Arg::Value(word) if file.is_none() => file = Some(word),
                Arg::Value(word) if server.is_none() => server = Some(text(word)?),
                word => return Err(word.unexpected().into()),
            }
        }
        let file = file.ok_or_else(|| Error::Unusable("write the FILE to send".into()))?;
        Ok(Self { file: file.into(), server: or_default(server) })
    }
}

fn send_file(options: &Options) -> Result<()> {
    // open: the length goes in front, so we promise now how many bytes will follow.
    let (file, header) = open(&options.file)?;

    // resolve: from a name to a list of addresses.
    let addresses = resolve(&options.server)?;

    // race: all of them, one a quarter of a second after the other.
    let (socket, server) = race(&addresses)?;

    // header: in one call, so that it can go in one segment.
    let bytes = header.encode(ByteOrder::Big);
    let mut flow = send_all(&socket, &bytes)?;
    info!("Sent the header, {} bytes", bytes.len());

    // content: through a buffer of ours. That is two copies for each byte, and we see it: the
    // checksum costs nothing extra. A receiver that refuses says so before the end, and we stop.
    let (mut buffer, mut checksum) = (vec![0; CHUNK], crc32fast::Hasher::new());
    let mut progress = Progress::of(header.content_length());
    while progress.left() > 0 && flow == Flow::Open {
        // A file that has grown meanwhile is sent as long as it was promised.
        let room = usize::try_from(progress.left()).unwrap_or(CHUNK).min(CHUNK);
        let read = match read(&file, &mut buffer[..room]) {
            Err(Errno::EINTR) => continue,
            read => read.with_context(|| format!("read {}", options.file.display()))?,
        };
        if read == 0 {
            bail!(
                "read {}: the file is shorter than it was: ended after {} of {} bytes",
                options.file.display(),
                progress.sent(),
                header.content_length()
            );
        }
        checksum.update(&buffer[..read]);
        flow = send_all(&socket, &buffer[..read])?;
        progress.advance(read);
        if progress.left() > 0 && has_refused(&socket) {
            break;
        }
    }

    // checksum: if all of the content has gone.
    if progress.left() == 0 && flow == Flow::Open {
        let checksum = checksum.finalize();
        send_all(&socket, &ByteOrder::Big.u32(checksum))?;
        info!("Sent the content, {} bytes, CRC-32 {checksum:#010x}", progress.sent());
    } else {
        info!("Stopped after {} bytes: the receiver takes no more", progress.sent());
    }

    // finish: half-closes, and reads what the receiver says.
    finish(&socket, server, header.name())
}

/// How many milliseconds an address may be alone before the next one joins: the delay that RFC 8305 recommends.
const HEAD_START: u8 = 250;

fn race(addresses: &[SocketAddr]) -> Result<(OwnedFd, SocketAddr)> {
    let (mut waiting, mut rest) = (Vec::<(OwnedFd, SocketAddr)>::new(), addresses.iter());
    loop {
        // 1. connect: on a socket that does not sleep (O_NONBLOCK) it begins the handshake and returns EINPROGRESS.
        if let Some(&server) = rest.next() {
            let family = if server.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
            let socket =
                socket(family, SockType::Stream, SockFlag::empty(), SockProtocol::Tcp).context("socket")?;
            fcntl(&socket, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).context("fcntl O_NONBLOCK")?;
            match connect(socket.as_raw_fd(), &SockaddrStorage::from(server)) {
                Ok(()) | Err(Errno::EINPROGRESS) => waiting.push((socket, server)),
                Err(errno) => warn!("connect {server}: {errno}"),
            }
        } else if waiting.is_empty() {
            bail!("connect: none of {} addresses takes us", addresses.len());
        }

        // 2. poll: until one of them has an outcome, or until it is the next one's turn.
        let timeout = if rest.len() > 0 { HEAD_START.into() } else { PollTimeout::NONE };
        let mut fds: Vec<PollFd> =
            waiting.iter().map(|(socket, _)| PollFd::new(socket.as_fd(), PollFlags::POLLOUT)).collect();
        match poll(&mut fds, timeout) {
            Err(Errno::EINTR) => continue,
            result => result.context("poll")?,
        };
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or_default()).collect();

        // 3. getsockopt: SO_ERROR says what became of a connect. The first without an error wins; the others are closed
        //    when their owners end.
        let mut losers = Vec::new();
        for ((socket, server), ready) in waiting.into_iter().zip(ready) {
            if !ready {
                losers.push((socket, server));
                continue;
            }
            match getsockopt(&socket, SocketError).context("getsockopt SO_ERROR")? {
                0 => {
                    fcntl(&socket, FcntlArg::F_SETFL(OFlag::empty())).context("fcntl O_NONBLOCK")?;
                    info!("Connected to {server}, the first of {}", addresses.len());
                    return Ok((socket, server));
                }
                error => warn!("connect {server}: {}", Errno::from_raw(error)),
            }
        }
        waiting = losers;
    }
}
