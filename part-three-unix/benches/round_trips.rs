//! How many round trips a second? Each kind of local connection in turn, side by side in one run.
//!
//! `cargo bench -p part-three-unix --bench round_trips` (with `-- BYTES` for another size than 64). One thread echoes, this one sends a
//! message and waits for it to come back. The kinds take turns in short rounds, so that a machine that is busy for a
//! while slows all of them and not one; the table shows the median of the rounds, the slowest and the fastest.

use std::io::{self, IsTerminal, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use common::arguments::{Arg, Arguments, Error, text};
use common::program;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use tracing::info;

const HELP: &str = "\
Measures round trips a second: Unix-domain sockets of each type, TCP and UDP on loopback.

Usage: cargo bench -p part-three-unix --bench round_trips [-- BYTES]

  BYTES          the size of a message, 1 to 65000 [default: 64]
";

/// How long one kind is measured before the next takes its turn.
const ROUND: Duration = Duration::from_millis(100);

/// How many rounds each kind has.
const ROUNDS: usize = 20;

/// Sends the message and receives it whole.
type RoundTrip = Box<dyn FnMut(&[u8], &mut [u8]) -> io::Result<()>>;

/// A kind of connection to a thread that echoes; the thread ends with the connection, or with the process.
type Kind = (&'static str, fn(usize) -> io::Result<RoundTrip>);

const KINDS: [Kind; 5] = [
    ("Unix stream", |size| {
        let (ours, theirs) = UnixStream::pair()?;
        Ok(stream(ours, theirs, size))
    }),
    ("Unix datagram", |size| {
        let (ours, theirs) = UnixDatagram::pair()?;
        thread::spawn(move || {
            let mut buffer = vec![0; size];
            while theirs.recv(&mut buffer).and_then(|received| theirs.send(&buffer[..received])).is_ok() {}
        });
        Ok(Box::new(move |message, buffer| {
            ours.send(message)?;
            ours.recv(buffer).map(drop)
        }))
    }),
    ("Unix seqpacket", |size| {
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::empty())?;
        thread::spawn(move || {
            let mut buffer = vec![0; size];
            while let Ok(received @ 1..) = recv(theirs.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                if send(theirs.as_raw_fd(), &buffer[..received], MsgFlags::empty()).is_err() {
                    break;
                }
            }
        });
        Ok(Box::new(move |message, buffer| {
            send(ours.as_raw_fd(), message, MsgFlags::empty())?;
            recv(ours.as_raw_fd(), buffer, MsgFlags::empty())?;
            Ok(())
        }))
    }),
    ("TCP on loopback", |size| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let ours = TcpStream::connect(listener.local_addr()?)?;
        let (theirs, _) = listener.accept()?;
        // Else Nagle's algorithm would hold back what does not fill a segment.
        ours.set_nodelay(true)?;
        theirs.set_nodelay(true)?;
        Ok(stream(ours, theirs, size))
    }),
    ("UDP on loopback", |size| {
        let (ours, theirs) =
            (UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?, UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
        ours.connect(theirs.local_addr()?)?;
        theirs.connect(ours.local_addr()?)?;
        // Loopback loses nothing while there is room, but a lost datagram must not hold us for ever.
        ours.set_read_timeout(Some(Duration::from_secs(5)))?;
        thread::spawn(move || {
            let mut buffer = vec![0; size];
            while theirs.recv(&mut buffer).and_then(|received| theirs.send(&buffer[..received])).is_ok() {}
        });
        Ok(Box::new(move |message, buffer| {
            ours.send(message)?;
            ours.recv(buffer).map(drop)
        }))
    }),
];

fn stream<S: Read + Write + Send + 'static>(mut ours: S, mut theirs: S, size: usize) -> RoundTrip {
    thread::spawn(move || {
        let mut buffer = vec![0; size];
        while theirs.read_exact(&mut buffer).and_then(|()| theirs.write_all(&buffer)).is_ok() {}
    });
    Box::new(move |message, buffer| {
        ours.write_all(message)?;
        ours.read_exact(buffer)
    })
}

fn main() -> ExitCode {
    program::run(env!("CARGO_CRATE_NAME"), HELP, parse, |(size, rounds)| measure(size, rounds))
}

/// The size of a message, and how many rounds: one, as a trial, where this is not run by `cargo bench`.
fn parse(words: &mut Arguments) -> Result<(usize, usize), Error> {
    let (mut size, mut rounds) = (64, 1);
    while let Some(word) = words.word()? {
        match word {
            Arg::Long("bench") => rounds = ROUNDS,
            Arg::Value(bytes) => {
                let bytes = text(bytes)?;
                size = bytes.parse().ok().filter(|size| (1..=65_000).contains(size)).ok_or_else(|| {
                    Error::Unusable(format!("{bytes:?} is not a size: write a number from 1 to 65000"))
                })?;
            }
            option => return Err(option.unexpected().into()),
        }
    }
    Ok((size, rounds))
}

fn measure(size: usize, rounds: usize) -> Result<()> {
    let message: Vec<u8> = (0..=u8::MAX).cycle().take(size).collect();
    let mut buffer = vec![0; size];
    let mut connections = Vec::new();
    for (name, connect) in KINDS {
        connections.push((connect(size).context(name)?, name, Vec::new()));
    }

    for round in 1..=rounds {
        for (trip, name, rates) in &mut connections {
            show_progress(&format!("round {round} of {rounds}: {name}"));
            let (begun, mut trips) = (Instant::now(), 0_u32);
            while begun.elapsed() < ROUND {
                trip(&message, &mut buffer).with_context(|| format!("{name}: round trip"))?;
                if buffer != message {
                    bail!("{name}: what came back is not what was sent");
                }
                trips += 1;
            }
            rates.push(f64::from(trips) / begun.elapsed().as_secs_f64());
        }
    }
    show_progress("");

    info!("{size} bytes there and back, round trips a second in {rounds} rounds of {ROUND:?}");
    info!("{:18}{:>10}{:>10}{:>10}", "", "median", "slowest", "fastest");
    for (_, name, mut rates) in connections {
        rates.sort_by(f64::total_cmp);
        let at = |index: usize| rates.get(index).copied().unwrap_or_default();
        info!("{name:18}{:>10.0}{:>10.0}{:>10.0}", at(rounds / 2), at(0), at(rounds - 1));
    }
    Ok(())
}

/// One line on standard error that overwrites itself, where somebody looks.
fn show_progress(what: &str) {
    if io::stderr().is_terminal() {
        let _ = write!(io::stderr(), "\r\u{1b}[K{what}");
    }
}
