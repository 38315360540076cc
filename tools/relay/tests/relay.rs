//! The relay, between sockets of the standard library, and between our own client and server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use harness::datagrams::{echo, peer, received, take};
use harness::limits::descriptors;
use harness::process::{Process, built, command};

const RELAY: &str = env!("CARGO_BIN_EXE_datagram-relay");

/// A program of part two.
fn part_two(name: &str) -> String {
    built("part-two-datagram", name).unwrap().into_os_string().into_string().unwrap()
}

/// Part two's server on a port of the kernel's choice, and where it is.
fn server() -> (Process, SocketAddr) {
    let mut server = command(&part_two("datagram-server"));
    server.arg("127.0.0.1:0");
    let mut server = Process::spawn(server).unwrap();
    let address = server.wait_for_address("Socket bound to address: ").unwrap();
    server.wait_for("Waiting for datagrams...").unwrap();
    (server, address)
}

fn relay(target: SocketAddr, options: &[&str]) -> (Process, SocketAddr) {
    let mut relay =
        Process::start(RELAY, &[&["127.0.0.1:0", &target.to_string()], options].concat()).unwrap();
    let address = relay.wait_for("Relaying what comes to ").unwrap();
    (relay, address.split(' ').next().unwrap().parse().unwrap())
}

/// Sends the numbers up to `count` through a relay: those that arrived, and the relay's last line. It is asked to stop
/// when `awaited` of them have arrived.
fn through(options: &[&str], count: u32, awaited: usize) -> (Vec<u32>, String) {
    let (target, client) = (peer("127.0.0.1:0"), peer("127.0.0.1:0"));
    let (mut relay, address) = relay(target.local_addr().unwrap(), options);
    let me = client.local_addr().unwrap().to_string();
    for number in 0..count {
        client.send_to(&number.to_be_bytes(), address).unwrap();
        relay.wait_for(&me).unwrap();
    }
    let mut arrived = Vec::new();
    while arrived.len() < awaited {
        arrived.push(u32::from_be_bytes(take(&target).0.try_into().unwrap()));
    }
    let last = relay.interrupt().unwrap().lines.pop().unwrap();
    target.set_nonblocking(true).unwrap();
    let mut buffer = [0; 4];
    while target.recv(&mut buffer).is_ok() {
        arrived.push(u32::from_be_bytes(buffer));
    }
    (arrived, last)
}

#[test]
fn without_rates_it_changes_nothing() {
    let (server, target) = server();
    let (mut relay, address) = relay(target, &[]);
    let client = peer("127.0.0.1:0");
    for size in [0, 1, 1473, 65_507] {
        let message = vec![b'x'; size];
        assert!(echo(&client, address, &message) == message, "{size} bytes");
    }
    let from = format!("{} > {target}, 1473 bytes: ", client.local_addr().unwrap());
    assert_eq!(relay.wait_for(&from).unwrap(), "passed");
    assert_eq!(relay.interrupt().unwrap().lines.last().unwrap(), "Stopped: 8 datagrams: 8 passed");
    assert!(server.interrupt().unwrap().status.success());
}

#[test]
fn an_answer_finds_its_client() {
    if !descriptors("an_answer_finds_its_client", 120) {
        return;
    }
    let (_server, target) = server();
    let (_relay, address) = relay(target, &[]);
    let clients: Vec<_> = (0..50).map(|_| peer("127.0.0.1:0")).collect();
    for (number, client) in clients.iter().enumerate() {
        client.send_to(format!("of {number}").as_bytes(), address).unwrap();
    }
    for (number, client) in clients.iter().enumerate().rev() {
        assert_eq!(received(client, address), format!("of {number}").as_bytes());
    }
}

#[test]
fn serves_more_clients_than_it_remembers() {
    if !descriptors("serves_more_clients_than_it_remembers", 300) {
        return;
    }
    let (_server, target) = server();
    let (mut relay, address) = relay(target, &[]);
    for number in 0..600 {
        let message = format!("of {number}");
        assert_eq!(echo(&peer("127.0.0.1:0"), address, message.as_bytes()), message.as_bytes());
    }
    #[cfg(target_os = "linux")]
    assert!(std::fs::read_dir(format!("/proc/{}/fd", relay.child().id())).unwrap().count() < 300);
    assert!(relay.interrupt().unwrap().status.success());
}

