//! Many datagrams, at a steady rate, for a sniffer to keep up with.

use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use common::arguments::{Arg, Arguments, DEFAULT_ADDRESS, address, number};
use common::{arguments, program};
use tracing::info;

const HELP: &str = "\
Sends datagrams of 5 bytes at a steady rate. Part eight of Sockets, Part by Part.

Usage: flood [OPTIONS] [ADDR]

  ADDR           IP:PORT to send to [default: 127.0.0.1:6797]

  --count N      how many, 1 to 10000000 [default: 100000]
  --rate N       how many a second, 1 to 10000000 [default: 100000]
  -h, --help     print this help
  -V, --version  print the version
";

/// How often it looks at the clock: each turn sends what is due by then.
const TURN: Duration = Duration::from_micros(200);

fn main() -> ExitCode {
    program::run("flood", HELP, Options::from_words, |options| flood(&options))
}

struct Options {
    to: SocketAddr,
    count: u64,
    rate: u32,
}

impl Options {
    fn from_words(words: &mut Arguments) -> Result<Self, arguments::Error> {
        let (mut to, mut count, mut rate) = (None, 100_000, 100_000);
        while let Some(word) = words.word()? {
            match word {
                Arg::Long("count") => count = number("--count", words.value()?, 1..=10_000_000)?,
                Arg::Long("rate") => rate = number("--rate", words.value()?, 1..=10_000_000)?,
                Arg::Value(word) if to.is_none() => to = Some(address(word)?),
                word => return Err(word.unexpected().into()),
            }
        }
        Ok(Self { to: to.unwrap_or(DEFAULT_ADDRESS), count, rate })
    }
}

fn flood(options: &Options) -> Result<()> {
    let Options { to, count, rate } = *options;
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).with_context(|| format!("bind {any}"))?;
    let began = Instant::now();
    let mut sent = 0;
    while sent < count {
        let due = began.elapsed().as_micros() * u128::from(rate) / 1_000_000;
        while u128::from(sent) < due && sent < count {
            socket.send_to(b"Hello", to).with_context(|| format!("sendto {to}"))?;
            sent += 1;
        }
        thread::sleep(TURN);
    }
    let took = began.elapsed();
    let rate = u128::from(sent) * 1_000_000 / took.as_micros().max(1);
    info!("Sent {sent} datagrams in {} ms, {rate} a second", took.as_millis());
    Ok(())
}
