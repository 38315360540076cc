//! The thundering herd: many threads sleep in `epoll_wait` for the same listener. How many does one client wake? Part
//! six, the failures.

use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use common::arguments::{Arg, Arguments, DEFAULT_ADDRESS, Error};
use common::program;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use part_six_connections::listener::listen_on;
use tracing::info;

const HELP: &str = "\
Eight threads, each with an epoll list of its own, and the same listener on all of them. It
says how many threads the first client wakes, and ends.

Usage: cargo run -p part-six-connections --example herd [-- --exclusive]

  --exclusive    put the listener on the lists with EPOLLEXCLUSIVE
";

const THREADS: usize = 8;

fn main() -> ExitCode {
    program::run(env!("CARGO_CRATE_NAME"), HELP, arguments, count)
}

fn arguments(words: &mut Arguments) -> Result<EpollFlags, Error> {
    match words.word()? {
        None => Ok(EpollFlags::EPOLLIN),
        Some(Arg::Long("exclusive")) => Ok(EpollFlags::EPOLLIN | EpollFlags::EPOLLEXCLUSIVE),
        Some(word) => Err(word.unexpected().into()),
    }
}

fn count(events: EpollFlags) -> Result<()> {
    let (listener, _stop) = listen_on(DEFAULT_ADDRESS)?;
    let listener = Arc::new(listener);
    let woken = Arc::new(AtomicUsize::new(0));
    let mut lists = Vec::new();
    for _ in 0..THREADS {
        let list = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("epoll_create1")?;
        list.add(&*listener, EpollEvent::new(events, 0)).context("epoll_ctl")?;
        lists.push(list);
    }
    for list in lists {
        let (woken, listener) = (Arc::clone(&woken), Arc::clone(&listener));
        thread::Builder::new().spawn(move || wait(&list, &listener, &woken)).context("start a thread")?;
    }
    info!("{THREADS} threads wait");
    let mut first = None;
    // Nobody accepts, so whoever is woken finds the client still there. Two seconds are enough for all of them.
    while woken.load(Ordering::SeqCst) < THREADS && first.is_none_or(|at: Instant| at.elapsed().as_secs() < 2)
    {
        thread::sleep(Duration::from_millis(10));
        if woken.load(Ordering::SeqCst) > 0 {
            first.get_or_insert_with(Instant::now);
        }
    }
    info!("one client came and woke {} of them", woken.load(Ordering::SeqCst));
    Ok(())
}

fn wait(list: &Epoll, _listener: &OwnedFd, woken: &AtomicUsize) {
    if list.wait(&mut [EpollEvent::empty()], EpollTimeout::NONE).is_ok() {
        woken.fetch_add(1, Ordering::SeqCst);
    }
}
