//! The queues of a listener, exact to the connection, each in a private network with counters that begin at 0.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use harness::private;
use harness::process::{Ended, Process};
use support::{
    END, FILL, LISTENER, ask, connected, connecting, counter, keyed, listener, queued_at, state, states_at,
    table, type_line, until,
};

/// `queue-fill` with nobody at its keyboard, to its end.
fn fill(words: &[&str]) -> Ended {
    Process::start(FILL, words).unwrap().end().unwrap()
}

#[test]
fn one_more_than_the_backlog_gets_in() {
    if !private::network("one_more_than_the_backlog_gets_in", &[]) {
        return;
    }
    for backlog in [0, 1, 2, 5] {
        let before = (counter("ListenOverflows"), counter("ListenDrops"));
        let (_listener, address) = listener(&["--backlog", &backlog.to_string()]);
        let mut filling = keyed(FILL, &["--timeout", "50", &address.to_string()]);
        let summary = filling.wait_for("Backlog ").unwrap();
        assert_eq!(summary, format!("{backlog} successful connections: {} - attempts: 8", backlog + 1));
        assert_eq!(queued_at(address), backlog + 1);
        let established = usize::try_from(backlog).unwrap() + 1;
        let both = [(("client", "ESTAB"), established), (("server", "ESTAB"), established)];
        assert_eq!(states_at(address), both.into());
        // Each SYN that found no room counts once. 8 attempts take 400 ms at most; a SYN is sent again after 1 s.
        let refused = u64::from(7 - backlog);
        assert_eq!(counter("ListenOverflows") - before.0, refused, "backlog {backlog}");
        assert_eq!(counter("ListenDrops") - before.1, refused, "backlog {backlog}");

        type_line(&mut filling, "");
        let ended = filling.end().unwrap();
        assert!(ended.status.success());
        let lines = ended.lines.iter();
        assert_eq!(lines.filter(|line| line.ends_with(": no answer within 50ms")).count() as u64, refused);
    }
}

#[test]
fn the_syn_queue_is_as_long_as_the_backlog() {
    let name = "the_syn_queue_is_as_long_as_the_backlog";
    if !private::network(name, &["net.ipv4.tcp_syncookies=0"]) {
        return;
    }
    for (backlog, attempts) in [(2_u32, 8_u32), (5, 10)] {
        let before = (counter("TCPReqQFullDrop"), counter("ListenDrops"));
        let (_listener, address) = listener(&["--defer", "30", "--backlog", &backlog.to_string()]);
        let attempts_word = attempts.to_string();
        let mut filling = keyed(FILL, &["--timeout", "40", "--most", &attempts_word, &address.to_string()]);
        let summary = filling.wait_for("Backlog ").unwrap();
        let waiting = syn_queue(backlog, address);
        assert_eq!(summary, format!("{backlog} successful connections: {waiting} - attempts: {attempts}"));
        // Nobody is in the accept queue: the server waits for a byte of each.
        assert_eq!(queued_at(address), 0);
        let both = [(("client", "ESTAB"), waiting), (("server", "SYN-RECV"), waiting)];
        assert_eq!(states_at(address), both.into());
        let refused = u64::from(attempts) - waiting as u64;
        assert_eq!(counter("TCPReqQFullDrop") - before.0, refused);
        assert_eq!(counter("ListenDrops") - before.1, refused);
    }
}

/// How many wait in a full SYN queue. One more than the backlog since Linux 6.13, as many as the backlog before: the
/// comparison was corrected in "tcp/dccp: allow a connection when `sk_max_ack_backlog` is zero", which older kernels may
/// have taken over.
fn syn_queue(backlog: u32, address: std::net::SocketAddr) -> usize {
    let waiting = states_at(address).get(&("server", "SYN-RECV")).copied().unwrap_or_default();
    assert!([backlog, backlog + 1].contains(&waiting.try_into().unwrap()), "{waiting} of {backlog}");
    waiting
}

#[test]
fn a_limit_of_the_system_counts_too() {
    let settings = ["net.ipv4.tcp_syncookies=0", "net.ipv4.tcp_max_syn_backlog=4", "net.core.somaxconn=20"];
    if !private::network("a_limit_of_the_system_counts_too", &settings) {
        return;
    }
    let (_listener, address) = listener(&["--defer", "30", "--backlog", "100"]);
    let mut filling = keyed(FILL, &["--timeout", "40", &address.to_string()]);
    // The backlog was cut to net.core.somaxconn, in silence.
    assert_eq!(filling.wait_for("Backlog ").unwrap(), "20 successful connections: 4 - attempts: 8");
    assert_eq!(states_at(address).get(&("server", "SYN-RECV")), Some(&4));
    assert_eq!((counter("ListenDrops"), counter("TCPReqQFullDrop")), (4, 0));
}

