//! The answer to exercise 2 of `docs/part-eight-packets.md`: the options of IPv6's hop-by-hop header.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::{Arguments, Error};
use common::program;
use part_eight_wire::pcap;
use tracing::info;

const HELP: &str = "\
Says which options stand in IPv6's hop-by-hop header, in each frame of a pcap file. An
answer of part eight of Sockets, Part by Part.

Usage: part-eight-packets-2 FILE

  -h, --help     print this help
  -V, --version  print the version
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, file, |file| read(&file))
}

fn file(words: &mut Arguments) -> Result<PathBuf, Error> {
    words.operand()?.map(PathBuf::from).ok_or_else(|| Error::Unusable("write the FILE to read".into()))
}

fn read(file: &Path) -> Result<()> {
    let named = || format!("read {}", file.display());
    let frames = pcap::Reader::new(File::open(file).with_context(named)?).with_context(named)?;
    for (number, frame) in (1..).zip(frames) {
        let frame = frame.with_context(named)?.bytes;
        // Ethernet: 14 bytes, the last two are the type. IPv6: 40 bytes, the seventh says what is next; 0 is this header.
        if frame.get(12..14) != Some(&[0x86, 0xdd]) || frame.get(20) != Some(&0) {
            continue;
        }
        let Some([next, words, rest @ ..]) = frame.get(54..) else {
            info!("frame {number}: cut before the header");
            continue;
        };
        // The header has 8 bytes, and so many times 8 more; two of them are read already.
        let length = 6 + 8 * usize::from(*words);
        let said = options(rest.get(..length).unwrap_or(rest));
        info!("frame {number}: {}, then protocol {next}", said.join("; "));
    }
    Ok(())
}

/// What stands in `bytes`, the header without its first two bytes: for each option its name and how many bytes of data
/// it has, such as `router alert, 2 bytes`.
fn options(mut bytes: &[u8]) -> Vec<String> {
    let mut said = Vec::new();
    // 1. option: a type, a length, and so many bytes. The one exception is type 0, a single byte of padding.
    while let [kind, rest @ ..] = bytes {
        if *kind == 0 {
            said.push("padding".to_owned());
            bytes = rest;
            continue;
        }
        // 2. length: nobody promises that the length is true, or that there is one at all.
        let option = rest.split_first().and_then(|(length, rest)| rest.split_at_checked((*length).into()));
        let Some((data, behind)) = option else {
            said.push(format!("option {kind}, cut"));
            return said;
        };
        let name = match kind {
            1 => "padding".to_owned(),
            5 => "router alert".to_owned(),
            kind => format!("option {kind}"),
        };
        said.push(format!("{name}, {} bytes", data.len()));
        bytes = behind;
    }
    said
}
