//! The system calls of the learner's program, seen by the laboratory's observer, and which of them belong to one
//! connection.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use lab::error::{Error, Result};
use lab::observe::syscalls;
use lab::observe::watch::{Told, Watch};
use lab::record::call::{Call, Kind};
use lab::record::event::What;
use tempfile::TempDir;

use crate::check::Transport;

/// So many calls are kept; of a program that makes calls without end, the last.
const KEPT: usize = 4096;

/// The calls of one run of the program.
#[derive(Debug)]
pub struct Calls {
    kept: Arc<Kept>,
    // It ends the thread that fills `kept`.
    _watch: Watch,
    // strace's pipe is in it.
    _folder: TempDir,
}

#[derive(Debug, Default)]
struct Kept {
    calls: Mutex<VecDeque<Call>>,
}

impl Calls {
    /// Prepares to watch a program; gives the words that go before its command. `place` is a folder in which strace's pipe may be.
    ///
    /// # Errors
    /// No pipe or no thread is to be had.
    pub fn watch(place: &Path) -> Result<(Self, Vec<OsString>)> {
        let (watch, told) = Watch::start().map_err(|error| Error::of("start the observer", error))?;
        let folder = TempDir::new_in(place).map_err(|error| Error::of("make a folder for strace", error))?;
        let words = syscalls::trace("program", folder.path(), &[], &watch)
            .map_err(|error| Error::of("watch the program's calls", error))?;
        let kept = Arc::<Kept>::default();
        let filled = Arc::clone(&kept);
        std::thread::Builder::new()
            .name("calls".to_owned())
            .spawn(move || filled.fill(&told))
            .map_err(|error| Error::of("start a thread for the program's calls", error))?;
        Ok((Self { kept, _watch: watch, _folder: folder }, words))
    }

    /// Every call that is kept. Once the program has come to rest, strace has written down all that has happened.
    #[must_use]
    pub fn all(&self) -> Vec<Call> {
        let kept = self.kept.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let mut going_on = BTreeSet::new();
        // Of each thread only the last can go on; one before it was interrupted, and begun again.
        let is_whole = |call: &&Call| going_on.insert(call.thread) || call.result.is_some();
        let mut calls: Vec<Call> = kept.iter().rev().filter(is_whole).cloned().collect();
        calls.reverse();
        calls
    }
}

impl Kept {
    fn fill(&self, told: &Receiver<Told>) {
        while let Ok(told) = told.recv() {
            let Told::Event(event) = told else { continue };
            let What::Call(call) = event.what else { continue };
            if !call.shown {
                continue;
            }
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            // The call of which it was said that it had begun has returned.
            let is_same = |other: &&mut Call| {
                other.result.is_none() && other.thread == call.thread && other.began == call.began
            };
            if let Some(begun) = calls.iter_mut().rev().take(64).find(is_same) {
                *begun = *call;
            } else {
                calls.push_back(*call);
                if calls.len() > KEPT {
                    calls.pop_front();
                }
            }
        }
    }
}

/// The calls among `calls` that concern the connections with `clients`, or the listener where there are none.
///
/// strace names both ends behind a descriptor as long as the connection lives. When it was reset the name is gone, and
/// only the descriptor's number tells.
#[must_use]
pub fn of_clients<'a>(calls: &'a [Call], clients: &[SocketAddr]) -> Vec<&'a Call> {
    let mut open: HashMap<(u32, i32), u16> = HashMap::new();
    let is_wanted = |port: Option<u16>| match port {
        Some(port) => clients.iter().any(|client| client.port() == port),
        None => clients.is_empty(),
    };
    let mut wanted = Vec::new();
    for call in calls {
        let given = call.gave.as_ref().and_then(|gave| Some((gave.number, gave.peer?.port())));
        if let Some((number, port)) = given {
            open.insert((call.process, number), port);
        }
        let on = call.on.as_ref();
        let named = on.and_then(|on| Some(on.peer?.port()));
        let known = on.and_then(|on| {
            let own = open.get(&(call.process, on.number));
            // A forked child has its parent's descriptors.
            own.or_else(|| open.iter().find(|((_, number), _)| *number == on.number).map(|(_, port)| port))
        });
        let port = named.or(known.copied()).or(given.map(|(_, port)| port)).or_else(|| datagram_of(call));
        if let (Some(on), Some(port)) = (on, named) {
            open.insert((call.process, on.number), port);
        }
        if is_wanted(port) {
            wanted.push(call);
        }
        if let ("close", Some(on)) = (call.name.as_str(), on) {
            open.remove(&(call.process, on.number));
        }
    }
    wanted
}

