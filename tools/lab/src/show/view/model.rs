//! The run so far, as rows: one for each thing that happened, in causal order, with what ended whose wait. It only grows at
//! its end; a position of the view is a number of rows. What is too old to be kept is counted.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU16;

use crate::record::call::{Call, Kind};
use crate::record::event::{Event, Lane, What};
use crate::record::flow::Number;
use crate::record::order::Ordered;
use crate::show::lanes::visible;
use crate::show::view::places::Places;
use crate::show::view::row::{Row, Shown};
use crate::show::view::sockets::Sockets;
use crate::show::view::terminals::Terminals;

/// So many rows are kept.
const KEPT: usize = 20_000;
/// And so many bytes of them, about.
const WEIGHT: usize = 32 << 20;
/// What a row weighs beside its texts.
const ROW: usize = 400;

/// The run so far.
#[derive(Debug)]
pub struct Model {
    rows: VecDeque<Row>,
    /// How many rows before these are no longer kept.
    first: usize,
    weight: usize,
    numbers: HashMap<Number, usize>,
    /// By which an event is known that has no row of its own.
    forgotten: VecDeque<Number>,
    /// The rows at which each thread's call began that has not returned.
    running: HashMap<(String, u32), usize>,
    /// Waits: where they began and, unless they go on, ended.
    waits: Vec<(usize, Option<usize>)>,
    /// Which terminal and which address stands at which side.
    pub places: Places,
    /// Terminals whose programs have ended, and at which row.
    ended: Vec<(String, usize)>,
    /// What the terminals show.
    pub terminals: Terminals,
    /// The states of the sockets.
    pub sockets: Sockets,
    /// The block that plays.
    pub block: usize,
    /// The terminals whose calls the page speaks of: of these every call has a row. Where there is no page, all.
    pub traced: Option<Vec<String>>,
}

impl Model {
    /// Nothing has happened.
    #[must_use]
    pub fn new(places: Places) -> Self {
        Self {
            rows: VecDeque::new(),
            first: 0,
            weight: 0,
            numbers: HashMap::new(),
            forgotten: VecDeque::new(),
            running: HashMap::new(),
            waits: Vec::new(),
            ended: Vec::new(),
            places,
            terminals: Terminals::default(),
            sockets: Sockets::default(),
            block: 0,
            traced: None,
        }
    }

