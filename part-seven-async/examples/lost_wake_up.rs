//! A bell that another thread rings, between our look at it and our going to sleep.

use std::future::poll_fn;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread;

use anyhow::{Context, Result};
use common::program;
use part_seven_async::runtime::Runtime;
use part_seven_async::words::whether;
use tracing::info;

const HELP: &str = "\
Waits for a bell that another thread rings at the worst moment. Ctrl-C ends it.

Usage: lost_wake_up [first]

  first  leave the waker first, and look then
";

fn main() -> ExitCode {
    program::run("lost_wake_up", HELP, |words| whether(words, "first"), wait)
}

/// Whether it has rung, and who is to be woken when it does; each under a lock of its own.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    waker: Mutex<Option<Waker>>,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        info!("the bell rings; somebody is there to be woken: {}", waker.is_some());
        waker.into_iter().for_each(Waker::wake);
    }

    fn has_rung(&self) -> bool {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, waker: &Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }
}

fn wait(first: bool) -> Result<()> {
    let runtime = Runtime::new().context("start the runtime")?;
    let bell = Arc::new(Bell::default());
    let mut ringer = Some(Arc::clone(&bell));
    // The worst moment, made certain: the other thread does all of its work here.
    let mut worst_moment = move || {
        if let Some(bell) = ringer.take() {
            let _ = thread::spawn(move || bell.ring()).join();
        }
    };
    let rung = poll_fn(|context| {
        if first {
            bell.leave(context.waker());
        }
        if bell.has_rung() {
            return Poll::Ready(());
        }
        worst_moment();
        if !first {
            bell.leave(context.waker());
        }
        Poll::Pending
    });
    runtime.block_on(rung).context("epoll_wait")?;
    info!("the bell was heard");
    Ok(())
}
