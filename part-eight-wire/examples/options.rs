//! An exercise: say which options stand in IPv6's hop-by-hop header, in each frame of a file. So far this program finds
//! the header and says how long it is.

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
exercise of part eight of Sockets, Part by Part: the function `options` is yours.

Usage: options FILE

  -h, --help     print this help
  -V, --version  print the version
";

fn main() -> ExitCode {
    program::run("options", HELP, file, |file| read(&file))
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
fn options(bytes: &[u8]) -> Vec<String> {
    vec![format!("{} bytes of options", bytes.len())]
}