#[test]
fn a_seed_decides_who_is_lost() {
    let arrived = |seed| {
        let (arrived, stopped) = through(&["--drop", "30", "--seed", seed], 200, 0);
        let (passed, dropped) = (arrived.len(), 200 - arrived.len());
        assert_eq!(stopped, format!("Stopped: 200 datagrams: {passed} passed, {dropped} dropped"));
        assert!(arrived.is_sorted());
        assert!((30..=90).contains(&dropped), "{dropped} of 200 dropped at 30 %");
        arrived
    };
    assert_eq!(arrived("7"), arrived("7"));
    assert_ne!(arrived("7"), arrived("8"));
}

#[test]
fn drops_all_if_told_so() {
    assert_eq!(through(&["--drop", "100"], 20, 0).0, []);
}

#[test]
fn doubles() {
    assert_eq!(through(&["--duplicate", "100"], 4, 8).0, [0, 0, 1, 1, 2, 2, 3, 3]);
}

#[test]
fn swaps_and_loses_none() {
    // So late that none goes by its time but the last ones, behind which nothing comes any more.
    let (mut arrived, _) = through(&["--swap", "30", "--late", "2000"], 100, 100);
    assert!(!arrived.is_sorted());
    arrived.sort_unstable();
    assert_eq!(arrived, (0..100).collect::<Vec<_>>());
}

#[test]
fn a_swap_without_a_next_is_late() {
    assert_eq!(through(&["--swap", "100", "--late", "50"], 3, 3).0, [0, 1, 2]);
}

#[test]
fn delays_as_long_as_it_says() {
    let (_server, target) = server();
    let (_relay, address) = relay(target, &["--delay", "100", "--late", "150"]);
    let begun = Instant::now();
    assert_eq!(echo(&peer("127.0.0.1:0"), address, b"there and back"), b"there and back");
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
}

#[test]
fn keeps_a_bounded_number_waiting() {
    let (arrived, _) = through(&["--delay", "100", "--late", "3000"], 300, 256);
    assert_eq!(arrived, (0..256).collect::<Vec<_>>());
}

#[test]
fn every_message_gets_through_a_loss_of_thirty_percent() {
    let (_server, target) = server();
    let (relay, address) = relay(target, &["--drop", "30"]);
    let messages: Vec<String> = (0..50).map(|number| format!("message {number}")).collect();
    let options = ["--timeout", "5", "--tries", "30", &address.to_string()].map(str::to_owned);
    let words: Vec<&str> = options.iter().chain(&messages).map(String::as_str).collect();
    let ended = Process::start(&part_two("datagram-client"), &words).unwrap().end().unwrap();
    let last = ended.lines.last().unwrap();
    println!("{last}");
    assert!(last.starts_with("50 of 50 messages answered, "), "{last}");
    assert!(ended.status.success());
    assert!(relay.interrupt().unwrap().lines.pop().unwrap().contains(" dropped"));
}

#[test]
fn a_target_that_is_not_there_yet_is_said() {
    let place = peer("127.0.0.1:0").local_addr().unwrap();
    let (mut relay, address) = relay(place, &[]);
    let client = peer("127.0.0.1:0");
    client.send_to(b"anybody?", address).unwrap();
    let refused = relay.wait_for("warning: recv from ").unwrap();
    assert!(refused.starts_with(&format!("{place}: Connection refused")), "{refused}");
    let target = peer(&place.to_string());
    client.send_to(b"now?", address).unwrap();
    assert_eq!(take(&target).0, b"now?");
}

#[test]
fn does_not_relay_to_itself_for_ever() {
    // A port of nobody's, at an address of this process's own: a relay cannot be told its own port 0.
    let [.., high, low] = std::process::id().to_be_bytes();
    let place = format!("127.{high}.{low}.1:6798");
    let mut relay = Process::start(RELAY, &[&place, &place]).unwrap();
    relay.wait_for("Relaying what comes to ").unwrap();
    peer("127.0.0.1:0").send_to(b"round and round", &place).unwrap();
    relay.wait_for("warning: ignored a datagram from ").unwrap();
    assert_eq!(relay.interrupt().unwrap().lines.last().unwrap(), "Stopped: 1 datagrams: 1 passed");
}
