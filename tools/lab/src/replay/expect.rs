//! What a block shows, and what came.

use std::ops::Range;
use std::time::Instant;

use super::acks::connection;
use super::compare::{self, Row};
use super::player::Replay;
use super::renaming::Renaming;
use super::stream::{End, Place};
use super::{Came, Comparison, QUIET, QUIET_AT_THE_END, Stop};
use crate::book::block::{Input, Kind, Which};
use crate::record::event::{Interface, Lane};
use crate::record::packet::{Packet, Tcp};
use crate::show::frame;

impl Replay<'_> {
    /// Waits for as many lines as the page shows there, and compares.
    pub(super) fn expect(
        &mut self,
        index: usize,
        lane: &Lane,
        expected: Range<usize>,
    ) -> std::result::Result<(), Stop> {
        self.stream(lane).owner = Some(index);
        let (came, end, differs) = self.take_shown(index, lane, expected.clone());
        let mut comparison = Comparison { expected, came, rows: Vec::new(), stuck: None };
        let stuck = end == End::Timeout && !differs && !self.stage.update;
        let empty = comparison.expected.is_empty();
        if self.stage.update && self.takes_the_rest(index, lane, empty) {
            let quiet = if differs || empty { QUIET } else { QUIET_AT_THE_END };
            comparison.came.extend(self.take_until_quiet(lane, quiet));
        }
        let mut renaming = self.renaming.clone();
        comparison.rows = self.rows(index, &comparison, &mut renaming);
        self.renaming = renaming;
        if stuck {
            let seconds = self.page.settings.timeout.as_secs();
            let partial = &self.stream(lane).partial;
            comparison.stuck = Some(match partial.as_str() {
                "" => format!("nothing more came within {seconds} s"),
                partial => {
                    format!("nothing more came within {seconds} s after \"{partial}\", without a line end")
                }
            });
        }
        if let Some(played) = self.played(index) {
            played.steps.push(comparison);
        }
        if stuck { Err(Stop::Stuck) } else { Ok(()) }
    }

    /// Takes a line for each that is shown, but does not wait long once one was another; says whether one was.
    pub(super) fn take_shown(
        &mut self,
        index: usize,
        lane: &Lane,
        expected: Range<usize>,
    ) -> (Vec<Came>, End, bool) {
        let page = self.page;
        let lines = page.blocks.get(index).map_or([].as_slice(), |block| block.lines.as_slice());
        let mut renaming = self.renaming.clone();
        let mut came = Vec::new();
        let mut differs = false;
        let deadline = self.deadline();
        for line in expected {
            if self.is_lenient(index, line) {
                continue;
            }
            if let Some(text) = lines.get(line) {
                self.watcher.awaits(lane, text);
            }
            let until = if differs { Instant::now() + QUIET } else { deadline };
            let (next, end) = self.take(lane, 1, until);
            came.extend(next);
            if end != End::Enough {
                return (came, end, differs);
            }
            if let (Some(shown), Some(next)) = (lines.get(line), came.last()) {
                differs |= !renaming.bind(shown, &next.text);
            }
        }
        (came, End::Enough, differs)
    }

    /// In an update: whether what still comes in this lane belongs to this block, because no later block shows the lane,
    /// or the next one does so only after it has typed something, or both are yet to be filled.
    pub(super) fn takes_the_rest(&self, index: usize, lane: &Lane, empty: bool) -> bool {
        let next = self.page.blocks.iter().skip(index + 1).find(|block| block.lane().as_ref() == Some(lane));
        next.is_none_or(|next| {
            let types = matches!(&next.kind, Kind::Console(console)
                if console.steps.first().is_some_and(|step| step.input != Input::Nothing));
            types || (empty && next.lines.is_empty())
        })
    }

    /// Waits for the packet, then compares what the block shows of it.
    pub(super) fn packet(
        &mut self,
        index: usize,
        interface: &Interface,
        which: Which,
        lines: impl Fn(&Packet) -> Vec<String>,
    ) -> std::result::Result<(), Stop> {
        let Some(block) = self.page.blocks.get(index) else { return Ok(()) };
        let deadline = self.deadline();
        let lines = loop {
            let packets = self.packets.get(interface).map_or([].as_slice(), Vec::as_slice);
            if let Some(packet) = which.of(packets) {
                break lines(packet);
            }
            if !self.next_event(deadline) {
                let seconds = self.page.settings.timeout.as_secs();
                let at = Place { block: index, line: block.line };
                self.complain(at, format!("no such packet came within {seconds} s"));
                return Err(Stop::Stuck);
            }
        };
        let came = lines.into_iter().map(|text| Came { text, lenient: false }).collect();
        let mut comparison =
            Comparison { expected: 0..block.lines.len(), came, rows: Vec::new(), stuck: None };
        let mut renaming = self.renaming.clone();
        comparison.rows = self.rows(index, &comparison, &mut renaming);
        self.renaming = renaming;
        if let Some(played) = self.played(index) {
            played.steps.push(comparison);
        }
        Ok(())
    }

    /// Compares; the values of lines that are equal are bound in `renaming`.
    pub(super) fn rows(&self, index: usize, comparison: &Comparison, renaming: &mut Renaming) -> Vec<Row> {
        let Some(block) = self.page.blocks.get(index) else {
            return Vec::new();
        };
        let shown = |text: &str| match block.kind {
            Kind::Frame(..) => frame::masked(text),
            _ => text.to_owned(),
        };
        let (lenient, strict): (Vec<usize>, Vec<usize>) =
            comparison.expected.clone().partition(|line| self.is_lenient(index, *line));
        let page: Vec<String> =
            strict.iter().filter_map(|line| block.lines.get(*line)).map(|text| shown(text)).collect();
        let (came, run): (Vec<usize>, Vec<String>) = comparison
            .came
            .iter()
            .enumerate()
            .filter(|(_, came)| !came.lenient)
            .map(|(index, came)| (index, shown(&came.text)))
            .unzip();
        let mut rows: Vec<Row> = compare::rows(&page, &run, renaming)
            .into_iter()
            .filter_map(|row| {
                Some(match row {
                    Row::Same(line) => Row::Same(*strict.get(line)?),
                    Row::Gone(line) => Row::Gone(*strict.get(line)?),
                    Row::New(line) => Row::New(*came.get(line)?),
                })
            })
            .collect();
        for line in lenient {
            let known = block.lines.get(line).is_some_and(|text| {
                let of_this_block = strict.iter().filter_map(|line| block.lines.get(*line));
                of_this_block.clone().any(|other| connection(other) == connection(text))
                    && self.flows(&renaming.to_run(text))
            });
            let after = |row: &Row| matches!(row, Row::Same(other) | Row::Gone(other) if *other > line);
            let at = rows.iter().position(after).unwrap_or(rows.len());
            rows.insert(at, if known { Row::Same(line) } else { Row::Gone(line) });
        }
        rows
    }

    /// Whether the line of the page is a pure ACK, for which nobody waits.
    pub(super) fn is_lenient(&self, index: usize, line: usize) -> bool {
        self.pure_acks.contains(&(index, line))
    }

    /// Whether any packet went the way of this one.
    pub(super) fn flows(&self, line: &str) -> bool {
        let way = line.split(" TCP ").next().unwrap_or_default();
        let is_it = |tcp: &Tcp| format!("{} > {}", tcp.from, tcp.to) == way;
        self.packets.values().flatten().any(|packet| packet.tcp().is_some_and(is_it))
    }
}
