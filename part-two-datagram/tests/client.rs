//! The client, with sockets of the standard library as its server.

mod support;

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::{CLIENT, Program, command, have_ipv6, peer, quiet_server};

fn client(server: &UdpSocket, arguments: &[&str]) -> Program {
    let address = server.local_addr().unwrap().to_string();
    Program::start(command(CLIENT, &[&[address.as_str()], arguments].concat()))
}

fn take(server: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_535];
    let (length, client) = server.recv_from(&mut buffer).unwrap();
    buffer.truncate(length);
    (buffer, client)
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
        let ended = client.end();
        assert_eq!(ended.lines.last().unwrap(), "3 of 3 messages answered, 3 datagrams sent");
        assert_eq!(ended.stderr, "");
        assert!(ended.status.success());
        let timed = format!("received 3 bytes from {} in ", server.local_addr().unwrap());
        let took = ended.lines.iter().find_map(|line| line.strip_prefix(&timed)?.strip_suffix(" ms"));
        assert!(took.unwrap().parse::<f64>().unwrap() > 0.0);
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
    let ended = client.end();
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
    let ended = client.end();
    let waits: Vec<_> = ended.lines.iter().filter_map(|line| line.split_once(" within ")).collect();
    assert_eq!(waits.iter().map(|wait| wait.1).collect::<Vec<_>>(), ["900 ms", "1800 ms", "2000 ms"]);
    assert_eq!(ended.lines.last().unwrap(), "1 of 2 messages answered, 4 datagrams sent");
    let address = server.local_addr().unwrap();
    assert_eq!(ended.stderr, format!("datagram-client: 1 of 2 answers from {address} are missing\n"));
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
fn hears_that_nobody_listens_only_when_connected() {
    let address = peer("127.0.0.1:0").local_addr().unwrap().to_string();
    let begun = Instant::now();
    let connected = command(CLIENT, &["--connect", "--timeout", "60000", &address]);
    let connected = Program::start(connected).end();
    assert!(begun.elapsed() < Duration::from_secs(20));
    let expected = format!("datagram-client: recvfrom {address}: ECONNREFUSED: Connection refused");
    assert!(connected.stderr.starts_with(&expected), "{}", connected.stderr);
    assert_eq!(connected.status.code(), Some(1));

    let alone = Program::start(command(CLIENT, &["--timeout", "10", &address])).end();
    assert_eq!(alone.stderr, format!("datagram-client: 1 of 1 answers from {address} are missing\n"));
    assert_eq!(alone.lines.last().unwrap(), "0 of 1 messages answered, 4 datagrams sent");
    assert_eq!(alone.status.code(), Some(1));
}

#[test]
fn a_stranger_is_said_and_ignored() {
    let (server, stranger) = (peer("127.0.0.1:0"), peer("127.0.0.1:0"));
    let client = client(&server, &["--timeout", "30000", "secret"]);
    let (datagram, address) = take(&server);
    stranger.send_to(&datagram, address).unwrap();
    let expected = format!(
        "warning: ignored 6 bytes from {}: a stranger; our server is {}",
        stranger.local_addr().unwrap(),
        server.local_addr().unwrap()
    );
    client.after(&expected);
    server.send_to(&datagram, address).unwrap();
    assert!(client.end().status.success());
}

#[test]
fn a_stranger_is_kept_out_by_connect() {
    let (server, stranger) = (peer("127.0.0.1:0"), peer("127.0.0.1:0"));
    let client = client(&server, &["--timeout", "30000", "--connect", "secret"]);
    let (datagram, address) = take(&server);
    stranger.send_to(&datagram, address).unwrap();
    server.send_to(&datagram, address).unwrap();
    let ended = client.end();
    assert!(!ended.lines.iter().any(|line| line.contains("stranger")));
    assert!(ended.status.success());
}

#[test]
fn a_talkative_stranger_does_not_lengthen_the_wait() {
    let (server, stranger) = (peer("127.0.0.1:0"), peer("127.0.0.1:0"));
    let client = client(&server, &["--timeout", "300", "--tries", "1"]);
    let (_, address) = take(&server);
    let begun = Instant::now();
    // Quicker than the timeout: were the whole of it begun anew each time, it would never be over.
    while stranger.send_to(b"and another thing", address).is_ok() && begun.elapsed() < Duration::from_secs(20)
    {
        if client.next().is_some_and(|line| line.starts_with("warning: no answer")) {
            assert_eq!(client.end().status.code(), Some(1));
            return;
        }
    }
    panic!("still waiting after {:?}", begun.elapsed());
}

#[test]
fn a_late_answer_is_not_taken_for_the_next_one() {
    let server = peer("127.0.0.1:0");
    let client = client(&server, &["--timeout", "30000", "one", "two"]);
    let (one, address) = take(&server);
    server.send_to(&one, address).unwrap();
    let (two, _) = take(&server);
    server.send_to(&one, address).unwrap();
    client.after("warning: ignored: this is not the echo of our 3 bytes");
    server.send_to(&two, address).unwrap();
    let ended = client.end();
    assert_eq!(ended.lines.last().unwrap(), "2 of 2 messages answered, 2 datagrams sent");
}

#[test]
fn goes_on_waiting_after_it_was_stopped() {
    let server = peer("127.0.0.1:0");
    let client = client(&server, &["--timeout", "30000"]);
    let (datagram, address) = take(&server);
    client.signal(Signal::SIGSTOP);
    client.signal(Signal::SIGCONT);
    server.send_to(&datagram, address).unwrap();
    assert!(client.end().status.success());
}

#[test]
fn sends_the_longest_datagram_and_none_longer() {
    let (_server, address) = quiet_server();
    let address = address.to_string();
    let longest = "x".repeat(65_507);
    let ended = Program::start(command(CLIENT, &[&address, &longest])).end();
    assert!(ended.status.success(), "{}", ended.stderr);
    let longer = "x".repeat(65_508);
    for (option, call) in [("--tries=1", "sendto"), ("--connect", "send")] {
        let ended = Program::start(command(CLIENT, &[option, &address, &longer])).end();
        let expected =
            format!("datagram-client: {call} {address}, 65508 bytes: EMSGSIZE: Message too long\n");
        assert_eq!(ended.stderr, expected);
        assert_eq!(ended.status.code(), Some(1));
    }
}

#[test]
fn speaks_ipv6() {
    if !have_ipv6() {
        return;
    }
    let server = peer("[::1]:0");
    let client = client(&server, &["--timeout", "30000", "six"]);
    let (datagram, address) = take(&server);
    server.send_to(&datagram, address).unwrap();
    assert!(client.end().status.success());
}

#[test]
fn names_the_address_that_nothing_can_be_sent_to() {
    let ended = Program::start(command(CLIENT, &["127.0.0.1:0", "x"])).end();
    assert_eq!(ended.stderr, "datagram-client: sendto 127.0.0.1:0, 1 bytes: EINVAL: Invalid argument\n");
    assert_eq!(ended.status.code(), Some(1));
}
