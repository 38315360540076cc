//! The thundering herd: many threads sleep in `epoll_wait` for the same listener. How many does one client wake? Part
//! six, the failures.

use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use common::arguments::{Arg, Arguments, DEFAULT_ADDRESS, Error};
use common::program;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::unistd::{Pid, gettid};
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
    let (sender, threads) = channel();
    for list in lists {
        let (woken, listener, sender) = (Arc::clone(&woken), Arc::clone(&listener), sender.clone());
        thread::Builder::new()
            .spawn(move || wait(&list, &listener, &woken, &sender))
            .context("start a thread")?;
    }
    // A thread that comes to epoll_wait after the client need not be woken: so each must sleep first.
    for id in threads.iter().take(THREADS) {
        while !sleeps(id)? {
            thread::sleep(Duration::from_millis(1));
        }
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

fn wait(list: &Epoll, _listener: &OwnedFd, woken: &AtomicUsize, threads: &Sender<Pid>) {
    if threads.send(gettid()).is_err() {
        return; // the program ends
    }
    if list.wait(&mut [EpollEvent::empty()], EpollTimeout::NONE).is_ok() {
        woken.fetch_add(1, Ordering::SeqCst);
    }
}

/// Whether the kernel says so: the state after the name in `proc_pid_stat(5)` is S.
fn sleeps(id: Pid) -> Result<bool> {
    let path = format!("/proc/self/task/{id}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    Ok(stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S')))
}
