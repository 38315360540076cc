//! What strace says, read: which of the calls a page shows, and how they are written there.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use super::strace::{Parts, Plain, first_number, head, is_exec, without_duration};
use crate::record::call::{Call, Descriptor, Kind};

/// Calls that are watched to tell processes apart, and shown only if they were asked for.
pub(crate) const PROCESS_CALLS: [&str; 6] = ["clone", "clone3", "execve", "execveat", "fork", "vfork"];

/// Calls on any kind of descriptor: shown only for a socket, or for what a call gave that the page asks for.
const DESCRIPTOR_CALLS: [&str; 20] = [
    "close",
    "copy_file_range",
    "dup",
    "dup2",
    "dup3",
    "fcntl",
    "fstat",
    "ioctl",
    "lseek",
    "pread64",
    "preadv",
    "pwrite64",
    "pwritev",
    "read",
    "readv",
    "sendfile",
    "splice",
    "tee",
    "write",
    "writev",
];

/// Calls on any kind of descriptor that carry data: watched without being asked for.
pub(crate) const DATA_CALLS: [&str; 6] = ["read", "readv", "sendfile", "splice", "write", "writev"];

/// Calls that give a descriptor of another kind, and the kind: a page that asks for the call sees what is done with it.
const GIVERS: [(&str, Kind); 8] = [
    ("epoll_", Kind::Epoll),
    ("eventfd", Kind::Eventfd),
    ("timerfd_", Kind::Timerfd),
    ("signalfd", Kind::Signalfd),
    ("io_uring_", Kind::Uring),
    ("pipe", Kind::Pipe),
    ("open", Kind::File),
    ("memfd_create", Kind::File),
];

/// Files that the dynamic linker and the C library open on their own.
const LIBRARIES: [&str; 8] =
    ["/etc/ld.so", "/etc/locale", "/lib/", "/proc/", "/sys/", "/usr/lib/", "/usr/share/", "/dev/"];

/// Where the C library asks for users and services; whether anybody answers is the machine's business.
const NAME_SERVICES: [&str; 3] = ["\"/var/run/nscd/", "\"/run/nscd/", "\"/run/systemd/"];

/// Reads strace's lines. It follows every process, because what is to be shown depends on which program it runs and
/// which of its descriptors are sockets.
#[derive(Debug)]
pub(crate) struct Trace {
    /// Calls to show although they are [`PROCESS_CALLS`].
    also: Vec<String>,
    threads: HashMap<u32, Thread>,
    processes: HashMap<u32, Process>,
    groups: HashMap<u32, Group>,
    /// Lines of threads whose parent's `clone` has not returned yet.
    early: HashMap<u32, Vec<String>>,
}

/// What strace calls a pid: one thread.
#[derive(Debug, Default)]
struct Thread {
    /// The process to which it belongs.
    process: u32,
    /// The beginning of a call that has not returned, and when that was.
    unfinished: Option<(SystemTime, String)>,
    /// The call of which it was said that it has begun, by when that was.
    begun: Option<SystemTime>,
    /// A socket that may turn out to be the C library's own, and its descriptor.
    held: Option<(Call, i32)>,
}

#[derive(Debug, Clone)]
struct Process {
    /// The group of processes to which it belongs; `None` for a launcher, whose calls are not shown.
    group: Option<u32>,
    /// The descriptors that network calls gave; whether they close on exec.
    sockets: HashMap<i32, bool>,
    threads: usize,
}

/// A program that a launcher started, and the processes that it forked.
#[derive(Debug, Default)]
struct Group {
    processes: usize,
    /// It has made calls that were shown.
    shown: bool,
    /// Its calls carry their pid, because it has forked or another program makes calls at the same time.
    numbered: bool,
}

impl Trace {
    pub(crate) fn new(also: &[String]) -> Self {
        Self {
            also: also.to_vec(),
            threads: HashMap::new(),
            processes: HashMap::new(),
            groups: HashMap::new(),
            early: HashMap::new(),
        }
    }

    /// What this line of strace says: calls that have returned or, of those that go on, have begun. None, one, or several
    /// that had to wait.
    pub(crate) fn line(&mut self, line: &str) -> Vec<Call> {
        let mut calls = Vec::new();
        self.read(line, &mut calls);
        calls
    }

    /// What strace has written of a line that it has not ended: a call has begun.
    pub(crate) fn unended(&mut self, line: &str) -> Option<Call> {
        let (pid, at, said) = head(line)?;
        self.begun(pid, at, said)
    }

