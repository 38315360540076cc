//! The kept recordings in docs/recordings, each held against a new run of its page: they may differ in times, in numbers
//! that the kernel chose, and in pure ACKs. `LAB_UPDATE=1` writes them anew.

#![expect(clippy::expect_used, reason = "a test says what it expects by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use harness::missing::Missing;
use harness::process::not_checked;
use lab::record::recording::{Recorded, Recording, VERSION};
use lab::replay::renaming::Renaming;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace")
}

fn kept() -> Vec<PathBuf> {
    let files = std::fs::read_dir(root().join("docs/recordings")).expect("docs/recordings");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

/// A new run of what `recording` shows, in `file`; what the laboratory says where it cannot be had.
fn record(recording: &Recording, file: &Path) -> Result<(), String> {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.arg("record").arg(&recording.page).arg("-o").arg(file).current_dir(root());
    for section in &recording.sections {
        lab.args(["--section", section]);
    }
    let output = lab.output().expect("lab starts");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[test]
fn every_kept_recording_is_still_what_happens() {
    if let Err(missing) = lab::observe::syscalls::available() {
        not_checked("the recordings", missing).expect("LAB_REQUIRE=all");
        return;
    }
    let files = kept();
    assert!(!files.is_empty(), "no recording is kept");
    let folder = tempfile::tempdir().expect("a folder");
    for file in files {
        let name = file.display();
        let kept = Recording::read(&file).expect("a recording");
        assert_eq!(kept.version, VERSION, "{name}");
        let new = folder.path().join(file.file_name().expect("a name"));
        if let Err(said) = record(&kept, &new) {
            // Of the failures of a replay, the book's own test tells.
            let missing = Missing { what: said.trim().to_owned(), remedy: None };
            not_checked(&format!("the recording {name}"), missing).expect("LAB_REQUIRE=all");
            continue;
        }
        let came = Recording::read(&new).expect("a recording");
        let differences = kept.differences(&came, &mut Renaming::new(32768..=60999));
        if !differences.is_empty() && std::env::var_os("LAB_UPDATE").is_some() {
            std::fs::copy(&new, &file).expect("the recording is written");
            continue;
        }
        assert!(differences.is_empty(), "{name}:\n{}", differences.join("\n"));
    }
}

/// The check of the recordings must be able to fail.
#[test]
fn a_changed_recording_is_another() {
    let kept =
        kept().first().map(|file| Recording::read(file).expect("a recording")).expect("a recording is kept");
    let renaming = || Renaming::new(32768..=60999);
    assert_eq!(kept.differences(&kept, &mut renaming()), [""; 0]);
    let mut shorter = kept.clone();
    let line = shorter.events.iter().rposition(|entry| matches!(entry.what, Recorded::Line { .. }));
    shorter.events.remove(line.expect("a line"));
    let mut without_packets = kept.clone();
    without_packets
        .events
        .retain(|entry| !matches!(&entry.what, Recorded::Packet { packet, .. } if !packet.pure_ack));
    for other in [shorter, without_packets] {
        assert_ne!(kept.differences(&other, &mut renaming()), [""; 0]);
    }
}
