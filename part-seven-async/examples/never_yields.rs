//! A task that waits for another one without waiting: it looks, and looks again.

use std::cell::Cell;
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, Result};
use common::program;
use part_seven_async::runtime::{Runtime, yield_now};
use part_seven_async::words::whether;
use tracing::info;

const HELP: &str = "\
Runs two tasks, of which one waits for the other. Ctrl-C ends it.

Usage: never_yields [yield]

  yield  let the others have their turn between two looks
";

fn main() -> ExitCode {
    program::run("never_yields", HELP, |words| whether(words, "yield"), look)
}

fn look(yields: bool) -> Result<()> {
    let runtime = Runtime::new().context("start the runtime")?;
    let waits = async {
        let done = Rc::new(Cell::new(false));
        let theirs = Rc::clone(&done);
        runtime.spawn(async move {
            info!("the other task: done");
            theirs.set(true);
        });
        info!("waiting for the other task");
        while !done.get() {
            if yields {
                yield_now().await;
            }
        }
        info!("the other task is done");
    };
    runtime.block_on(waits).context("epoll_wait")
}
