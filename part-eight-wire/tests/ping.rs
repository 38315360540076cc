//! Ping on one machine, and the rule for those without a privilege.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use harness::private::network;
use harness::process::{Process, command, installed};
use support::{PING, ROUTE};

#[test]
fn a_raw_socket_hears_its_own_request_and_then_the_reply() {
    if !network("a_raw_socket_hears_its_own_request_and_then_the_reply", &[]) {
        return;
    }
    for host in ["127.0.0.1", "::1"] {
        let mut ping = command(PING);
        ping.args(["--count", "2", "--interval", "0", "--size", "0", host]).env("RUST_LOG", "debug");
        let mut ping = Process::spawn(ping).unwrap();
        ping.wait_for("debug: sent echo request 1, 8 bytes").unwrap();
        ping.wait_for("debug: a message of ").unwrap();
        ping.wait_for(&format!("request 1: echo reply from {host} in ")).unwrap();
        ping.wait_for("Requests: 2, replies: 2").unwrap();
        let ended = ping.end().unwrap();
        assert!(ended.lines.last().unwrap().starts_with("Round trip: least "), "{:?}", ended.lines);
        assert!(ended.status.success());
    }
}

#[test]
fn the_group_decides_who_may_ping_without_a_privilege() {
    let name = "the_group_decides_who_may_ping_without_a_privilege";
    if !installed("setpriv", name).unwrap() || !network(name, &[]) {
        return;
    }
    let unprivileged = ["--unprivileged", "--count", "1", "127.0.0.1"];
    let ended = Process::start(PING, &unprivileged).unwrap().end().unwrap();
    assert!(
        ended.errors.starts_with(
            "wire-ping: socket SOCK_DGRAM of ICMP: EACCES: Permission denied: our group is not in \
             net.ipv4.ping_group_range"
        ),
        "{}",
        ended.errors
    );
    harness::network::set("net.ipv4.ping_group_range", "0 0").unwrap();
    for host in ["127.0.0.1", "::1"] {
        let words = ["--bounding-set", "-net_raw", PING, "--unprivileged", "--count", "1", host];
        let ended = Process::start("setpriv", &words).unwrap().end().unwrap();
        assert!(
            ended.lines[1].starts_with(&format!("request 1: echo reply from {host} in ")),
            "{:?} {}",
            ended.lines,
            ended.errors
        );
    }
}

#[test]
fn who_does_not_answer_is_no_success() {
    if !network("who_does_not_answer_is_no_success", &["net.ipv4.icmp_echo_ignore_all=1"]) {
        return;
    }
    let ended = Process::start(PING, &["--count", "2", "--interval", "0", "--timeout", "50", "127.0.0.1"]);
    let ended = ended.unwrap().end().unwrap();
    assert_eq!(
        ended.lines[1..],
        ["request 1: no answer within 50 ms", "request 2: no answer within 50 ms", "Requests: 2, replies: 0"]
    );
    assert_eq!(ended.errors, "wire-ping: no reply from 127.0.0.1\n");
    assert_eq!(ended.status.code(), Some(1));

    let ended =
        Process::start(ROUTE, &["--most", "2", "--timeout", "50", "127.0.0.1"]).unwrap().end().unwrap();
    assert_eq!(ended.lines[2], "time to live 2: no answer within 50 ms");
    assert_eq!(ended.errors, "wire-route: 127.0.0.1 was not reached with a time to live of 2\n");
}
