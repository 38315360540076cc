//! What strace says, read: which of the calls a page shows, and how they are written there.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

/// Programs that start other programs: their own calls are not what a page is about.
const LAUNCHERS: [&str; 19] = [
    "bash", "busybox", "cargo", "cc", "clang", "dash", "env", "fish", "gcc", "ksh", "ld", "ld.lld", "nice",
    "rust-lld", "rustc", "rustup", "sh", "timeout", "zsh",
];

/// Calls that are watched to tell processes apart, and shown only if they were asked for.
pub(crate) const PROCESS_CALLS: [&str; 6] = ["clone", "clone3", "execve", "execveat", "fork", "vfork"];

/// Calls on any kind of descriptor: shown only for a descriptor that a network call gave.
const DESCRIPTOR_CALLS: [&str; 14] = [
    "close", "dup", "dup2", "dup3", "fcntl", "fstat", "ioctl", "lseek", "pread64", "pwrite64", "read",
    "readv", "write", "writev",
];

/// Where the C library asks for users and services; whether anybody answers is the machine's business.
const NAME_SERVICES: [&str; 3] = ["\"/var/run/nscd/", "\"/run/nscd/", "\"/run/systemd/"];

/// How long strace may take to write down the beginning of a call.
const WRITING: Duration = Duration::from_millis(2);

/// A call to show, when it has returned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// When it began for a call that causes something (`connect`, `sendto`); when it returned for one that waits for
    /// something (`accept`, `recvfrom`). So cause stands before effect among the packets.
    pub(crate) at: SystemTime,
    /// strace's own words, without pid, time and padding; `[pid N]` before them where it takes that to tell programs
    /// of one terminal apart.
    pub(crate) text: String,
}

/// Reads strace's lines. It follows every process, because what is to be shown depends on which program it runs and
/// which of its descriptors are sockets.
#[derive(Debug)]
pub(crate) struct Trace {
    /// When the line at hand came.
    now: SystemTime,
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

/// What a line says about one call: name, what stands between the brackets, what stands after `=`.
struct Parts<'a> {
    name: &'a str,
    arguments: &'a str,
    result: &'a str,
}

impl Trace {
    pub(crate) fn new(also: &[String]) -> Self {
        Self {
            now: SystemTime::UNIX_EPOCH,
            also: also.to_vec(),
            threads: HashMap::new(),
            processes: HashMap::new(),
            groups: HashMap::new(),
            early: HashMap::new(),
        }
    }

    /// The calls to show that this line of strace, which came at `now`, completes: none, one, or several that had to
    /// wait.
    pub(crate) fn line(&mut self, line: &str, now: SystemTime) -> Vec<Call> {
        self.now = now;
        let mut calls = Vec::new();
        self.read(line, &mut calls);
        calls
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
        returned: Option<SystemTime>,
        said: &str,
        calls: &mut Vec<Call>,
    ) {
        let (said, took) = without_duration(said);
        let Some(parts) = Parts::of(said) else { return };
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
        let is_shown = self.is_shown(process, &parts);
        self.follow_descriptors(process, &parts);
        if !is_shown {
            return;
        }
        let held = self.threads.get_mut(&pid).and_then(|thread| thread.held.take());
        if let Some((call, descriptor)) = held {
            let own = parts.name == "connect"
                && first_number(parts.arguments) == Some(descriptor)
                && NAME_SERVICES.iter().any(|path| parts.arguments.contains(path));
            if own {
                if let Some(process) = self.processes.get_mut(&process) {
                    process.sockets.remove(&descriptor);
                }
                return;
            }
            calls.push(call);
        }
        let call = Call {
            at: if waits(parts.name) {
                returned.unwrap_or_else(|| self.returned(began, took))
            } else {
                began
            },
            text: format!("{}{}({}) = {}", self.number(process), parts.name, parts.arguments, parts.result),
        };
        // Exactly how the C library opens the socket on which it asks a name service.
        let may_be_own =
            parts.name == "socket" && parts.arguments == "AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, 0";
        match (may_be_own, parts.result.parse(), self.threads.get_mut(&pid)) {
            (true, Ok(descriptor), Some(thread)) => thread.held = Some((call, descriptor)),
            _ => calls.push(call),
        }
    }

    /// strace counts from when it has written the call's beginning down: some time is missing, but the line cannot have
    /// come before the call returned.
    fn returned(&self, began: SystemTime, took: Duration) -> SystemTime {
        let earliest = began.checked_add(took).unwrap_or(began);
        let latest = earliest.checked_add(WRITING).unwrap_or(earliest);
        self.now.clamp(earliest, latest)
    }

