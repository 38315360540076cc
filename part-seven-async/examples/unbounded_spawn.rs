//! A task for everybody who comes, and nobody who says that it is enough.

use std::cell::Cell;
use std::fs;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use common::program;
use part_seven_async::runtime::{Runtime, yield_now};
use part_seven_async::words::whether;
use tracing::info;

const HELP: &str = "\
Takes 50000 jobs of 1 kB, each in a task of its own.

Usage: unbounded_spawn [bounded]

  bounded  take the next one when fewer than 100 are being worked on
";

const JOBS: usize = 50_000;

fn main() -> ExitCode {
    program::run(
        "unbounded_spawn",
        HELP,
        |words| whether(words, "bounded"),
        |bounded| take(if bounded { 100 } else { usize::MAX }),
    )
}

fn take(most: usize) -> Result<()> {
    let runtime = Runtime::new().context("start the runtime")?;
    let before = memory()?;
    let working = Rc::new(Cell::new(0));
    let mut largest = 0;
    let all = async {
        for _ in 0..JOBS {
            while working.get() >= most {
                yield_now().await;
            }
            working.set(working.get() + 1);
            largest = largest.max(working.get());
            let (job, working, clock) = (vec![1_u8; 1000], Rc::clone(&working), runtime.clone());
            runtime.spawn(async move {
                clock.sleep(Some(Duration::from_millis(1))).await;
                drop(job);
                working.set(working.get() - 1);
            });
        }
        let grown = memory()?.saturating_sub(before);
        info!("{JOBS} jobs taken, at most {largest} at a time, in {} MB of memory", grown.div_ceil(10) * 10);
        while working.get() > 0 {
            yield_now().await;
        }
        anyhow::Ok(())
    };
    runtime.block_on(all).context("epoll_wait")?
}

/// The memory of this process, in megabytes.
fn memory() -> Result<usize> {
    let pages = fs::read_to_string("/proc/self/statm").context("read /proc/self/statm")?;
    let resident = pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default();
    Ok(resident * 4096 / 1_000_000)
}
