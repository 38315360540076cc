//! The client, with sockets of the standard library as its server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use harness::datagrams::{peer, take};
use harness::private::{IPV6, settings};
use harness::process::Process;
use nix::sys::signal::Signal;
use support::{CLIENT, quiet_server};

fn client(server: &UdpSocket, arguments: &[&str]) -> Process {
    let address = server.local_addr().unwrap().to_string();
    Process::start(CLIENT, &[&[address.as_str()], arguments].concat()).unwrap()
}

#[test]
fn sends_each_message_as_one_datagram_from_one_port() {
    for options in [&["--timeout", "30000"][..], &["--timeout", "30000", "--connect"]] {
        let server = peer("127.0.0.1:0");
        let client = client(&server, &[options, &["one", "", "größer"]].concat());
        let mut ports = Vec::new();
        for message in ["one", "", "größer"] {
            let (datagram, client) = take(&server);
            assert_eq!(datagram, message.as_bytes());
            server.send_to(&datagram, client).unwrap();
            ports.push(client.port());
        }
        ports.dedup();
        assert_eq!(ports.len(), 1);
        let ended = client.end().unwrap();
        assert_eq!(ended.lines.last().unwrap(), "3 of 3 messages answered, 3 datagrams sent");
        assert_eq!(ended.errors, "");
        assert!(ended.status.success());
        let timed = format!("received 3 bytes from {} in ", server.local_addr().unwrap());
        let took = ended.lines.iter().find_map(|line| line.strip_prefix(&timed)?.strip_suffix(" ms"));
        // A quick answer is rounded to nothing.
        assert!(took.unwrap().parse::<f64>().unwrap() >= 0.0);
    }
}

#[test]
fn tries_again_and_waits_longer_each_time() {
    let server = peer("127.0.0.1:0");
    let client = client(&server, &["--timeout", "200", "--tries", "4", "hello?"]);
    let arrivals: Vec<_> = (0..3).map(|_| (take(&server), Instant::now())).collect();
    let ((datagram, address), third) = &arrivals[2];
    // Sleeping ends a little late, never early; what comes late shortens the next wait that is seen from here.
    let slack = Duration::from_millis(100);
    assert!(arrivals[1].1 - arrivals[0].1 + slack >= Duration::from_millis(200));
    assert!(*third - arrivals[1].1 + slack >= Duration::from_millis(400));
    server.send_to(datagram, address).unwrap();
    let ended = client.end().unwrap();
    assert_eq!(ended.lines.last().unwrap(), "1 of 1 messages answered, 3 datagrams sent");
    assert!(ended.status.success());
}

#[test]
fn gives_up_and_says_how_many_answers_are_missing() {
    let server = peer("127.0.0.1:0");
    let client = client(&server, &["--timeout", "900", "--tries", "3", "lost", "found"]);
    for _ in 0..3 {
        assert_eq!(take(&server).0, b"lost");
    }
    let (datagram, address) = take(&server);
    assert_eq!(datagram, b"found");
    server.send_to(&datagram, address).unwrap();
    let ended = client.end().unwrap();
    let waits: Vec<_> = ended.lines.iter().filter_map(|line| line.split_once(" within ")).collect();
    assert_eq!(waits.iter().map(|wait| wait.1).collect::<Vec<_>>(), ["900 ms", "1800 ms", "2000 ms"]);
    assert_eq!(ended.lines.last().unwrap(), "1 of 2 messages answered, 4 datagrams sent");
    let address = server.local_addr().unwrap();
    assert_eq!(ended.errors, format!("datagram-client: 1 of 2 answers from {address} are missing\n"));
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
fn hears_that_nobody_listens_only_when_connected() {
    let address = peer("127.0.0.1:0").local_addr().unwrap().to_string();
    let begun = Instant::now();
    let words = ["--connect", "--timeout", "60000", &address];
    let connected = Process::start(CLIENT, &words).unwrap().end().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20));
    let expected = format!("datagram-client: recvfrom {address}: ECONNREFUSED: Connection refused");
    assert!(connected.errors.starts_with(&expected), "{}", connected.errors);
    assert_eq!(connected.status.code(), Some(1));

    let alone = Process::start(CLIENT, &["--timeout", "10", &address]).unwrap().end().unwrap();
    assert_eq!(alone.errors, format!("datagram-client: 1 of 1 answers from {address} are missing\n"));
    assert_eq!(alone.lines.last().unwrap(), "0 of 1 messages answered, 4 datagrams sent");
    assert_eq!(alone.status.code(), Some(1));
}

