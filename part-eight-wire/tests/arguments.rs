//! What the four programs say to words that they cannot use.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use harness::process::{Process, command};
use support::{PING, ROUTE, SEND, SNIFF};

#[test]
fn unusable_words_are_named() {
    let long = "x".repeat(65_508);
    let unusable: &[(&str, &[&str], &str)] = &[
        (SNIFF, &["0"], "PORT \"0\": write a whole number from 1 to 65535"),
        (SNIFF, &["http"], "PORT \"http\": write a whole number"),
        (SNIFF, &["6797", "6798"], "unexpected argument \"6798\""),
        (SNIFF, &["--count", "0"], "--count \"0\": write a whole number from 1 to"),
        (SNIFF, &["--snap", "262145"], "--snap \"262145\": write a whole number from 1 to 262144"),
        (SNIFF, &["--read", "x.pcap", "6797"], "--read shows a file: it takes no PORT"),
        (SNIFF, &["--read", "x.pcap", "--write", "y.pcap"], "--read shows a file"),
        (SNIFF, &["--interface"], "missing argument for option '--interface'"),
        (SEND, &[], "write udp or syn"),
        (SEND, &["tcp"], "\"tcp\": write udp or syn"),
        (SEND, &["udp", "localhost:1"], "\"localhost:1\" is not an address"),
        (SEND, &["udp", "[::1]:1"], "IPv4 only"),
        (SEND, &["syn", "127.0.0.1:1", "Hello"], "unexpected argument \"Hello\""),
        (SEND, &["udp", "127.0.0.1:1", &long], "MESSAGE is longer than a datagram can be: 65507 bytes"),
        (SEND, &["--ttl", "0", "udp"], "--ttl \"0\": write a whole number from 1 to 255"),
        (PING, &[], "write the HOST to ask"),
        (PING, &["localhost"], "\"localhost\" is not an address: write an IP"),
        (PING, &["--count", "0", "::1"], "--count \"0\": write a whole number from 1 to 1000"),
        (PING, &["--size", "65001", "::1"], "--size \"65001\": write a whole number from 0 to 65000"),
        (ROUTE, &[], "write the HOST to find the way to"),
        (ROUTE, &["10.67.2.2:80"], "\"10.67.2.2:80\" is not an address"),
        (ROUTE, &["--most", "256", "::1"], "--most \"256\": write a whole number from 1 to 255"),
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
    for program in [SNIFF, SEND, PING, ROUTE] {
        let mut command = command(program);
        command.arg(OsString::from_vec(b"\xff:1".to_vec()));
        let ended = Process::spawn(command).unwrap().end().unwrap();
        assert!(ended.errors.contains(r"\xff:1"), "{}", ended.errors);
        assert_eq!(ended.status.code(), Some(2));
    }
}

#[test]
fn help_and_version_are_answered() {
    for program in [SNIFF, SEND, PING, ROUTE] {
        let help = Process::start(program, &["--help"]).unwrap().end().unwrap();
        assert!(help.lines.iter().any(|line| line.starts_with("Usage: wire-")));
        assert!(help.lines.iter().any(|line| line.contains("CAP_NET_RAW")), "{program}");
        assert!(help.lines.iter().all(|line| line.len() <= 100), "{program}");
        assert!(help.status.success());
        let version = Process::start(program, &["-V"]).unwrap().end().unwrap();
        assert!(version.lines[0].starts_with("wire-"));
        assert!(version.status.success());
    }
}
