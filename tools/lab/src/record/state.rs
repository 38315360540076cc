//! The states through which each TCP socket of a run went (RFC 9293, section 3.3.2), derived from its packets and calls.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::record::call::{Call, Kind};
use crate::record::event::{Event, What};
use crate::record::flow::{Number, address};
use crate::record::order::Ordered;
use crate::record::packet::{Packet, Tcp};
use crate::record::table::Row;

/// A state of a TCP socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "RFC 9293 says what they mean")]
pub enum State {
    Listen,
    SynSent,
    SynRecv,
    Established,
    #[serde(rename = "fin-wait-1")]
    FinWait1,
    #[serde(rename = "fin-wait-2")]
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
    Closed,
}

/// As `ss` names them.
const NAMES: [(State, &str); 11] = [
    (State::Listen, "LISTEN"),
    (State::SynSent, "SYN-SENT"),
    (State::SynRecv, "SYN-RECV"),
    (State::Established, "ESTAB"),
    (State::FinWait1, "FIN-WAIT-1"),
    (State::FinWait2, "FIN-WAIT-2"),
    (State::CloseWait, "CLOSE-WAIT"),
    (State::Closing, "CLOSING"),
    (State::LastAck, "LAST-ACK"),
    (State::TimeWait, "TIME-WAIT"),
    (State::Closed, "CLOSED"),
];

impl State {
    /// The state that `ss` names so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(state, _)| *state)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(state, _)| state == self).map_or("", |(_, name)| name))
    }
}

/// A socket and the states through which it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Socket {
    /// Its own address.
    pub local: SocketAddr,
    /// Its peer's; `None` for a listener.
    pub peer: Option<SocketAddr>,
    /// Each state, and the number of the event with which it began.
    pub states: Vec<(State, Number)>,
}

/// What was derived: the sockets, and where a row of `ss` says otherwise (the index of its event, and a sentence).
#[derive(Debug, Default)]
pub struct States {
    /// In the order in which they appeared.
    pub sockets: Vec<Socket>,
    /// Each disagreement with the kernel's table.
    pub disagreements: Vec<(usize, String)>,
}

type Ends = (SocketAddr, Option<SocketAddr>);

#[derive(Debug, Default)]
struct Machine {
    places: BTreeMap<Ends, usize>,
    sockets: Vec<Tracked>,
    /// What is yet to come.
    uses: Uses,
    /// Segments that were seen, where several interfaces see the same.
    passed: HashSet<(SocketAddr, SocketAddr, u32, u32, u8, usize)>,
}

#[derive(Debug)]
struct Tracked {
    socket: Socket,
    /// The index of the event with which each of its states began.
    since: Vec<usize>,
    /// The number behind its FIN.
    fin: Option<u32>,
    /// It was opened from outside, and nothing yet shows that the last packet of the handshake was taken: the queue of
    /// the listener may have been full, or the listener waits for data (`TCP_DEFER_ACCEPT`).
    may_be_opening: bool,
}

