//! What the relay is told, and what it says when it cannot do it.

use harness::process::Process;

const RELAY: &str = env!("CARGO_BIN_EXE_datagram-relay");

#[test]
fn what_cannot_be_meant_is_refused() {
    let refused: [(&[&str], &str); 7] = [
        (&[], "two addresses are needed: LISTEN TARGET"),
        (&["127.0.0.1:0"], "two addresses are needed: LISTEN TARGET"),
        (&["127.0.0.1:0", "127.0.0.1:1", "127.0.0.1:2"], "unexpected argument \"127.0.0.1:2\""),
        (&["--drop", "101"], "--drop \"101\": write a whole number from 0 to 100"),
        (&["--drop", "60", "--swap", "41", "[::]:0", "[::1]:1"], "more than 100 percent"),
        (&["--late", "0"], "--late \"0\": write a whole number from 1 to 60000"),
        (&["--seed", "-1"], "--seed \"-1\": write a whole number from 0 to 18446744073709551615"),
    ];
    for (words, sentence) in refused {
        let ended = Process::start(RELAY, words).unwrap().end().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{words:?}");
        assert!(ended.errors.contains(sentence), "{words:?}: {}", ended.errors);
    }
}

#[test]
fn help_is_answered() {
    let help = Process::start(RELAY, &["--help"]).unwrap().end().unwrap();
    assert!(help.lines.iter().any(|line| line.starts_with("Usage: datagram-relay")), "{:?}", help.lines);
    assert!(help.lines.iter().all(|line| line.len() <= 80), "{:?}", help.lines);
    assert!(help.status.success());
}

#[test]
fn what_cannot_be_bound_is_named() {
    // TEST-NET-1 (RFC 5737): nobody's address.
    let ended = Process::start(RELAY, &["192.0.2.1:6797", "127.0.0.1:6797"]).unwrap().end().unwrap();
    assert!(ended.errors.starts_with("datagram-relay: bind 192.0.2.1:6797: "), "{}", ended.errors);
    assert_eq!(ended.status.code(), Some(1));
}
