//! Which packet brought the bytes that a call took, and which call sent the bytes of a packet.
//!
//! A direction of a connection is known by its two addresses. Bytes are counted from its SYN on, so that a packet, a
//! call that sends and a call that receives meet at the same numbers; payloads are never compared.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use crate::record::call::{Call, Descriptor, Kind};
use crate::record::event::Interface;
use crate::record::packet::{Headers, Packet, Tcp};

/// The number of an event, by which others name it as their cause.
pub type Number = u64;

/// How many marks of one direction are kept: bytes that nobody takes for so long are nobody's.
const KEPT: usize = 4096;

/// An event and when it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) number: Number,
    pub(crate) at: SystemTime,
}

/// From whom to whom.
type Way = (SocketAddr, SocketAddr);

/// All directions of all connections so far.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    streams: HashMap<Way, Stream>,
    /// By receiver: the sender, the length in bytes.
    datagrams: HashMap<SocketAddr, VecDeque<(SocketAddr, usize, Moment)>>,
    /// By the inode of the receiving Unix socket.
    unix: HashMap<u64, Stream>,
    /// The packet that passed an interface last in each direction.
    latest: HashMap<(Interface, Way), Moment>,
    /// Calls of `connect` whose SYN has not been seen, by where they go.
    connects: HashMap<SocketAddr, VecDeque<Moment>>,
    /// Calls that sent a datagram: from which port, where it was known already, and to whom.
    sends: VecDeque<(Option<u16>, SocketAddr, Moment)>,
    /// By process and descriptor: the peer of a connected socket of datagrams, of which strace does not tell.
    peers: HashMap<(u32, i32), SocketAddr>,
    /// The datagrams of each way, at each interface: what an ICMP message is about.
    passed: HashMap<Way, VecDeque<Moment>>,
}

/// One direction.
#[derive(Debug, Default)]
struct Stream {
    /// The sequence number of its first byte.
    first: Option<u32>,
    /// Up to which byte packets have carried it, each with its last byte.
    carried: u64,
    carriers: VecDeque<(u64, Moment)>,
    /// Up to which byte calls have taken it.
    taken: u64,
    /// Calls that sent, by their thread and beginning; up to which byte, as soon as that is known.
    sends: VecDeque<Send>,
    sent: u64,
    opened: Option<Moment>,
    /// Somebody has returned from `connect` because of it.
    claimed: bool,
    /// Its first packet with ACK and without SYN: the handshake is done.
    confirmed: Option<Moment>,
    ended: Option<Moment>,
    reset: Option<Moment>,
    /// The call that ends it: `shutdown`, `close`.
    ending: Option<Moment>,
}

#[derive(Debug)]
struct Send {
    thread: u32,
    began: Moment,
    up_to: Option<u64>,
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The way of what is sent on a connected socket.
fn way(on: &Descriptor) -> Option<Way> {
    Some((canonical(on.local?), canonical(on.peer?)))
}

impl Flows {
    /// A packet has passed; gives the packet of the other direction that it answers, if any.
    pub(crate) fn packet(&mut self, packet: &Packet, at: &Interface, me: Moment) -> Option<Number> {
        let length = packet.payload.1;
        match &packet.headers {
            Headers::Tcp(tcp) => self.segment(tcp, length, at, me),
            Headers::Udp { from, to } => {
                let passed = self.passed.entry((canonical(*from), canonical(*to))).or_default();
                passed.push_back(me);
                if passed.len() > KEPT {
                    passed.pop_front();
                }
                let queue = self.datagrams.entry(canonical(*to)).or_default();
                queue.push_back((canonical(*from), length, me));
                if queue.len() > KEPT {
                    queue.pop_front();
                }
                None
            }
            _ => None,
        }
    }

    fn segment(&mut self, tcp: &Tcp, length: usize, at: &Interface, me: Moment) -> Option<Number> {
        let (from, to) = (canonical(tcp.from), canonical(tcp.to));
        let answered = self.latest.get(&(at.clone(), (to, from))).map(|latest| latest.number);
        self.latest.insert((at.clone(), (from, to)), me);
        let stream = self.streams.entry((from, to)).or_default();
        if tcp.syn() {
            let first = tcp.sequence.wrapping_add(1);
            // A call that sends on it may have been told before its first packet: then it is no other connection.
            if stream.first.is_some_and(|known| known != first) {
                *stream = Stream::default();
            }
            stream.first = Some(first);
            stream.opened.get_or_insert(me);
            return answered.filter(|_| tcp.ack());
        }
        let first = *stream.first.get_or_insert(tcp.sequence);
        if tcp.ack() {
            stream.confirmed.get_or_insert(me);
        }
        if length > 0 {
            let end = u64::from(tcp.sequence.wrapping_sub(first)) + length as u64;
            // Between hosts the same packet passes several interfaces, the receiver's last.
            if let Some((_, again)) = stream.carriers.back_mut().filter(|(last, _)| *last == end) {
                *again = me;
            } else if end > stream.carried {
                stream.carried = end;
                stream.carriers.push_back((end, me));
                if stream.carriers.len() > KEPT {
                    stream.carriers.pop_front();
                }
            }
        }
        if tcp.fin() {
            stream.ended.get_or_insert(me);
        }
        if tcp.rst() {
            stream.reset.get_or_insert(me);
        }
        answered
    }

