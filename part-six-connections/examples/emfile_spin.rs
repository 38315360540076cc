//! A bug to look at: a level-triggered server that has no descriptor left for the next client, and tries again at once.
//! Part six, the failures.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use common::arguments::Arguments;
use common::program;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::socket::SockFlag;
use nix::sys::time::TimeValLike;
use part_six_connections::listener::{Accepted, accept, listen_on};
use tracing::info;

const HELP: &str = "\
A server that allows itself one client's descriptor, and spins when a second client comes.
It says what a second of that costs, and ends.

Usage: cargo run -p part-six-connections --example emfile_spin [-- ADDR]
";

fn main() -> ExitCode {
    program::run(env!("CARGO_CRATE_NAME"), HELP, Arguments::address, serve)
}

fn serve(address: SocketAddr) -> Result<()> {
    let (listener, stop) = listen_on(address)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("epoll_create1")?;
    epoll.add(&stop, EpollEvent::new(EpollFlags::EPOLLIN, 0)).context("epoll_ctl")?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, 1)).context("epoll_ctl")?;
    // The smallest free number may be used, and none above it.
    let next = fcntl(&listener, FcntlArg::F_DUPFD_CLOEXEC(0)).context("fcntl")?;
    nix::unistd::close(next).context("close")?;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("getrlimit")?;
    setrlimit(Resource::RLIMIT_NOFILE, u64::try_from(next)? + 1, hard).context("setrlimit")?;

    let (mut clients, mut first) = (Vec::new(), None);
    loop {
        let mut event = [EpollEvent::empty()];
        epoll.wait(&mut event, EpollTimeout::NONE).context("epoll_wait")?;
        if event[0].data() == 0 {
            return Ok(());
        }
        match accept(&listener, SockFlag::SOCK_NONBLOCK)? {
            Accepted::Client(client) => clients.push(client),
            Accepted::Nobody => {}
            // The bug: the client stays in the queue, so the listener stays ready, and epoll_wait comes back at once.
            Accepted::Full(errno) => {
                let (since, worked, tries) = first.get_or_insert_with(|| {
                    info!("accept: {errno}");
                    (Instant::now(), processor_time(), 0_u64)
                });
                *tries += 1;
                if since.elapsed() >= Duration::from_secs(1) {
                    let many = if *tries > 1000 { "more than 1000" } else { "fewer than 1000" };
                    let took = processor_time().saturating_sub(*worked);
                    info!(
                        "tried again {many} times in a second, which took {:.2} s of a processor",
                        took.as_secs_f64()
                    );
                    return Ok(());
                }
            }
        }
    }
}

/// How long processors have worked for this process.
fn processor_time() -> Duration {
    getrusage(UsageWho::RUSAGE_SELF).map_or(Duration::ZERO, |usage| {
        let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Duration::from_micros(microseconds.try_into().unwrap_or_default())
    })
}