    /// The call as far as it is known while it runs, the first time it is asked for.
    fn begun(&mut self, pid: u32, at: SystemTime, said: &str) -> Option<Call> {
        let process = self.threads.get(&pid).filter(|thread| thread.begun != Some(at))?.process;
        let plain = Plain::of(said);
        let (name, arguments) = plain.text.split_once('(')?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return None;
        }
        let parts =
            Parts { name, arguments, result: "", arguments_at: name.len() + 1, result_at: usize::MAX };
        let shown = self.is_shown(process, &parts, &plain);
        // Whose socket that is shows only when it has returned.
        let may_be_own = may_be_own(&parts) || NAME_SERVICES.iter().any(|path| arguments.contains(path));
        if may_be_own || (!shown && !is_output(&parts, &plain)) {
            return None;
        }
        self.threads.get_mut(&pid)?.begun = Some(at);
        let numbered = self.group(process).is_some_and(|group| group.numbered);
        Some(call(process, pid, at, &parts, &plain, numbered, shown))
    }

    fn read(&mut self, line: &str, calls: &mut Vec<Call>) {
        let Some((pid, at, said)) = head(line) else {
            return;
        };
        if !self.threads.contains_key(&pid) {
            if self.threads.is_empty() && self.early.is_empty() {
                // The first is the shell.
                self.begin(pid, pid, None, HashMap::new());
            } else {
                let lines = self.early.entry(pid).or_default();
                lines.push(line.to_owned());
                // Its parent may wait in vfork until it runs another program: that makes it known.
                if is_exec(said) && said.ends_with('>') && said.contains(") = 0 <") {
                    self.adopt(pid, pid, None, HashMap::new(), calls);
                }
                return;
            }
        }
        if let Some(end) = said.strip_prefix("+++ ") {
            self.end(pid, end, calls);
        } else if let Some(rest) = said.strip_prefix("<... ") {
            let began = self.threads.get_mut(&pid).and_then(|thread| thread.unfinished.take());
            if let (Some((began, mut text)), Some((_, rest))) = (began, rest.split_once(" resumed>")) {
                text.push_str(rest);
                self.call(pid, began, Some(at), &text, calls);
            }
        } else if let Some(text) = said.strip_suffix(" <unfinished ...>") {
            calls.extend(self.begun(pid, at, text));
            if let Some(thread) = self.threads.get_mut(&pid) {
                thread.unfinished = Some((at, text.to_owned()));
            }
        } else if !said.starts_with("--- ") {
            self.call(pid, at, None, said, calls);
        }
    }

    /// One whole call.
    fn call(
        &mut self,
        pid: u32,
        began: SystemTime,
        resumed: Option<SystemTime>,
        said: &str,
        calls: &mut Vec<Call>,
    ) {
        if self.is_passed_over(pid, said) {
            return;
        }
        let (said, took) = without_duration(said);
        let plain = Plain::of(said);
        let Some(parts) = Parts::of(&plain.text) else { return };
        // It never returned: the program ended in it, or a signal interrupted it and it begins again.
        if parts.result.starts_with('?') {
            return;
        }
        let process = self.threads.get(&pid).map_or(pid, |thread| thread.process);
        match parts.name {
            "execve" | "execveat" if parts.result == "0" => {
                self.exec(process, parts.arguments, calls, pid);
            }
            "clone" | "clone3" | "fork" | "vfork" => self.fork(process, &parts, calls),
            _ => {}
        }
        let shown = self.is_shown(process, &parts, &plain);
        self.follow_descriptors(process, &parts);
        if !shown && !is_output(&parts, &plain) {
            return;
        }
        let held = self.threads.get_mut(&pid).and_then(|thread| thread.held.take());
        if let Some((held, descriptor)) = held {
            let own = parts.name == "connect"
                && first_number(parts.arguments) == Some(descriptor)
                && NAME_SERVICES.iter().any(|path| parts.arguments.contains(path));
            if own {
                if let Some(process) = self.processes.get_mut(&process) {
                    process.sockets.remove(&descriptor);
                }
                return;
            }
            calls.push(held);
        }
        let numbered = if shown { self.number(process) } else { false };
        let mut call = call(process, pid, began, &parts, &plain, numbered, shown);
        call.result = Some(parts.result.to_owned());
        call.took = took;
        // Of a call that went on while others were written down, strace says when it had returned.
        if call.waits()
            && let Some(Ok(at_least)) = resumed.map(|resumed| resumed.duration_since(began))
        {
            call.took = at_least;
        }
        match (may_be_own(&parts), parts.result.parse(), self.threads.get_mut(&pid)) {
            (true, Ok(descriptor), Some(thread)) => thread.held = Some((call, descriptor)),
            _ => calls.push(call),
        }
    }

    fn is_shown(&self, process: u32, parts: &Parts<'_>, plain: &Plain) -> bool {
        let Some(process) = self.processes.get(&process) else {
            return false;
        };
        if process.group.is_none() {
            return false;
        }
        let asked = |name: &str| self.also.iter().any(|also| also == name);
        if PROCESS_CALLS.contains(&parts.name) {
            return asked(parts.name);
        }
        if parts.name.starts_with("open") {
            return !of_a_library(parts.arguments.split('"').nth(1).unwrap_or_default());
        }
        if !DESCRIPTOR_CALLS.contains(&parts.name) {
            return true;
        }
        // Of these, sendfile and splice have the socket second or third.
        descriptors(parts, plain).any(|(number, mark)| {
            // A network call may give a file as well (SCM_RIGHTS): its data is shown only if the page asks for it.
            let is_file = mark.is_some_and(|mark| !Descriptor::parse(number, mark).kind.is_socket());
            let is_data = DATA_CALLS.contains(&parts.name) && !asked(parts.name);
            (process.sockets.contains_key(&number) && !(is_file && is_data))
                || mark.is_some_and(|mark| {
                    let kind = Descriptor::parse(number, mark).kind;
                    kind.is_socket()
                        || GIVERS.iter().any(|(giver, of)| {
                            kind == *of
                                && self.also.iter().any(|also| also.starts_with(giver))
                                && !(kind == Kind::File && of_a_library(mark))
                        })
                })
        })
    }

    fn group(&self, process: u32) -> Option<&Group> {
        self.groups.get(&self.processes.get(&process)?.group?)
    }

    /// Keeps account of which descriptors are sockets.
    fn follow_descriptors(&mut self, process: u32, parts: &Parts<'_>) {
        let Some(process) = self.processes.get_mut(&process) else {
            return;
        };
        let on_exec = parts.arguments.contains("CLOEXEC");
        let given = parts.result.split(' ').next().and_then(|number| number.parse::<i32>().ok());
        let Some(given) = given.filter(|given| *given >= 0) else {
            return;
        };
        match parts.name {
            "socket" | "accept" | "accept4" => {
                process.sockets.insert(given, on_exec);
            }
            "socketpair" | "recvmsg" | "recvmmsg" => {
                let lists = match parts.name {
                    "socketpair" => {
                        parts.arguments.rsplit_once('[').map(|(_, list)| list).into_iter().collect()
                    }
                    _ => {
                        parts.arguments.split("cmsg_type=SCM_RIGHTS, cmsg_data=[").skip(1).collect::<Vec<_>>()
                    }
                };
                for list in lists {
                    let list = list.split_once(']').map_or("", |(list, _)| list);
                    let numbers = list.split(", ").filter_map(|number| number.parse().ok());
                    process.sockets.extend(numbers.map(|number: i32| (number, on_exec)));
                }
            }
            "dup" | "dup2" | "dup3"
                if first_number(parts.arguments).is_some_and(|from| process.sockets.contains_key(&from)) =>
            {
                process.sockets.insert(given, on_exec);
            }
            "close" => {
                if let Some(descriptor) = first_number(parts.arguments) {
                    process.sockets.remove(&descriptor);
                }
            }
            _ => {}
        }
    }

    /// Shows the socket that was held back.
    fn release(&mut self, pid: u32, calls: &mut Vec<Call>) {
        let held = self.threads.get_mut(&pid).and_then(|thread| thread.held.take());
        calls.extend(held.map(|(call, _)| call));
    }
}

