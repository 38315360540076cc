//! A small world with two programs, a network between them and observers who are late, in any rhythm.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::record::call::Descriptor;
use crate::record::event::Interface;
use crate::record::invariant::broken;
use crate::record::packet::{Headers, Packet, Tcp};

const CLIENT: &str = "127.0.0.1:40000";
const SERVER: &str = "127.0.0.1:6797";

/// In microseconds.
fn time(at: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(1_000_000 + at)
}

/// What an observer writes down, and when.
#[derive(Clone)]
struct Written {
    at: u64,
    lane: usize,
    event: Event,
}

/// The lanes in the order in which a round reads them: terminals, straces, packets.
fn lanes() -> [Lane; 5] {
    let terminal = |name: &str| Lane::Terminal(name.to_owned());
    let calls = |name: &str| Lane::Calls(name.to_owned());
    let packets = Lane::Packets(Interface::loopback());
    [terminal("client"), terminal("server"), calls("client"), calls("server"), packets]
}

#[derive(Default)]
struct World {
    now: u64,
    written: Vec<Written>,
    sent: [u32; 2],
}

impl World {
    fn pass(&mut self, steps: &mut impl Iterator<Item = u64>) -> u64 {
        self.now += 1 + steps.next().unwrap_or(3);
        self.now
    }

    fn write(&mut self, at: u64, lane: usize, event_at: u64, what: What) {
        let event = Event { at: time(event_at), lane: lanes()[lane].clone(), what };
        self.written.push(Written { at, lane, event });
    }

    /// A call of the program `who` (0 the client, 1 the server): its beginning at once, its end when it returns.
    fn call(&mut self, who: usize, name: &str, arguments: &str, began: u64, returned: u64, result: usize) {
        let ends = [CLIENT, SERVER];
        let mut on = Descriptor::parse(4, &format!("TCP:[{}->{}]", ends[who], ends[1 - who]));
        if name == "write" {
            on = Descriptor::parse(1, "/dev/pts/1<char 136:1>");
        }
        let call = |result: Option<String>| Call {
            process: 7,
            thread: 7,
            numbered: false,
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            result,
            on: Some(on.clone()),
            gave: None,
            began: time(began),
            // strace counts from when it has written the beginning down: too short.
            took: Duration::from_micros((returned - began) / 2),
            returned: None,
            shown: name != "write",
        };
        let lane = 2 + who;
        self.write(began, lane, began, What::Call(Box::new(call(None))));
        self.write(returned, lane, began, What::Call(Box::new(call(Some(result.to_string())))));
    }

    fn packet(&mut self, who: usize, length: u32, at: u64) {
        let address = |who: usize| [CLIENT, SERVER][who].parse().expect("an address");
        let tcp = Tcp {
            from: address(who),
            to: address(1 - who),
            flags: 0x18,
            sequence: 1000 + self.sent[who],
            acknowledgment: 0,
            window: 512,
        };
        self.sent[who] += length;
        let bytes = vec![b'x'; length as usize];
        let packet =
            Packet { bytes, headers: Headers::Tcp(tcp), payload: (0, length as usize), pure_ack: false };
        self.write(at, 4, at, What::Packet(std::sync::Arc::new(packet)));
    }

    /// The client sends and the server echoes, and both say so.
    fn echo(&mut self, nth: usize, waits: &mut [u64; 2], steps: &mut impl Iterator<Item = u64>) {
        let length = 1 + nth % 5;
        for who in [0, 1] {
            let began = self.pass(steps);
            let sent = self.pass(steps);
            self.packet(who, u32::try_from(length).expect("small"), sent);
            let arguments = format!("4, \"{}\", {length}", "x".repeat(length));
            // The other one may return from recv before this call does.
            let woken = self.pass(steps);
            self.call(1 - who, "recvfrom", "4, \"...\"", waits[1 - who], woken, length);
            let returned = self.pass(steps);
            self.call(who, "sendto", &arguments, began, returned, length);
            let other = 1 - who;
            let writes = self.pass(steps);
            let text = format!("received number {nth}");
            let appears = self.pass(steps);
            self.write(appears, other, appears, What::Line(text.clone()));
            let wrote = self.pass(steps);
            self.call(
                other,
                "write",
                &format!("1, \"{text}\\n\", {}", text.len() + 1),
                writes,
                wrote,
                text.len() + 1,
            );
            // Each waits for the next message once it has sent its own.
            waits[other] = self.pass(steps);
            waits[who] = waits[who].max(returned + 1);
        }
    }
}