    /// How many rows there are, those included that are no longer kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.first + self.rows.len()
    }

    /// Whether nothing has happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first row that is kept: so many before it are not.
    #[must_use]
    pub fn first(&self) -> usize {
        self.first
    }

    /// The row with this index.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<&Row> {
        self.rows.get(index.checked_sub(self.first)?)
    }

    fn row_mut(&mut self, index: usize) -> Option<&mut Row> {
        self.rows.get_mut(index.checked_sub(self.first)?)
    }

    /// The first row of this block or of one after it.
    #[must_use]
    pub fn first_of_block(&self, block: usize) -> usize {
        self.first + self.rows.partition_point(|row| row.block < block)
    }

    /// The waits that go on at some row from `from` to `to`: where each began and, unless it goes on, ended.
    pub fn waits(&self, from: usize, to: usize) -> impl Iterator<Item = (usize, Option<usize>)> {
        let overlaps =
            move |wait: &&(usize, Option<usize>)| wait.0 <= to && wait.1.is_none_or(|end| end >= from);
        self.waits.iter().filter(overlaps).copied()
    }

    /// The call of a row: the row itself, or the one whose return it is.
    #[must_use]
    pub fn call(&self, index: usize) -> Option<(&str, &Call, Option<usize>)> {
        match &self.row(index)?.what {
            Shown::Call { terminal, call, ended } => Some((terminal, call, *ended)),
            Shown::Return { of } if *of != index => self.call(*of),
            _ => None,
        }
    }

    /// Something happened.
    pub fn add(&mut self, ordered: Ordered) {
        self.sockets.see(&ordered);
        let Ordered { number, cause, event } = ordered;
        let Event { lane, what, .. } = event;
        let cause = cause.and_then(|cause| self.numbers.get(&cause).copied());
        match (lane, what) {
            (Lane::Terminal(terminal), what) => self.appeared(number, cause, terminal, what),
            (Lane::Calls(terminal), What::Call(call)) => {
                self.places.called(&terminal, &call);
                if call.shown && self.matters(&terminal, &call) {
                    self.called(number, cause, terminal, call);
                }
            }
            (Lane::Packets(interface), What::Packet(packet)) => {
                self.push(number, cause, Shown::Packet { interface, packet });
            }
            // Whoever still waited was ended.
            (Lane::Calls(terminal), What::Closed) => {
                let ended: Vec<(String, u32)> =
                    self.running.keys().filter(|(of, _)| *of == terminal).cloned().collect();
                for thread in ended {
                    self.end_wait(&thread);
                }
                self.ended.push((terminal, self.len().saturating_sub(1)));
                self.sockets.changed();
            }
            (lane, What::LeftOut(text)) => {
                self.push(number, None, Shown::Remark(format!("{lane}: {text}")));
            }
            _ => {}
        }
    }

    /// The laboratory itself has something to say.
    pub fn remark(&mut self, text: String) {
        self.push(Number::MAX, None, Shown::Remark(text));
    }

    fn appeared(&mut self, number: Number, cause: Option<usize>, terminal: String, what: What) {
        self.places.appeared(&terminal);
        match what {
            What::Typed(text) => {
                let is_command = self.terminals.is_at_prompt(&terminal);
                self.push(number, cause, Shown::Typed { terminal, text, is_command });
            }
            What::Line(text) => {
                // A typed line and its echo are one.
                let is_echo = cause.and_then(|cause| self.row(cause)).is_some_and(
                    |row| matches!(&row.what, Shown::Typed { text: typed, .. } if *typed == text),
                );
                let is_shown = self.terminals.is_prompted(&terminal);
                if is_shown && !is_echo {
                    self.push(
                        number,
                        cause,
                        Shown::Line { terminal: terminal.clone(), text: as_it_stands(&text) },
                    );
                }
                self.terminals.line(&terminal, &text, self.len());
            }
            What::Partial(text) => self.terminals.partial(&terminal, &text, self.len()),
            What::Prompt { status } => {
                if self.terminals.has_command(&terminal) {
                    self.push(number, cause, Shown::Ended { terminal: terminal.clone(), status });
                }
                self.terminals.prompt(&terminal, self.len());
            }
            What::LeftOut(text) => {
                self.push(number, None, Shown::Remark(format!("{terminal}: {text}")));
            }
            What::Closed | What::Call(_) | What::Packet(_) => {}
        }
    }

    /// Whether the call has a row. What a program does with its files and its pipes is another story, unless the page
    /// tells it.
    fn matters(&self, terminal: &str, call: &Call) -> bool {
        let kind = call.on.as_ref().or(call.gave.as_ref()).map(|descriptor| descriptor.kind);
        match &self.traced {
            Some(traced) if traced.iter().any(|name| name == terminal) => true,
            // A library asks for the name of an interface on a socket that never gets an address.
            Some(_) if call.name == "socket" && call.arguments.contains("SOCK_DGRAM") => false,
            Some(_) if call.name == "close" => call
                .on
                .as_ref()
                .is_some_and(|on| on.local.is_some() || on.inodes.is_some_and(|(_, peer)| peer.is_some())),
            Some(_) => !matches!(kind, Some(Kind::File | Kind::Pipe | Kind::Terminal | Kind::Socket)),
            None => call.name != "close" || !matches!(kind, Some(Kind::File | Kind::Pipe | Kind::Terminal)),
        }
    }

    fn called(&mut self, number: Number, cause: Option<usize>, terminal: String, call: Box<Call>) {
        let thread = (terminal.clone(), call.thread);
        if call.result.is_none() {
            self.end_wait(&thread);
            let waits = call.waits();
            let row = self.push(number, cause, Shown::Call { terminal, call, ended: None });
            self.running.insert(thread, row);
            if waits {
                self.waits.push((row, None));
            }
            return;
        }
        let last = self.len().checked_sub(1);
        let is_this =
            |begun: &usize| self.call(*begun).is_some_and(|(_, begun, _)| begun.began == call.began);
        let Some(begun) = self.running.get(&thread).copied().filter(is_this) else {
            self.end_wait(&thread);
            let row = self.len();
            self.push(number, cause, Shown::Call { terminal, call, ended: Some(row) });
            return;
        };
        self.running.remove(&thread);
        let waits = call.waits();
        // The bar ends at what woke it, never at the derived time of return.
        let woke = cause.filter(|cause| {
            waits
                && *cause > begun
                && self.row(*cause).is_some_and(|row| {
                    // A call of the same program has words of its own on that side.
                    !matches!(&row.what, Shown::Call { terminal: other, .. } if *other == terminal)
                })
        });
        let ended = match woke {
            _ if !waits || last == Some(begun) => begun,
            Some(woke) => woke,
            None => self.push(number, cause, Shown::Return { of: begun }),
        };
        if ended != begun
            && let Some(row) = self.row_mut(ended)
            && !matches!(row.what, Shown::Return { .. })
        {
            row.wakes.push(begun);
        }
        self.numbers.insert(number, begun.max(ended));
        self.forgotten.push_back(number);
        if let Some(Row { what: Shown::Call { call: kept, ended: at, .. }, .. }) = self.row_mut(begun) {
            *kept = call;
            *at = Some(ended);
        }
        if ended == begun {
            self.waits.retain(|(start, _)| *start != begun);
        } else if let Some(wait) = self.waits.iter_mut().rfind(|(start, _)| *start == begun) {
            wait.1 = Some(ended);
        }
    }

    /// The call of this thread, if one goes on, waits no longer than up to the last row: one that a signal ended may never
    /// have told its result.
    fn end_wait(&mut self, thread: &(String, u32)) {
        let last = self.len().saturating_sub(1);
        if let Some(begun) = self.running.remove(thread)
            && let Some(wait) = self.waits.iter_mut().rfind(|(start, _)| *start == begun)
        {
            wait.1 = Some(last);
        }
    }

    /// Gives the index of the new row.
    fn push(&mut self, number: Number, cause: Option<usize>, what: Shown) -> usize {
        let index = self.len();
        let weight = ROW + what.weight();
        self.weight += weight;
        self.numbers.insert(number, index);
        self.forgotten.push_back(number);
        self.rows.push_back(Row { block: self.block, cause, wakes: Vec::new(), what, weight });
        while self.rows.len() > KEPT || (self.weight > WEIGHT && self.rows.len() > 1) {
            self.drop_first();
        }
        index
    }

    fn drop_first(&mut self) {
        let Some(row) = self.rows.pop_front() else { return };
        self.weight -= row.weight;
        self.first += 1;
        // In the order of their rows, nearly: what is a little too old finds no row.
        while self.forgotten.len() > 2 * KEPT {
            if let Some(number) = self.forgotten.pop_front() {
                self.numbers.remove(&number);
            }
        }
        if self.first.is_multiple_of(256) {
            let first = self.first;
            self.waits.retain(|(_, end)| end.is_none_or(|end| end >= first));
            self.terminals.forget(first);
        }
    }

    /// Derives the states of the sockets anew, if that is due.
    pub fn refresh(&mut self) {
        if self.sockets.refresh(&self.numbers, self.first) {
            // The kernel closes what a program leaves open; of a listener no packet tells it.
            for (terminal, row) in &self.ended {
                let places = &self.places;
                self.sockets.close(*row, |local| places.owner(local) == Some(terminal));
            }
        }
    }
}

