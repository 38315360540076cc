//! The exercises of part eight: what each check says of the unsolved state, and what of the answer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]
#![cfg(target_os = "linux")]

mod support;

use std::path::Path;

use harness::process::example;
use support::{Checked, State, exercise};

/// An exercise whose starting point is an example of the part.
fn starter(name: &str) -> State {
    State::answer(example("part-eight-wire", name).unwrap().to_str().unwrap())
}

fn kept(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).to_str().unwrap().to_owned()
}

/// What the program says; it must say it without an error.
fn said(program: &State, words: &[&str]) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let ended = program.start(words)?.end()?;
    if ended.status.success() { Ok(ended.lines) } else { Err(ended.errors.into()) }
}

#[test]
fn packets_exercise_1_a_filter_for_one_host() {
    exercise(
        &starter("filter_file"),
        "10.67.1.2: 12 frames kept, and it has 10",
        &State::answer(env!("CARGO_BIN_EXE_part-eight-packets-1")),
        |program| -> Checked {
            // The two that it must not keep are no packets of IPv4 but ARP.
            for (host, frames) in [("10.67.1.2", 10), ("10.67.2.2", 10), ("10.67.1.1", 0), ("10.67.2.3", 0)] {
                let lines = said(program, &[&kept("part-eight.pcap"), host])?;
                let kept = lines.iter().filter(|line| line.starts_with("frame ")).count();
                if kept != frames {
                    return Err(format!("{host}: {kept} frames kept, and it has {frames}").into());
                }
            }
            Ok(())
        },
    );
}

#[test]
fn packets_exercise_2_hop_by_hop() {
    exercise(
        &starter("options"),
        "frame 1: 6 bytes of options, then protocol 58",
        &State::answer(env!("CARGO_BIN_EXE_part-eight-packets-2")),
        |program| -> Checked {
            let lines = said(program, &[&kept("part-eight-options.pcap")])?;
            for (line, wanted) in lines.iter().zip([
                "frame 1: router alert, 2 bytes; padding, 0 bytes, then protocol 58",
                "frame 3: padding; padding; option 30, 4 bytes; padding, 4 bytes, then protocol 17",
            ]) {
                if line != wanted {
                    return Err(line.clone().into());
                }
            }
            assert_eq!(lines.len(), 2);
            Ok(())
        },
    );
}

#[test]
fn packets_exercise_3_the_stolen_byte() {
    let folder = tempfile::tempdir().unwrap();
    // A state is what the learner writes at the byte's place.
    exercise(&0, "checksum 0xadbf: wrong, 0xadf6 would be right", &b'7', |byte| -> Checked {
        let mut file = std::fs::read(kept("part-eight-stolen.pcap"))?;
        // 24 bytes of the file, 16 before the frame, and then 53 of the frame.
        file[24 + 16 + 53] = *byte;
        let mended = folder.path().join("mended.pcap");
        std::fs::write(&mended, file)?;
        let sniffer = State::lesson("part-eight-wire", "wire-sniff");
        let lines = said(&sniffer, &["--read", mended.to_str().unwrap()])?;
        let line = lines.iter().find(|line| line.contains("  checksum 0x")).unwrap();
        if line.ends_with(": right") { Ok(()) } else { Err(line.clone().into()) }
    });
}
