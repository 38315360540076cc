//! The kept recordings in docs/recordings, each held against a new run of its page: they may differ in times, in numbers
//! that the kernel chose, and in pure ACKs. Beside each lies its picture, which must be the one that `lab draw` makes of
//! it. `LAB_UPDATE=1` writes both anew.

#![expect(clippy::expect_used, reason = "a test says what it expects by panicking")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use harness::missing::Missing;
use harness::process::not_checked;
use lab::record::recording::{Recorded, Recording, VERSION};
use lab::replay::renaming::Renaming;
use lab::show::drawing::draw;
use lab::show::scene::Scene;

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
        let updates = std::env::var_os("LAB_UPDATE").is_some();
        assert!(kept.version == VERSION || updates, "{name} is of version {}", kept.version);
        let new = folder.path().join(file.file_name().expect("a name"));
        if let Err(said) = record(&kept, &new) {
            // Of the failures of a replay, the book's own test tells.
            let missing = Missing { what: said.trim().to_owned(), remedy: None };
            not_checked(&format!("the recording {name}"), missing).expect("LAB_REQUIRE=all");
            continue;
        }
        let came = Recording::read(&new).expect("a recording");
        let differences = kept.differences(&came, &mut Renaming::new(32768..=60999));
        if updates && (kept.version != VERSION || !differences.is_empty()) {
            std::fs::copy(&new, &file).expect("the recording is written");
            std::fs::write(file.with_extension("svg"), draw(&Scene::of(&came)))
                .expect("the picture is written");
            continue;
        }
        assert!(differences.is_empty(), "{name}:\n{}", differences.join("\n"));
    }
}

const LATE: &str = "\
# A program goes on

## The first section

```console one trace
$ echo begun; n=0; while [ $n -lt 30000 ]; do n=$((n+1)); done; sleep 0.3; echo done
begun
```

## The second section

```console two
$ echo next
next
```

```console one
done
```
";

/// What a section brings about is its own, also where the program takes longer for it than the page.
#[test]
fn what_a_block_brings_about_is_of_its_section() {
    if let Err(missing) = lab::observe::syscalls::available() {
        not_checked("what a block brings about", missing).expect("LAB_REQUIRE=all");
        return;
    }
    let book = tempfile::tempdir().expect("a folder");
    std::fs::write(book.path().join("page.md"), LATE).expect("a page");
    let lines = ["The first section", "The second section"].map(|section| {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        let output = lab.args(["record", "page.md", "--section", section]).current_dir(book.path()).output();
        let output = output.expect("lab starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let file = book.path().join("run.json");
        std::fs::write(&file, output.stdout).expect("a file");
        let events = Recording::read(&file).expect("a recording").events.into_iter();
        let lines = events.filter_map(|entry| match entry.what {
            Recorded::Line { text, .. } if !text.starts_with("echo") => Some(text),
            _ => None,
        });
        lines.collect::<Vec<String>>()
    });
    assert_eq!(lines, [vec!["begun", "done"], vec!["next"]]);
}

#[test]
fn every_picture_is_what_its_recording_shows() {
    for file in kept() {
        let drawn = draw(&Scene::of(&Recording::read(&file).expect("a recording")));
        let picture = file.with_extension("svg");
        if std::env::var_os("LAB_UPDATE").is_some() {
            std::fs::write(&picture, drawn).expect("the picture is written");
        } else {
            let kept = std::fs::read_to_string(&picture).unwrap_or_default().replace("\r\n", "\n");
            assert!(kept == drawn, "{} is not what `lab draw` makes of its recording", picture.display());
        }
    }
}

#[test]
fn a_changed_recording_is_another_picture() {
    for file in kept() {
        let kept = Recording::read(&file).expect("a recording");
        let mut shorter = kept.clone();
        let call = shorter.events.iter().rposition(|entry| matches!(entry.what, Recorded::Call { .. }));
        shorter.events.remove(call.expect("a call"));
        let mut other = kept.clone();
        let said = other.events.iter_mut().find_map(|entry| match &mut entry.what {
            Recorded::Line { text, .. } if entry.cause.is_none() => Some(text),
            _ => None,
        });
        said.expect("a line").insert(0, '!');
        for changed in [shorter, other] {
            assert!(draw(&Scene::of(&kept)) != draw(&Scene::of(&changed)), "{}", file.display());
        }
    }
}

/// What `lab draw` says, and how it ends.
fn drawn(arguments: &[&std::ffi::OsStr]) -> (Option<i32>, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_lab")).arg("draw").args(arguments).output().expect("lab starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_is_no_recording_is_not_drawn() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.json");
    for (content, said) in [
        (None, "No such file"),
        (Some("{}".to_owned()), "missing field"),
        (Some("not JSON".to_owned()), "expected"),
        (Some(r#"{"version":1,"page":"","sections":[],"terminals":[],"left_out":0,"events":[],"sockets":[]}"#.to_owned()), "is of version 1"),
    ] {
        if let Some(content) = content {
            std::fs::write(&file, content).expect("a file");
        }
        let (status, out, error) = drawn(&[file.as_os_str()]);
        assert_eq!((status, out.as_str()), (Some(2), ""), "{error}");
        assert!(error.contains(said) && error.contains("run.json"), "{error}");
    }
    // Nothing at all is drawn as nothing.
    std::fs::write(&file, format!(r#"{{"version":{VERSION},"page":"","sections":[],"terminals":[],"left_out":0,"events":[],"sockets":[]}}"#)).expect("a file");
    let (status, out, error) = drawn(&[file.as_os_str()]);
    assert_eq!((status, error.as_str()), (Some(0), ""));
    assert!(out.starts_with("<svg") && out.trim_end().ends_with("</svg>"), "{out}");
}

/// What the site sends of one recording stays small: `gzip -9` of the scene, as a web server sends it.
#[test]
fn a_recording_is_small() {
    for file in kept() {
        let scene = Scene::of(&Recording::read(&file).expect("a recording")).to_json().expect("data");
        let mut gzip = Command::new("gzip");
        let gzip = gzip.arg("-9c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut gzip = match gzip {
            Ok(gzip) => gzip,
            Err(error) => {
                let missing = Missing { what: format!("gzip: {error}"), remedy: None };
                not_checked("the size of the recordings", missing).expect("LAB_REQUIRE=all");
                return;
            }
        };
        let mut input = gzip.stdin.take().expect("a pipe");
        let writer = std::thread::spawn(move || input.write_all(scene.as_bytes()));
        let size = gzip.wait_with_output().expect("gzip ends").stdout.len();
        writer.join().expect("a thread").expect("gzip reads");
        assert!((100..10_000).contains(&size), "{}: {size} bytes compressed", file.display());
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
