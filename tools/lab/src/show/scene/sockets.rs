//! The sockets of a scene: their states and what waits in their queues, row by row.
//!
//! The states of TCP are those of the recording. What waits is reckoned from its packets and calls: bytes that came and
//! were not taken, bytes that were sent and are not acknowledged.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use super::ends::{Ends, canonical};
use super::rows::Draft;
use super::{Change, Kind as Row, Socket, arguments};
use crate::record::call::{Call, Descriptor, Kind};
use crate::record::flow::Number;
use crate::record::packet::{Packet, Tcp};
use crate::record::recording::Recording;
use crate::record::state::State;

type Way = (SocketAddr, SocketAddr);

/// All sockets, and how far the scene is.
pub(super) struct Sockets {
    pub(super) list: Vec<Socket>,
    tracks: Vec<Track>,
    /// TCP: by own and peer's address.
    tcp: HashMap<(SocketAddr, Option<SocketAddr>), usize>,
    /// The others: by process and descriptor, and Unix sockets by inode.
    open: HashMap<(u32, i32), usize>,
    inodes: HashMap<u64, usize>,
    /// By row: which TCP socket goes into which state, and whether it was in it before the recording began.
    states: HashMap<usize, Vec<(usize, State, bool)>>,
    flows: HashMap<Way, Flow>,
    /// Ends whose bytes are moved by the kernel alone: nobody's calls tell how many.
    untold: HashSet<usize>,
}

#[derive(Debug, Default)]
struct Track {
    kind: Option<Kind>,
    end: usize,
    state: String,
    receive: i64,
    sent: i64,
    acknowledged: i64,
    /// What was given last.
    shown: Option<(String, Option<u64>, Option<u64>)>,
}

/// One direction of a TCP connection, in bytes from its first one on.
#[derive(Debug, Default)]
struct Flow {
    first: Option<u32>,
    arrived: i64,
}

impl Flow {
    /// The place of the byte with this sequence number.
    fn place(&mut self, sequence: u32) -> i64 {
        let first = *self.first.get_or_insert(sequence);
        // Numbers wrap; what lies before the first byte is negative.
        i64::from(sequence.wrapping_sub(first).cast_signed())
    }
}

