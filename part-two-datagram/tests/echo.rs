//! The smallest server: what it says, and that no peer can end it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::net::SocketAddr;

use harness::datagrams::{echo, peer};
use harness::process::{Process, command};
use support::listening;

const ECHO: &str = env!("CARGO_BIN_EXE_datagram-echo");

fn server(address: &str) -> (Process, SocketAddr) {
    let mut server = command(ECHO);
    server.arg(address);
    listening(server)
}

#[test]
fn the_transcript_of_an_exchange() {
    let (mut server, address) = server("127.0.0.1:0");
    let client = peer("127.0.0.1:0");
    assert_eq!(echo(&client, address, b"Hello"), b"Hello");
    let client = client.local_addr().unwrap();
    let dump = common::Dump(b"Hello").to_string();
    let said = format!("received 5 bytes from {client}\n{dump}\nSent 5 bytes back to {client}");
    for line in said.lines() {
        assert_eq!(server.line().unwrap(), line);
    }
}

#[test]
fn every_size_comes_back() {
    let (_server, address) = server("127.0.0.1:0");
    let client = peer("127.0.0.1:0");
    for length in [0, 1, 1472, 1473, 65_507] {
        let message = vec![0xe9; length];
        assert!(echo(&client, address, &message) == message, "{length} bytes");
    }
}

#[test]
fn a_client_that_is_gone_ends_nothing() {
    let (_server, address) = server("127.0.0.1:0");
    for _ in 0..100 {
        peer("127.0.0.1:0").send_to(b"gone", address).unwrap();
    }
    assert_eq!(echo(&peer("127.0.0.1:0"), address, b"still there?"), b"still there?");
}

#[test]
fn what_cannot_be_used_is_named() {
    let taken = peer("127.0.0.1:0");
    let address = taken.local_addr().unwrap().to_string();
    let ended = Process::start(ECHO, &[&address]).unwrap().end().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(ended.errors, format!("datagram-echo: bind {address}: EADDRINUSE: Address already in use\n"));
    for (words, sentence) in [
        (&["localhost:1"][..], "is not an address"),
        (&["127.0.0.1:0", "x"][..], "unexpected argument \"x\""),
    ] {
        let ended = Process::start(ECHO, words).unwrap().end().unwrap();
        assert_eq!(ended.status.code(), Some(2));
        assert!(ended.errors.contains(sentence), "{}", ended.errors);
    }
    let help = Process::start(ECHO, &["--help"]).unwrap().end().unwrap();
    assert!(help.lines.iter().any(|line| line == "Usage: datagram-echo [ADDR]"), "{:?}", help.lines);
}