/// A call as its line tells it, without its result.
fn call(
    process: u32,
    thread: u32,
    began: SystemTime,
    parts: &Parts<'_>,
    plain: &Plain,
    numbered: bool,
    shown: bool,
) -> Call {
    let on = first_number(parts.arguments)
        .and_then(|number| Some(Descriptor::parse(number, plain.mark(parts.arguments_at)?)));
    let gave = first_number(parts.result)
        .and_then(|number| Some(Descriptor::parse(number, plain.mark(parts.result_at)?)));
    Call {
        process,
        thread,
        numbered,
        name: parts.name.to_owned(),
        arguments: parts.arguments.to_owned(),
        result: None,
        on,
        gave,
        began,
        took: Duration::ZERO,
        returned: None,
        shown,
    }
}

/// The descriptors among the arguments of a call on descriptors: the first argument, and those that have a mark.
fn descriptors<'a>(parts: &Parts<'a>, plain: &'a Plain) -> impl Iterator<Item = (i32, Option<&'a str>)> {
    let mut at = parts.arguments_at;
    let mut is_first = true;
    parts.arguments.split(", ").filter_map(move |argument| {
        let (place, first) = (at, std::mem::replace(&mut is_first, false));
        at += argument.len() + 2;
        let mark = plain.mark(place);
        (first || mark.is_some()).then_some((first_number(argument)?, mark))
    })
}

/// Whether the call says something on a terminal.
fn is_output(parts: &Parts<'_>, plain: &Plain) -> bool {
    matches!(parts.name, "write" | "writev")
        && plain
            .mark(parts.arguments_at)
            .is_some_and(|mark| Descriptor::parse(0, mark).kind == Kind::Terminal)
}

/// Exactly how the C library opens the socket on which it asks a name service.
fn may_be_own(parts: &Parts<'_>) -> bool {
    parts.name == "socket"
        && parts.arguments.starts_with("AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, 0")
}

/// Whether the C library reads this file on its own.
fn of_a_library(path: &str) -> bool {
    path.contains(".so") || LIBRARIES.iter().any(|start| path.starts_with(start))
}

mod processes;
#[cfg(test)]
mod tests;
