//! The answer to exercise 1 of `docs/part-eight-packets.md`: a filter for one host.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::{Arguments, Error, text};
use common::program;
use part_eight_wire::filter::{ALL, Instruction, Listing, code, jump, step};
use part_eight_wire::{brief, decode, pcap};
use tracing::info;

const HELP: &str = "\
Shows the frames of a pcap file that a filter for one host keeps. An answer of part eight of
Sockets, Part by Part.

Usage: part-eight-packets-1 FILE HOST

  HOST           an IPv4 address

  -h, --help     print this help
  -V, --version  print the version
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, words, |(file, host)| filter(&file, host))
}

fn words(words: &mut Arguments) -> Result<(PathBuf, Ipv4Addr), Error> {
    let (Some(file), Some(host)) = (words.operand()?, words.operand()?) else {
        return Err(Error::Unusable("write FILE and HOST".into()));
    };
    let host = text(host)?;
    let host = host.parse().map_err(|_| Error::Unusable(format!("{host:?} is not an IPv4 address")))?;
    Ok((file.into(), host))
}

fn filter(file: &Path, host: Ipv4Addr) -> Result<()> {
    let program = one_host(host);
    info!("Filter, {} instructions:\n{}", program.len(), Listing(&program));
    // A filter may be attached to any socket: the kernel runs it on what comes. So each frame is sent through a pair of
    // sockets, and what comes out was kept.
    let (sender, receiver) = UnixDatagram::pair().context("socketpair")?;
    receiver.set_nonblocking(true).context("fcntl O_NONBLOCK")?;
    attach(&receiver, &program)?;
    let named = || format!("read {}", file.display());
    let mut buffer = vec![0; 1 << 18];
    for (number, frame) in
        (1..).zip(pcap::Reader::new(File::open(file).with_context(named)?).with_context(named)?)
    {
        let frame = frame.with_context(named)?.bytes;
        sender.send(&frame).with_context(|| format!("send frame {number}"))?;
        if receiver.recv(&mut buffer).is_ok() {
            info!("frame {number}: {}", brief::line(&decode::frame(&frame)));
        }
    }
    Ok(())
}

/// Keeps the IPv4 packets from and to `host`.
fn one_host(host: Ipv4Addr) -> Vec<Instruction> {
    // 1. address: LD takes four bytes at once, the first one the upper: so does the number of an address.
    let host = host.to_bits();
    // 2. filter: the addresses stand before the options of IPv4, so their places are always the same: 26 and 30.
    vec![
        step(code::LDH, 12),           // 0  Ethernet: the type
        jump(code::JEQ, 0x0800, 0, 5), // 1  IPv4? else to 7
        step(code::LD, 26),            // 2  the source
        jump(code::JEQ, host, 2, 0),   // 3  ours? then to 6
        step(code::LD, 30),            // 4  the destination
        jump(code::JEQ, host, 0, 1),   // 5  ours? else to 7
        step(code::RET, ALL),          // 6  keep it
        step(code::RET, 0),            // 7  drop it
    ]
}

#[cfg(target_os = "linux")]
fn attach(socket: &UnixDatagram, program: &[Instruction]) -> Result<()> {
    part_eight_wire::filter::attach(socket, program).context("setsockopt SO_ATTACH_FILTER")
}

#[cfg(not(target_os = "linux"))]
fn attach(_: &UnixDatagram, _: &[Instruction]) -> Result<()> {
    anyhow::bail!("setsockopt SO_ATTACH_FILTER: it runs on Linux")
}
