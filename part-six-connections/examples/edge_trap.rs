//! A bug to look at: an edge-triggered server that takes a short read for all that there will be. Where data and the
//! client's end come in one event, it never sees the end. Part six, the failures.

use std::collections::HashMap;
use std::io::{Read, stdin};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::Arguments;
use common::program;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{MsgFlags, SockFlag, recv, send};
use part_six_connections::listener::{Accepted, accept, listen_on};
use tracing::info;

const HELP: &str = "\
An edge-triggered echo server with the classical bug. It accepts after you press Return, so
that you can let a message and its end come in together.

Usage: cargo run -p part-six-connections --example edge_trap [-- ADDR]
";

fn main() -> ExitCode {
    program::run(env!("CARGO_CRATE_NAME"), HELP, Arguments::address, serve)
}

fn serve(address: SocketAddr) -> Result<()> {
    let (listener, stop) = listen_on(address)?;
    info!("Press Return, and I accept");
    stdin().read_exact(&mut [0]).context("read standard input")?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("epoll_create1")?;
    epoll.add(&stop, EpollEvent::new(EpollFlags::EPOLLIN, 0)).context("epoll_ctl")?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, 1)).context("epoll_ctl")?;
    let mut clients: HashMap<u64, OwnedFd> = HashMap::new();
    let mut buffer = [0; 4096];
    loop {
        let mut event = [EpollEvent::empty()];
        epoll.wait(&mut event, EpollTimeout::NONE).context("epoll_wait")?;
        match event[0].data() {
            0 => return Ok(()),
            1 => {
                let Accepted::Client(client) = accept(&listener, SockFlag::SOCK_NONBLOCK)? else { continue };
                let key = u64::try_from(client.as_raw_fd())?;
                // The bug, first half: nobody asks for EPOLLRDHUP.
                let events = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
                epoll.add(&client, EpollEvent::new(events, key)).context("epoll_ctl")?;
                clients.insert(key, client);
            }
            key => {
                let Some(client) = clients.get(&key) else { continue };
                loop {
                    let received = recv(client.as_raw_fd(), &mut buffer, MsgFlags::empty()).unwrap_or(0);
                    info!("received {received} bytes");
                    if received == 0 {
                        clients.remove(&key);
                        break;
                    }
                    send(client.as_raw_fd(), &buffer[..received], MsgFlags::empty()).context("send")?;
                    // The bug, second half: less than the buffer, so the socket is empty, so we are done. The end of
                    // file lies right behind the data, and no new edge will come for it.
                    if received < buffer.len() {
                        break;
                    }
                }
            }
        }
    }
}
