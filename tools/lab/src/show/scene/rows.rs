//! From events to rows: which events are one row, where a wait began, and which row made which happen.

use std::collections::{HashMap, HashSet};

use super::ends::Ends;
use super::{Kind, links};
use crate::record::call::Call;
use crate::record::flow::Number;
use crate::record::packet::{Packet, Tcp};
use crate::record::recording::{Entry, Recorded, Recording};

/// A row before it is put into words.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) kind: Kind,
    pub(super) end: Option<usize>,
    pub(super) to: Option<usize>,
    /// The events that it shows, the first one first.
    pub(super) entries: Vec<&'a Entry>,
    /// When it is, in microseconds: only to find out what lies between two others.
    at: u64,
    pub(super) cause: Option<usize>,
    pub(super) began: Option<usize>,
    pub(super) until: Option<usize>,
    /// Of a packet, or of a call that sends without one: the row of the call that takes it.
    pub(super) taken: Option<usize>,
    /// Of a packet that a router passed on: the row where it came to the router.
    pub(super) arrived: Option<usize>,
    /// Of a packet that came to a router: the row where that passed it on.
    pub(super) passed_on: Option<usize>,
    /// Of a typed line: a shell reads it.
    pub(super) is_command: bool,
    /// What was typed last at the prompt of its terminal.
    pub(super) command: Option<&'a str>,
}

impl<'a> Draft<'a> {
    fn new(kind: Kind, end: Option<usize>, entry: &'a Entry) -> Self {
        let (entries, at) = (vec![entry], entry.at);
        Self {
            kind,
            end,
            to: None,
            entries,
            at,
            cause: None,
            began: None,
            until: None,
            taken: None,
            arrived: None,
            passed_on: None,
            is_command: false,
            command: None,
        }
    }

    pub(super) fn call(&self) -> Option<&'a Call> {
        match &self.entries.first()?.what {
            Recorded::Call { call, .. } => Some(call),
            _ => None,
        }
    }

    pub(super) fn packet(&self) -> Option<&'a Packet> {
        match &self.entries.first()?.what {
            Recorded::Packet { packet, .. } => Some(packet),
            _ => None,
        }
    }

    /// The call of a row in which it returned.
    pub(super) fn returned(&self) -> Option<&'a Call> {
        self.call().filter(|call| self.until.is_none() && call.result.is_some())
    }

    fn terminal(&self) -> Option<&'a str> {
        self.entries.first()?.what.terminal()
    }
}

/// The rows, in order, not yet linked.
pub(super) fn drafts<'a>(recording: &'a Recording, ends: &mut Ends) -> Vec<Draft<'a>> {
    let answers = answers(recording);
    let mut drafts: Vec<Draft<'a>> = Vec::new();
    // Terminals whose last word is a prompt, and those whose command has made calls since.
    let mut at_prompt: HashSet<&str> = recording.terminals.iter().map(String::as_str).collect();
    let mut has_called: HashSet<&str> = HashSet::new();
    let at: HashMap<Number, u64> = recording.events.iter().map(|entry| (entry.number, entry.at)).collect();
    let mut commands: HashMap<&str, &str> = HashMap::new();
    for entry in &recording.events {
        match &entry.what {
            Recorded::Typed { terminal, text } => {
                let end = ends.named(terminal);
                let kind = if end.is_some() { Kind::Typed } else { Kind::Table };
                let mut draft = Draft::new(kind, end, entry);
                draft.is_command = at_prompt.remove(terminal.as_str());
                if draft.is_command {
                    commands.insert(terminal, text);
                }
                drafts.push(draft);
            }
            Recorded::Line { terminal, .. } => line(&mut drafts, entry, ends.named(terminal)),
            Recorded::Prompt { terminal, .. } => {
                at_prompt.insert(terminal);
                if has_called.remove(terminal.as_str()) {
                    drafts.push(Draft::new(Kind::Ended, ends.named(terminal), entry));
                }
            }
            Recorded::Call { terminal, began, call, .. } => {
                has_called.insert(terminal);
                let woke = entry.cause.and_then(|cause| at.get(&cause)).copied();
                self::call(&mut drafts, entry, call, *began, ends.named(terminal), woke);
            }
            Recorded::Packet { packet, interface } => {
                let (end, to) = ends.of_packet(packet, interface);
                let kind = if end.is_some() { Kind::Packet } else { Kind::Note };
                drafts.push(Draft { to, ..Draft::new(kind, end, entry) });
                // It answered a connect, which returns.
                if let Some(connect) = answers.get(&entry.number) {
                    let end = connect.what.terminal().and_then(|name| ends.named(name));
                    drafts.push(Draft { at: entry.at, ..Draft::new(Kind::Return, end, connect) });
                }
            }
            Recorded::LeftOut { .. } => drafts.push(Draft::new(Kind::Note, None, entry)),
        }
        // The rows that this event has made.
        let of = |draft: &Draft<'a>| commands.get(draft.terminal()?).copied();
        for draft in drafts.iter_mut().filter(|draft| draft.command.is_none()) {
            draft.command = of(draft);
        }
    }
    drafts
}

