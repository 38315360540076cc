//! What large files cost: a gigabyte by frames-sender, then 3 GiB by frames-sendfile, which is more than one call of
//! sendfile takes. It shows the time of each, the calls of sendfile, and the most memory that the receiver ever had.
//!
//! `cargo bench -p part-four-frames --bench large`. The files that are sent are sparse and take no room; what the receiver
//! keeps takes all of its length in the system's temporary folder (`TMPDIR`), and is removed at the end.

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use common::arguments::{Arg, Arguments, Error};
use common::program;
use harness::process::Process;
use tracing::info;

const HELP: &str = "\
Sends 1 GB and 3 GiB to frames-receiver, and shows the time and the receiver's memory.

Usage: cargo bench -p part-four-frames --bench large
";

const RECEIVER: &str = env!("CARGO_BIN_EXE_frames-receiver");
const SENDER: &str = env!("CARGO_BIN_EXE_frames-sender");
const SENDFILE: &str = env!("CARGO_BIN_EXE_frames-sendfile");

fn main() -> ExitCode {
    program::run(env!("CARGO_CRATE_NAME"), HELP, options, measure)
}

/// Whether the files are large: they are not where this is run as a trial, and not by `cargo bench`.
fn options(words: &mut Arguments) -> Result<bool, Error> {
    let mut large = false;
    while let Some(word) = words.word()? {
        match word {
            Arg::Long("bench") => large = true,
            option => return Err(option.unexpected().into()),
        }
    }
    Ok(large)
}

fn measure(large: bool) -> Result<()> {
    let folder = tempfile::tempdir().context("make a folder")?;
    let place = folder.path().to_str().context("the folder's name is not UTF-8")?;
    let mut receiver = Process::start(RECEIVER, &["--limit", "4000000000", "127.0.0.1:0", place])?;
    let address = receiver.wait_for("Socket bound to address: ")?;
    receiver.wait_for("Listening")?;
    info!("frames-receiver: {} KiB at most before the first client", peak(&receiver)?);

    let sizes = if large { [1_000_000_000, 3 << 30] } else { [1_000_000, 3 << 20] };
    for (program, size) in [SENDER, SENDFILE].into_iter().zip(sizes) {
        let path = folder.path().join("sparse");
        File::create(&path).and_then(|file| file.set_len(size)).context("make a sparse file")?;
        send(program, &path, &address)?;
        info!("frames-receiver: {} KiB at most", peak(&receiver)?);
    }
    Ok(())
}

/// Sends the file into the folder in which it is: the receiver replaces it.
fn send(program: &str, path: &Path, address: &str) -> Result<()> {
    let name = program.rsplit('/').next().unwrap_or(program);
    let begun = Instant::now();
    let mut sender = Process::start(program, &[path.as_os_str(), address.as_ref()])?;
    // Each line comes within the bound of a wait; all of them together may take longer.
    let answer = loop {
        let line = sender.line()?;
        if line.starts_with("Sent ") {
            info!("{name}: {line}");
        } else if line.starts_with("Answer: ") {
            break line;
        }
    };
    let seconds = begun.elapsed().as_secs_f64();
    if !sender.end()?.status.success() {
        bail!("{name} failed");
    }
    info!("{name}: {answer} after {seconds:.1} s");
    Ok(())
}

/// The most memory that a process ever had, in KiB.
fn peak(process: &Process) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).context("read /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("/proc has no VmHWM")?;
    line.trim().trim_end_matches(" kB").parse().with_context(|| format!("VmHWM:{line}"))
}
