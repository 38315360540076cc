//! Puts what observers tell into causal order: no effect before its cause.
//!
//! Exact are the beginning of a call (to the microsecond) and the passing of a packet, both by one clock. When a waiting
//! call returned is derived: it ran at least as long as strace counted, and it cannot have returned before what woke it.
//! A line of a terminal has the time of the `write` that said it, where that call was seen.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use crate::record::call::{Call, Kind};
use crate::record::event::{Event, Lane, What};
use crate::record::flow::{Flows, Moment, Number};
use crate::record::output::Output;

/// How long an event waits for others that happened before it and are still on their way. Causes never are: this is for
/// the order in time of what has nothing to do with each other.
pub const PATIENCE: Duration = Duration::from_millis(100);

/// Takes events as they are told and gives them in order.
#[derive(Debug, Default)]
pub struct Order {
    waiting: Vec<Waiting>,
    /// How many have been told.
    told: Number,
    /// How many rounds of the observers are over.
    round: u64,
    flows: Flows,
    outputs: HashMap<String, Output>,
    /// Calls that have begun and were given as such, by lane and thread.
    running: HashMap<(Lane, u32), SystemTime>,
    /// When the last thing in a terminal appeared: its lines keep their order.
    appeared: HashMap<Lane, SystemTime>,
    last: Option<SystemTime>,
}

#[derive(Debug)]
struct Waiting {
    number: Number,
    /// What may happen in the same microsecond, the lower first.
    rank: u8,
    /// How many rounds were over when it was told.
    round: u64,
    is_settled: bool,
    cause: Option<Number>,
    event: Event,
}

/// An event in its place.
#[derive(Debug, Clone)]
pub struct Ordered {
    /// Its number; the causes of others name it.
    pub number: Number,
    /// What made it happen: which call sent this packet, which packet woke this call, which `write` said this line.
    pub cause: Option<Number>,
    /// What happened, and when. Times never go backwards from one event to the next.
    pub event: Event,
}

impl Order {
    /// Nothing has been told.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A round of the observers is over.
    pub fn round(&mut self) {
        self.round += 1;
        self.settle(false);
    }

    /// Something was seen.
    pub fn take(&mut self, event: Event) {
        self.told += 1;
        let number = self.told;
        let moment = Moment { number, at: event.at };
        let mut cause = None;
        let mut rank = 3;
        match (&event.what, &event.lane) {
            (What::Call(call), lane) => {
                rank = 0;
                if !self.call(call, lane, moment) {
                    return;
                }
            }
            (What::Packet(packet), Lane::Packets(interface)) => {
                rank = 1;
                cause = self.flows.packet(packet, interface, moment);
            }
            (What::Typed(text), Lane::Terminal(name)) => {
                rank = 0;
                self.outputs.entry(name.clone()).or_default().typed(text, moment);
            }
            _ => {}
        }
        let is_settled = matches!(event.what, What::Typed(_) | What::LeftOut(_));
        let round = self.round;
        self.waiting.push(Waiting { number, rank, round, is_settled, cause, event });
    }

    /// Notes what a call does; whether it waits as an event of its own.
    fn call(&mut self, call: &Call, lane: &Lane, moment: Moment) -> bool {
        let thread = (lane.clone(), call.thread);
        let was_told = self.running.get(&thread) == Some(&call.began);
        if !was_told {
            self.flows.begun(call, moment);
            if let (Lane::Calls(terminal), Some(Kind::Terminal)) = (lane, call.on.as_ref().map(|on| on.kind))
            {
                self.outputs.entry(terminal.clone()).or_default().wrote(call, moment);
            }
        }
        if call.result.is_none() {
            self.running.insert(thread, call.began);
            return true;
        }
        self.running.remove(&thread);
        self.flows.sent(call);
        // One that was told to have begun and did not wait stands where it began, unless that has been given.
        if was_told && !call.waits() {
            let began = self.waiting.iter_mut().find(|waiting| match &waiting.event.what {
                What::Call(begun) => {
                    let is_it = begun.thread == call.thread && begun.began == call.began;
                    is_it && begun.result.is_none() && waiting.event.lane == *lane
                }
                _ => false,
            });
            if let Some(began) = began {
                began.event.what = What::Call(Box::new(call.clone()));
                began.is_settled = false;
                return false;
            }
        }
        true
    }

