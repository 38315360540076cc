//! The threads of processes, and whether they do anything (`proc_pid_status(5)`).

use std::collections::BTreeMap;
use std::fs;

/// Threads, each with what it does, and how often it was switched to and away from.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Threads(BTreeMap<i32, (Does, u64)>);

/// What a thread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// It runs, waits for a processor, or is held up by its tracer on the way.
    Run,
    /// It sleeps until its time is over (`clock_nanosleep(2)`), as `sleep` does.
    Sleep,
    /// It waits for something to happen.
    Wait,
}

impl Threads {
    /// Those of these processes, right now.
    #[must_use]
    pub fn of(pids: impl IntoIterator<Item = i32>) -> Self {
        let mut threads = Self::default();
        for pid in pids {
            threads.add(&format!("/proc/{pid}/task"));
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
        self.0.values().any(|(does, _)| *does == Does::Run)
    }

    /// Whether one of them sleeps until its time is over, and goes on then by itself. A kernel that does not tell where
    /// its threads sleep (`proc_pid_wchan(5)`) says no.
    #[must_use]
    pub fn sleep(&self) -> bool {
        self.0.values().any(|(does, _)| *does == Does::Sleep)
    }

    fn add(&mut self, tasks: &str) {
        let tasks = fs::read_dir(tasks).into_iter().flatten();
        for path in tasks.filter_map(|task| Some(task.ok()?.path())) {
            let status = fs::read_to_string(path.join("status")).unwrap_or_default();
            let field =
                |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map_or("", str::trim);
            let switches = ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"]
                .map(|name| field(name).parse::<u64>().unwrap_or(0));
            let tid = path.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or(0);
            // A thread that its tracer has stopped for a moment (`t`) is on its way as well.
            let runs = field("State:").starts_with(['R', 'D', 't']);
            let sleeps = || fs::read(path.join("wchan")).is_ok_and(|place| place == b"hrtimer_nanosleep");
            let does = match runs {
                true => Does::Run,
                false if sleeps() => Does::Sleep,
                false => Does::Wait,
            };
            self.0.insert(tid, (does, switches.iter().sum()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_sleeps_or_waits() {
        let start = |name: &str, argument: &[&str]| {
            let mut command = std::process::Command::new(name);
            command.args(argument).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null());
            command.spawn().expect("it starts")
        };
        for (mut child, expected) in [(start("sleep", &["1000"]), true), (start("cat", &[]), false)] {
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
            let rests = loop {
                // Before it has become the program it is our own, and waits for us.
                let comm = fs::read_to_string(format!("/proc/{}/comm", child.id())).expect("it runs");
                let threads = Threads::of([child.id().cast_signed()]);
                if ["sleep\n", "cat\n"].contains(&comm.as_str())
                    && !threads.run()
                    && threads.sleep() == expected
                {
                    break true;
                }
                if std::time::Instant::now() > deadline {
                    break false;
                }
                std::thread::yield_now();
            };
            child.kill().expect("it runs");
            child.wait().expect("it is our child");
            assert!(rests, "{expected}");
        }
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