/// The port that a call on a UDP socket without a peer names: of whom a datagram came, or to whom it goes.
fn datagram_of(call: &Call) -> Option<u16> {
    call.on.as_ref().filter(|on| on.kind == Kind::Udp && call.name != "bind")?;
    let (_, behind) = call.arguments.split_once("htons(")?;
    behind.split(')').next()?.parse().ok()
}

/// A send to this client by another UDP socket than the one that has the port `own`.
#[must_use]
pub fn answered_elsewhere(calls: &[Call], client: SocketAddr, own: u16) -> bool {
    let is_other = |call: &Call| {
        let local = call.on.as_ref().and_then(|on| on.local);
        local.is_none_or(|local| local.port() != own)
    };
    calls.iter().any(|call| {
        call.sends() && call.number() >= Some(0) && datagram_of(call) == Some(client.port()) && is_other(call)
    })
}

/// Without what a library asks the kernel when it looks up a name: over netlink which addresses this machine has, and with
/// a UDP socket that sends nothing which of them would be used. And without the end of what nobody saw begin: a file, or
/// the library's socket to a service. `transport` is that of the exercise.
#[must_use]
pub fn without_lookups(calls: Vec<&Call>, transport: Transport) -> Vec<&Call> {
    // By their numbers alone: a forked child has its parent's descriptors.
    let (mut seen, mut hidden) = (BTreeSet::new(), BTreeSet::new());
    let is_a_lookup = |call: &Call| {
        call.name == "socket"
            && (call.arguments.starts_with("AF_NETLINK")
                || transport == Transport::Tcp && call.arguments.contains("SOCK_DGRAM"))
    };
    let is_shown = |call: &&Call| {
        if let Some(gave) = &call.gave {
            seen.insert(gave.number);
            if is_a_lookup(call) {
                hidden.insert(gave.number)
            } else {
                hidden.remove(&gave.number)
            };
        }
        let Some(on) = &call.on else { return !is_a_lookup(call) };
        let is_known = seen.contains(&on.number);
        if call.name == "close" {
            seen.remove(&on.number);
            return is_known && !hidden.remove(&on.number);
        }
        seen.insert(on.number);
        !hidden.contains(&on.number)
    };
    calls.into_iter().filter(is_shown).collect()
}

/// How many bytes a call was given to send: what stands behind its bytes, `sendto(4, "..."..., 4096, 0, NULL, 0)`.
#[must_use]
pub fn given(call: &Call) -> Option<i64> {
    let (_, behind) = call.arguments.rsplit_once('"')?;
    behind.trim_start_matches("...").trim_start_matches(", ").split([',', ')']).next()?.trim().parse().ok()
}

