//! The grader as a command: exit statuses, reports in files, signals, and what it leaves behind.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

mod support;

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use harness::process::Process;
use nix::sys::signal::Signal;
use support::{can_judge, grade};

/// A server that passes level 1; python3 is asked for by the tests of the programs.
const SERVER: &str = "import socket\n\
    s = socket.create_server(('127.0.0.1', 6797))\n\
    while True:\n    c, _ = s.accept()\n    while b := c.recv(1024):\n        c.sendall(b)\n    c.close()\n";

fn folder() -> tempfile::TempDir {
    let folder = harness::folder::tempdir().unwrap();
    std::fs::write(folder.path().join("echo.py"), SERVER).unwrap();
    folder
}

fn output(arguments: &[&str], here: &Path) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = grade(arguments, here).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// The text without its columns.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn can_run(test: &str) -> bool {
    can_judge(test) && harness::process::installed("python3", test).unwrap()
}

/// The processes whose command line has this word.
fn left(word: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
    let lines = entries.filter_map(|path| std::fs::read_to_string(path.join("cmdline")).ok());
    lines.filter(|line| line.contains(word)).collect()
}

#[test]
fn it_answers_without_a_program() {
    let here = folder();
    let (code, text, _) = output(&["--help"], here.path());
    assert!(code == Some(0) && text.starts_with("Runs your own program"), "{text}");
    let (code, text, _) = output(&["--list"], here.path());
    assert!(code == Some(0) && text.contains("tcp-echo"), "{text}");
    let (code, text, _) = output(&["tcp-echo", "--list"], here.path());
    assert!(code == Some(0) && text.contains("\nlevel 2, stream\n") && text.contains("half-close"), "{text}");
    let (code, text, _) = output(&["--version"], here.path());
    assert!(code == Some(0) && text.starts_with("grade "), "{text}");
}

#[test]
fn what_it_cannot_do_is_status_2_and_says_why() {
    let here = folder();
    for (arguments, words) in [
        (&["tcp-echo", "--", "no-such-program"][..], "no-such-program: there is no such program"),
        (&["tcp-echo", "--", "./echo.py"], "./echo.py: there is no such program"),
        (&["tcp-echo", "--build", "exit 3", "--", "true"], "--build exit 3: exit status: 3"),
        (&["tcp-echo", "--", "cargo", "run", "-p", "no-such-package"], "cargo build -p no-such-package"),
        (&["tcp-ecko", "--", "true"], "there is no exercise tcp-ecko"),
        (&["progress"], "in the checkout"),
    ] {
        let (code, text, errors) = output(arguments, here.path());
        assert_eq!((code, text.as_str()), (Some(2), ""), "{arguments:?}: {errors}");
        assert!(errors.contains(words), "{arguments:?}: {errors}");
    }
    let mut wrong = grade(&["tcp-echo", "--", "true"], here.path());
    let errors = wrong.env("LAB_REQUIRE", "some").output().unwrap().stderr;
    assert!(String::from_utf8_lossy(&errors).contains("the only value it knows is all"));
}

#[test]
fn reports_go_into_files() {
    if !can_run("reports_go_into_files") {
        return;
    }
    let here = folder();
    let files = ["--json", "r.json", "--junit", "r.xml"];
    let command = ["--", "python3", "echo.py"];
    let (code, text, errors) =
        output(&[&["tcp-echo", "--level", "starts"][..], &files, &command].concat(), here.path());
    assert_eq!(code, Some(0), "{text}{errors}");
    assert!(text.ends_with("3 of 3 checks passed.\n") && !text.contains('\u{1b}'), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(here.path().join("r.json")).unwrap()).unwrap();
    assert_eq!((&json["version"], &json["status"]), (&1.into(), &"pass".into()), "{json}");
    assert_eq!(json["checks"].as_array().unwrap().len(), 3);

    let only = ["tcp-echo", "--only", "listens", "--only", "five", "--no-trace"];
    let (code, _, errors) = output(&[&only[..], &files, &command].concat(), here.path());
    assert_eq!(code, Some(1), "{errors}");
    let json = std::fs::read_to_string(here.path().join("r.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let five = &json["checks"][1];
    assert_eq!(
        (&five["id"], &five["status"], &five["how"]),
        (&"five".into(), &"fail".into(), &"silent".into())
    );
    assert!(five["calls"].is_null() && json["machine"]["strace"] == false, "{five}");
    let xml = std::fs::read_to_string(here.path().join("r.xml")).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"1\" skipped=\"0\""), "{xml}");
    assert!(xml.contains("classname=\"tcp-echo.many\" name=\"five\""), "{xml}");

    let (code, _, errors) =
        output(&[&["tcp-echo", "--level", "1", "--json", "no/r.json"][..], &command].concat(), here.path());
    assert!(code == Some(2) && errors.contains("write no/r.json"), "{errors}");
}

