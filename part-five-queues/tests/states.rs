//! Every state of a connection, reached by typing into two `life-end`, and seen in the kernel's own table.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use harness::process::Process;
use part_five_queues::stream::{bound, local};
use support::{END, LISTENER, Pair, ask, connected, connecting, keyed, listener, state, type_line, until};

#[test]
fn listen_and_estab() {
    let mut server = keyed(END, &["listen", "127.0.0.1:0"]);
    let at_server = server.wait_for_address("Listening on ").unwrap();
    let nobody = "0.0.0.0:0".parse().unwrap();
    until("LISTEN", || state(at_server, nobody), "LISTEN");
    let mut client = connecting(at_server);
    let at_client = connected(&mut client);
    assert_eq!(state(at_client, at_server), "ESTAB");
    server.wait_for("Accepted ").unwrap();
    // It listens no more.
    until("no LISTEN", || state(at_server, nobody), "gone");
    assert_eq!(state(at_server, at_client), "ESTAB");
}

#[test]
fn syn_sent_while_the_queue_is_full() {
    let (mut full, address) = listener(&["--backlog", "0"]);
    let mut first = connecting(address);
    connected(&mut first);
    let mut second = connecting(address);
    second.wait_for("Connecting to ").unwrap();
    until("SYN-SENT", || support::states_at(address).get(&("client", "SYN-SENT")).copied(), Some(1));
    // One is accepted, and the SYN that is sent again gets in.
    type_line(&mut full, "");
    full.wait_for("Accepted ").unwrap();
    let at_second = connected(&mut second);
    assert_eq!(state(at_second, address), "ESTAB");
}

#[test]
fn syn_recv_while_the_first_byte_is_waited_for() {
    let (_deferring, address) = listener(&["--defer", "30"]);
    let mut client = connecting(address);
    let at_client = connected(&mut client);
    assert_eq!(state(at_client, address), "ESTAB");
    assert_eq!(state(address, at_client), "SYN-RECV");
    assert_eq!(ask(&mut client, "send !"), "1 bytes taken");
    until("ESTAB", || state(address, at_client), "ESTAB");
}

