//! The threads of processes, and whether they do anything.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Member, small};

/// Threads, each with whether it runs, and how often it was switched to and away from.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Threads(BTreeMap<i32, (bool, u64)>);

impl Threads {
    /// Those of these processes, right now.
    #[must_use]
    pub fn of(members: &[Member]) -> Self {
        let mut threads = Self::default();
        for member in members {
            threads.add(&format!("/proc/{}/task", member.pid));
        }
        threads
    }

    /// Those of this process, without the one that asks: they read what the program says, and what it calls.
    #[must_use]
    pub fn own() -> Self {
        let mut threads = Self::default();
        threads.add("/proc/self/task");
        threads.0.remove(&nix::unistd::gettid().as_raw());
        threads
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether one of them runs, waits for a processor, or is held up by its tracer on the way.
    #[must_use]
    pub fn run(&self) -> bool {
        self.0.values().any(|(runs, _)| *runs)
    }

    fn add(&mut self, tasks: &str) {
        let tasks = fs::read_dir(tasks).into_iter().flatten();
        for path in tasks.filter_map(|task| Some(task.ok()?.path())) {
            let status = small(path.join("status")).unwrap_or_default();
            let field =
                |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map_or("", str::trim);
            let switches = ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"]
                .map(|name| field(name).parse::<u64>().unwrap_or(0));
            let tid = path.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or(0);
            // A thread that its tracer has stopped for a moment (`t`) is on its way as well.
            let runs = field("State:").starts_with(['R', 'D', 't']);
            self.0.insert(tid, (runs, switches.iter().sum()));
        }
    }
}

/// Whether a thread of these processes runs, or is held up by its tracer on the way, right now.
#[must_use]
pub fn runs(members: &[Member]) -> bool {
    Threads::of(members).run()
}

/// How long the threads of these processes that live have worked: waiting for a processor does not count.
#[must_use]
pub fn worked(members: &[Member]) -> Duration {
    let tasks = members.iter().flat_map(|member| fs::read_dir(format!("/proc/{}/task", member.pid)));
    // `71234567 812345 93`: on a processor and waiting for one, in nanoseconds, and how often it had one.
    let of = |path: PathBuf| {
        let line = small(path.join("schedstat")).ok()?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Duration::from_nanos(tasks.flatten().filter_map(|task| of(task.ok()?.path())).sum())
}

/// For how long nothing has moved: a program all of whose threads sleep, none of which was woken, will not do anything
/// any more by itself. A busy machine cannot look like that: who waits for a processor runs.
#[derive(Debug)]
pub struct Quiet {
    since: Instant,
    last: Threads,
}

impl Quiet {
    /// From now on.
    #[must_use]
    pub fn from_now() -> Self {
        Self { since: Instant::now(), last: Threads::default() }
    }

    /// Looks at the processes; gives for how long nothing has moved, as far as it was looked at.
    pub fn look(&mut self, members: &[Member]) -> Duration {
        let threads = Threads::of(members);
        if threads != self.last || threads.run() {
            self.since = Instant::now();
            self.last = threads;
        }
        self.since.elapsed()
    }

    /// Something was seen to move.
    pub fn moved(&mut self) {
        self.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::processes::member;

    #[test]
    fn this_process_runs_and_works() {
        let own = [member(std::process::id().cast_signed()).expect("this process")];
        assert!(runs(&own), "the thread that asks");
        let begun = worked(&own);
        while worked(&own) < begun + Duration::from_millis(1) {}
        assert!(crate::kernel::descriptors(&own) > 2);
    }

    #[test]
    fn who_asks_is_not_among_its_own_threads() {
        let (ask, asked) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || asked.recv());
        let own = nix::unistd::gettid().as_raw();
        let threads = Threads::own();
        assert!(!threads.0.contains_key(&own) && !threads.0.is_empty(), "{threads:?}");
        drop(ask);
        other.join().expect("it ends").expect_err("nobody asks");
    }
}