    /// Finds the place of what has been told, if all of its causes have been told as well.
    fn settle(&mut self, all: bool) {
        let round = self.round;
        let begun: Vec<(Lane, u32, SystemTime)> = self
            .waiting
            .iter()
            .filter_map(|waiting| match &waiting.event.what {
                What::Call(call) => Some((waiting.event.lane.clone(), call.thread, call.began)),
                _ => None,
            })
            .collect();
        for waiting in &mut self.waiting {
            if waiting.is_settled || (waiting.round + 2 > round && !all) {
                continue;
            }
            waiting.is_settled = true;
            match &mut waiting.event.what {
                What::Call(call) if call.result.is_some() => {
                    let woke = self.flows.woke(call);
                    let ran = call.began.checked_add(call.took).unwrap_or(call.began);
                    // Its thread's next call is the latest that it can have returned: what came after woke it not.
                    let next = begun
                        .iter()
                        .filter(|(lane, thread, began)| {
                            *thread == call.thread && *began > call.began && *lane == waiting.event.lane
                        })
                        .map(|(_, _, began)| *began)
                        .min();
                    let woke = woke.filter(|woke| next.is_none_or(|next| woke.at <= next));
                    let returned = woke.map_or(ran, |woke| ran.max(woke.at));
                    let returned = next.map_or(returned, |next| returned.min(next));
                    call.returned = Some(returned);
                    if call.waits() {
                        waiting.event.at = returned;
                        waiting.rank = 2;
                        waiting.cause = woke.map(|woke| woke.number);
                    }
                }
                What::Call(_) => {}
                What::Packet(packet) => {
                    let me = Moment { number: waiting.number, at: waiting.event.at };
                    waiting.cause = self.flows.sender(packet, me).or(waiting.cause);
                }
                What::Line(line) => {
                    let Lane::Terminal(terminal) = &waiting.event.lane else { continue };
                    let said = self.outputs.get_mut(terminal).and_then(|output| output.cause(line));
                    if let Some(said) = said {
                        waiting.event.at = said.at;
                        waiting.cause = Some(said.number);
                    }
                    Self::keep_order(&mut self.appeared, &mut waiting.event);
                }
                _ => Self::keep_order(&mut self.appeared, &mut waiting.event),
            }
        }
    }

    fn keep_order(appeared: &mut HashMap<Lane, SystemTime>, event: &mut Event) {
        let latest = appeared.entry(event.lane.clone()).or_insert(event.at);
        event.at = event.at.max(*latest);
        *latest = event.at;
    }

    /// What happened up to `until`, in order.
    pub fn release(&mut self, until: SystemTime) -> Vec<Ordered> {
        self.waiting.sort_by_key(|waiting| (waiting.event.at, waiting.rank, waiting.number));
        let due =
            self.waiting.iter().take_while(|waiting| waiting.is_settled && waiting.event.at <= until).count();
        let given: Vec<Waiting> = self.waiting.drain(..due).collect();
        given.into_iter().map(|waiting| self.given(waiting)).collect()
    }

    /// Everything that has been told, in order: no more will be.
    pub fn finish(&mut self) -> Vec<Ordered> {
        self.settle(true);
        self.waiting.sort_by_key(|waiting| (waiting.event.at, waiting.rank, waiting.number));
        let given = std::mem::take(&mut self.waiting);
        given.into_iter().map(|waiting| self.given(waiting)).collect()
    }

    fn given(&mut self, waiting: Waiting) -> Ordered {
        let Waiting { number, cause, mut event, .. } = waiting;
        event.at = self.last.map_or(event.at, |last| event.at.max(last));
        self.last = Some(event.at);
        Ordered { number, cause, event }
    }
}

#[cfg(test)]
mod tests;
