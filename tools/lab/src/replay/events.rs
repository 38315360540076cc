//! From the session into the streams.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::player::Replay;
use super::stream::{End, Pending, Place, Stream};
use super::{Came, Sees, TICK, block_at};
use crate::record::event::{Event, Lane, What};
use crate::record::invariant;
use crate::record::order::{Ordered, PATIENCE};
use crate::record::state::states;

/// So many events of a page are kept for its record.
const KEPT: usize = 200_000;

impl Replay<'_> {
    /// Takes `count` lines, pure ACKs not counted, as they come; fewer if the shell is back at its prompt.
    pub(super) fn take(&mut self, lane: &Lane, count: usize, deadline: Instant) -> (Vec<Came>, End) {
        let mut came: Vec<Came> = Vec::new();
        let mut missing = count;
        loop {
            let stream = self.stream(lane);
            while missing > 0 {
                match stream.next() {
                    Some(next) => {
                        missing -= usize::from(!next.lenient);
                        came.push(next);
                    }
                    None if stream.is_over() => return (came, End::Over),
                    None => break,
                }
            }
            if missing == 0 {
                return (came, End::Enough);
            }
            if !self.next_event(deadline) {
                return (came, End::Timeout);
            }
        }
    }

    /// Takes what comes until nothing has come in this stream for a while, or the shell is back at its prompt.
    pub(super) fn take_until_quiet(&mut self, lane: &Lane, quiet: Duration) -> Vec<Came> {
        let mut came = Vec::new();
        let mut deadline = Instant::now() + quiet;
        loop {
            let stream = self.stream(lane);
            while let Some(next) = stream.next() {
                came.push(next);
                deadline = Instant::now() + quiet;
            }
            if stream.is_over() || !self.next_event(deadline) {
                return came;
            }
        }
    }

    /// Waits for one event, whatever its lane. False when none came before the deadline.
    pub(super) fn next_event(&mut self, deadline: Instant) -> bool {
        while self.watcher.goes_on() {
            let left = deadline.saturating_duration_since(Instant::now());
            let next = self.session.next(Instant::now() + left.min(TICK));
            let now = SystemTime::now();
            let ordered = self.session.ordered(now.checked_sub(PATIENCE).unwrap_or(now));
            self.give(ordered);
            match next {
                Some(event) => {
                    self.file(event);
                    return true;
                }
                None if left.is_zero() => return false,
                None => {}
            }
        }
        false
    }

    /// Ends all programs, takes what was still on its way, and holds the page's events against what is true of any run.
    pub(super) fn finish(&mut self) {
        let (events, _) = self.session.finish();
        for event in events {
            self.file(event);
        }
        let ordered: Vec<&Ordered> = self.seen.iter().collect();
        let broken = invariant::broken(ordered.iter().copied());
        let mut wrong: Vec<(usize, String)> = broken
            .into_iter()
            .map(|(index, what)| (index, format!("the order is not causal: {what}")))
            .collect();
        wrong.extend(states(&ordered).disagreements);
        for (index, what) in wrong {
            let block = self.seen.get(index).map_or(0, |seen| block_at(&self.starts, seen.event.at));
            let line = self.page.blocks.get(block).map_or(1, |block| block.line);
            self.complain(Place { block, line }, what);
        }
    }

    /// Shows and keeps what happened.
    pub(super) fn give(&mut self, ordered: Vec<Ordered>) {
        for ordered in ordered {
            self.watcher.event(&ordered);
            if self.seen.len() < KEPT {
                self.seen.push(ordered);
            } else {
                self.left_out += 1;
            }
        }
    }

    /// Whether any block of the page shows what is seen there: then nothing of it may be missing.
    fn is_shown(&self, lane: &Lane) -> bool {
        let shows = |interface| self.page.blocks.iter().any(|block| block.packets() == Some(interface));
        match lane {
            Lane::Packets(interface) => shows(interface) || self.stage.sees == Sees::All,
            Lane::Calls(_) | Lane::Terminal(_) => true,
        }
    }

    /// Puts what was seen into its stream.
    pub(super) fn file(&mut self, event: Event) {
        if let (What::Packet(packet), Lane::Packets(interface)) = (&event.what, &event.lane) {
            self.packets.entry(interface.clone()).or_default().push(Arc::clone(packet));
        }
        if let What::LeftOut(what) = &event.what
            && self.is_shown(&event.lane)
        {
            let sentence = format!("{}: {what}", event.lane);
            self.complain_here(sentence);
        }
        let leftover = matches!(&event.what, What::Line(text) if self.leftovers.are_shown(text));
        let stream = self.stream(&event.lane);
        match event.what {
            What::Line(text) => {
                stream.partial.clear();
                if !leftover {
                    stream.keep(Pending::Line(text));
                }
            }
            What::Partial(text) => stream.partial = text,
            What::Prompt { status } => {
                stream.partial.clear();
                stream.seen.push_back(Pending::Prompt(status));
            }
            What::Call(call) if call.shown && call.result.is_some() => {
                stream.keep(Pending::Line(call.to_string()));
            }
            What::Closed => stream.closed = true,
            What::Packet(packet) => stream.keep(Pending::Packet(packet)),
            What::Call(_) | What::Typed(_) | What::LeftOut(_) => {}
        }
    }

    pub(super) fn stream(&mut self, lane: &Lane) -> &mut Stream {
        self.streams.entry(lane.clone()).or_default()
    }

    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.page.settings.timeout
    }
}