#[test]
fn with_cookies_only_there_is_no_syn_queue() {
    if !private::network("with_cookies_only_there_is_no_syn_queue", &["net.ipv4.tcp_syncookies=2"]) {
        return;
    }
    let (_listener, address) = listener(&["--defer", "30", "--backlog", "2"]);
    let mut filling = keyed(FILL, &["--timeout", "40", &address.to_string()]);
    assert_eq!(filling.wait_for("Backlog ").unwrap(), "2 successful connections: 3 - attempts: 8");
    assert_eq!(queued_at(address), 3);
    assert_eq!(states_at(address), [(("client", "ESTAB"), 3), (("server", "ESTAB"), 3)].into());
    assert_eq!((counter("SyncookiesSent"), counter("SyncookiesRecv")), (3, 3));
    assert_eq!(counter("ListenOverflows"), 5);
}

#[test]
fn a_cookie_needs_no_place_in_the_syn_queue() {
    if !private::network("a_cookie_needs_no_place_in_the_syn_queue", &["net.ipv4.tcp_syncookies=1"]) {
        return;
    }
    let (_listener, address) = listener(&["--defer", "30", "--backlog", "2"]);
    let mut filling = keyed(FILL, &["--timeout", "50", &address.to_string()]);
    // Some wait in the SYN queue; three more got in by a cookie and fill the accept queue, with no byte sent; for the
    // last ones that queue is full.
    let summary = filling.wait_for("Backlog ").unwrap();
    let waiting = syn_queue(2, address);
    assert_eq!(summary, format!("2 successful connections: {} - attempts: 8", waiting + 3));
    assert_eq!(queued_at(address), 3);
    let states =
        [(("client", "ESTAB"), waiting + 3), (("server", "ESTAB"), 3), (("server", "SYN-RECV"), waiting)];
    assert_eq!(states_at(address), states.into());
    assert_eq!((counter("SyncookiesSent"), counter("SyncookiesRecv")), (3, 3));
    // The full SYN queue is noticed first, the full accept queue afterwards.
    let left = 8 - waiting as u64;
    assert_eq!((counter("TCPReqQFullDoCookies"), counter("TCPReqQFullDrop")), (left, 0));
    assert_eq!(counter("ListenOverflows"), left - 3);
}

/// A listener whose accept queue is full, and a client whose handshake is over on its own side only.
fn believer() -> (Process, Process, [Process; 2], std::net::SocketAddr, std::net::SocketAddr) {
    let (listener, address) = listener(&["--defer", "30", "--backlog", "1"]);
    let mut believer = connecting(address);
    let at_believer = connected(&mut believer);
    // Two others get in, with a byte each, and fill the queue of 1 + 1.
    let others = [(), ()].map(|()| {
        let mut other = connecting(address);
        let at_other = connected(&mut other);
        ask(&mut other, "send !");
        until("ESTAB", || state(address, at_other), "ESTAB");
        other
    });
    assert_eq!(queued_at(address), 2);
    assert_eq!(state(at_believer, address), "ESTAB");
    assert_eq!(state(address, at_believer), "SYN-RECV");
    (listener, believer, others, address, at_believer)
}

#[test]
fn a_client_may_believe_that_it_is_connected() {
    let name = "a_client_may_believe_that_it_is_connected";
    if !private::network(name, &["net.ipv4.tcp_abort_on_overflow=0"]) {
        return;
    }
    let (mut listener, mut believer, _others, address, at_believer) = believer();
    ask(&mut believer, "send hello?");
    until("ListenOverflows", || counter("ListenOverflows") > 0, true);
    assert_eq!(state(at_believer, address), "ESTAB");
    assert_eq!(state(address, at_believer), "SYN-RECV");
    // There is room, and the next repetition gets in.
    type_line(&mut listener, "");
    until("ESTAB", || state(address, at_believer), "ESTAB");
}

#[test]
fn or_it_is_told() {
    if !private::network("or_it_is_told", &["net.ipv4.tcp_abort_on_overflow=1"]) {
        return;
    }
    let (_listener, mut believer, _others, address, at_believer) = believer();
    ask(&mut believer, "send hello?");
    until("gone", || (state(at_believer, address), state(address, at_believer)), ("gone", "gone"));
    assert!(ask(&mut believer, "recv").starts_with("ECONNRESET"));
    assert_eq!(counter("EmbryonicRsts"), 1);
}

#[test]
fn return_accepts_one() {
    let (mut server, address) = listener(&["--backlog", "5"]);
    let mut filling = keyed(FILL, &["--most", "3", &address.to_string()]);
    let first = filling.wait_for("attempt 1: connected from ").unwrap();
    filling.wait_for("Backlog ").unwrap();
    assert_eq!(queued_at(address), 3);
    type_line(&mut server, "");
    // The oldest goes first.
    assert_eq!(server.wait_for("Accepted ").unwrap(), first);
    assert_eq!(queued_at(address), 2);
    // Two at once, and one more than there are.
    type_line(&mut server, "\n\n");
    server.wait_for("Accepted ").unwrap();
    server.wait_for("Accepted ").unwrap();
    let said = server.wait_for("warning: ").unwrap();
    assert!(said.starts_with(&format!("accept on {address}: EAGAIN: ")), "{said}");
    // The end of its input is not its end.
    drop(server.child().stdin.take());
    server.wait_for("End of input: ").unwrap();
    assert!(table().iter().any(|row| row.local == address && row.state == "LISTEN"));
    let ended = server.interrupt().unwrap();
    assert_eq!(ended.lines.last().unwrap(), "Stopped: 3 accepted");
    assert!(ended.status.success());
}

