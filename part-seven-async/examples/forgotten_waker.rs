//! A future that says "not yet", and does not say to anybody when to ask again.

use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context as Polled, Poll};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use common::program;
use part_seven_async::runtime::Runtime;
use tracing::info;

const HELP: &str = "\
Waits for a moment that comes, and is never told. Ctrl-C ends it.

Usage: forgotten_waker
";

fn main() -> ExitCode {
    program::run("forgotten_waker", HELP, |_| Ok(()), |()| wait())
}

/// Done at its moment, if somebody asks then.
struct Moment(Instant);

impl Future for Moment {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _context: &mut Polled<'_>) -> Poll<()> {
        // The mistake: the waker is in the context, and it stays there.
        if self.0 <= Instant::now() { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn wait() -> Result<()> {
    let runtime = Runtime::new().context("start the runtime")?;
    info!("waiting for 100 ms");
    runtime.block_on(Moment(Instant::now() + Duration::from_millis(100))).context("epoll_wait")?;
    info!("100 ms are over");
    Ok(())
}
