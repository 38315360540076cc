//! The states of the TCP sockets, derived anew as the run goes on.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::record::call::Kind;
use crate::record::event::What;
use crate::record::flow::Number;
use crate::record::order::Ordered;
use crate::record::state::{State, states};

/// So many calls and packets that tell about states are kept.
const KEPT: usize = 4000;
/// How many packets after one that opens or closes may tell about the state.
const TELLING: u8 = 6;
/// How often the states are derived, at most.
const EVERY: Duration = Duration::from_millis(40);

/// A socket and its states.
#[derive(Debug, Clone)]
pub struct Socket {
    /// Its own address.
    pub local: SocketAddr,
    /// Its peer's, unless it listens.
    pub peer: Option<SocketAddr>,
    /// Each state with the row at which it began.
    pub states: Vec<(State, usize)>,
}

impl Socket {
    /// Its state once so many rows have happened.
    #[must_use]
    pub fn at(&self, rows: usize) -> Option<State> {
        let before = self.states.partition_point(|(_, row)| *row < rows);
        let (state, _) = self.states.get(before.checked_sub(1)?)?;
        Some(*state).filter(|state| *state != State::Closed)
    }

    /// Whether it has a state at some of these rows, or enters one.
    #[must_use]
    pub fn lives(&self, rows: &Range<usize>) -> bool {
        let begins = self.states.first().is_some_and(|(_, row)| *row < rows.end);
        begins && self.states.last().is_some_and(|(state, row)| *state != State::Closed || *row >= rows.start)
    }
}

/// What tells about sockets, and what it tells.
#[derive(Debug, Default)]
pub struct Sockets {
    events: VecDeque<Ordered>,
    changing: HashMap<(SocketAddr, SocketAddr), u8>,
    is_stale: bool,
    derived: Option<Instant>,
    cost: Duration,
    all: Vec<Socket>,
}

impl Sockets {
    /// The sockets, in the order in which they appeared.
    #[must_use]
    pub fn all(&self) -> &[Socket] {
        &self.all
    }

    /// Something happened.
    pub(crate) fn see(&mut self, ordered: &Ordered) {
        let tells = match &ordered.event.what {
            What::Packet(packet) => packet.tcp().is_some_and(|tcp| {
                let way = if tcp.from < tcp.to { (tcp.from, tcp.to) } else { (tcp.to, tcp.from) };
                if tcp.syn() || tcp.fin() || tcp.rst() {
                    if self.changing.len() > KEPT {
                        self.changing.clear();
                    }
                    self.changing.insert(way, TELLING);
                    return true;
                }
                self.changing.get_mut(&way).is_some_and(|left| {
                    *left = left.saturating_sub(1);
                    *left > 0
                })
            }),
            What::Call(call) => {
                let is_tcp = |descriptor: &crate::record::call::Descriptor| descriptor.kind == Kind::Tcp;
                call.on.as_ref().is_some_and(is_tcp) || call.gave.as_ref().is_some_and(is_tcp)
            }
            _ => false,
        };
        if !tells {
            return;
        }
        self.is_stale = true;
        self.events.push_back(ordered.clone());
        if self.events.len() > KEPT {
            self.forget();
        }
    }

    /// The older half goes; but a listener that was opened then still listens.
    fn forget(&mut self) {
        let half = self.events.len() / 2;
        let mut place = 0;
        self.events.retain(|ordered| {
            place += 1;
            let opens = matches!(&ordered.event.what, What::Call(call) if call.name == "listen");
            place > half || (opens && half > KEPT / 4)
        });
    }

    /// Listeners at such an address have ended with this row.
    pub(crate) fn close(&mut self, row: usize, is_such: impl Fn(SocketAddr) -> bool) {
        for socket in self.all.iter_mut().filter(|socket| socket.peer.is_none() && is_such(socket.local)) {
            if socket.states.last().is_some_and(|(state, since)| *state != State::Closed && *since <= row) {
                socket.states.push((State::Closed, row));
            }
        }
    }

    /// Derives the states anew, if something has told about them and the last time is long enough ago. Whether it was so.
    pub(crate) fn refresh(&mut self, rows: &HashMap<Number, usize>, first: usize) -> bool {
        let is_due = self.derived.is_none_or(|at| at.elapsed() > EVERY.max(20 * self.cost));
        if !self.is_stale || !is_due {
            return false;
        }
        let began = Instant::now();
        let events: Vec<&Ordered> = self.events.iter().collect();
        self.all = states(&events)
            .sockets
            .into_iter()
            .map(|socket| {
                let row = |number| rows.get(&number).copied().unwrap_or(first);
                let states = socket.states.iter().map(|(state, number)| (*state, row(*number))).collect();
                Socket { local: socket.local, peer: socket.peer, states }
            })
            .collect();
        self.is_stale = false;
        self.cost = began.elapsed();
        self.derived = Some(Instant::now());
        true
    }

    /// They are to be derived anew.
    pub(crate) fn changed(&mut self) {
        self.is_stale = true;
    }

    /// Whether they are to be derived anew.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }
}
