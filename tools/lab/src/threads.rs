//! The threads of processes, and whether they do anything (`proc_pid_status(5)`).

use std::collections::BTreeMap;
use std::fs;

/// Threads, each with whether it runs, and how often it was switched to and away from.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Threads(BTreeMap<i32, (bool, u64)>);

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
        self.0.values().any(|(runs, _)| *runs)
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
            self.0.insert(tid, (runs, switches.iter().sum()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