/// The line as it stands in the terminal at last, where a program moved the cursor in it.
fn as_it_stands(text: &str) -> String {
    let room = NonZeroU16::new(500).filter(|room| text.chars().count() < usize::from(room.get()));
    match room.filter(|_| text.contains(['\r', '\u{8}', '\u{1b}'])) {
        Some(columns) => {
            let mut parser = vt100::Parser::new(NonZeroU16::MIN, columns, 0);
            parser.process(text.as_bytes());
            visible(&parser.screen().contents())
        }
        None => visible(text),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_wait_ends_before_the_next_call_of_its_thread() {
        let mut model = Model::new(Places::default());
        // What a signal interrupted has told no result.
        for (number, name, result) in [(0, "recvfrom", None), (1, "close", Some("0"))] {
            let call = Call {
                process: 1,
                thread: 1,
                numbered: false,
                name: name.to_owned(),
                arguments: "4".to_owned(),
                result: result.map(str::to_owned),
                on: None,
                gave: None,
                began: SystemTime::UNIX_EPOCH + Duration::from_secs(number),
                took: Duration::ZERO,
                returned: None,
                shown: true,
            };
            let lane = Lane::Calls("server".to_owned());
            let event = Event { at: call.began, lane, what: What::Call(Box::new(call)) };
            model.add(Ordered { number, cause: None, event });
        }
        assert_eq!(model.waits(0, 1).collect::<Vec<_>>(), [(0, Some(0))]);
    }

    #[test]
    fn a_line_that_was_edited_reads_as_it_stands() {
        assert_eq!(as_it_stands(">>> print(1+1)\u{8}\u{8}\u{8}51)\u{1b}[K"), ">>> print(151)");
        assert_eq!(as_it_stands("10%\r100%"), "100%");
        assert_eq!(as_it_stands("plain"), "plain");
    }
}