#[test]
fn fin_wait_1_and_2_and_close_wait() {
    let mut pair = Pair::new();
    assert_eq!(ask(&mut pair.client, "fill"), "all taken that there is room for, then EAGAIN");
    // The FIN stands behind bytes that the server has no room for.
    ask(&mut pair.client, "shutdown");
    pair.reaches("FIN-WAIT-1", "ESTAB");
    assert_eq!(ask(&mut pair.server, "drain"), "all read that came, then the end");
    pair.reaches("FIN-WAIT-2", "CLOSE-WAIT");
    // The other direction is still open.
    assert_eq!(ask(&mut pair.server, "send late"), "4 bytes taken");
    until("late", || ask(&mut pair.client, "recv"), r#"4 bytes "late""#);
    ask(&mut pair.server, "close");
    pair.reaches("TIME-WAIT", "gone");
}

#[test]
fn last_ack() {
    let mut pair = Pair::new();
    ask(&mut pair.client, "shutdown");
    pair.reaches("FIN-WAIT-2", "CLOSE-WAIT");
    assert_eq!(ask(&mut pair.server, "recv"), "0 bytes, the end");
    ask(&mut pair.server, "fill");
    ask(&mut pair.server, "close");
    pair.reaches("FIN-WAIT-2", "LAST-ACK");
    assert_eq!(ask(&mut pair.client, "drain"), "all read that came, then the end");
    pair.reaches("TIME-WAIT", "gone");
}

#[test]
fn closing_when_both_end_at_once() {
    let mut pair = Pair::new();
    for end in [&mut pair.client, &mut pair.server] {
        ask(end, "fill");
    }
    for end in [&mut pair.client, &mut pair.server] {
        ask(end, "shutdown");
    }
    pair.reaches("FIN-WAIT-1", "FIN-WAIT-1");
    ask(&mut pair.server, "drain");
    pair.reaches("FIN-WAIT-2", "CLOSING");
    ask(&mut pair.client, "drain");
    pair.reaches("TIME-WAIT", "TIME-WAIT");
}

#[test]
fn time_wait_is_of_the_end_that_closes_first() {
    let mut pair = Pair::new();
    ask(&mut pair.server, "close");
    pair.reaches("CLOSE-WAIT", "FIN-WAIT-2");
    ask(&mut pair.client, "close");
    pair.reaches("gone", "TIME-WAIT");
}

#[test]
fn a_reset_leaves_nothing() {
    let mut pair = Pair::new();
    assert_eq!(ask(&mut pair.client, "reset"), "closed without an end");
    pair.reaches("gone", "gone");
    assert!(ask(&mut pair.server, "recv").starts_with("ECONNRESET"));
    assert_eq!(ask(&mut pair.server, "recv"), "0 bytes, the end", "an error is told once");
    assert!(ask(&mut pair.server, "send more").starts_with("EPIPE"));
}

#[test]
fn a_close_with_unread_bytes_is_a_reset() {
    let mut pair = Pair::new();
    ask(&mut pair.client, "send unread");
    ask(&mut pair.server, "close");
    pair.reaches("gone", "gone");
    assert!(ask(&mut pair.client, "recv").starts_with("ECONNRESET"));
}

#[test]
fn a_word_says_what_the_kernel_answers() {
    let mut pair = Pair::new();
    assert!(ask(&mut pair.client, "recv").starts_with("EAGAIN"));
    assert_eq!(ask(&mut pair.client, "send   two words "), "9 bytes taken");
    until("words", || ask(&mut pair.server, "recv"), r#"9 bytes "two words""#);
    let info = ask(&mut pair.server, "info");
    assert!(
        info.starts_with("ESTAB, segments not acknowledged: 0, sent again: 0 in a row, 0 in all"),
        "{info}"
    );
    type_line(&mut pair.server, "options");
    let nodelay = pair.server.wait_for("TCP_NODELAY ").unwrap();
    assert_eq!(nodelay.trim(), "off");

    ask(&mut pair.client, "shutdown");
    assert_eq!(ask(&mut pair.client, "shutdown"), "we send no more", "twice is no error");
    assert!(ask(&mut pair.client, "send more").starts_with("EPIPE"));
    // A FIN alone is acknowledged after 40 ms.
    until("FIN-WAIT-2", || ask(&mut pair.client, "info").starts_with("FIN-WAIT-2,"), true);

    type_line(&mut pair.client, "sned x");
    let said = pair.client.wait_for("warning: ").unwrap();
    assert!(said.starts_with(r#""sned x" is no word of ours: send TEXT, fill, recv"#), "{said}");
    type_line(&mut pair.client, "close now");
    assert!(pair.client.wait_for("warning: ").unwrap().starts_with(r#""close now" is no word"#));
    type_line(&mut pair.client, "\u{1b}[2J");
    assert!(pair.client.wait_for("warning: ").unwrap().starts_with(r#""\u{1b}[2J" is no word"#));
    ask(&mut pair.client, "close");
    type_line(&mut pair.client, "recv");
    assert_eq!(pair.client.wait_for("warning: ").unwrap(), "recv: there is no socket any more; quit");
    type_line(&mut pair.client, "quit");
    assert!(pair.client.end().unwrap().status.success());
}

#[test]
fn the_end_of_input_ends_it() {
    let mut pair = Pair::new();
    drop(pair.client.child().stdin.take());
    assert!(pair.client.end().unwrap().status.success());
    until("the end", || ask(&mut pair.server, "recv"), "0 bytes, the end");
}

#[test]
fn bytes_that_are_not_utf8_travel() {
    use std::io::Write;
    let mut pair = Pair::new();
    pair.client.child().stdin.as_mut().unwrap().write_all(b"send \xff\n").unwrap();
    until("the byte", || ask(&mut pair.server, "recv"), r#"1 bytes "\xff""#);
}

#[test]
fn a_peer_that_is_not_there_is_named() {
    // Bound and not listening: nobody else gets this port meanwhile.
    let taken = bound("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = local(&taken).unwrap().to_string();
    let ended = Process::start(END, &["connect", &address]).unwrap().end().unwrap();
    assert_eq!(ended.errors, format!("life-end: connect {address}: ECONNREFUSED: Connection refused\n"));
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
fn an_address_that_is_taken_is_named() {
    let (_listener, address) = listener(&[]);
    let address = address.to_string();
    for (program, words) in [(END, vec!["listen", &address]), (LISTENER, vec![&address])] {
        let ended = Process::start(program, &words).unwrap().end().unwrap();
        assert!(ended.errors.contains(&format!(": bind {address}: EADDRINUSE: ")), "{}", ended.errors);
        assert_eq!(ended.status.code(), Some(1));
    }
}
