//! The descriptor tables of the programs, as far as their calls tell of them.

use std::collections::BTreeMap;

use super::arguments;
use super::rows::Draft;
use crate::record::call::{Descriptor, Kind};

/// By process and number: what a descriptor stands for.
#[derive(Debug, Default)]
pub(super) struct Descriptors {
    tables: BTreeMap<(u32, i32), Entry>,
    /// By end: its processes.
    processes: BTreeMap<usize, Vec<u32>>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Entry {
    kind: String,
    address: String,
    listens: bool,
}

impl Entry {
    fn text(&self) -> String {
        let mut text = self.kind.clone();
        if !self.address.is_empty() {
            text = format!("{text} {}", self.address);
        }
        if self.listens { text + ", listens" } else { text }
    }
}

impl Descriptors {
    /// What this row changes: process, number, what it stands for from here on; empty where it is closed.
    pub(super) fn step(&mut self, draft: &Draft<'_>) -> Vec<(u32, i32, String)> {
        if draft.kind == super::Kind::Ended {
            let ended = draft.end.and_then(|end| self.processes.remove(&end)).unwrap_or_default();
            let gone = self.tables.keys().copied().filter(|(process, _)| ended.contains(process));
            let gone: Vec<(u32, i32)> = gone.collect();
            self.tables.retain(|key, _| !gone.contains(key));
            return gone.into_iter().map(|(process, number)| (process, number, String::new())).collect();
        }
        let Some(call) = draft.returned().filter(|call| call.number().is_some_and(|number| number >= 0))
        else {
            return Vec::new();
        };
        if let Some(end) = draft.end {
            let processes = self.processes.entry(end).or_default();
            if !processes.contains(&call.process) {
                processes.push(call.process);
            }
        }
        let mut changes = Vec::new();
        if call.name == "close" {
            if let Some(on) = &call.on
                && self.tables.remove(&(call.process, on.number)).is_some()
            {
                changes.push((call.process, on.number, String::new()));
            }
            return changes;
        }
        for descriptor in call.on.iter().chain(&call.gave) {
            let key = (call.process, descriptor.number);
            let known = self.tables.get(&key).map(Entry::text);
            let entry = self.tables.entry(key).or_default();
            kind(descriptor).clone_into(&mut entry.kind);
            if let Some(address) = addresses(descriptor) {
                entry.address = address;
            }
            let is_on = call.on.as_ref() == Some(descriptor);
            match call.name.as_str() {
                "listen" if is_on => entry.listens = true,
                "bind" if is_on => entry.address = arguments::address(call).unwrap_or_default(),
                "connect" if is_on && descriptor.peer.is_none() => {
                    entry.address = format!("to {}", arguments::address(call).unwrap_or_default());
                }
                _ => {}
            }
            if known.as_ref() != Some(&entry.text()) {
                changes.push((call.process, descriptor.number, entry.text()));
            }
        }
        if call.receives() || call.name == "socketpair" {
            let pair = call.arguments.rsplit_once('[').map_or("", |(_, list)| list.trim_end_matches(']'));
            let (numbers, kind) = if call.receives() {
                (arguments::passed(call), "came with a message")
            } else {
                (
                    pair.split(", ").filter_map(|number| number.parse().ok()).collect(),
                    "Unix socket, one of a pair",
                )
            };
            for number in numbers {
                let entry = Entry { kind: kind.to_owned(), ..Entry::default() };
                changes.push((call.process, number, entry.text()));
                self.tables.insert((call.process, number), entry);
            }
        }
        changes
    }
}

fn kind(descriptor: &Descriptor) -> &'static str {
    match descriptor.kind {
        Kind::Tcp => "TCP socket",
        Kind::Udp => "UDP socket",
        Kind::Unix => "Unix socket",
        Kind::Socket => "socket",
        Kind::Epoll => "epoll",
        Kind::Eventfd => "eventfd",
        Kind::Timerfd => "timerfd",
        Kind::Signalfd => "signalfd",
        Kind::Uring => "io_uring",
        Kind::Pipe => "pipe",
        Kind::Terminal => "terminal",
        Kind::File => "file",
    }
}

/// The addresses that the kernel has put down.
fn addresses(descriptor: &Descriptor) -> Option<String> {
    let local = descriptor.local?;
    Some(descriptor.peer.map_or_else(|| local.to_string(), |peer| format!("{local} to {peer}")))
}
