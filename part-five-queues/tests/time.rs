//! What time does to a connection.
//!
//! Nothing here asserts that a call was quick, except where two ways are compared in one run; that one took its time is
//! what these tests are about.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::net::{SocketAddr, TcpListener};

use harness::process::{Ended, Process};
use harness::{network, private};
use support::{
    END, OPTIONS, SMALL_WRITES, TIMEOUTS, ask, connected, connecting, listener, queued_at, state, until,
};

/// `life-timeouts` with nobody at its keyboard, to its end.
fn timeouts(words: &[&str]) -> Ended {
    Process::start(TIMEOUTS, words).unwrap().end().unwrap()
}

/// The seconds in a line that begins with `start` and goes on with `0.50 s`.
fn seconds(ended: &Ended, start: &str) -> f64 {
    let line = ended.lines.iter().find_map(|line| line.strip_prefix(start)).unwrap();
    line.split(' ').next().unwrap().parse().unwrap()
}

/// The rounds of `life-small-writes`, in milliseconds, and its last line.
fn rounds(words: &[&str]) -> (Vec<f64>, String) {
    let ended = Process::start(SMALL_WRITES, words).unwrap().end().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let times = (1..=10).map(|number| seconds(&ended, &format!("round {number}: "))).collect();
    (times, ended.lines.last().unwrap().clone())
}

#[test]
fn small_writes_wait_and_three_ways_cure_them() {
    let (times, last) = rounds(&[]);
    let waited = times.iter().skip(1).filter(|time| **time > 35.0).count();
    assert!(waited >= 5, "{times:?}");
    assert!(last.ends_with(" ms, more than 35 ms"), "{last}");
    for cure in ["--nodelay", "--cork", "--one-write"] {
        let (times, last) = rounds(&[cure]);
        // What a busy machine takes from a round is not what the kernel waits for.
        let quick = times.iter().skip(1).filter(|time| **time < 35.0).count();
        assert!(quick >= 5, "{cure}: {times:?}");
        assert!(last.ends_with(" ms, not more than 35 ms"), "{cure}: {last}");
    }
}

#[test]
fn connect_gives_up_when_we_say() {
    let (_full, address) = listener(&["--backlog", "0"]);
    let address_word = address.to_string();
    assert!(timeouts(&["connect", &address_word]).lines[0].starts_with("connect: connected after "));
    // It has closed its connection; in the queue it still has its place.
    assert_eq!(queued_at(address), 1);
    let ended = timeouts(&["connect", "--timeout", "300", &address_word]);
    assert!(ended.lines[0].ends_with(" s: the time is over"), "{ended:?}");
    assert!(seconds(&ended, "connect: poll: nothing after ") >= 0.3);
    assert!(ended.status.success());
}

#[test]
fn connect_says_why_it_failed() {
    let taken = part_five_queues::stream::bound("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = part_five_queues::stream::local(&taken).unwrap().to_string();
    let ended = timeouts(&["connect", &address]);
    assert_eq!(ended.errors, format!("life-timeouts: connect {address}: ECONNREFUSED: Connection refused\n"));
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
fn recv_and_send_give_up_when_we_say() {
    let (_silent, address) = listener(&[]);
    let address = address.to_string();
    let ended = timeouts(&["recv", "--timeout", "300", &address]);
    assert!(seconds(&ended, "recv: EAGAIN after ") >= 0.29, "{ended:?}");
    let ended = timeouts(&["send", "--timeout", "300", &address]);
    assert!(seconds(&ended, "send: no room after ") >= 0.29, "{ended:?}");
    assert!(seconds(&ended, "TCP_USER_TIMEOUT: ETIMEDOUT after ") >= 0.85, "{ended:?}");
}

#[test]
fn keepalive_notices_that_the_cable_is_pulled() {
    if !private::network("keepalive_notices_that_the_cable_is_pulled", &[]) {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:6797").unwrap();
    let mut silence = Process::start(TIMEOUTS, &["silence"]).unwrap();
    silence.wait_for("Connected to ").unwrap();
    let (_connection, peer) = listener.accept().unwrap();
    let server: SocketAddr = "127.0.0.1:6797".parse().unwrap();
    network::link(false).unwrap();
    let ended = silence.end().unwrap();
    assert!(seconds(&ended, "recv: ETIMEDOUT after ") >= 3.0, "{ended:?}");
    // Nobody could tell the other end.
    assert_eq!((state(peer, server), state(server, peer)), ("gone", "ESTAB"));
}

#[test]
fn what_is_not_acknowledged_is_sent_again() {
    if !private::network("what_is_not_acknowledged_is_sent_again", &[]) {
        return;
    }
    let (_listener, address) = listener(&[]);
    let mut client = connecting(address);
    connected(&mut client);
    network::link(false).unwrap();
    ask(&mut client, "send hello");
    until("two repetitions", || ask(&mut client, "info").contains(" sent again: 2 in a row,"), true);
    network::link(true).unwrap();
    until(
        "acknowledged",
        || ask(&mut client, "info").contains("not acknowledged: 0, sent again: 0 in a row"),
        true,
    );
}

#[test]
fn a_full_queue_is_etimedout_in_the_end() {
    let name = "a_full_queue_is_etimedout_in_the_end";
    if !private::network(name, &["net.ipv4.tcp_syn_retries=1"]) {
        return;
    }
    let (_full, address) = listener(&["--backlog", "0"]);
    let mut first = connecting(address);
    connected(&mut first);
    let ended = Process::start(END, &["connect", &address.to_string()]).unwrap().end().unwrap();
    assert_eq!(ended.errors, format!("life-end: connect {address}: ETIMEDOUT: Connection timed out\n"));
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
fn options_have_a_default_and_a_value_after_the_handshake() {
    if !private::network("options_have_a_default_and_a_value_after_the_handshake", &SETTINGS) {
        return;
    }
    let ended = Process::start(OPTIONS, &[] as &[&str]).unwrap().end().unwrap();
    let row = |name: &str| {
        let line = ended.lines.iter().find(|line| line.split(' ').next() == Some(name)).unwrap();
        line.split("  ").map(str::trim).filter(|word| !word.is_empty()).skip(1).collect::<Vec<_>>()
    };
    assert_eq!(row("SO_RCVBUF"), ["8192 bytes", "8192 bytes"]);
    assert_eq!(row("SO_SNDBUF")[0], "16384 bytes");
    assert_eq!(row("TCP_SYNCNT"), ["4 times", "4 times"]);
    assert_eq!(row("TCP_KEEPIDLE"), ["7200 s", "7200 s"]);
    assert_eq!(row("TCP_NODELAY"), ["off", "off"]);
    assert_eq!(row("SO_LINGER"), ["off", "off"]);
    // Before a handshake it is the least that every host must take (RFC 9293, section 3.7.1).
    assert_eq!(row("TCP_MAXSEG")[0], "536 bytes");
    assert_ne!(row("TCP_MAXSEG")[1], "536 bytes");

    let udp = Process::start(OPTIONS, &["udp"]).unwrap().end().unwrap();
    assert!(udp.lines.iter().any(|line| line.starts_with("SO_RCVBUF ")));
    assert!(udp.lines.last().unwrap().starts_with("not of this socket: TCP_NODELAY "), "{udp:?}");
}

const SETTINGS: [&str; 3] = [
    "net.ipv4.tcp_rmem=4096 8192 6291456",
    "net.ipv4.tcp_wmem=4096 16384 4194304",
    "net.ipv4.tcp_syn_retries=4",
];