#[test]
fn a_stranger_is_said_and_ignored() {
    let (server, stranger) = (peer("127.0.0.1:0"), peer("127.0.0.1:0"));
    let mut client = client(&server, &["--timeout", "30000", "secret"]);
    let (datagram, address) = take(&server);
    stranger.send_to(&datagram, address).unwrap();
    let expected = format!(
        "warning: ignored 6 bytes from {}: a stranger; our server is {}",
        stranger.local_addr().unwrap(),
        server.local_addr().unwrap()
    );
    client.wait_for(&expected).unwrap();
    server.send_to(&datagram, address).unwrap();
    assert!(client.end().unwrap().status.success());
}

#[test]
fn a_stranger_is_kept_out_by_connect() {
    let (server, stranger) = (peer("127.0.0.1:0"), peer("127.0.0.1:0"));
    let client = client(&server, &["--timeout", "30000", "--connect", "secret"]);
    let (datagram, address) = take(&server);
    stranger.send_to(&datagram, address).unwrap();
    server.send_to(&datagram, address).unwrap();
    let ended = client.end().unwrap();
    assert!(!ended.lines.iter().any(|line| line.contains("stranger")));
    assert!(ended.status.success());
}

#[test]
fn a_talkative_stranger_does_not_lengthen_the_wait() {
    let (server, stranger) = (peer("127.0.0.1:0"), peer("127.0.0.1:0"));
    let mut client = client(&server, &["--timeout", "300", "--tries", "1"]);
    let (_, address) = take(&server);
    let begun = Instant::now();
    // Quicker than the timeout: were the whole of it begun anew each time, it would never be over.
    while stranger.send_to(b"and another thing", address).is_ok() && begun.elapsed() < Duration::from_secs(20)
    {
        if client.line().unwrap().starts_with("warning: no answer") {
            assert_eq!(client.end().unwrap().status.code(), Some(1));
            return;
        }
    }
    panic!("still waiting after {:?}", begun.elapsed());
}

#[test]
fn a_late_answer_is_not_taken_for_the_next_one() {
    let server = peer("127.0.0.1:0");
    let mut client = client(&server, &["--timeout", "30000", "one", "two"]);
    let (one, address) = take(&server);
    server.send_to(&one, address).unwrap();
    let (two, _) = take(&server);
    server.send_to(&one, address).unwrap();
    client.wait_for("warning: ignored: this is not the echo of our 3 bytes").unwrap();
    server.send_to(&two, address).unwrap();
    let ended = client.end().unwrap();
    assert_eq!(ended.lines.last().unwrap(), "2 of 2 messages answered, 2 datagrams sent");
}

#[test]
fn goes_on_waiting_after_it_was_stopped() {
    let server = peer("127.0.0.1:0");
    let client = client(&server, &["--timeout", "30000"]);
    let (datagram, address) = take(&server);
    client.signal(Signal::SIGSTOP).unwrap();
    client.signal(Signal::SIGCONT).unwrap();
    server.send_to(&datagram, address).unwrap();
    assert!(client.end().unwrap().status.success());
}

#[test]
fn sends_the_longest_datagram_and_none_longer() {
    let (_server, address) = quiet_server();
    let address = address.to_string();
    let longest = "x".repeat(65_507);
    let ended = Process::start(CLIENT, &[&address, &longest]).unwrap().end().unwrap();
    assert!(ended.status.success(), "{}", ended.errors);
    let longer = "x".repeat(65_508);
    for (option, call) in [("--tries=1", "sendto"), ("--connect", "send")] {
        let ended = Process::start(CLIENT, &[option, &address, &longer]).unwrap().end().unwrap();
        let expected =
            format!("datagram-client: {call} {address}, 65508 bytes: EMSGSIZE: Message too long\n");
        assert_eq!(ended.errors, expected);
        assert_eq!(ended.status.code(), Some(1));
    }
}

#[test]
fn speaks_ipv6() {
    if !settings("speaks_ipv6", &IPV6) {
        return;
    }
    let server = peer("[::1]:0");
    let client = client(&server, &["--timeout", "30000", "six"]);
    let (datagram, address) = take(&server);
    server.send_to(&datagram, address).unwrap();
    assert!(client.end().unwrap().status.success());
}

#[test]
fn names_the_address_that_nothing_can_be_sent_to() {
    let ended = Process::start(CLIENT, &["127.0.0.1:0", "x"]).unwrap().end().unwrap();
    assert_eq!(ended.errors, "datagram-client: sendto 127.0.0.1:0, 1 bytes: EINVAL: Invalid argument\n");
    assert_eq!(ended.status.code(), Some(1));
}
