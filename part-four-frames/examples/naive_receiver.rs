//! A receiver as first attempts have it, to be broken on `docs/part-four-failures.md`: it reads the length in this machine's
//! own order of bytes, believes it, and takes what one `recv` gives for the whole.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::{Arg, Arguments, DEFAULT_ADDRESS, Error, address, number};
use common::program;
use nix::sys::socket::{MsgFlags, recv};
use tracing::info;

const HELP: &str = "\
Receives one content with its length in front, in the naive way, then ends.

Usage: naive_receiver [OPTIONS] [ADDR]

  ADDR           IP:PORT to listen on [default: 127.0.0.1:6797]

  --bits 32|64   how long the length is [default: 32]
  --wait-all     let the recv of the content sleep until all of it has come
  -h, --help     print this help
  -V, --version  print the version
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, options, |(address, bits, wait)| receive(address, bits, wait))
}

fn options(words: &mut Arguments) -> Result<(SocketAddr, u8, bool), Error> {
    let (mut place, mut bits, mut wait_all) = (None, 32, false);
    while let Some(word) = words.word()? {
        match word {
            Arg::Long("bits") => bits = number("--bits", words.value()?, 32..=64)?,
            Arg::Long("wait-all") => wait_all = true,
            Arg::Value(word) if place.is_none() => place = Some(address(word)?),
            word => return Err(word.unexpected().into()),
        }
    }
    if bits != 32 && bits != 64 {
        return Err(Error::Unusable(format!("--bits {bits}: write 32 or 64")));
    }
    Ok((place.unwrap_or(DEFAULT_ADDRESS), bits, wait_all))
}

fn receive(address: SocketAddr, bits: u8, wait_all: bool) -> Result<()> {
    let listener = std::net::TcpListener::bind(address).with_context(|| format!("bind {address}"))?;
    info!("Listening on {}", listener.local_addr().context("getsockname")?);
    let (connection, _) = listener.accept().context("accept")?;

    // 1. length: one recv, and in the order of this machine. Both are wrong.
    let mut bytes = [0; 8];
    let width = usize::from(bits / 8);
    recv(connection.as_raw_fd(), &mut bytes[..width], MsgFlags::empty()).context("recv")?;
    let length = match bits {
        32 => u64::from(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
        _ => u64::from_ne_bytes(bytes),
    };
    info!("length: {length}");

    // 2. memory: for all of it, because a stranger says so.
    let mut content = vec![0; usize::try_from(length)?];

    // 3. content: one recv. It gives what has come by now, or, asked so, sleeps until its buffer is full.
    let flags = if wait_all { MsgFlags::MSG_WAITALL } else { MsgFlags::empty() };
    let received = recv(connection.as_raw_fd(), &mut content, flags).context("recv")?;
    info!("received {received} of {length} bytes");
    Ok(())
}
