//! Where the reference's time goes: how much of it is TCP itself, which no design can save.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::unistd::Pid;

use crate::calls::attached;
use crate::statistics::Median;

/// The share of the processes' time that is spent inside `tcp_sendmsg` and `tcp_recvmsg` while `work` runs, by some
/// thousand looks at what they are doing (perf, `cpu-clock`), with its 95 % interval.
///
/// # Errors
/// perf is not there, may not look into the kernel, or saw too little.
pub fn tcp_share(processes: &[Pid], work: impl FnOnce() -> Result<()>) -> Result<Median> {
    let folder = tempfile::tempdir().context("make a folder")?;
    let file = folder.path().join("samples");
    let mut perf = Command::new("perf");
    perf.args(["record", "-q", "-e", "cpu-clock", "-F", "4000", "-g", "-o"]).arg(&file);
    attached(perf, processes, work)?;
    let mut script = Command::new("perf");
    script.args(["script", "-F", "ip,sym", "-i"]).arg(&file).stdin(Stdio::null());
    let output = script.output().context("start perf")?;
    share(&String::from_utf8_lossy(&output.stdout))
}

/// From stacks with an empty line between them.
fn share(stacks: &str) -> Result<Median> {
    let stacks: Vec<&str> = stacks.split("\n\n").filter(|stack| !stack.trim().is_empty()).collect();
    let inside = |stack: &&&str| stack.contains("tcp_sendmsg") || stack.contains("tcp_recvmsg");
    #[expect(clippy::cast_precision_loss, reason = "thousands of looks")]
    let (all, tcp) = (stacks.len() as f64, stacks.iter().filter(inside).count() as f64);
    ensure!(all >= 100.0, "perf looked only {all} times");
    ensure!(tcp > 0.0, "perf shows no names of the kernel's functions");
    let middle = tcp / all;
    let reach = 1.96 * (middle * (1.0 - middle) / all).sqrt();
    Ok(Median { middle, low: middle - reach, high: middle + reach })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_of_four() {
        let tcp = "\tffff tcp_sendmsg_locked\n\tffff tcp_sendmsg\n\tffff do_syscall_64\n\n";
        let other = "\tffff do_epoll_wait\n\tffff do_syscall_64\n\n";
        let text = [tcp, other, tcp, "\tffff tcp_recvmsg\n\n"].concat().repeat(100);
        let share = share(&text).unwrap();
        assert!((share.middle - 0.75).abs() < 1e-9 && share.low > 0.7 && share.high < 0.8, "{share:?}");
    }

    #[test]
    fn nothing_seen() {
        assert!(share("").is_err());
        assert!(share(&"\tffff [unknown]\n\n".repeat(200)).is_err());
    }
}
