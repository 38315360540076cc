//! An exercise: a filter for one host. This program has the kernel run a filter over the frames of a file, which takes
//! no privilege, and says which it keeps: so far, all of them.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::{Arguments, Error, text};
use common::program;
use part_eight_wire::filter::{ALL, Instruction, Listing, code, step};
use part_eight_wire::{brief, decode, pcap};
use tracing::info;

const HELP: &str = "\
Shows the frames of a pcap file that a filter for one host keeps. An exercise of part eight
of Sockets, Part by Part: the function `one_host` is yours.

Usage: filter_file FILE HOST

  HOST           an IPv4 address

  -h, --help     print this help
  -V, --version  print the version
";

fn main() -> ExitCode {
    program::run("filter_file", HELP, words, |(file, host)| filter(&file, host))
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
fn one_host(_host: Ipv4Addr) -> Vec<Instruction> {
    vec![step(code::RET, ALL)]
}

#[cfg(target_os = "linux")]
fn attach(socket: &UnixDatagram, program: &[Instruction]) -> Result<()> {
    part_eight_wire::filter::attach(socket, program).context("setsockopt SO_ATTACH_FILTER")
}

#[cfg(not(target_os = "linux"))]
fn attach(_: &UnixDatagram, _: &[Instruction]) -> Result<()> {
    anyhow::bail!("setsockopt SO_ATTACH_FILTER: it runs on Linux")
}
