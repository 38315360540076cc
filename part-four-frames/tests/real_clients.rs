//! Other people's programs speak the frame with ours: nc and python3, in both directions.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::net::SocketAddr;
use std::path::Path;

use harness::process::{Process, installed};
use support::*;
use tempfile::tempdir;

/// A small file and a long one, of bytes that are no text.
fn files(folder: &Path) -> [(String, Vec<u8>); 2] {
    [("hello.txt", 574), ("long.bin", 3_000_000)].map(|(name, length)| {
        let path = folder.join(name);
        std::fs::write(&path, content(length)).unwrap();
        (path.to_str().unwrap().to_owned(), content(length))
    })
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

fn large(folder: &Path) -> (Process, SocketAddr) {
    receiver(folder, &["--limit", "4000000"])
}

/// The senders of this system.
fn senders() -> &'static [&'static str] {
    if cfg!(target_os = "linux") { &[SENDER, SENDFILE] } else { &[SENDER] }
}

#[test]
fn ours_to_ours() {
    let (from, to) = (tempdir().unwrap(), tempdir().unwrap());
    let (_receiver, address) = large(to.path());
    for (path, content) in files(from.path()) {
        for sender in senders() {
            let ended = run(sender, &[&path, &address.to_string()]);
            assert_eq!((ended.status.code(), ended.errors.as_str()), (Some(0), ""), "{ended:?}");
            assert!(std::fs::read(to.path().join(name(&path))).unwrap() == content);
        }
    }
}

#[test]
fn python_to_ours() {
    if !installed("python3", "frames-receiver with python3").unwrap() {
        return;
    }
    let (from, to) = (tempdir().unwrap(), tempdir().unwrap());
    let (_receiver, address) = large(to.path());
    for (path, content) in files(from.path()) {
        let ended = run("python3", &[PYTHON, "send", &path, &address.to_string()]);
        assert_eq!(ended.errors, "");
        assert!(ended.lines[0].starts_with(&format!("status 0: {}: ", name(&path))), "{ended:?}");
        assert!(std::fs::read(to.path().join(name(&path))).unwrap() == content);
    }
}

#[test]
fn ours_to_python() {
    if !installed("python3", "frames-sender with python3").unwrap() {
        return;
    }
    let from = tempdir().unwrap();
    for (path, content) in files(from.path()) {
        for sender in senders() {
            let to = tempdir().unwrap();
            let mut python =
                Process::start("python3", &["-u", PYTHON, "receive", "0", to.path().to_str().unwrap()])
                    .unwrap();
            let address = python.wait_for_address("listening on ").unwrap();
            let ended = run(sender, &[&path, &address.to_string()]);
            assert_eq!((ended.status.code(), ended.errors.as_str()), (Some(0), ""), "{ended:?}");
            assert_eq!(ended.lines.last().unwrap(), "Answer: kept, \"by Python\"");
            let length = content.len();
            python.wait_for(&format!("{}: {length} bytes, checksum right", name(&path))).unwrap();
            assert_eq!(python.end().unwrap().status.code(), Some(0));
            assert!(std::fs::read(to.path().join(name(&path))).unwrap() == content);
        }
    }
}

#[test]
fn nc_to_ours() {
    if !installed("nc", "frames-receiver with nc").unwrap() {
        return;
    }
    let (from, to) = (tempdir().unwrap(), tempdir().unwrap());
    let (_receiver, address) = large(to.path());
    for (path, content) in files(from.path()) {
        let whole = from.path().join("frame");
        std::fs::write(&whole, frame(name(&path).as_bytes(), &content)).unwrap();
        // -N half-closes at the end of the input.
        let port = address.port().to_string();
        let script = "nc -N 127.0.0.1 \"$0\" < \"$1\" | tail -c +4";
        let ended = run("sh", &["-c", script, &port, whole.to_str().unwrap()]);
        assert!(
            ended.lines[0].starts_with(&format!("{}: {} bytes", name(&path), content.len())),
            "{ended:?}"
        );
        assert!(std::fs::read(to.path().join(name(&path))).unwrap() == content);
    }
}

#[test]
fn ours_to_nc() {
    if !installed("nc", "frames-sender with nc").unwrap() {
        return;
    }
    let (from, to) = (tempdir().unwrap(), tempdir().unwrap());
    for (path, content) in files(from.path()) {
        for sender in senders() {
            let whole = to.path().join("frame");
            let port = free_port();
            // It answers `kept` with an empty text before it has read anything.
            let script = "printf '\\0\\0\\0' | nc -N -l 127.0.0.1 \"$0\" > \"$1\"";
            let nc =
                Process::start("sh", &["-c", script, &port.to_string(), whole.to_str().unwrap()]).unwrap();
            let address = SocketAddr::from(([127, 0, 0, 1], port)).to_string();
            let mut ended = run(sender, &[&path, &address]);
            until("nc listens", || {
                if ended.errors.contains("ECONNREFUSED") {
                    ended = run(sender, &[&path, &address]);
                }
                !ended.errors.contains("ECONNREFUSED")
            });
            assert_eq!((ended.status.code(), ended.errors.as_str()), (Some(0), ""), "{ended:?}");
            assert_eq!(ended.lines.last().unwrap(), "Answer: kept, \"\"");
            nc.end().unwrap();
            assert!(std::fs::read(&whole).unwrap() == frame(name(&path).as_bytes(), &content));
        }
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
