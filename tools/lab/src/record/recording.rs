//! One replay, kept as JSON: what the site's player, the view and the tests read.
//!
//! ```json
//! {"version":2,"page":"docs/part-one.md","sections":["One message"],"terminals":["server","client"],"left_out":0,"events":[
//! {"number":1,"at":0,"line":20,"kind":"typed","terminal":"server","text":"cargo run -p part-one-server"},
//! {"number":9,"at":81342,"line":20,"kind":"call","terminal":"server","began":81342,"name":"socket",...},
//! {"number":31,"at":910000,"line":90,"cause":30,"kind":"packet","interface":"lo","protocol":"tcp",...}
//! ],"sockets":[{"local":"127.0.0.1:6797","peer":null,"states":[["listen",12]]}]}
//! ```
//!
//! Events stand in causal order, one a line. `at` is in microseconds since the first of them. Exact are the times of
//! packets and the beginnings of calls; derived are the returns of calls (`at` of a call that waits, and `returned`) and
//! the times of lines, which are those of the `write` that said them where that was seen (`written`). A call without a
//! result goes on at the end. `line` is the line of the page where the block begins that played. Numbers that the kernel
//! chose (ports, process ids) are those of the page. No latency may be read off it: a traced program takes milliseconds
//! for what takes it microseconds.
//!
//! Version 1 did not know which `write` said a line, and left out calls that still waited at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::book::page::Page;
use crate::book::section;
use crate::error::{Error, Result};
use crate::record::call::Call;
use crate::record::event::{Lane, What};
use crate::record::flow::Number;
use crate::record::order::Ordered;
use crate::record::packet::Packet;
use crate::record::renamed::{process, rename, rename_packet, renamed};
use crate::record::state::{Socket, states};
use crate::record::table::Row;
use crate::replay::renaming::Renaming;
use crate::replay::{Run, block_at};

/// The version of the format.
pub const VERSION: u32 = 2;

/// A recorded run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// [`VERSION`] when it was written.
    pub version: u32,
    /// The page that was played, as from the root of the workspace.
    pub page: String,
    /// The headings of the sections that were kept; none for the whole page.
    pub sections: Vec<String>,
    /// The terminals, in the order of their first event.
    pub terminals: Vec<String>,
    /// The routers of the page, which pass packets on between its hosts and run no program of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routers: Vec<String>,
    /// How many events more there were than were kept.
    pub left_out: usize,
    /// What happened, in causal order.
    pub events: Vec<Entry>,
    /// The TCP sockets and the states through which they went.
    pub sockets: Vec<Socket>,
}

/// An event of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// By which others name it as their cause.
    pub number: Number,
    /// Microseconds since the first event.
    pub at: u64,
    /// The line of the page where the block begins that played.
    pub line: usize,
    /// The event that made it happen, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Number>,
    /// What happened.
    #[serde(flatten)]
    pub what: Recorded,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Recorded {
    /// Somebody typed.
    Typed {
        /// Where.
        terminal: String,
        /// A line, without Return, or a key such as `^C`.
        text: String,
    },
    /// A whole line appeared.
    Line {
        /// Where.
        terminal: String,
        /// Without its line end.
        text: String,
        /// The call that wrote it, where that was seen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        written: Option<Written>,
        /// What it says of the kernel's socket table, if it is a row of `ss`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        row: Option<Row>,
    },
    /// The shell is back at its prompt.
    Prompt {
        /// Where.
        terminal: String,
        /// The exit status of the command before.
        status: i32,
    },
    /// A system call returned; one that goes on at the end has no result.
    Call {
        /// The terminal of its program.
        terminal: String,
        /// When it began, in microseconds since the first event.
        began: u64,
        /// When it had returned at the earliest.
        returned: Option<u64>,
        /// Which, with its arguments and result.
        #[serde(flatten)]
        call: Box<Call>,
    },
    /// A packet passed.
    Packet {
        /// `lo`, or `alice.eth0` where the page has hosts.
        interface: String,
        /// It and its bytes.
        #[serde(flatten)]
        packet: Box<Packet>,
    },
    /// Something was not seen.
    LeftOut {
        /// What.
        text: String,
    },
}

/// A call of `write` on a terminal. It is no event of its own: no page shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The process that made it.
    pub process: u32,
    /// Which of the recording, counted from 1: lines with the same number came with one call.
    pub call: u64,
}