    fn is_shown(&self, process: u32, parts: &Parts<'_>) -> bool {
        let Some(process) = self.processes.get(&process) else {
            return false;
        };
        if process.group.is_none() {
            return false;
        }
        if PROCESS_CALLS.contains(&parts.name) {
            return self.also.iter().any(|name| name == parts.name);
        }
        !DESCRIPTOR_CALLS.contains(&parts.name)
            || first_number(parts.arguments)
                .is_some_and(|descriptor| process.sockets.contains_key(&descriptor))
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

    /// `[pid N] ` if it takes that to tell the program from others in the same terminal.
    fn number(&mut self, process: u32) -> String {
        let Some(own) = self.processes.get(&process).and_then(|process| process.group) else {
            return String::new();
        };
        let others =
            self.groups.iter().any(|(group, other)| *group != own && other.shown && other.processes > 0);
        if others {
            for group in self.groups.values_mut().filter(|group| group.shown && group.processes > 0) {
                group.numbered = true;
            }
        }
        let Some(group) = self.groups.get_mut(&own) else {
            return String::new();
        };
        group.shown = true;
        group.numbered |= others;
        if group.numbered { format!("[pid {process}] ") } else { String::new() }
    }

    /// A process runs another program.
    fn exec(&mut self, process: u32, arguments: &str, calls: &mut Vec<Call>, pid: u32) {
        self.release(pid, calls);
        let path = arguments.split('"').nth(1).unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let launcher =
            LAUNCHERS.contains(&name) || name.starts_with("cargo-") || name.starts_with("build-script-");
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
    fn fork(&mut self, process: u32, parts: &Parts<'_>, calls: &mut Vec<Call>) {
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
    fn adopt(
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

    fn begin(&mut self, pid: u32, process: u32, group: Option<u32>, sockets: HashMap<i32, bool>) {
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
    fn end(&mut self, pid: u32, end: &str, calls: &mut Vec<Call>) {
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

    /// Shows the socket that was held back.
    fn release(&mut self, pid: u32, calls: &mut Vec<Call>) {
        let held = self.threads.get_mut(&pid).and_then(|thread| thread.held.take());
        calls.extend(held.map(|(call, _)| call));
    }
}

impl<'a> Parts<'a> {
    /// strace pads short calls with spaces before `=`.
    fn of(said: &'a str) -> Option<Self> {
        let (name, rest) = said.split_once('(')?;
        let (at, _) = rest
            .match_indices(')')
            .rev()
            .find(|(at, _)| rest.get(at + 1..).is_some_and(|after| after.trim_start().starts_with("= ")))?;
        let (arguments, after) = rest.split_at_checked(at)?;
        let result = after.get(1..)?.trim_start().strip_prefix("= ")?.trim();
        Some(Self { name, arguments, result })
    }
}

/// `1234  1795364915.761167 close(3) = 0` in its three parts.
fn head(line: &str) -> Option<(u32, SystemTime, &str)> {
    let (pid, rest) = line.trim_start().split_once(' ')?;
    let (time, said) = rest.trim_start().split_once(' ')?;
    Some((pid.parse().ok()?, SystemTime::UNIX_EPOCH.checked_add(seconds(time)?)?, said.trim()))
}

/// Decimal seconds, as strace prints them: exact, which a floating point number would not be.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.')?;
    let micros: u32 = fraction.parse().ok().filter(|_| fraction.len() == 6)?;
    Some(Duration::new(whole.parse().ok()?, micros * 1000))
}

/// Takes off the ` <0.000123>` of `-T`.
fn without_duration(said: &str) -> (&str, Duration) {
    said.strip_suffix('>')
        .and_then(|said| said.rsplit_once(" <"))
        .and_then(|(said, took)| Some((said, seconds(took)?)))
        .unwrap_or((said, Duration::ZERO))
}

fn is_exec(said: &str) -> bool {
    ["execve(", "execveat(", "<... execve resumed>", "<... execveat resumed>"]
        .iter()
        .any(|start| said.starts_with(start))
}

/// Whether a call waits for what somebody else does.
fn waits(name: &str) -> bool {
    ["accept", "recv", "read", "poll", "ppoll", "select", "pselect", "epoll_wait", "epoll_pwait"]
        .iter()
        .any(|start| name.starts_with(start))
}

/// The descriptor that is the first argument of most calls.
fn first_number(arguments: &str) -> Option<i32> {
    arguments.split([',', '<']).next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A shell that starts an echo server with `cargo run` (rustup, cargo, the server with a thread, a child of its
    /// own) in the background and then nc.
    const THREADS: &str = include_str!("../../tests/strace/threads.txt");
    /// A shell that starts a Python program: it forks, accepts, and passes the connection to its child.
    const FORK: &str = include_str!("../../tests/strace/fork.txt");

    fn shown(log: &str, also: &[&str]) -> Vec<String> {
        let also: Vec<String> = also.iter().map(ToString::to_string).collect();
        let mut trace = Trace::new(&also);
        log.lines().flat_map(|line| trace.line(line, SystemTime::UNIX_EPOCH)).map(|call| call.text).collect()
    }

    /// The lines of the process that called `call` first.
    fn of_process(log: &str, call: &str) -> String {
        let pid = log.lines().find(|line| line.contains(call)).and_then(|line| line.split(' ').next());
        let pid = pid.expect("the call is in the log");
        let lines: Vec<&str> = log.lines().filter(|line| line.starts_with(pid)).collect();
        lines.join("\n")
    }

    #[test]
    fn programs_are_shown_and_what_starts_them_is_not() {
        let server = of_process(THREADS, "listen(");
        assert_eq!(
            shown(&format!("{}\n{server}", THREADS.lines().next().expect("a shell")), &[]),
            [
                "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3",
                "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0",
                r#"bind(3, {sa_family=AF_INET, sin_port=htons(6797), sin_addr=inet_addr("127.0.0.1")}, 16) = 0"#,
                "listen(3, 128) = 0",
            ]
        );
    }

    #[test]
    fn two_programs_of_one_terminal_are_told_apart_once_both_make_calls() {
        assert_eq!(
            shown(THREADS, &[]),
            [
                "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3",
                "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0",
                r#"bind(3, {sa_family=AF_INET, sin_port=htons(6797), sin_addr=inet_addr("127.0.0.1")}, 16) = 0"#,
                "listen(3, 128) = 0",
                "[pid 12680] socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3",
                r#"[pid 12680] connect(3, {sa_family=AF_INET, sin_port=htons(6797), sin_addr=inet_addr("127.0.0.1")}, 16) = -1 EINPROGRESS (Operation now in progress)"#,
                r#"[pid 12631] accept4(3, {sa_family=AF_INET, sin_port=htons(40300), sin_addr=inet_addr("127.0.0.1")}, [128 => 16], SOCK_CLOEXEC) = 4"#,
                "[pid 12680] getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0",
                r#"[pid 12631] recvfrom(4, "hello", 1024, 0, NULL, NULL) = 5"#,
                "[pid 12680] shutdown(3, SHUT_WR) = 0",
                r#"[pid 12631] sendto(4, "hello", 5, MSG_NOSIGNAL, NULL, 0) = 5"#,
                "[pid 12631] close(4) = 0",
                "[pid 12680] shutdown(3, SHUT_RD) = -1 ENOTCONN (Transport endpoint is not connected)",
                "[pid 12680] close(3) = 0",
                "[pid 12631] close(3) = 0",
            ]
        );
    }

    #[test]
    fn a_forked_child_is_told_apart_and_a_passed_descriptor_is_followed() {
        let calls = shown(FORK, &[]);
        assert_eq!(calls[3], "listen(3, 128) = 0");
        assert_eq!(calls[7], "[pid 12692] close(4) = 0");
        let child: Vec<&str> = calls.iter().filter_map(|call| call.strip_prefix("[pid 12692] ")).collect();
        assert!(child[1].starts_with("recvmsg(5, {msg_name="), "{}", child[1]);
        assert_eq!(
            child[5..],
            [r#"sendto(4, "from the child", 14, 0, NULL, 0) = 14"#, "close(4) = 0", "close(5) = 0"]
        );
    }

    #[test]
    fn more_calls_on_request() {
        let calls = shown(FORK, &["clone"]);
        assert_eq!(
            calls.iter().find(|call| call.contains("clone")).expect("the server forks"),
            "[pid 12690] clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, \
             child_tidptr=0x7f02dbde9310) = 12692"
        );
        let log = "\
1  10.000000 execve(\"/usr/bin/echo-server\", [\"echo-server\"], 0x7ffc /* 9 vars */) = 0 <0.000100>
1  11.000000 read(3, \"\\177ELF\"..., 832) = 832 <0.000010>
1  12.000000 socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3 <0.000010>
1  13.000000 read(3, \"a) = 1\", 100)   = 6 <0.000010>
1  14.000000 poll([{fd=3, events=POLLIN}], 1, -1) = 1 ([{fd=3, revents=POLLIN}]) <0.000010>
";
        assert_eq!(
            shown(log, &["read", "poll"]),
            [
                "socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3",
                "read(3, \"a) = 1\", 100) = 6",
                "poll([{fd=3, events=POLLIN}], 1, -1) = 1 ([{fd=3, revents=POLLIN}])",
            ]
        );
    }

    #[test]
    fn a_call_that_never_returned_is_not_shown() {
        let start =
            "1  10.000000 execve(\"/usr/bin/server\", [\"server\"], 0x7ffc /* 9 vars */) = 0 <0.000100>\n";
        for end in [
            "1  11.000000 accept(3,  <unfinished ...>) = ?\n1  12.000000 +++ killed by SIGINT +++\n",
            "1  11.000000 accept(3,  <unfinished ...>\n1  12.000000 +++ killed by SIGKILL +++\n",
            "1  11.000000 accept(3, 0x7ffc, [16]) = ? ERESTARTSYS (To be restarted if SA_RESTART is set) <1.000000>\n",
        ] {
            assert_eq!(shown(&format!("{start}{end}"), &[]), [""; 0]);
        }
    }

    #[test]
    fn the_same_pid_may_run_one_program_after_another() {
        let log = "\
1  10.000000 execve(\"/bin/sh\", [\"sh\"], 0x7ffc /* 9 vars */) = 0 <0.000100>
1  11.000000 vfork( <unfinished ...>
2  12.000000 execve(\"./first\", [\"first\"], 0x7ffc /* 9 vars */ <unfinished ...>
1  13.000000 <... vfork resumed>) = 2 <0.000100>
2  13.000000 <... execve resumed>) = 0 <0.000100>
2  14.000000 socket(AF_INET, SOCK_DGRAM, IPPROTO_IP) = 3 <0.000100>
2  14.500000 execve(\"./second\", [\"second\"], 0x7ffc /* 9 vars */) = 0 <0.000100>
2  14.600000 close(3) = 0 <0.000100>
2  15.000000 +++ exited with 0 +++
1  16.000000 vfork( <unfinished ...>
3  17.000000 execve(\"./third\", [\"third\"], 0x7ffc /* 9 vars */) = 0 <0.000100>
1  18.000000 <... vfork resumed>) = 3 <0.000100>
3  19.000000 socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, IPPROTO_IP) = 3 <0.000100>
3  19.500000 execve(\"./fourth\", [\"fourth\"], 0x7ffc /* 9 vars */) = 0 <0.000100>
3  19.600000 close(3) = 0 <0.000100>
";
        assert_eq!(
            shown(log, &[]),
            [
                "socket(AF_INET, SOCK_DGRAM, IPPROTO_IP) = 3",
                "close(3) = 0",
                "socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, IPPROTO_IP) = 3",
            ]
        );
    }

    #[test]
    fn cause_stands_before_effect() {
        let mut trace = Trace::new(&[]);
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(13_501);
        let mut at = |line: &str| {
            let calls = trace.line(line, now);
            let after = |call: &Call| call.at.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
            calls.first().map(|call| after(call).as_millis())
        };
        assert_eq!(
            at("1  10.000000 execve(\"./server\", [\"server\"], 0x7ffc /* 9 vars */) = 0 <0.000100>"),
            None
        );
        // It waits: its place is where it returned, between what strace says and when its line came.
        assert_eq!(at("1  11.000000 accept(3, NULL, NULL) = 4 <2.500000>"), Some(13_501));
        assert_eq!(at("1  11.000000 accept(3, NULL, NULL) = 5 <2.200000>"), Some(13_202));
        assert_eq!(at("1  14.000000 recvfrom(4, \"x\", 1, 0, NULL, NULL) = 1 <0.500000>"), Some(14_500));
        assert_eq!(at("1  15.000000 accept(3, NULL <unfinished ...>"), None);
        assert_eq!(at("1  16.000000 <... accept resumed>, NULL) = 4 <0.999000>"), Some(16_000));
        // It causes something: its place is where it began.
        assert_eq!(at("1  17.000000 sendto(4, \"x\", 1, 0, NULL, 0) = 1 <0.500000>"), Some(17_000));
    }

    proptest! {
        #[test]
        fn any_damage_to_a_real_log(
            log in proptest::sample::select(vec![THREADS, FORK]),
            damage in proptest::collection::vec((any::<proptest::sample::Index>(), "\\PC{0,3}"), 0..20),
        ) {
            let mut lines: Vec<String> = log.lines().map(ToOwned::to_owned).collect();
            for (index, text) in damage {
                let at = index.index(lines.len());
                let place = index.index(lines[at].len() + 1);
                let mut line: Vec<char> = lines[at].chars().collect();
                let place = place.min(line.len());
                line.splice(place..place, text.chars());
                line.truncate(place + 40);
                lines[at] = line.into_iter().collect();
            }
            let mut trace = Trace::new(&[]);
            for line in lines {
                let _ = trace.line(&line, SystemTime::UNIX_EPOCH);
            }
        }
    }
}