    /// The call that made the kernel send this packet, where one did, or the datagram that this message is about: the
    /// last of its way that had passed by then, for others may have been told in the meantime.
    pub(crate) fn sender(&mut self, packet: &Packet, me: Moment) -> Option<Number> {
        if let Headers::Icmp { .. } = packet.headers {
            let (from, to) = packet.about()?;
            let passed = self.passed.get(&(canonical(from), canonical(to)))?.iter();
            let before = passed.filter(|datagram| (datagram.at, datagram.number) < (me.at, me.number));
            return before
                .max_by_key(|datagram| (datagram.at, datagram.number))
                .map(|datagram| datagram.number);
        }
        if let Headers::Udp { from, to } = packet.headers {
            let sent = self.sends.iter().rfind(|(port, peer, began)| {
                began.at <= me.at && *peer == canonical(to) && port.is_none_or(|port| port == from.port())
            });
            return sent.map(|(_, _, began)| began.number);
        }
        let tcp = packet.tcp()?;
        let (from, to) = (canonical(tcp.from), canonical(tcp.to));
        if tcp.syn() {
            let waiting = self.connects.get_mut(&to).filter(|_| !tcp.ack())?;
            let begun = waiting.front().is_some_and(|connect| connect.at <= me.at);
            return waiting.pop_front().filter(|_| begun).map(|connect| connect.number);
        }
        let stream = self.streams.get(&(from, to))?;
        let length = packet.payload.1 as u64;
        if length > 0 {
            return stream.sender(u64::from(tcp.sequence.wrapping_sub(stream.first?)) + length, me.at);
        }
        stream.ending.filter(|ending| tcp.fin() && ending.at <= me.at).map(|ending| ending.number)
    }

    /// A call has begun.
    pub(crate) fn begun(&mut self, call: &Call, me: Moment) {
        if call.name == "connect" {
            if let Some(to) = address(&call.arguments) {
                if let Some(on) = call.on.as_ref().filter(|on| on.kind == Kind::Udp) {
                    self.peers.insert((call.process, on.number), to);
                    return;
                }
                let waiting = self.connects.entry(to).or_default();
                waiting.push_back(me);
                if waiting.len() > KEPT {
                    waiting.pop_front();
                }
            }
            return;
        }
        let Some(on) = &call.on else { return };
        let ends = matches!(call.name.as_str(), "shutdown" | "close") && !call.arguments.contains("SHUT_RD)");
        match (way(on), on.inodes) {
            (Some(way), _) if on.kind == Kind::Tcp => {
                let stream = self.streams.entry(way).or_default();
                if call.sends() {
                    stream.sends.push_back(Send { thread: call.thread, began: me, up_to: None });
                    if stream.sends.len() > KEPT {
                        stream.sends.pop_front();
                    }
                } else if ends {
                    stream.ending = Some(me);
                }
            }
            _ if on.kind == Kind::Udp => {
                let connected = || self.peers.get(&(call.process, on.number)).copied();
                let to = address(&call.arguments).or(on.peer.map(canonical)).or_else(connected);
                if let Some(to) = to.filter(|_| call.sends()) {
                    self.sends.push_back((on.local.map(|local| local.port()), to, me));
                    if self.sends.len() > KEPT {
                        self.sends.pop_front();
                    }
                }
            }
            (_, Some((_, Some(peer)))) => {
                let stream = self.unix.entry(peer).or_default();
                if call.sends() {
                    stream.sends.push_back(Send { thread: call.thread, began: me, up_to: None });
                    if stream.sends.len() > KEPT {
                        stream.sends.pop_front();
                    }
                } else if ends {
                    stream.ended.get_or_insert(me);
                }
            }
            _ => {}
        }
    }

    /// A call that sends has returned.
    pub(crate) fn sent(&mut self, call: &Call) {
        let Some(on) = call.on.as_ref().filter(|_| call.sends()) else { return };
        let length = call.number().and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
        let stream = match (way(on), on.inodes) {
            (Some(way), _) => self.streams.get_mut(&way),
            (_, Some((_, Some(peer)))) => self.unix.get_mut(&peer),
            _ => None,
        };
        let Some(stream) = stream else { return };
        stream.sent += length;
        let up_to = stream.sent;
        if let Some(send) =
            stream.sends.iter_mut().rfind(|send| send.thread == call.thread && send.up_to.is_none())
        {
            send.up_to = Some(up_to);
        }
        if on.kind == Kind::Unix
            && let Some(began) = stream.sends.back().map(|send| send.began)
        {
            stream.carriers.push_back((up_to, began));
        }
    }