#[test]
fn progress_is_kept_in_the_checkout() {
    if !can_run("progress_is_kept_in_the_checkout") {
        return;
    }
    let here = folder();
    std::fs::create_dir_all(here.path().join("tools/grade")).unwrap();
    std::fs::write(here.path().join("tools/grade/Cargo.toml"), "").unwrap();
    let text = words(&output(&["progress"], here.path()).1);
    assert!(text.contains("tcp-echo 0 of 29 "), "{text}");
    output(&["tcp-echo", "--level", "1", "--", "python3", "echo.py"], here.path());
    let text = words(&output(&["progress"], here.path()).1);
    assert!(text.contains("tcp-echo 3 of 29 next: level 2, conversation "), "{text}");
    std::fs::write(here.path().join(".grade-progress.json"), "{").unwrap();
    let (code, _, errors) = output(&["progress"], here.path());
    assert!(code == Some(2) && errors.contains("delete it to begin anew"), "{errors}");
}

#[test]
fn a_signal_ends_it_and_all_that_it_started() {
    if !can_run("a_signal_ends_it_and_all_that_it_started") {
        return;
    }
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let here = folder();
        // Found by its name; it never listens, so that the grader waits when the signal comes. A child of it has made a
        // session of its own, and the child's child has lost its parent.
        let name = format!("never-{}-{code}", std::process::id());
        let script =
            format!("setsid sh -c 'sleep 1000 {name} & exec sleep 1000 {name}' & sleep 1000; : {name}");
        std::fs::write(here.path().join("never.sh"), script.replace("sleep 1000", "python3 wait.py"))
            .unwrap();
        std::fs::write(here.path().join("wait.py"), "import time; time.sleep(1000)").unwrap();
        let mut process = Process::spawn(grade(&["tcp-echo", "--", "sh", "never.sh"], here.path())).unwrap();
        process.wait_for("level 1").unwrap();
        let begun = Instant::now();
        while left(&name).len() < 2 {
            assert!(begun.elapsed() < Duration::from_secs(20), "it does not start");
            std::thread::sleep(Duration::from_millis(5));
        }
        process.signal(signal).unwrap();
        let ended = process.end().unwrap();
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
        assert_eq!(left(&name), Vec::<String>::new());
    }
}

#[test]
fn nothing_is_left_when_it_is_killed() {
    if !can_run("nothing_is_left_when_it_is_killed") {
        return;
    }
    let here = folder();
    let name = format!("killed-{}", std::process::id());
    std::fs::write(here.path().join("wait.py"), "import time; time.sleep(1000)").unwrap();
    let arguments = ["tcp-echo", "--", "python3", "wait.py", &name];
    let mut process = Process::spawn(grade(&arguments, here.path())).unwrap();
    process.wait_for("level 1").unwrap();
    // Of all command lines with its name, the grader's own says more.
    let begun = Instant::now();
    let of_the_program = || left(&name).into_iter().filter(|line| !line.contains("tcp-echo")).count();
    while of_the_program() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    process.signal(Signal::SIGKILL).unwrap();
    process.end().unwrap();
    let begun = Instant::now();
    while of_the_program() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it lives on: {:?}", left(&name));
        std::thread::sleep(Duration::from_millis(5));
    }
}
