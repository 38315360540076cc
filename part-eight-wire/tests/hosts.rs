//! Two machines and a router: what only more than one machine can show.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;

use harness::process::Ended;
use support::street::{Host, network, run, street};

/// The lines that contain `word`, without the number and the interface before them.
fn with<'a>(ended: &'a Ended, word: &str) -> Vec<&'a str> {
    let lines = ended.lines.iter().filter(|line| line.contains(word));
    lines.filter_map(|line| Some(line.split_once(": ")?.1)).collect()
}

/// A listener on `host`, and a thread that echoes what the first client says.
fn echo_once(host: &Host, address: &'static str) {
    let listener = host.inside(move || TcpListener::bind(address).unwrap());
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut bytes = [0; 1024];
        let length = client.read(&mut bytes).unwrap();
        client.write_all(&bytes[..length]).unwrap();
    });
}

fn say(host: &Host, address: &'static str) -> Vec<u8> {
    host.inside(move || {
        let mut server = TcpStream::connect(address).unwrap();
        server.write_all(b"Hello from KungfuDev\r\n").unwrap();
        let mut echo = Vec::new();
        server.read_to_end(&mut echo).unwrap();
        echo
    })
}

#[test]
fn an_ethernet_address_never_leaves_its_street() {
    if !network("an_ethernet_address_never_leaves_its_street") {
        return;
    }
    let street = street();
    echo_once(&street.there, "10.67.2.2:6797");
    let [left, right] =
        [&street.here, &street.there].map(|host| host.sniff(&["--brief", "--interface", "eth0"]));
    assert_eq!(say(&street.here, "10.67.2.2:6797"), b"Hello from KungfuDev\r\n");
    let (left, right) = (left.interrupt().unwrap(), right.interrupt().unwrap());

    // On each street the card of the router stands for everybody behind it.
    let [sent, arrived] =
        [&left, &right].map(|ended| with(ended, "22 bytes")[0].split(" | ").collect::<Vec<_>>());
    assert_eq!(sent[0], "02:00:00:00:01:02 > 02:00:00:00:01:01");
    assert_eq!(arrived[0], "02:00:00:00:02:01 > 02:00:00:00:02:02");
    assert_eq!(sent[1], arrived[1], "the IP addresses and ports");
    assert!(sent[1].starts_with("10.67.1.2:") && sent[1].ends_with(" > 10.67.2.2:6797"), "{sent:?}");
    assert_eq!((sent[2], arrived[2]), ("ttl 64", "ttl 63"));
    assert_eq!(sent[3], r#"TCP PSH ACK, 22 bytes "Hello from KungfuDev\r\n""#);
    assert_eq!(sent[3], arrived[3]);

    // Before the first packet: who has the router's address?
    assert_eq!(
        with(&left, "ARP")[..2],
        [
            "02:00:00:00:01:02 > ff:ff:ff:ff:ff:ff | ARP who has 10.67.1.1? 10.67.1.2 asks",
            "02:00:00:00:01:01 > 02:00:00:00:01:02 | ARP 10.67.1.1 is at 02:00:00:00:01:01"
        ]
    );
    assert!(!with(&right, "").iter().any(|line| line.contains("02:00:00:00:01")), "{:?}", right.lines);
}

#[test]
fn ipv6_asks_its_neighbours() {
    if !network("ipv6_asks_its_neighbours") {
        return;
    }
    let street = street();
    echo_once(&street.there, "[fd00:2::2]:6797");
    let sniffer = street.here.sniff(&["--brief"]);
    assert_eq!(say(&street.here, "[fd00:2::2]:6797").len(), 22);
    let ended = sniffer.interrupt().unwrap();
    let asked = with(&ended, "who has fd00:1::1?");
    assert!(asked[0].starts_with("02:00:00:00:01:02 > 33:33:ff:00:00:01 | "), "{asked:?}");
    let told = with(&ended, "fd00:1::1 is at");
    assert!(told[0].ends_with("neighbour advertisement: fd00:1::1 is at 02:00:00:00:01:01"), "{told:?}");
    let hello = with(&ended, "22 bytes");
    assert!(
        hello[0].contains("| [fd00:1::2]:") && hello[0].contains(" > [fd00:2::2]:6797 | ttl 64"),
        "{hello:?}"
    );
}

#[test]
fn the_way_has_a_router_on_it() {
    if !network("the_way_has_a_router_on_it") {
        return;
    }
    let street = street();
    let words = |ended: &Ended| -> Vec<String> {
        let lines = ended.lines.iter().filter(|line| line.starts_with("time to live"));
        lines.map(|line| line.rsplit_once(", ").map_or(&line[..], |(words, _)| words).to_owned()).collect()
    };
    let ended = street.here.route(&["10.67.2.2"]).end().unwrap();
    assert_eq!(
        words(&ended),
        [
            "time to live 1: 10.67.1.1, time exceeded: time to live exceeded in transit",
            "time to live 2: 10.67.2.2, echo reply"
        ]
    );
    assert!(ended.status.success());
    let ended = street.here.route(&["fd00:2::2"]).end().unwrap();
    assert_eq!(
        words(&ended),
        [
            "time to live 1: fd00:1::1, time exceeded: hop limit exceeded in transit",
            "time to live 2: fd00:2::2, echo reply"
        ]
    );

    let ended = street.here.ping(&["--count", "2", "--interval", "0", "10.67.2.2"]).end().unwrap();
    assert!(ended.lines[1].starts_with("request 1: echo reply from 10.67.2.2 in "), "{:?}", ended.lines);
    assert!(ended.lines[1].ends_with(" ms, time to live 63"), "{:?}", ended.lines);
    assert_eq!(ended.lines[3], "Requests: 2, replies: 2");
}

#[test]
fn where_there_is_no_way_the_router_says_so() {
    if !network("where_there_is_no_way_the_router_says_so") {
        return;
    }
    let street = street();
    // The router knows no street for this address (TEST-NET-1).
    let ended = street.here.route(&["192.0.2.1"]).end().unwrap();
    assert!(
        ended
            .errors
            .contains("the way to 192.0.2.1 ends at 10.67.1.1: destination unreachable: network unreachable"),
        "{}",
        ended.errors
    );
    assert_eq!(ended.status.code(), Some(1));
    // It knows the street, but nobody there answers its ARP.
    let ended = street.here.ping(&["--count", "1", "--timeout", "10000", "10.67.2.99"]).end().unwrap();
    assert!(
        ended.lines[1].starts_with("request 1: destination unreachable: host unreachable from 10.67.1.1 in "),
        "{:?}",
        ended.lines
    );
    assert!(ended.errors.ends_with("no reply from 10.67.2.99\n"), "{}", ended.errors);
    // We have no way ourselves.
    street.here.run("ip route del default");
    let ended = street.here.ping(&["192.0.2.1"]).end().unwrap();
    assert!(ended.errors.contains("sendto 192.0.2.1, 64 bytes: ENETUNREACH: "), "{}", ended.errors);
}

#[test]
fn the_mtu_of_the_path_is_discovered_unless_the_router_is_silent() {
    if !network("the_mtu_of_the_path_is_discovered_unless_the_router_is_silent") {
        return;
    }
    let street = street();
    run("ip link set r1 mtu 576");
    street.there.run("ip link set eth0 mtu 576");
    let long = ["--dont-fragment", "--count", "2", "--interval", "0", "--size", "1000", "--timeout", "1000"];
    let long = [&long[..], &["10.67.2.2"]].concat();

    // The router's answers come from the router itself; what it forwards does not.
    run("ip rule add iif lo to 10.67.1.2 blackhole");
    let ended = street.here.ping(&long).end().unwrap();
    assert_eq!(ended.lines[1], "request 1: no answer within 1000 ms");
    assert_eq!(ended.lines[2], "request 2: no answer within 1000 ms");
    run("ip rule del iif lo to 10.67.1.2 blackhole");

    let ended = street.here.ping(&long).end().unwrap();
    assert!(
        ended.lines[1].starts_with(
            "request 1: destination unreachable: fragmentation needed, but don't fragment is set from 10.67.1.1 in "
        ),
        "{:?}",
        ended.lines
    );
    assert_eq!(ended.lines[2], "request 2: sendto, 1008 bytes: EMSGSIZE: Message too long");

    // Without the flag our kernel cuts the packet now, since it has learnt.
    let sniffer = street.there.sniff(&["--brief"]);
    let ended = street.here.ping(&["--count", "1", "--size", "1000", "10.67.2.2"]).end().unwrap();
    assert!(ended.lines[1].starts_with("request 1: echo reply from 10.67.2.2 in "), "{:?}", ended.lines);
    let ended = sniffer.interrupt().unwrap();
    assert!(with(&ended, "from byte 0, more to come")[0].contains("ICMP echo request"), "{:?}", ended.lines);
    assert!(with(&ended, "from byte 552")[0].contains("ICMP fragment"), "{:?}", ended.lines);
}

/// An echo server of datagrams.
fn echo_datagrams(host: &Host, address: &'static str) {
    let server = host.inside(move || UdpSocket::bind(address).unwrap());
    thread::spawn(move || {
        let mut bytes = [0; 2048];
        while let Ok((length, sender)) = server.recv_from(&mut bytes) {
            server.send_to(&bytes[..length], sender).unwrap();
        }
    });
}

fn came(ended: &Ended) -> Vec<String> {
    let lines = ended.lines.iter().filter(|line| line.starts_with("Came: ") || line.starts_with("Our own"));
    lines.map(|line| line.split(" | ").last().unwrap().to_owned()).collect()
}

#[test]
fn packets_by_hand_are_answered_and_our_kernel_knows_nothing_of_it() {
    if !network("packets_by_hand_are_answered_and_our_kernel_knows_nothing_of_it") {
        return;
    }
    let street = street();
    echo_datagrams(&street.there, "10.67.2.2:6797");
    let _listener = street.there.inside(|| TcpListener::bind("10.67.2.2:6798").unwrap());

    let ended = street.here.send(&["syn", "10.67.2.2:6798"]).end().unwrap();
    assert_eq!(came(&ended), ["TCP SYN ACK", "TCP RST"], "{:?}", ended.lines);
    assert!(ended.lines.iter().any(|line| line.starts_with("Our own kernel answers: 10.67.1.2:")));

    let ended = street.here.send(&["udp", "10.67.2.2:6797"]).end().unwrap();
    let came = came(&ended);
    assert_eq!(came[0], r#"UDP, 20 bytes "Hello from KungfuDev""#);
    assert!(came[1].starts_with("ICMP destination unreachable: port unreachable (about 10.67.2.2:6797 > "));
    assert_eq!(came.len(), 2);

    // The last that this packet passes is the router.
    let ended = street.here.send(&["--ttl", "1", "udp", "10.67.2.2:6797"]).end().unwrap();
    assert!(
        self::came(&ended)[0].starts_with("ICMP time exceeded: time to live exceeded in transit (about ")
    );
}

#[test]
fn what_is_damaged_or_incomplete_goes_no_further() {
    if !network("what_is_damaged_or_incomplete_goes_no_further") {
        return;
    }
    let street = street();
    echo_datagrams(&street.there, "10.67.2.2:6797");

    let sniffer = street.there.sniff(&["--brief"]);
    let ended = street.here.send(&["--wrong-checksum", "udp", "10.67.2.2:6797"]).end().unwrap();
    assert_eq!(ended.lines.last().unwrap(), "No answer within 500 ms");
    let ended = sniffer.interrupt().unwrap();
    assert!(with(&ended, "UDP")[0].ends_with(", wrong checksum"), "it came all the way: {:?}", ended.lines);
    let ended = street.here.send(&["--wrong-checksum", "syn", "10.67.2.2:6797"]).end().unwrap();
    assert_eq!(ended.lines.last().unwrap(), "No answer within 500 ms");

    // A fragment waits for the others: for 30 seconds, or for one where that is set.
    street.there.run("sysctl -qw net.ipv4.ipfrag_time=1");
    let ended =
        street.here.send(&["--first-fragment", "--wait", "4000", "udp", "10.67.2.2:6797"]).end().unwrap();
    let came = came(&ended);
    assert!(
        came[0].starts_with("ICMP time exceeded: fragment reassembly time exceeded (about "),
        "{:?}",
        ended.lines
    );
}

#[test]
fn every_packet_of_a_flood_is_seen_or_counted_as_dropped() {
    if !network("every_packet_of_a_flood_is_seen_or_counted_as_dropped") {
        return;
    }
    let street = street();
    let sniffer = street.there.sniff(&["--quiet", "--interface", "eth0"]);
    let there: SocketAddr = "10.67.2.2:6797".parse().unwrap();
    let _open = street.there.inside(move || UdpSocket::bind(there).unwrap());
    let sent: u64 = street.here.inside(move || {
        let socket = UdpSocket::bind("10.67.1.2:0").unwrap();
        (0..100_000).map(|_| u64::from(socket.send_to(b"Hello", there).is_ok())).sum()
    });
    let ended = sniffer.interrupt().unwrap();
    let numbers: Vec<u64> =
        ended.lines.last().unwrap().split(' ').filter_map(|word| word.parse().ok()).collect();
    let [seen, dropped] = numbers[..] else { panic!("{:?}", ended.lines) };
    // And the few by which the neighbours find each other.
    assert!((sent..sent + 20).contains(&(seen + dropped)), "{sent} sent, {seen} seen, {dropped} dropped");
}