impl Recording {
    /// The recording of a run, of some sections of the page or, where none is named, of all of it.
    ///
    /// # Errors
    /// The page has no such heading.
    pub fn of(page: &Page, sections: &[String], run: &Run) -> Result<Self> {
        let lines = sections.iter().map(|heading| {
            section::lines(&page.source, heading).ok_or_else(|| {
                Error::new(format!("{}: there is no heading \"{heading}\"", page.path.display()))
            })
        });
        let lines = lines.collect::<Result<Vec<_>>>()?;
        let is_kept = |line: usize| lines.is_empty() || lines.iter().any(|lines| lines.contains(&line));
        let mut renaming = run.renaming.clone();
        let all: Vec<&Ordered> = run.seen.iter().collect();
        let line = |at: SystemTime| page.blocks.get(block_at(&run.starts, at)).map_or(1, |block| block.line);
        let chosen = run.seen.iter().filter(|seen| is_kept(line(seen.event.at)));
        let start = chosen.clone().next().map_or(SystemTime::UNIX_EPOCH, |seen| seen.event.at);
        let since = |at: SystemTime| {
            at.duration_since(start).map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
        };
        // Of a call that has returned, its beginning is no event of its own.
        let returned: BTreeSet<(u32, SystemTime)> = chosen
            .clone()
            .filter_map(|seen| match &seen.event.what {
                What::Call(call) if call.result.is_some() => Some((call.thread, call.began)),
                _ => None,
            })
            .collect();
        let is_half = |what: &What| {
            matches!(what, What::Call(call)
                if call.result.is_none() && returned.contains(&(call.thread, call.began)))
        };
        let writers: BTreeMap<Number, u32> = all
            .iter()
            .filter_map(|seen| match &seen.event.what {
                What::Call(call) => Some((seen.number, call.process)),
                _ => None,
            })
            .collect();
        let mut wrote_lines: Vec<Number> = Vec::new();
        let mut events: Vec<Entry> = Vec::new();
        for seen in chosen.filter(|seen| !is_half(&seen.event.what)) {
            let event = &seen.event;
            if let Some(mut what) = recorded(&event.lane, &event.what, &since, &mut renaming) {
                if let Recorded::Line { written, .. } = &mut what {
                    *written = seen.cause.and_then(|cause| {
                        let process = process(*writers.get(&cause)?, &mut renaming);
                        let known = wrote_lines.iter().position(|write| *write == cause);
                        let at = known.unwrap_or(wrote_lines.len());
                        if known.is_none() {
                            wrote_lines.push(cause);
                        }
                        Some(Written { process, call: at as u64 + 1 })
                    });
                }
                let (number, cause) = (seen.number, seen.cause);
                events.push(Entry { number, at: since(event.at), line: line(seen.event.at), cause, what });
            }
        }
        let mut sockets = states(&all).sockets;
        for socket in &mut sockets {
            socket.local = renamed(socket.local, &mut renaming);
            socket.peer = socket.peer.map(|peer| renamed(peer, &mut renaming));
        }
        let mut recording = Self {
            version: VERSION,
            page: page.path.display().to_string(),
            sections: sections.to_vec(),
            terminals: Vec::new(),
            routers: page
                .settings
                .hosts
                .hosts
                .iter()
                .filter(|host| host.is_router)
                .map(|host| host.name.clone())
                .collect(),
            left_out: run.left_out,
            events,
            sockets,
        };
        recording.number();
        Ok(recording)
    }

    /// Numbers the events from 1, keeps of the sockets those that they are about, and names the terminals.
    fn number(&mut self) {
        let new: std::collections::HashMap<Number, Number> =
            self.events.iter().zip(1..).map(|(entry, number)| (entry.number, number)).collect();
        for entry in &mut self.events {
            entry.number = new.get(&entry.number).copied().unwrap_or(entry.number);
            entry.cause = entry.cause.and_then(|cause| new.get(&cause).copied());
            if let Some(terminal) = entry.what.terminal()
                && !self.terminals.iter().any(|known| known == terminal)
            {
                self.terminals.push(terminal.to_owned());
            }
        }
        for socket in &mut self.sockets {
            let first = socket.states.iter().position(|(_, number)| new.contains_key(number));
            // The state in which the section found it has no event of its own; those after it are nobody's.
            let found = first.and_then(|first| socket.states.get(first.checked_sub(1)?)).copied();
            let kept = socket.states.iter().filter_map(|(state, number)| Some((*state, *new.get(number)?)));
            socket.states = found.map(|(state, _)| (state, 0)).into_iter().chain(kept).collect();
        }
        self.sockets.retain(|socket| socket.states.iter().any(|(_, number)| *number > 0));
    }

