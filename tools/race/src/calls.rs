//! How many system calls a server makes for an echo.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Serialize;

/// Who counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Counter {
    /// The kernel's own tracepoint: the server runs as fast as ever. It wants root, or a kernel that lets users.
    Perf,
    /// A tracer, which stops the server at every call: a slower server finds more clients ready each time it waits, so
    /// that there are fewer waits for an echo than in reality.
    Strace,
}

impl Counter {
    /// The best that works here, tried on this process itself.
    #[must_use]
    pub fn find() -> Option<Self> {
        let own = [Pid::this()];
        [Self::Perf, Self::Strace].into_iter().find(|counter| match counter {
            Self::Perf => counter.during(&own, || Ok(())).is_ok(),
            // Nobody can trace a process of which it is a child; that it is there must do.
            Self::Strace => Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok(),
        })
    }

    /// How many system calls `processes` make while `work` runs.
    ///
    /// # Errors
    /// The tool cannot be started or attached, or `work` fails.
    pub fn during(self, processes: &[Pid], work: impl FnOnce() -> Result<()>) -> Result<u64> {
        let folder = tempfile::tempdir().context("make a folder")?;
        let file = folder.path().join("calls");
        match self {
            Self::Perf => {
                let mut perf = Command::new("perf");
                perf.args(["stat", "-x,", "-e", "raw_syscalls:sys_enter", "-o"]).arg(&file);
                attached(perf, processes, work)?;
            }
            Self::Strace => traced(&file, processes, work)?,
        }
        let text = fs::read_to_string(&file).with_context(|| format!("read what {self:?} counted"))?;
        self.total(&text).with_context(|| format!("{self:?} counted {text:?}"))
    }

    fn total(self, text: &str) -> Option<u64> {
        match self {
            Self::Perf => {
                text.lines().find(|line| line.contains("sys_enter"))?.split(',').next()?.parse().ok()
            }
            Self::Strace => {
                let line = text.lines().find(|line| line.trim_end().ends_with(" total"))?;
                line.split_whitespace().next()?.parse().ok()
            }
        }
    }
}

/// Runs `work` while perf looks at `processes`.
///
/// # Errors
/// perf cannot be started or may not look, or `work` fails.
pub fn attached(mut perf: Command, processes: &[Pid], work: impl FnOnce() -> Result<()>) -> Result<()> {
    // It looks from before this word until its standard input ends.
    perf.args(["-p", &words(processes).join(","), "--", "sh", "-c", "echo ready; cat"]);
    let tool = perf.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut tool = Running(tool.context("start perf")?);
    let output = tool.0.stdout.take().context("perf has no output")?;
    let ready = BufReader::new(output).lines().next().context("perf cannot be used here")?;
    ensure!(ready.context("read")? == "ready", "perf cannot be used here");
    work()?;
    drop(tool.0.stdin.take());
    tool.0.wait().context("wait")?;
    Ok(())
}

/// Runs `work` while strace counts the calls of `processes` into `file`.
fn traced(file: &Path, processes: &[Pid], work: impl FnOnce() -> Result<()>) -> Result<()> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-U", "calls,name", "-o"]).arg(file);
    strace.args(words(processes).iter().flat_map(|pid| ["-p", pid]));
    let tool = strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut tool = Running(tool.context("start strace")?);
    // A line for each process that it has attached.
    let mut lines = BufReader::new(tool.0.stderr.take().context("strace has no output")?).lines();
    for _ in processes {
        let line = lines.next().context("strace ended")?.context("read")?;
        ensure!(line.contains("attached"), "{line}");
    }
    work()?;
    kill(Pid::from_raw(i32::try_from(tool.0.id())?), Signal::SIGINT).context("kill")?;
    tool.0.wait().context("wait")?;
    Ok(())
}

fn words(processes: &[Pid]) -> Vec<String> {
    processes.iter().map(ToString::to_string).collect()
}

/// A tool that runs. Dropped, it is killed.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tools_write() {
        let perf = "# started on Wed Nov 25\n\n34,,raw_syscalls:sys_enter,1000,100.00,,\n";
        assert_eq!(Counter::Perf.total(perf), Some(34));
        assert_eq!(Counter::Perf.total("<not supported>,,raw_syscalls:sys_enter,0,100.00,,\n"), None);
        let strace =
            "    calls syscall\n--------- ----------------\n       12 recvfrom\n------\n       24 total\n";
        assert_eq!(Counter::Strace.total(strace), Some(24));
    }
}
