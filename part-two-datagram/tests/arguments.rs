//! What the three programs say to words that they cannot use.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use harness::process::{Process, command};
use support::{CLIENT, SERVER};

#[test]
fn unusable_words_are_named() {
    let unusable: &[(&str, &[&str], &str)] = &[
        (SERVER, &["localhost:6797"], "\"localhost:6797\" is not an address: write IP:PORT"),
        (SERVER, &["127.0.0.1"], "\"127.0.0.1\" is not an address"),
        (SERVER, &["127.0.0.1:65536"], "\"127.0.0.1:65536\" is not an address"),
        (SERVER, &["127.0.0.1:0", "127.0.0.1:1"], "unexpected argument \"127.0.0.1:1\""),
        (SERVER, &["--bufer", "5"], "invalid option '--bufer'"),
        (SERVER, &["--buffer"], "missing argument for option '--buffer'"),
        (SERVER, &["--buffer", "0"], "--buffer \"0\": write a whole number from 1 to 65535"),
        (SERVER, &["--buffer", "65536"], "--buffer \"65536\": write a whole number from 1 to 65535"),
        (SERVER, &["--buffer=-1"], "--buffer \"-1\": write a whole number"),
        (SERVER, &["--buffer", "1k"], "--buffer \"1k\": write a whole number"),
        (SERVER, &["--v6only=yes"], "unexpected argument for option '--v6only': \"yes\""),
        (CLIENT, &["6797"], "\"6797\" is not an address"),
        (CLIENT, &["--tries", "0"], "--tries \"0\": write a whole number from 1 to 100"),
        (CLIENT, &["--timeout", "60001"], "--timeout \"60001\": write a whole number from 1 to 60000"),
        (CLIENT, &["-x"], "invalid option '-x'"),
    ];
    for (program, words, complaint) in unusable {
        let ended = Process::start(program, words).unwrap().end().unwrap();
        assert!(ended.errors.contains(complaint), "{words:?}: {}", ended.errors);
        assert!(ended.errors.ends_with(" --help'.\n"), "{words:?}: {}", ended.errors);
        assert_eq!(ended.status.code(), Some(2), "{words:?}");
        assert!(ended.lines.is_empty(), "{words:?}");
    }
}

#[test]
fn a_word_need_not_be_utf8_to_be_refused() {
    for program in [SERVER, CLIENT] {
        let mut command = command(program);
        command.arg(OsString::from_vec(b"\xff:1".to_vec()));
        let ended = Process::spawn(command).unwrap().end().unwrap();
        assert!(ended.errors.contains(r"\xff:1"), "{}", ended.errors);
        assert_eq!(ended.status.code(), Some(2));
    }
}

#[test]
fn help_and_version_are_answered() {
    for program in [SERVER, CLIENT] {
        let help = Process::start(program, &["--help"]).unwrap().end().unwrap();
        assert!(help.lines.iter().any(|line| line.starts_with("Usage: datagram-")));
        assert!(help.lines.iter().all(|line| line.len() <= 100), "{program}");
        assert!(help.status.success());
        let version = Process::start(program, &["-V"]).unwrap().end().unwrap();
        assert!(version.lines[0].starts_with("datagram-"));
        assert!(version.status.success());
    }
}

#[test]
fn what_cannot_be_bound_is_named() {
    // TEST-NET-1 (RFC 5737): nobody's address.
    let ended = Process::start(SERVER, &["192.0.2.1:6797"]).unwrap().end().unwrap();
    assert_eq!(
        ended.errors,
        "datagram-server: bind 192.0.2.1:6797: EADDRNOTAVAIL: Cannot assign requested address\n"
    );
    assert_eq!(ended.status.code(), Some(1));
}
