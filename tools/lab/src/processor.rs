//! One processor for all programs of a page. On two, the kernel itself sends in parallel: what one processor has begun to
//! send may be overtaken by what a program on the other sends next, and the peer answers packets in an order that no
//! page can show. One after the other, the programs do what they would do anyway.

use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The calling thread.
const THIS: Pid = Pid::from_raw(0);

/// A processor, by the kernel's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Processor(usize);

impl Processor {
    /// One of those that this thread may use, each in turn; none where the kernel does not say which these are.
    #[must_use]
    pub fn next() -> Option<Self> {
        static TURN: AtomicUsize = AtomicUsize::new(0);
        let allowed = sched_getaffinity(THIS).ok()?;
        let processors: Vec<usize> =
            (0..CpuSet::count()).filter(|number| allowed.is_set(*number).unwrap_or(false)).collect();
        let turn = TURN.fetch_add(1, Ordering::Relaxed).checked_rem(processors.len())?;
        processors.get(turn).copied().map(Self)
    }

    /// Does `work`, which starts a program: the program and all that it starts run on this processor. Where the kernel
    /// refuses that, they run anywhere.
    pub fn run<T>(self, work: impl FnOnce() -> T) -> T {
        let before = sched_getaffinity(THIS);
        let mut one = CpuSet::new();
        if one.set(self.0).is_ok() {
            let _ = sched_setaffinity(THIS, &one);
        }
        let done = work();
        if let Ok(before) = before {
            let _ = sched_setaffinity(THIS, &before);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_program_runs_on_one_processor_and_the_thread_goes_on_anywhere() {
        let before = sched_getaffinity(THIS).expect("the kernel says it");
        let processor = Processor::next().expect("there is one");
        let output =
            processor.run(|| Command::new("grep").args(["Cpus_allowed_list", "/proc/self/status"]).output());
        let said = String::from_utf8(output.expect("grep runs").stdout).expect("text");
        assert_eq!(said.trim(), format!("Cpus_allowed_list:\t{}", processor.0));
        assert_eq!(sched_getaffinity(THIS), Ok(before));
    }

    #[test]
    fn each_has_its_turn() {
        let processors: Vec<_> = (0..1000).map(|_| Processor::next()).collect();
        let allowed = sched_getaffinity(THIS).expect("the kernel says it");
        let others = processors.iter().any(|processor| *processor != processors[0]);
        let several = (0..CpuSet::count()).filter(|number| allowed.is_set(*number) == Ok(true)).count() > 1;
        assert_eq!(others, several);
    }
}