#[test]
fn the_listener_sleeps() {
    let (mut server, address) = listener(&[]);
    for end_of_input in [false, true] {
        if end_of_input {
            drop(server.child().stdin.take());
            server.wait_for("End of input: ").unwrap();
        }
        let before = cpu_time(&server);
        // A second in which five SYNs come.
        assert!(fill(&["--timeout", "150", &address.to_string()]).status.success());
        // In hundredths of a second. A loop that does not sleep would have used all of it.
        assert!(cpu_time(&server) - before < 20);
    }
}

/// The time that a process has spent on a processor, in clock ticks: hundredths of a second (proc(5), stat).
fn cpu_time(process: &Process) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1.split(' ');
    fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[test]
fn nobody_gets_in_where_nobody_listens() {
    let taken = part_five_queues::stream::bound("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = part_five_queues::stream::local(&taken).unwrap().to_string();
    let ended = fill(&["--most", "2", &address]);
    let refused = "ECONNREFUSED: Connection refused";
    let lines = [
        format!("attempt 1: {refused}"),
        format!("attempt 2: {refused}"),
        "Backlog unknown successful connections: 0 - attempts: 2".to_owned(),
    ];
    assert_eq!(ended.lines, lines);
    assert_eq!(ended.errors, format!("queue-fill: connect {address}: {refused}: nobody got in\n"));
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
fn the_backlog_of_any_listener_is_found() {
    let mut server = keyed(LISTENER, &["--backlog", "7", "0.0.0.0:0"]);
    let port = server.wait_for("Listening on 0.0.0.0:").unwrap();
    let port = port.split(',').next().unwrap();
    let ended = fill(&["--most", "1", &format!("127.0.0.1:{port}")]);
    assert_eq!(ended.lines.last().unwrap(), "Backlog 7 successful connections: 1 - attempts: 1");
}

#[test]
fn unusable_words_are_named() {
    let unusable: &[(&str, &[&str], &str)] = &[
        (LISTENER, &["--backlog", "-1"], "--backlog \"-1\": write a whole number from 0 to "),
        (LISTENER, &["--defer", "0"], "--defer \"0\": write a whole number from 1 to 120"),
        (LISTENER, &["localhost:1"], "\"localhost:1\" is not an address: write IP:PORT"),
        (FILL, &["--most", "0"], "--most \"0\": write a whole number from 1 to 1000"),
        (FILL, &["--timeout", "x"], "--timeout \"x\": write a whole number from 1 to 60000"),
        (FILL, &["127.0.0.1:1", "127.0.0.1:2"], "unexpected argument \"127.0.0.1:2\""),
        (END, &[], "the first word must be listen or connect, not \"\""),
        (END, &["lissen"], "the first word must be listen or connect, not \"lissen\""),
        (END, &["listen", "--buffer", "0"], "--buffer \"0\": write a whole number from 1 to 16777216"),
        (support::OPTIONS, &["sctp"], "\"sctp\" is not a kind of socket: write tcp or udp"),
        (support::SMALL_WRITES, &["--cork", "--nodelay"], "one cure at a time"),
        (support::SMALL_WRITES, &["x"], "unexpected argument \"x\""),
        (support::TIMEOUTS, &[], "the first word must be connect, recv, send or silence, not \"\""),
        (support::TIMEOUTS, &["recv", "--timeout", "0"], "--timeout \"0\": write a whole number from 1"),
    ];
    for (program, words, complaint) in unusable {
        let ended = Process::start(program, words).unwrap().end().unwrap();
        assert!(ended.errors.contains(complaint), "{words:?}: {}", ended.errors);
        assert!(ended.errors.ends_with(" --help'.\n"), "{words:?}: {}", ended.errors);
        assert_eq!(ended.status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn help_and_version_are_answered() {
    let programs = [LISTENER, FILL, END, support::OPTIONS, support::SMALL_WRITES, support::TIMEOUTS];
    for program in programs {
        let help = Process::start(program, &["--help"]).unwrap().end().unwrap();
        assert!(help.lines.iter().any(|line| line.starts_with("Usage: ")), "{program}");
        assert!(help.lines.iter().all(|line| line.len() <= 100), "{program}");
        let version = Process::start(program, &["-V"]).unwrap().end().unwrap();
        assert!(version.lines[0].ends_with(env!("CARGO_PKG_VERSION")));
    }
}
