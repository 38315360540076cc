//! How long does it take to send a file, by the size of the piece that is read and sent at once? Each way in turn, side
//! by side in one run.
//!
//! `cargo bench -p part-four-frames --bench chunks` (with `-- MEGABYTES` for another size than 100). The file is in the
//! page cache, the receiver is a thread that reads and throws away, and a way's time ends when the receiver has all. The
//! ways take turns round by round, so that a machine that is busy for a while slows all of them and not one.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use common::arguments::{Arg, Arguments, Error, number};
use common::program;
use tracing::info;

const HELP: &str = "\
Measures how long a file takes to send: in chunks of several sizes, and by the kernel alone.

Usage: cargo bench -p part-four-frames --bench chunks [-- MEGABYTES]

  MEGABYTES      the size of the file, 1 to 10000 [default: 100]
";

/// How many rounds each way has.
const ROUNDS: usize = 11;

/// How much the receiver takes at once, whatever the sender does.
const RECEIVED_AT_ONCE: usize = 256 * 1024;

/// Sends all of the file, from its beginning, into the socket.
type Way = fn(&mut File, &mut TcpStream, u64) -> io::Result<()>;

/// The last one is what the others are compared with.
const WAYS: &[(&str, Way)] = &[
    ("read, send: 1 KiB", |file, socket, _| in_chunks::<1024>(file, socket)),
    ("read, send: 4 KiB", |file, socket, _| in_chunks::<{ 4 * 1024 }>(file, socket)),
    ("read, send: 64 KiB", |file, socket, _| in_chunks::<{ 64 * 1024 }>(file, socket)),
    ("read, send: 256 KiB", |file, socket, _| in_chunks::<{ 256 * 1024 }>(file, socket)),
    ("std::io::copy", |file, socket, _| io::copy(file, socket).map(drop)),
    #[cfg(target_os = "linux")]
    ("splice", linux::splice_all),
    #[cfg(target_os = "linux")]
    ("sendfile", linux::sendfile_all),
];

fn in_chunks<const SIZE: usize>(file: &mut File, socket: &mut TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; SIZE];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            read => socket.write_all(&buffer[..read])?,
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io::{self, ErrorKind};
    use std::net::TcpStream;

    use nix::fcntl::{SpliceFFlags, splice};
    use nix::sys::sendfile::sendfile;

    pub fn sendfile_all(file: &mut File, socket: &mut TcpStream, mut left: u64) -> io::Result<()> {
        while left > 0 {
            match sendfile(&*socket, &*file, None, usize::try_from(left).unwrap_or(usize::MAX))? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                sent => left -= sent as u64,
            }
        }
        Ok(())
    }

    /// From the file into a pipe, and from the pipe into the socket: what sendfile does inside the kernel.
    pub fn splice_all(file: &mut File, socket: &mut TcpStream, mut left: u64) -> io::Result<()> {
        let (reader, writer) = io::pipe()?;
        while left > 0 {
            let room = usize::try_from(left).unwrap_or(usize::MAX).min(64 * 1024);
            let mut piped = splice(&*file, None, &writer, None, room, SpliceFFlags::empty())?;
            if piped == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            left -= piped as u64;
            while piped > 0 {
                piped -= splice(&reader, None, &*socket, None, piped, SpliceFFlags::SPLICE_F_MORE)?;
            }
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    program::run(env!("CARGO_CRATE_NAME"), HELP, options, |(megabytes, rounds)| measure(megabytes, rounds))
}

/// The size of the file, and how many rounds: one, as a trial, where this is not run by `cargo bench`.
fn options(words: &mut Arguments) -> Result<(u64, usize), Error> {
    let (mut megabytes, mut rounds) = (100, 1);
    while let Some(word) = words.word()? {
        match word {
            Arg::Long("bench") => rounds = ROUNDS,
            Arg::Value(word) => megabytes = number("MEGABYTES", word, 1..=10_000)?,
            option => return Err(option.unexpected().into()),
        }
    }
    Ok((megabytes, rounds))
}

fn measure(megabytes: u64, rounds: usize) -> Result<()> {
    let length = megabytes * 1_000_000;
    let mut file = tempfile::tempfile().context("make a file")?;
    let megabyte = vec![0x5a; 1_000_000];
    for _ in 0..megabytes {
        file.write_all(&megabyte).context("write the file")?;
    }
    let mut socket = receiver(length)?;

    let mut times = vec![Vec::new(); WAYS.len()];
    for round in 1..=rounds {
        for ((name, send), times) in WAYS.iter().zip(&mut times) {
            show_progress(&format!("round {round} of {rounds}: {name}"));
            file.rewind().context("lseek")?;
            let begun = Instant::now();
            send(&mut file, &mut socket, length).context(*name)?;
            let mut all = [0];
            socket.read_exact(&mut all).context("the receiver's word that it has all")?;
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
    }
    show_progress("");

    for times in &mut times {
        times.sort_by(f64::total_cmp);
    }
    let at = |times: &[f64], index: usize| times.get(index).copied().unwrap_or_default();
    let Some(best) = times.last().map(|times| at(times, rounds / 2)) else {
        bail!("there is no way to send")
    };
    info!("{megabytes} MB through loopback, milliseconds in {rounds} rounds");
    info!("{:22}{:>9}{:>9}{:>9}{:>16}", "", "median", "fastest", "slowest", "times the last");
    for ((name, _), times) in WAYS.iter().zip(&times) {
        let (median, fastest, slowest) = (at(times, rounds / 2), at(times, 0), at(times, rounds - 1));
        info!("{name:22}{median:>9.0}{fastest:>9.0}{slowest:>9.0}{:>16.2}", median / best);
    }
    Ok(())
}

/// A connection to a thread that reads and throws away, and says a byte whenever it has `length` bytes more.
fn receiver(length: u64) -> Result<TcpStream> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("bind 127.0.0.1:0")?;
    let socket = TcpStream::connect(listener.local_addr().context("getsockname")?).context("connect")?;
    let (mut theirs, _) = listener.accept().context("accept")?;
    thread::spawn(move || {
        let mut buffer = vec![0; RECEIVED_AT_ONCE];
        let mut left = length;
        while let Ok(received @ 1..) = theirs.read(&mut buffer) {
            left -= received as u64;
            if left == 0 {
                left = length;
                if theirs.write_all(&[0]).is_err() {
                    break;
                }
            }
        }
    });
    Ok(socket)
}

/// One line on standard error that overwrites itself, where somebody looks.
fn show_progress(what: &str) {
    if io::stderr().is_terminal() {
        let _ = write!(io::stderr(), "\r\u{1b}[K{what}");
    }
}
