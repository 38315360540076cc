//! One processor for all programs of a page. On two, the kernel itself sends in parallel: what one processor has begun to
//! send may be overtaken by what a program on the other sends next, and the peer answers packets in an order that no
//! page can show. One after the other, the programs do what they would do anyway.

use std::sync::{Mutex, PoisonError};

use nix::sched::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;

/// The calling thread.
const THIS: Pid = Pid::from_raw(0);

/// Those that are held, each as often as it is.
static HELD: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// A processor, by the kernel's number. While one is held, whoever comes next rather gets another.
#[derive(Debug)]
pub struct Processor(usize);

impl Processor {
    /// Of those that this thread may use, one that the fewest hold; none where the kernel does not say which these are.
    #[must_use]
    pub fn hold() -> Option<Self> {
        let allowed = sched_getaffinity(THIS).ok()?;
        let processors = (0..CpuSet::count()).filter(|number| allowed.is_set(*number).unwrap_or(false));
        // Among equals the one on which this thread runs: the kernel has chosen it as one with little to do.
        let here = sched_getcpu().ok();
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        let holders = |number: &usize| held.iter().filter(|one| *one == number).count();
        let number = processors.min_by_key(|number| (holders(number), Some(*number) != here))?;
        held.push(number);
        Some(Self(number))
    }

    /// Does `work`, which starts a program: the program and all that it starts run on this processor. Where the kernel
    /// refuses that, they run anywhere.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
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

impl Drop for Processor {
    fn drop(&mut self) {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = held.iter().position(|number| *number == self.0) {
            held.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_program_runs_on_one_processor_and_the_thread_goes_on_anywhere() {
        let before = sched_getaffinity(THIS).expect("the kernel says it");
        let processor = Processor::hold().expect("there is one");
        let output =
            processor.run(|| Command::new("grep").args(["Cpus_allowed_list", "/proc/self/status"]).output());
        let said = String::from_utf8(output.expect("grep runs").stdout).expect("text");
        assert_eq!(said.trim(), format!("Cpus_allowed_list:\t{}", processor.0));
        assert_eq!(sched_getaffinity(THIS), Ok(before));
    }

    #[test]
    fn whoever_comes_next_gets_one_that_fewer_hold() {
        let allowed = sched_getaffinity(THIS).expect("the kernel says it");
        let count = (0..CpuSet::count()).filter(|number| allowed.is_set(*number) == Ok(true)).count();
        // Other tests hold a few meanwhile.
        let held: Vec<_> = (0..100 * count).filter_map(|_| Processor::hold()).collect();
        let of = |number| held.iter().filter(|processor| processor.0 == number).count();
        for number in held.iter().map(|processor| processor.0) {
            assert!((90..=110).contains(&of(number)), "{} of {} are {number}", of(number), held.len());
        }
        drop(held);
        assert!(HELD.lock().expect("nobody has panicked").len() < 10, "they are given back");
    }
}