    /// As JSON, one event a line.
    ///
    /// # Errors
    /// It is not data: a fault of ours.
    pub fn to_json(&self) -> Result<String> {
        let failed = |error| Error::of("write a recording", error);
        let text = |value: &dyn erased::Serialize| value.json().map_err(failed);
        let routers = match self.routers.as_slice() {
            [] => String::new(),
            routers => format!("\"routers\":{},", text(&routers)?),
        };
        let mut json = format!(
            "{{\"version\":{},\"page\":{},\"sections\":{},\"terminals\":{},{routers}\"left_out\":{},\"events\":[\n",
            self.version,
            text(&self.page)?,
            text(&self.sections)?,
            text(&self.terminals)?,
            self.left_out,
        );
        let events = self.events.iter().map(|entry| text(entry)).collect::<Result<Vec<_>>>()?;
        json.push_str(&events.join(",\n"));
        json.push_str("\n],\"sockets\":[\n");
        let sockets = self.sockets.iter().map(|socket| text(socket)).collect::<Result<Vec<_>>>()?;
        json.push_str(&sockets.join(",\n"));
        json.push_str("\n]}\n");
        Ok(json)
    }

    /// The recording in this file.
    ///
    /// # Errors
    /// It cannot be read. Of which version it is it says itself.
    pub fn read(path: &Path) -> Result<Self> {
        let doing = || format!("read the recording {}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| Error::of(doing(), error))?;
        serde_json::from_str(&text).map_err(|error| Error::of(doing(), error))
    }
}

impl Recorded {
    /// A call that goes on at the end.
    pub(crate) fn is_unfinished(&self) -> bool {
        matches!(self, Self::Call { call, .. } if call.result.is_none())
    }

    pub(crate) fn terminal(&self) -> Option<&str> {
        match self {
            Self::Typed { terminal, .. }
            | Self::Line { terminal, .. }
            | Self::Prompt { terminal, .. }
            | Self::Call { terminal, .. } => Some(terminal),
            Self::Packet { .. } | Self::LeftOut { .. } => None,
        }
    }

    pub(super) fn lane(&self) -> String {
        match self {
            Self::Call { terminal, .. } => format!("calls of {terminal}"),
            Self::Packet { interface, .. } => format!("packets of {interface}"),
            Self::LeftOut { .. } => "left out".to_owned(),
            Self::Typed { terminal, .. } | Self::Line { terminal, .. } | Self::Prompt { terminal, .. } => {
                terminal.clone()
            }
        }
    }

    /// What is compared; `None` for what the kernel does when it likes.
    pub(super) fn sentence(&self) -> Option<String> {
        match self {
            Self::Typed { text, .. } => Some(format!("typed {text}")),
            Self::Line { text, .. } | Self::LeftOut { text } => Some(text.clone()),
            // It may come before or after what ends the section; the page itself holds the exit status.
            Self::Prompt { .. } => None,
            // Whether one that waits for ever has begun before the section ends is left to chance.
            Self::Call { call, .. } => (call.result.is_some() || !call.waits()).then(|| call.to_string()),
            Self::Packet { packet, .. } => (!packet.pure_ack).then(|| packet.to_string()),
        }
    }
}

/// With the page's numbers; `None` for what a recording does not keep.
fn recorded(
    lane: &Lane,
    what: &What,
    since: &dyn Fn(SystemTime) -> u64,
    renaming: &mut Renaming,
) -> Option<Recorded> {
    let place = match lane {
        Lane::Terminal(name) | Lane::Calls(name) => name.clone(),
        Lane::Packets(interface) => interface.to_string(),
    };
    Some(match what {
        What::Typed(text) => Recorded::Typed { terminal: place, text: renaming.adopt(text) },
        What::Line(text) => {
            let text = renaming.adopt(text);
            let row = Row::parse(&text);
            Recorded::Line { terminal: place, text, written: None, row }
        }
        What::Prompt { status } => Recorded::Prompt { terminal: place, status: *status },
        What::Call(call) if call.shown => {
            let (began, returned) = (since(call.began), call.returned.map(since));
            let mut call = call.clone();
            call.arguments = renaming.adopt(&call.arguments);
            call.result = call.result.map(|result| renaming.adopt(&result));
            call.process = process(call.process, renaming);
            call.thread = process(call.thread, renaming);
            for descriptor in [&mut call.on, &mut call.gave].into_iter().flatten() {
                rename(descriptor, renaming);
            }
            Recorded::Call { terminal: place, began, returned, call }
        }
        What::Packet(packet) => {
            let mut packet = Packet::clone(packet);
            rename_packet(&mut packet, renaming);
            Recorded::Packet { interface: place, packet: Box::new(packet) }
        }
        What::LeftOut(text) => Recorded::LeftOut { text: format!("{place}: {text}") },
        What::Call(_) | What::Partial(_) | What::Closed => return None,
    })
}

/// Anything that is data, as JSON.
mod erased {
    pub(super) trait Serialize {
        fn json(&self) -> serde_json::Result<String>;
    }

    impl<T: serde::Serialize> Serialize for T {
        fn json(&self) -> serde_json::Result<String> {
            serde_json::to_string(self)
        }
    }
}