impl Sockets {
    pub(super) fn of(recording: &Recording, ends: &Ends, drafts: &[Draft<'_>]) -> Self {
        let mut places: HashMap<Number, usize> = HashMap::new();
        let mut untold = HashSet::new();
        for (at, draft) in drafts.iter().enumerate() {
            for entry in &draft.entries {
                places.insert(entry.number, at);
            }
            if draft.call().is_some_and(|call| call.name.starts_with("io_uring")) {
                untold.extend(draft.end);
            }
        }
        let mut sockets = Self {
            list: Vec::new(),
            tracks: Vec::new(),
            tcp: HashMap::new(),
            open: HashMap::new(),
            inodes: HashMap::new(),
            states: HashMap::new(),
            flows: HashMap::new(),
            untold,
        };
        for socket in &recording.sockets {
            let owner = ends.owner(Kind::Tcp, socket.local, socket.peer);
            let Some(end) = owner.or_else(|| ends.named(&socket.local.ip().to_string())) else { continue };
            let name = socket
                .peer
                .map_or_else(|| socket.local.to_string(), |peer| format!("{} to {peer}", socket.local));
            let at = sockets.add(Kind::Tcp, end, name);
            sockets.tcp.insert((socket.local, socket.peer), at);
            for (state, number) in &socket.states {
                // The socket that a packet goes to learns of it behind the router.
                let place = places.get(number).map(|place| {
                    let draft = drafts.get(*place).filter(|draft| draft.end != Some(end));
                    draft.and_then(|draft| draft.passed_on).unwrap_or(*place)
                });
                let change = (at, *state, place.is_some());
                sockets.states.entry(place.unwrap_or(0)).or_default().push(change);
            }
        }
        sockets
    }

    fn add(&mut self, kind: Kind, end: usize, name: String) -> usize {
        self.list.push(Socket { end, name, listens: false });
        self.tracks.push(Track { kind: Some(kind), end, ..Track::default() });
        self.list.len() - 1
    }

    fn track(&mut self, at: usize) -> Option<&mut Track> {
        self.tracks.get_mut(at)
    }

    /// What the row at this place changes.
    pub(super) fn step(&mut self, at: usize, draft: &Draft<'_>) -> Vec<Change> {
        let mut fresh = HashSet::new();
        for (socket, state, is_new) in self.states.get(&at).cloned().unwrap_or_default() {
            self.enter(socket, &state.to_string());
            if is_new {
                fresh.insert(socket);
            }
        }
        if let Some(packet) = draft.packet().filter(|_| draft.passed_on.is_none()) {
            self.packet(packet, draft.taken.is_some(), draft.to);
        } else if let Some(call) = draft.returned() {
            self.call(call, draft);
        } else if draft.kind == Row::Ended
            && let Some(end) = draft.end
        {
            self.ended(end);
        }
        let untold = &self.untold;
        let mut changes = Vec::new();
        for (socket, track) in self.tracks.iter_mut().enumerate() {
            let now = track.shown(untold.contains(&track.end));
            if track.shown.as_ref() != Some(&now) && !(track.shown.is_none() && now.0.is_empty()) {
                let before = track.shown.as_ref().map_or("", |(state, _, _)| state.as_str());
                let is_fresh = before != now.0
                    && (fresh.contains(&socket) || track.kind != Some(Kind::Tcp) || now.0 == "CLOSED");
                let (state, receive, send) = now.clone();
                changes.push(Change { socket, state, fresh: is_fresh, receive, send });
                track.shown = Some(now);
            }
        }
        changes
    }

    /// A TCP socket goes into a state. A handshake that is done waits in the queue of its listener.
    fn enter(&mut self, socket: usize, state: &str) {
        let Some(track) = self.track(socket) else { return };
        let is_accepted = track.state == "SYN-RECV" && state == "ESTAB";
        state.clone_into(&mut track.state);
        let ends = self.tcp.iter().find(|(_, at)| **at == socket).map(|(ends, _)| *ends);
        if let Some((local, Some(_))) = ends.filter(|_| is_accepted)
            && let Some(listener) = self.listener(local).and_then(|at| self.track(at))
        {
            listener.receive += 1;
        }
    }

    fn listener(&self, local: SocketAddr) -> Option<usize> {
        let fits = |address: &SocketAddr| {
            *address == local || (address.ip().is_unspecified() && address.port() == local.port())
        };
        self.tcp.iter().find(|((address, peer), _)| peer.is_none() && fits(address)).map(|(_, at)| *at)
    }

    fn packet(&mut self, packet: &Packet, is_taken: bool, to: Option<usize>) {
        let length = i64::try_from(packet.payload.1).unwrap_or(0);
        if let Some(Tcp { from, to, sequence, acknowledgment, .. }) = packet.tcp() {
            let tcp = packet.tcp().copied();
            let (from, to) = (canonical(*from), canonical(*to));
            let is_syn = tcp.is_some_and(|tcp| tcp.syn());
            let flow = self.flows.entry((from, to)).or_default();
            if is_syn {
                *flow = Flow { first: Some(sequence.wrapping_add(1)), arrived: 0 };
            } else {
                let before = flow.arrived;
                flow.arrived = before.max(flow.place(*sequence) + length);
                let came = flow.arrived - before;
                if let Some(receiver) = self.tcp.get(&(to, Some(from))).copied().and_then(|at| self.track(at))
                {
                    receiver.receive += came;
                }
            }
            if tcp.is_some_and(|tcp| tcp.ack()) {
                let acknowledged = self.flows.entry((to, from)).or_default().place(*acknowledgment);
                if let Some(receiver) = self.tcp.get(&(to, Some(from))).copied().and_then(|at| self.track(at))
                {
                    receiver.acknowledged = receiver.acknowledged.max(acknowledged);
                }
            }
        } else if let Some((_, local)) = packet.way().filter(|_| is_taken) {
            // A datagram that a later call takes.
            let port = format!(":{}", local.port());
            let receiver = self.list.iter().zip(&mut self.tracks).rfind(|(socket, track)| {
                track.kind == Some(Kind::Udp)
                    && Some(socket.end) == to
                    && socket.name.split(' ').next().is_some_and(|name| name.ends_with(&port))
            });
            if let Some((_, track)) = receiver {
                track.receive += length;
            }
        }
    }

    fn call(&mut self, call: &Call, draft: &Draft<'_>) {
        let Some(end) = draft.end else { return };
        let number = call.number().unwrap_or(-1);
        let peeks = call.arguments.contains("MSG_PEEK");
        if let Some(gave) = call.gave.as_ref().filter(|_| number >= 0) {
            self.gave(call, gave, end);
        }
        if call.name == "socketpair" && number == 0 {
            let pair = call.arguments.rsplit_once('[').map_or("", |(_, list)| list.trim_end_matches(']'));
            for descriptor in pair.split(", ").filter_map(|number| number.split('<').next()?.parse().ok()) {
                let socket = self.add(Kind::Unix, end, format!("descriptor {descriptor}, one of a pair"));
                self.set(socket, "ESTAB");
                self.open.insert((call.process, descriptor), socket);
            }
        }
        let Some(on) = &call.on else { return };
        let Some(socket) = self.find(call, on, end) else { return };
        let is_tcp = on.kind == Kind::Tcp;
        if number >= 0 && call.sends() {
            if on.kind == Kind::Unix {
                let peer =
                    on.inodes.and_then(|(_, peer)| peer).and_then(|peer| self.inodes.get(&peer)).copied();
                if let Some(peer) = peer.and_then(|peer| self.track(peer)) {
                    peer.receive += number;
                }
            } else if let Some(track) = self.track(socket).filter(|_| is_tcp) {
                track.sent += number;
            }
        } else if number >= 0
            && call.receives()
            && !peeks
            && let Some(track) = self.track(socket)
        {
            track.receive -= number;
        }
        match call.name.as_str() {
            "accept" | "accept4" if number >= 0 && is_tcp => {
                if let Some(track) = self.track(socket) {
                    track.receive = (track.receive - 1).max(0);
                }
            }
            "listen" if number == 0 => {
                let backlog =
                    arguments::split(&call.arguments).get(1).and_then(|backlog| backlog.parse().ok());
                if is_tcp && let Some(track) = self.track(socket) {
                    track.sent = backlog.unwrap_or(0);
                }
                if let Some(socket) = self.list.get_mut(socket) {
                    socket.listens = true;
                }
                if !is_tcp {
                    self.set(socket, "LISTEN");
                }
            }
            "connect" if number == 0 && !is_tcp => self.set(socket, "ESTAB"),
            "close" if !is_tcp => self.set(socket, "CLOSED"),
            _ => {}
        }
        // `bind` and the first `sendto` give an address that the next call knows.
        let name = match call.name.as_str() {
            "bind" if !is_tcp && number == 0 => arguments::address(call),
            "connect" if !is_tcp && number == 0 => arguments::address(call).map(|peer| format!("to {peer}")),
            _ => None,
        };
        if let (Some(name), Some(socket)) = (name, self.list.get_mut(socket)) {
            socket.name = name;
        }
    }

    fn set(&mut self, socket: usize, state: &str) {
        if let Some(track) = self.track(socket) {
            state.clone_into(&mut track.state);
        }
    }

    /// A call gave a descriptor.
    fn gave(&mut self, call: &Call, gave: &Descriptor, end: usize) {
        if !matches!(gave.kind, Kind::Udp | Kind::Unix) {
            return;
        }
        let is_accepted = call.name.starts_with("accept");
        let name = if gave.kind == Kind::Udp { "UDP" } else { "Unix" };
        let socket = self.add(gave.kind, end, format!("{name}, descriptor {}", gave.number));
        self.set(socket, if is_accepted { "ESTAB" } else { "UNCONN" });
        self.open.insert((call.process, gave.number), socket);
        self.known(socket, gave);
    }

    /// Notes what a descriptor says of its socket.
    fn known(&mut self, socket: usize, on: &Descriptor) {
        if let Some((own, peer)) = on.inodes {
            let is_new = self.inodes.insert(own, socket).is_none();
            // What its peer sent before it was accepted.
            let waiting = peer.and_then(|peer| self.inodes.get(&peer)).copied();
            if is_new
                && let Some(early) = waiting.and_then(|peer| self.track(peer)).map(|peer| peer.sent)
                && let Some(track) = self.track(socket)
            {
                track.receive += early;
            }
        }
        if let (Kind::Udp, Some(local)) = (on.kind, on.local)
            && let Some(socket) = self.list.get_mut(socket)
        {
            socket.name = on.peer.map_or_else(|| local.to_string(), |peer| format!("{local} to {peer}"));
        }
    }

    fn find(&mut self, call: &Call, on: &Descriptor, end: usize) -> Option<usize> {
        match on.kind {
            Kind::Tcp => {
                let (local, peer) = (canonical(on.local?), on.peer.map(canonical));
                let known = self.tcp.get(&(local, peer)).copied();
                known.or_else(|| self.listener(local).filter(|_| peer.is_none()))
            }
            Kind::Udp | Kind::Unix => {
                let known = self.open.get(&(call.process, on.number)).copied();
                let by_inode = on.inodes.and_then(|(own, _)| self.inodes.get(&own)).copied();
                let socket = known.or(by_inode).or_else(|| {
                    // It was opened before the recording began, or by what no call tells.
                    let is_used = call.name != "close" && on.kind == Kind::Udp;
                    is_used.then(|| self.add(on.kind, end, format!("descriptor {}", on.number)))
                })?;
                self.open.insert((call.process, on.number), socket);
                if self.track(socket).is_some_and(|track| track.state.is_empty()) {
                    self.set(socket, if on.peer.is_some() { "ESTAB" } else { "UNCONN" });
                }
                self.known(socket, on);
                if call.name == "close" {
                    self.open.remove(&(call.process, on.number));
                }
                Some(socket)
            }
            _ => None,
        }
    }

    /// The programs of this end have ended: the kernel closes what they left open.
    fn ended(&mut self, end: usize) {
        for track in self.tracks.iter_mut().filter(|track| track.end == end) {
            let is_tcp = track.kind == Some(Kind::Tcp);
            if (!is_tcp || track.state == "LISTEN") && !track.state.is_empty() {
                "CLOSED".clone_into(&mut track.state);
            }
        }
    }
}

impl Track {
    fn shown(&self, is_untold: bool) -> (String, Option<u64>, Option<u64>) {
        let count = |number: i64| u64::try_from(number).ok().filter(|_| !is_untold);
        match (self.state.as_str(), self.kind) {
            ("LISTEN", Some(Kind::Tcp)) => (self.state.clone(), count(self.receive), count(self.sent)),
            ("" | "CLOSED" | "LISTEN", _) => (self.state.clone(), None, None),
            (_, Some(Kind::Tcp)) => {
                // The FIN counts as one in sequence numbers, and is no byte.
                let unacknowledged = (self.sent - self.acknowledged).max(0);
                (self.state.clone(), count(self.receive), count(unacknowledged))
            }
            _ => (self.state.clone(), count(self.receive), None),
        }
    }
}