/// Which packet ended the wait of which `connect`: the answer to the packet that it sent.
fn answers(recording: &Recording) -> HashMap<Number, &Entry> {
    let mut syns: HashMap<Number, &Entry> = HashMap::new();
    let mut connects: HashMap<Number, &Entry> = HashMap::new();
    let mut answers = HashMap::new();
    for entry in &recording.events {
        match &entry.what {
            Recorded::Call { call, .. } if call.name == "connect" => {
                connects.insert(entry.number, entry);
            }
            Recorded::Packet { .. } => {
                let Some(cause) = entry.cause else { continue };
                if let Some(connect) = connects.remove(&cause) {
                    syns.insert(entry.number, connect);
                } else if let Some(connect) = syns.remove(&cause)
                    && let Recorded::Call { returned: Some(returned), call, .. } = &connect.what
                    && *returned >= entry.at
                    && !call.result.as_deref().unwrap_or_default().contains("EINPROGRESS")
                {
                    answers.insert(entry.number, connect);
                }
            }
            _ => {}
        }
    }
    answers
}

/// A line of a terminal: an echo, one more line of the same `write` or the same command, or a row of its own.
fn line<'a>(drafts: &mut Vec<Draft<'a>>, entry: &'a Entry, end: Option<usize>) {
    let Recorded::Line { terminal, written, .. } = &entry.what else { return };
    if let Some(cause) = entry.cause
        && let Some(typed) =
            drafts.iter_mut().find(|draft| draft.entries.iter().any(|entry| entry.number == cause))
    {
        typed.entries.push(entry);
        return;
    }
    let is_mine = |draft: &&mut Draft<'_>| draft.terminal() == Some(terminal);
    let typed =
        drafts.iter().rposition(|draft| draft.kind == Kind::Table && draft.terminal() == Some(terminal));
    if let Some(place) = typed.filter(|_| end.is_none())
        && let Some(draft) = drafts.get(place)
    {
        // A look at the kernel's side stands where its answer came.
        if draft.is_command && draft.entries.iter().skip(1).all(|entry| entry.cause.is_some()) {
            let table = drafts.remove(place);
            drafts.push(Draft { at: entry.at, ..table });
        }
    }
    if let Some(last) = drafts.last_mut().filter(is_mine) {
        let is_one = match (last.kind, last.entries.last().map(|entry| &entry.what)) {
            (Kind::Table, _) => true,
            (Kind::Line, Some(Recorded::Line { written: before, .. })) => {
                written.is_some() && before == written
            }
            _ => false,
        };
        if is_one {
            last.entries.push(entry);
            return;
        }
    }
    let kind = if end.is_some() { Kind::Line } else { Kind::Table };
    drafts.push(Draft::new(kind, end, entry));
}

