//! The threads of the program's processes, and whether they do anything.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use lab::threads::Threads;

use super::{Member, small};

/// Those of these processes, right now.
#[must_use]
pub fn threads(members: &[Member]) -> Threads {
    Threads::of(members.iter().map(|member| member.pid))
}

/// Whether a thread of these processes runs, or is held up by its tracer on the way, right now.
#[must_use]
pub fn runs(members: &[Member]) -> bool {
    threads(members).run()
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
        let threads = threads(members);
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
}