/// What the order gives when the observers read in rounds that begin at such times.
fn ordered(mut written: Vec<Written>, rounds: &[u64], patience: u64) -> Vec<Ordered> {
    written.sort_by_key(|written| written.at);
    let end = written.last().map_or(0, |last| last.at);
    let mut order = Order::new();
    let mut given = Vec::new();
    let mut now = 0;
    let mut rounds = rounds.iter().copied().cycle();
    while now <= end + 1 || !written.is_empty() {
        for lane in 0..lanes().len() {
            now += 1 + rounds.next().unwrap_or(7);
            let mut read = Vec::new();
            written.retain(|written| {
                let is_read = written.lane == lane && written.at <= now;
                if is_read {
                    read.push(written.event.clone());
                }
                !is_read
            });
            // Of a call whose line has ended, strace's reader tells only the whole.
            let whole = read.clone();
            read.retain(|event| match &event.what {
                What::Call(begun) if begun.result.is_none() => !whole.iter().any(|other| {
                    matches!(&other.what, What::Call(call) if call.result.is_some() && call.began == begun.began)
                }),
                _ => true,
            });
            for event in read {
                order.take(event);
            }
        }
        order.round();
        given.extend(order.release(time(now.saturating_sub(patience))));
    }
    order.round();
    order.round();
    given.extend(order.finish());
    given
}

proptest! {
    #[test]
    fn no_effect_before_its_cause(
        steps in proptest::collection::vec(0_u64..40, 1..60),
        rounds in proptest::collection::vec(0_u64..60, 1..20),
        patience in 0_u64..200,
        echoes in 1_usize..8,
    ) {
        let mut world = World::default();
        let mut steps = steps.into_iter().cycle();
        let mut waits = [0, 0];
        for nth in 0..echoes {
            world.echo(nth, &mut waits, &mut steps);
        }
        let told = world.written.len();
        let given = ordered(world.written, &rounds, patience);
        let wrong = broken(given.iter());
        prop_assert!(wrong.is_empty(), "{wrong:?}");
        // Nothing is lost: a packet, a line, and the end of each call.
        let ends = |ordered: &&Ordered| match &ordered.event.what {
            What::Call(call) => call.result.is_some(),
            _ => true,
        };
        prop_assert_eq!(given.iter().filter(ends).count(), told - 6 * echoes);
        for ordered in &given {
            let is_caused = match &ordered.event.what {
                What::Packet(_) | What::Line(_) => true,
                What::Call(call) => call.result.is_some() && call.name == "recvfrom",
                _ => false,
            };
            prop_assert!(!is_caused || ordered.cause.is_some(), "{:?} has no cause", ordered.event);
        }
    }
}

/// In one round calls are told before packets: the call that sends, before the SYN of its connection.
#[test]
fn a_call_that_was_told_before_the_handshake_still_sent_its_packet() {
    let mut world = World::default();
    let flags = |written: &mut Written, flags: u8, sequence: u32| {
        if let What::Packet(packet) = &mut written.event.what
            && let Headers::Tcp(tcp) = &mut std::sync::Arc::make_mut(packet).headers
        {
            tcp.flags = flags;
            tcp.sequence = sequence;
        }
    };
    world.call(0, "sendto", "4, \"hello\", 5", 20, 23, 5);
    world.packet(0, 0, 10);
    world.packet(0, 5, 22);
    let mut written = world.written;
    flags(&mut written[2], 0x02, 999);
    flags(&mut written[3], 0x18, 1000);
    let mut order = Order::new();
    for written in written {
        order.take(written.event);
    }
    let given = order.finish();
    let number = |name: &str| {
        given.iter().find(|given| matches!(&given.event.what, What::Call(call) if call.name == name))
    };
    let sent = number("sendto").expect("it is given").number;
    let packet =
        given.iter().find(|given| matches!(&given.event.what, What::Packet(packet) if packet.payload.1 == 5));
    assert_eq!(packet.and_then(|packet| packet.cause), Some(sent));
}

/// In a flood the next datagram is told before the message about the one before it.
#[test]
fn an_icmp_message_is_about_a_datagram_that_had_passed() {
    let address = |text: &str| text.parse::<std::net::SocketAddr>().expect("an address");
    let passed = |at: u64, headers: Headers, bytes: Vec<u8>| {
        let packet = Packet { payload: (bytes.len(), 0), bytes, headers, pure_ack: false };
        Event { at: time(at), lane: lanes()[4].clone(), what: What::Packet(std::sync::Arc::new(packet)) }
    };
    let datagram =
        |at| passed(at, Headers::Udp { from: address(CLIENT), to: address(SERVER) }, b"x".to_vec());
    let mut bytes = vec![0; 14];
    for rest in [28, 20] {
        bytes.push(0x45); // an IPv4 header of 20 bytes, its addresses at the end
        bytes.extend([0; 11]);
        bytes.extend([127, 0, 0, 1, 127, 0, 0, 1]);
        bytes.resize(bytes.len() + rest - 20, 0);
    }
    bytes.extend(40000_u16.to_be_bytes());
    bytes.extend(6797_u16.to_be_bytes());
    let host = std::net::IpAddr::from([127, 0, 0, 1]);
    let about = Headers::Icmp { from: host, to: host, message: "port unreachable".to_owned() };
    let mut order = Order::new();
    for event in [datagram(10), datagram(30), passed(20, about, bytes)] {
        order.take(event);
    }
    let given = order.finish();
    assert_eq!(broken(given.iter()), []);
    let causes: Vec<_> = given.iter().map(|given| (given.number, given.cause)).collect();
    assert_eq!(causes, [(1, None), (3, Some(1)), (2, None)]);
}