/// Calls in these lines that a program makes under another name, or that a library makes for it.
#[must_use]
pub fn gloss(lines: &[String]) -> Option<String> {
    // The name, words that tell that it stands for another one, and what it means.
    const NAMES: [(&str, &str, &str); 5] = [
        ("accept4(", "", "accept4 is accept"),
        ("recvfrom(", "NULL, NULL", "recvfrom without an address is recv"),
        ("sendto(", "NULL, 0)", "sendto without an address is send"),
        (
            "getsockname(",
            "",
            "getsockname asks for a socket's own address, as some libraries do by themselves",
        ),
        ("getpeername(", "", "getpeername asks for the address of the other end"),
    ];
    let is_there =
        |name: &str, sign: &str| lines.iter().any(|line| line.starts_with(name) && line.contains(sign));
    let said: Vec<&str> =
        NAMES.iter().filter(|(name, sign, _)| is_there(name, sign)).map(|(.., meaning)| *meaning).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// The calls as lines; what repeats is said once, and of many the first and the last are shown.
#[must_use]
pub fn lines(calls: &[&Call], most: usize) -> Vec<String> {
    let mut lines: Vec<(String, usize)> = Vec::new();
    for call in calls {
        let text = call.to_string().replace(",  ...", ", ...");
        match lines.last_mut() {
            Some((last, times)) if *last == text => *times += 1,
            _ => lines.push((text, 1)),
        }
    }
    let said = |(text, times): (String, usize)| match times {
        1 => text,
        times => format!("{text}   ({times} times)"),
    };
    let mut lines: Vec<String> = lines.into_iter().map(said).collect();
    if lines.len() > most {
        let first = most / 3;
        let last = lines.split_off(lines.len() - (most - first));
        let left_out = lines.len() - first;
        lines.truncate(first);
        lines.push(format!("... ({left_out} more)"));
        lines.extend(last);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_its_clients() {
        let call = |name: &str, local: Option<&str>, client: u16| -> Call {
            serde_json::from_value(serde_json::json!({
                "process": 7, "thread": 7, "name": name, "result": "5",
                "arguments": format!("3, \"hello\", 5, 0, {{sa_family=AF_INET, sin_port=htons({client})}}, 16"),
                "on": { "number": 3, "kind": "udp", "local": local },
            }))
            .expect("a call")
        };
        let ours = Some("127.0.0.1:6797");
        let calls = [call("bind", None, 6797), call("recvfrom", ours, 40001), call("sendto", ours, 40002)];
        let client = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let names = |port| -> Vec<_> {
            of_clients(&calls, &[client(port)]).iter().map(|call| call.name.as_str()).collect()
        };
        assert_eq!((names(40001), names(40002)), (vec!["recvfrom"], vec!["sendto"]));
        assert!(!answered_elsewhere(&calls, client(40002), 6797));
        assert!(answered_elsewhere(&[call("sendto", None, 40001)], client(40001), 6797));
    }

    #[test]
    fn what_a_lookup_does_is_left_out() {
        let call = |name: &str, on: Option<i32>, arguments: &str, gave: Option<i32>| -> Call {
            let descriptor = |number: i32| serde_json::json!({ "number": number, "kind": "socket" });
            serde_json::from_value(serde_json::json!({
                "process": 7, "thread": 7, "name": name, "arguments": arguments, "result": "0",
                "on": on.map(descriptor), "gave": gave.map(descriptor),
            }))
            .expect("a call")
        };
        let calls = [
            call("close", Some(4), "4", None),
            call("socket", None, "AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE", Some(4)),
            call("recvmsg", Some(4), "4, ...", None),
            call("close", Some(4), "4", None),
            call("socket", None, "AF_INET6, SOCK_DGRAM|SOCK_CLOEXEC, IPPROTO_IP", Some(4)),
            call("connect", Some(4), "4, ...", None),
            // That it was closed was not among the calls.
            call("socket", None, "AF_INET6, SOCK_STREAM, IPPROTO_TCP", Some(4)),
            call("connect", Some(4), "4, ...", None),
            call("close", Some(4), "4", None),
        ];
        let shown = |transport| -> Vec<String> {
            without_lookups(calls.iter().collect(), transport).iter().map(|call| call.name.clone()).collect()
        };
        assert_eq!(shown(Transport::Tcp), ["socket", "connect", "close"]);
        assert_eq!(shown(Transport::Udp), ["socket", "connect", "socket", "connect", "close"]);
    }

    #[test]
    fn a_call_that_nobody_wrote_is_explained() {
        let lines = |lines: &[&str]| gloss(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
        let two =
            lines(&["accept4(3, NULL, NULL, SOCK_CLOEXEC) = 4", "recvfrom(4, \"x\", 9, 0, NULL, NULL) = 1"]);
        assert_eq!(two.as_deref(), Some("accept4 is accept; recvfrom without an address is recv"));
        assert_eq!(
            lines(&["recvfrom(3, \"x\", 9, 0, {sa_family=AF_INET}, [16]) = 1", "read(4, \"x\", 9) = 1"]),
            None
        );
    }
}