    /// What made the call return: it cannot have returned before.
    pub(crate) fn woke(&mut self, call: &Call) -> Option<Moment> {
        match call.name.as_str() {
            "accept" | "accept4" => {
                let (local, peer) = way(call.gave.as_ref()?)?;
                return self.streams.get(&(peer, local))?.confirmed;
            }
            "connect" => return self.connected(call),
            _ if !call.receives() => return None,
            _ => {}
        }
        let on = call.on.as_ref()?;
        let number = call.number()?;
        let peeks = call.arguments.contains("MSG_PEEK");
        if on.kind == Kind::Udp {
            return self.datagram(on, usize::try_from(number).ok()?, peeks);
        }
        let stream = match (way(on), on.inodes) {
            (Some((local, peer)), _) => self.streams.get_mut(&(peer, local)),
            (_, Some((own, _))) => self.unix.get_mut(&own),
            _ => None,
        }?;
        match u64::try_from(number) {
            Ok(0) => stream.ended,
            Ok(length) => stream.take(length, peeks),
            Err(_) if call.result.as_deref().is_some_and(|said| said.contains("ECONNRESET")) => stream.reset,
            Err(_) => None,
        }
    }

    /// The SYN ACK, or the RST, that answered.
    fn connected(&mut self, call: &Call) -> Option<Moment> {
        let from = address(&call.arguments)?;
        let refused = call.result.as_deref().is_some_and(|said| said.contains("ECONNREFUSED"));
        if call.number() != Some(0) && !refused {
            return None;
        }
        let answer = |stream: &Stream| if refused { stream.reset } else { stream.opened };
        let found = self
            .streams
            .iter_mut()
            .filter(|((sender, _), stream)| *sender == from && !stream.claimed)
            .filter_map(|(_, stream)| Some((answer(stream)?, stream)))
            .filter(|(moment, _)| moment.at >= call.began)
            .min_by_key(|(moment, _)| moment.at)?;
        found.1.claimed = true;
        Some(found.0)
    }

    fn datagram(&mut self, on: &Descriptor, length: usize, peeks: bool) -> Option<Moment> {
        let local = canonical(on.local?);
        let is_any = |address: IpAddr| address.is_unspecified();
        let keys: Vec<SocketAddr> = if is_any(local.ip()) {
            self.datagrams.keys().filter(|to| to.port() == local.port()).copied().collect()
        } else {
            vec![local]
        };
        let peer = on.peer.map(canonical);
        let fits = |(from, size, _): &(SocketAddr, usize, Moment)| {
            *size >= length && peer.is_none_or(|peer| peer == *from)
        };
        let (key, at, moment) = keys
            .into_iter()
            .filter_map(|key| {
                let queue = self.datagrams.get(&key)?;
                let at = queue.iter().position(fits)?;
                Some((key, at, queue.get(at)?.2))
            })
            .min_by_key(|(_, _, moment)| moment.at)?;
        if !peeks {
            self.datagrams.get_mut(&key)?.remove(at);
        }
        Some(moment)
    }
}

impl Stream {
    /// The call that sent the byte before `end`, among those that had begun.
    fn sender(&self, end: u64, at: SystemTime) -> Option<Number> {
        let mut begun = self.sends.iter().filter(|send| send.began.at <= at);
        let covers = |send: &&Send| send.up_to.is_none_or(|up_to| up_to >= end);
        begun.clone().find(covers).or(begun.next_back()).map(|send| send.began.number)
    }

    /// A call takes so many bytes: the packet that brought the last one.
    fn take(&mut self, length: u64, peeks: bool) -> Option<Moment> {
        let up_to = self.taken + length;
        let carrier = self.carriers.iter().find(|(end, _)| *end >= up_to).map(|(_, moment)| *moment);
        if !peeks {
            self.taken = up_to;
            self.carriers.retain(|(end, _)| *end > up_to);
        }
        carrier
    }
}

/// The address in the arguments of a call, as strace writes it.
pub(crate) fn address(arguments: &str) -> Option<SocketAddr> {
    let between = |start: &str, end: char| {
        let (_, rest) = arguments.split_once(start)?;
        Some(rest.split_once(end)?.0)
    };
    let port = between("port=htons(", ')')?.parse().ok()?;
    let ip: IpAddr = between("inet_addr(\"", '"')
        .or_else(|| between("inet_pton(AF_INET6, \"", '"'))
        .and_then(|text| text.parse().ok())?;
    Some(canonical(SocketAddr::new(ip, port)))
}