/// Derives the states of every TCP socket.
#[must_use]
pub fn states(events: &[&Ordered]) -> States {
    let mut machine = Machine { uses: Uses::of(events), ..Machine::default() };
    let mut disagreements = Vec::new();
    // Where the command began whose output a terminal shows.
    let mut typed: BTreeMap<String, usize> = BTreeMap::new();
    for (index, Ordered { number, event, .. }) in events.iter().enumerate() {
        match &event.what {
            What::Packet(packet) => machine.packet(packet, event, (index, *number)),
            What::Call(call) if call.result.is_some() => {
                machine.call(call, (index, *number));
            }
            What::Typed(_) => {
                typed.insert(event.lane.to_string(), index);
            }
            What::Line(line) => {
                if let Some(row) = Row::parse(line) {
                    let since = typed.get(&event.lane.to_string()).copied().unwrap_or(0);
                    disagreements.extend(machine.disagrees(&row, since, index).map(|what| (index, what)));
                }
            }
            _ => {}
        }
    }
    States { sockets: machine.sockets.into_iter().map(|tracked| tracked.socket).collect(), disagreements }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Machine {
    fn place(&self, ends: Ends) -> Option<usize> {
        self.places.get(&ends).copied()
    }

    fn state(&self, place: Option<usize>) -> Option<State> {
        self.sockets.get(place?)?.socket.states.last().map(|(state, _)| *state)
    }

    /// The socket goes into a state; a new one begins where there is none or it was closed.
    fn enter(&mut self, ends: Ends, state: State, at: (usize, Number)) {
        let place = self.place(ends);
        let current = self.state(place);
        if current == Some(state) {
            return;
        }
        let begins = matches!(state, State::Listen | State::SynSent | State::SynRecv);
        let is_over = matches!(current, None | Some(State::Closed | State::TimeWait));
        if is_over && begins {
            let socket = Socket { local: ends.0, peer: ends.1, states: vec![(state, at.1)] };
            self.places.insert(ends, self.sockets.len());
            self.sockets.push(Tracked { socket, since: vec![at.0], fin: None, may_be_opening: false });
        } else if let Some(tracked) = place.and_then(|place| self.sockets.get_mut(place)).filter(|_| !begins)
        {
            tracked.socket.states.push((state, at.1));
            tracked.since.push(at.0);
        }
    }

    fn tracked(&mut self, ends: Ends) -> Option<&mut Tracked> {
        let place = self.place(ends)?;
        self.sockets.get_mut(place)
    }

    fn packet(&mut self, packet: &Packet, event: &Event, at: (usize, Number)) {
        let Some(tcp) = packet.tcp() else { return };
        let between_hosts =
            !matches!(&event.lane, crate::record::event::Lane::Packets(on) if on.host.is_empty());
        let (from, to) = (canonical(tcp.from), canonical(tcp.to));
        let length = packet.payload.1;
        let mark = (from, to, tcp.sequence, tcp.acknowledgment, tcp.flags, length);
        if between_hosts && !self.passed.insert(mark) {
            return;
        }
        let (sender, receiver) = ((from, Some(to)), (to, Some(from)));
        if tcp.rst() {
            self.enter(receiver, State::Closed, at);
            self.enter(sender, State::Closed, at);
        } else if tcp.syn() && tcp.ack() {
            self.enter(sender, State::SynRecv, at);
            if self.state(self.place(receiver)) == Some(State::SynSent) {
                self.enter(receiver, State::Established, at);
            }
        } else if tcp.syn() {
            self.enter(sender, State::SynSent, at);
        } else {
            self.segment(tcp, length, at);
        }
    }

    /// A packet of a connection that is open, or is about to be.
    fn segment(&mut self, tcp: &Tcp, length: usize, at: (usize, Number)) {
        let (from, to) = (canonical(tcp.from), canonical(tcp.to));
        let (sender, receiver) = ((from, Some(to)), (to, Some(from)));
        if let Some(tracked) = self.tracked(sender) {
            tracked.may_be_opening = false;
        }
        if self.state(self.place(receiver)) == Some(State::SynRecv) {
            self.enter(receiver, State::Established, at);
            if let Some(tracked) = self.tracked(receiver) {
                tracked.may_be_opening = true;
            }
        }
        if tcp.fin() {
            let behind = u32::try_from(length).map_or(0, |length| tcp.sequence.wrapping_add(length + 1));
            if let Some(tracked) = self.tracked(sender) {
                tracked.fin = Some(behind);
            }
            self.ends(sender, at);
        }
        // What the receiver learns: first that its own FIN has arrived, then the other one's.
        let fin = self.tracked(receiver).and_then(|tracked| tracked.fin);
        if fin.is_some_and(|fin| fin == tcp.acknowledgment) {
            match self.state(self.place(receiver)) {
                Some(State::FinWait1) if tcp.fin() => self.enter(receiver, State::TimeWait, at),
                Some(State::FinWait1) => self.enter(receiver, State::FinWait2, at),
                Some(State::Closing) => self.enter(receiver, State::TimeWait, at),
                Some(State::LastAck) => self.enter(receiver, State::Closed, at),
                _ => {}
            }
        }
        if tcp.fin() {
            match self.state(self.place(receiver)) {
                Some(State::Established) => self.enter(receiver, State::CloseWait, at),
                Some(State::FinWait1) => self.enter(receiver, State::Closing, at),
                Some(State::FinWait2) => self.enter(receiver, State::TimeWait, at),
                _ => {}
            }
        }
    }

    /// The socket says that it will send no more.
    fn ends(&mut self, ends: Ends, at: (usize, Number)) {
        match self.state(self.place(ends)) {
            Some(State::Established | State::SynRecv) => self.enter(ends, State::FinWait1, at),
            Some(State::CloseWait) => self.enter(ends, State::LastAck, at),
            _ => {}
        }
    }

    fn call(&mut self, call: &Call, at: (usize, Number)) {
        let accepted = call.gave.as_ref().filter(|_| call.name.starts_with("accept"));
        if let Some((local, peer)) = accepted.and_then(|gave| Some((gave.local?, gave.peer?)))
            && let Some(tracked) = self.tracked((canonical(local), Some(canonical(peer))))
        {
            tracked.may_be_opening = false;
        }
        let Some(on) = call.on.as_ref().filter(|on| on.kind == Kind::Tcp) else { return };
        let Some(local) = on.local.map(canonical) else { return };
        let ends = (local, on.peer.map(canonical));
        let is_used = self.uses.is_used(ends, at.0);
        match (call.name.as_str(), ends.1) {
            ("listen", None) if call.number() == Some(0) => self.enter(ends, State::Listen, at),
            ("close", None) if !is_used => self.enter(ends, State::Closed, at),
            ("shutdown", Some(_)) if call.number() == Some(0) && !call.arguments.ends_with("SHUT_RD") => {
                self.ends(ends, at);
            }
            // Closed with bytes that nobody has read, or with SO_LINGER 0, it sends RST.
            ("close", Some(peer)) if !is_used && !self.uses.resets((local, peer), at.0) => {
                self.ends(ends, at);
            }
            _ => {}
        }
    }

    /// What is wrong with the row, if the socket was in another state while the command ran that printed it.
    fn disagrees(&self, row: &Row, since: usize, at: usize) -> Option<String> {
        let ends = (canonical(row.local), row.peer.map(canonical));
        let tracked = self.sockets.get(self.place(ends)?)?;
        let states = &tracked.socket.states;
        // The state in which the command found it, and those since.
        let first = tracked.since.iter().rposition(|began| *began <= since).unwrap_or(0);
        let possible: Vec<State> = states.iter().skip(first).map(|(state, _)| *state).collect();
        // A program may end without closing, and one whose calls are not seen may close; its FIN may not have passed.
        let may_be_closed = !self.uses.is_used(ends, at);
        let ending = may_be_closed
            && match row.state {
                State::FinWait1 => possible.contains(&State::Established),
                State::LastAck => possible.contains(&State::CloseWait),
                _ => false,
            };
        let opening = tracked.may_be_opening && row.state == State::SynRecv;
        if possible.contains(&row.state) || opening || ending {
            return None;
        }
        let names: Vec<String> = possible.iter().map(ToString::to_string).collect();
        let peer = ends.1.map_or_else(|| "*".to_owned(), |peer| peer.to_string());
        Some(format!(
            "ss says {} of {} with {peer}, and its packets and calls say {}",
            row.state,
            ends.0,
            names.join(", then ")
        ))
    }
}

/// Which events use a socket, by their index: whether one does later is asked at each `close`, and a run may have thousands.
#[derive(Debug, Default)]
struct Uses {
    /// Calls on it.
    calls: HashMap<Ends, Vec<usize>>,
    /// From a `bind` on, the address is another socket's.
    binds: HashMap<SocketAddr, Vec<usize>>,
    /// Packets from the one to the other that end the connection, and whether they are RSTs.
    ends: HashMap<(SocketAddr, SocketAddr), Vec<(usize, bool)>>,
}

impl Uses {
    fn of(events: &[&Ordered]) -> Self {
        let mut uses = Self::default();
        for (index, ordered) in events.iter().enumerate() {
            match &ordered.event.what {
                What::Call(call) => {
                    if let Some(on) = call.on.as_ref().filter(|on| on.kind == Kind::Tcp)
                        && let Some(local) = on.local.map(canonical)
                    {
                        uses.calls.entry((local, on.peer.map(canonical))).or_default().push(index);
                    }
                    if call.name == "bind"
                        && let Some(local) = address(&call.arguments)
                    {
                        uses.binds.entry(local).or_default().push(index);
                    }
                }
                What::Packet(packet) => {
                    if let Some(tcp) = packet.tcp().filter(|tcp| tcp.rst() || tcp.fin()) {
                        let way = (canonical(tcp.from), canonical(tcp.to));
                        uses.ends.entry(way).or_default().push((index, tcp.rst()));
                    }
                }
                _ => {}
            }
        }
        uses
    }

    /// Whether a later call uses the socket: then this was not its last descriptor.
    fn is_used(&self, ends: Ends, at: usize) -> bool {
        let next = |of: Option<&Vec<usize>>| of?.get(of?.partition_point(|index| *index <= at)).copied();
        let bound = next(self.binds.get(&ends.0)).unwrap_or(usize::MAX);
        next(self.calls.get(&ends)).is_some_and(|used| used < bound)
    }

    /// Whether the next packet with which the socket ends the connection is a RST.
    fn resets(&self, way: (SocketAddr, SocketAddr), at: usize) -> bool {
        let Some(ends) = self.ends.get(&way) else { return false };
        ends.get(ends.partition_point(|(index, _)| *index <= at)).is_some_and(|(_, is_rst)| *is_rst)
    }
}
