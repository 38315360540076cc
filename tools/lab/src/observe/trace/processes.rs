//! Which program each process runs, and who started it.

use std::collections::HashMap;

use super::{Call, Group, Parts, Process, Thread, Trace, first_number};

/// Programs that start other programs: their own calls are not what a page is about.
const LAUNCHERS: [&str; 19] = [
    "bash", "busybox", "cargo", "cc", "clang", "dash", "env", "fish", "gcc", "ksh", "ld", "ld.lld", "nice",
    "rust-lld", "rustc", "rustup", "sh", "timeout", "zsh",
];

/// Programs that only look at the kernel: how they ask it is not what a page is about either.
const ONLOOKERS: [&str; 5] = ["ip", "lsof", "nstat", "ps", "ss"];

impl Trace {
    /// Whether it takes `[pid N]` to tell the program from others in the same terminal.
    pub(super) fn number(&mut self, process: u32) -> bool {
        let Some(own) = self.processes.get(&process).and_then(|process| process.group) else {
            return false;
        };
        let others =
            self.groups.iter().any(|(group, other)| *group != own && other.shown && other.processes > 0);
        if others {
            for group in self.groups.values_mut().filter(|group| group.shown && group.processes > 0) {
                group.numbered = true;
            }
        }
        let Some(group) = self.groups.get_mut(&own) else {
            return false;
        };
        group.shown = true;
        group.numbered |= others;
        group.numbered
    }

    /// Whether nothing comes of the call: a launcher reads, or closes what is no socket. That is most of what strace
    /// writes, since a `cargo run` reads hundreds of files.
    pub(super) fn is_passed_over(&self, pid: u32, said: &str) -> bool {
        let process = self.threads.get(&pid).and_then(|thread| self.processes.get(&thread.process));
        process.filter(|process| process.group.is_none()).is_some_and(|launcher| {
            let closed = said.strip_prefix("close(").and_then(first_number);
            said.starts_with("read(") || closed.is_some_and(|number| !launcher.sockets.contains_key(&number))
        })
    }

    /// A process runs another program.
    pub(super) fn exec(&mut self, process: u32, arguments: &str, calls: &mut Vec<Call>, pid: u32) {
        self.release(pid, calls);
        let path = arguments.split('"').nth(1).unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let launcher = LAUNCHERS.contains(&name)
            || ONLOOKERS.contains(&name)
            || name.starts_with("cargo-")
            || name.starts_with("build-script-");
        let Some(entry) = self.processes.get_mut(&process) else {
            return;
        };
        entry.sockets.retain(|_, on_exec| !*on_exec);
        entry.threads = 1;
        let before = entry.group;
        entry.group = match (launcher, before) {
            (true, _) => None,
            (false, Some(group)) => Some(group),
            (false, None) => Some(process),
        };
        let now = entry.group;
        if before != now {
            if let Some(group) = before.and_then(|group| self.groups.get_mut(&group)) {
                group.processes = group.processes.saturating_sub(1);
            }
            if let Some(group) = now {
                // The pid may have led a group before: that is another program's.
                self.groups.insert(group, Group { processes: 1, ..Group::default() });
            }
        }
    }

    /// `clone` or a relative of it has returned a new thread.
    pub(super) fn fork(&mut self, process: u32, parts: &Parts<'_>, calls: &mut Vec<Call>) {
        let Ok(new) = parts.result.parse::<u32>() else {
            return;
        };
        if self.threads.contains_key(&new) {
            return;
        }
        let Some(parent) = self.processes.get(&process) else {
            return;
        };
        if parts.arguments.contains("CLONE_THREAD") {
            self.adopt(new, process, None, HashMap::new(), calls);
            return;
        }
        let (group, sockets) = (parent.group, parent.sockets.clone());
        // A child of vfork only runs another program; any other child goes on in the same one.
        let same_program = parts.name != "vfork" && !parts.arguments.contains("CLONE_VFORK");
        if let Some(group) = group.and_then(|group| self.groups.get_mut(&group)) {
            group.numbered |= same_program;
        }
        self.adopt(new, new, group, sockets, calls);
    }

    /// A thread is known from here on; reads what it did before.
    pub(super) fn adopt(
        &mut self,
        pid: u32,
        process: u32,
        group: Option<u32>,
        sockets: HashMap<i32, bool>,
        calls: &mut Vec<Call>,
    ) {
        self.begin(pid, process, group, sockets);
        for line in self.early.remove(&pid).unwrap_or_default() {
            self.read(&line, calls);
        }
    }

    pub(super) fn begin(&mut self, pid: u32, process: u32, group: Option<u32>, sockets: HashMap<i32, bool>) {
        self.threads.insert(pid, Thread { process, ..Thread::default() });
        if pid != process {
            if let Some(process) = self.processes.get_mut(&process) {
                process.threads += 1;
            }
            return;
        }
        if let Some(group) = group.and_then(|group| self.groups.get_mut(&group)) {
            group.processes += 1;
        }
        self.processes.insert(process, Process { group, sockets, threads: 1 });
    }

    /// `exited with 0 +++`, `killed by SIGINT +++`, or `superseded by execve in pid N +++`: a thread that is not the
    /// first ran another program and takes the first one's number.
    pub(super) fn end(&mut self, pid: u32, end: &str, calls: &mut Vec<Call>) {
        let superseded = end.strip_prefix("superseded by execve in pid ");
        if let Some(by) = superseded.and_then(|by| by.split(' ').next()).and_then(|by| by.parse().ok()) {
            if let Some(thread) = self.threads.remove(&by) {
                self.threads.insert(pid, thread);
            }
            return;
        }
        self.release(pid, calls);
        let Some(thread) = self.threads.remove(&pid) else {
            return;
        };
        let Some(process) = self.processes.get_mut(&thread.process) else {
            return;
        };
        process.threads = process.threads.saturating_sub(1);
        if process.threads > 0 {
            return;
        }
        let group = process.group;
        self.processes.remove(&thread.process);
        if let Some(group) = group.and_then(|group| self.groups.get_mut(&group)) {
            group.processes = group.processes.saturating_sub(1);
        }
    }
}