/// A call: two rows if it waited while something else happened.
fn call<'a>(
    drafts: &mut Vec<Draft<'a>>,
    entry: &'a Entry,
    call: &Call,
    began: u64,
    end: Option<usize>,
    woke: Option<u64>,
) {
    let place = drafts.iter().rposition(|draft| draft.at <= began).map_or(0, |last| last + 1);
    if call.result.is_none() {
        drafts.insert(place, Draft { at: began, ..Draft::new(Kind::Call, end, entry) });
        return;
    }
    // What had come before it asked did not wake it.
    let waited = call.waits() && place < drafts.len() && woke.is_none_or(|woke| woke > began);
    if waited {
        drafts.insert(place, Draft { at: began, ..Draft::new(Kind::Call, end, entry) });
        drafts.push(Draft::new(Kind::Return, end, entry));
    } else {
        drafts.push(Draft::new(Kind::Call, end, entry));
    }
}

/// Data and the end of a stream are never the kernel's own idea: a call asks for them, seen or not.
pub(super) fn is_asked_for(packet: &Packet) -> bool {
    packet.payload.1 > 0 || packet.tcp().is_some_and(Tcp::fin)
}

/// Finds for each row the rows that have to do with it.
pub(super) fn link(drafts: &mut [Draft<'_>], recording: &Recording, ends: &Ends) {
    links::follow(drafts, ends);
    // Of a call with two rows, the first: what it caused may have come before it returned.
    let mut places: HashMap<Number, usize> = HashMap::new();
    for (at, draft) in drafts.iter().enumerate() {
        for entry in &draft.entries {
            places.entry(entry.number).or_insert(at);
        }
    }
    let causes: HashMap<Number, Number> =
        recording.events.iter().filter_map(|entry| Some((entry.number, entry.cause?))).collect();
    let last = drafts.len().saturating_sub(1);
    for at in 0..drafts.len() {
        let (mut cause, mut began, mut until, mut taker) = (None, None, None, None);
        if let Some(draft) = drafts.get(at)
            && let Some(first) = draft.entries.first()
        {
            let place = |number: &Number| places.get(number).copied().filter(|place| *place < at);
            let own = causes.get(&first.number).and_then(place);
            // Whom a packet wakes, it has reached.
            let own = own.map(|own| {
                let here = drafts.get(own).and_then(|own| own.passed_on);
                here.filter(|here| *here < at && draft.call().is_some()).unwrap_or(own)
            });
            match draft.kind {
                Kind::Return => {
                    began = place(&first.number);
                    // Of a connect: the packet just before it.
                    let is_answered = draft.call().is_some_and(|call| call.name == "connect");
                    cause = own.or_else(|| at.checked_sub(1).filter(|_| is_answered));
                    taker = cause;
                }
                Kind::Call if first.what.is_unfinished() => until = Some(last),
                Kind::Call => {
                    let is_beginning = drafts.iter().skip(at + 1).any(|other| {
                        other.kind == Kind::Return
                            && other.entries.first().map(|entry| entry.number) == Some(first.number)
                    });
                    if !is_beginning {
                        cause = own;
                        taker = own;
                    }
                }
                Kind::Packet => {
                    let is_answer =
                        own.and_then(|own| drafts.get(own)).is_some_and(|own| own.call().is_none());
                    cause = own.filter(|_| !(is_answer && draft.packet().is_some_and(is_asked_for)));
                    cause = draft.arrived.or(cause).or_else(|| links::question(drafts, at));
                }
                _ => cause = own,
            }
        }
        if let Some(draft) = drafts.get_mut(at) {
            (draft.cause, draft.began, draft.until) = (cause, began, until);
        }
        if let Some(began) = began.and_then(|began| drafts.get_mut(began)) {
            began.until = Some(at);
        }
        if let Some(taken) = taker.and_then(|taker| drafts.get_mut(taker)) {
            taken.taken.get_or_insert(at);
        }
    }
    // A wait without a known end, of which only the return says when it was over, has no cause but itself.
    for at in 0..drafts.len() {
        let is_wrong = drafts.get(at).is_some_and(|draft| {
            draft.kind == Kind::Return
                && draft.cause.is_some_and(|cause| draft.began.is_some_and(|began| cause <= began))
        });
        if let Some(draft) = drafts.get_mut(at).filter(|_| is_wrong) {
            draft.cause = None;
        }
    }
}
