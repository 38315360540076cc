//! Part six, the fourth design: one thread, and one sleep for all clients.
//!
//! `poll` is asked about everybody at once and says who can be served without sleeping; `recv` and `send` never sleep.
//! The thread's stack can hold only one client's place in the conversation, so each client's place becomes data:
//! [`Connection`]. The page beside it is `docs/part-six.md`.

use std::array;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use common::program;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::SockFlag;
use part_six_connections::connection::{Connection, Turn};
use part_six_connections::gate::Gate;
use part_six_connections::listener::{Accepted, accept, listen_on};
use part_six_connections::options::Options;
use part_six_connections::tally::Tally;
use part_six_connections::{BUFFER, GRACE, QUIET, limits, timeout};

const HELP: &str = "\
Echoes all clients in one thread that sleeps in poll, until Ctrl-C or SIGTERM. Part six
of Sockets, Part by Part.

Usage: many-poll [OPTIONS] [ADDR]

  ADDR            IP:PORT to listen on; port 0 lets the kernel choose one
                  [default: 127.0.0.1:6797]

  --most N        at most N clients at a time; the others wait in the queue
                  [default: as many as there are descriptors]
  --idle SECONDS  close a client that neither sends nor reads for so long [default: never]
  -h, --help      print this help
  -V, --version   print the version

Every received byte is shown with RUST_LOG=debug.
Beside it, in a second terminal: cargo run -p part-six-connections --bin crowd
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Options::alone, serve)
}

struct Server {
    connections: Vec<Connection>,
    tally: Tally,
    buffer: [u8; BUFFER],
}

fn serve(options: Options) -> Result<()> {
    limits::raise_descriptors();
    let (listener, stop) = listen_on(options.address)?;
    let mut gate = Gate::new(options.most);
    let mut server = Server { connections: Vec::new(), tally: Tally::default(), buffer: [0; BUFFER] };

    loop {
        // 1. ask: one sleep for the stop, the next client, and everybody who is here. Where there is no room for one
        //    more, we do not ask about the listener: it would be ready again and again.
        let room = gate.is_open(server.connections.len());
        let events = if room { PollFlags::POLLIN } else { PollFlags::empty() };
        let limit = timeout([gate.opens_in(), options.idle.and_then(|idle| server.next_timeout(idle))]);
        let others = [(stop.as_fd(), PollFlags::POLLIN), (listener.as_fd(), events)];
        let [stopping, waiting] = server.turn(others, limit)?;
        if stopping {
            break;
        }
        // 2. accept: one client; whoever waits behind it makes the listener ready again.
        if waiting {
            match accept(&listener, SockFlag::SOCK_NONBLOCK)? {
                Accepted::Client(socket) => {
                    let connection = Connection::new(socket, Instant::now());
                    server.tally.connected(connection.descriptor());
                    server.connections.push(connection);
                }
                Accepted::Nobody => {}
                Accepted::Full(errno) => gate.pause(errno, server.connections.len()),
            }
        }
        // 3. idle: nobody's clock rings by itself; after every sleep we look at all of them.
        if let Some(idle) = options.idle {
            let silent = || Err(anyhow!("silent for longer than --idle allows"));
            server.close(|connection, now| connection.idle(now) >= idle, silent);
        }
    }

    // 4. stop: no new clients. Those who are here get the echo of what has come and of what is still on its way, until
    //    they are quiet, or until we have waited long enough.
    drop(listener);
    let now = Instant::now();
    server.connections.iter_mut().for_each(|connection| connection.touch(now));
    while !server.connections.is_empty() && now.elapsed() < GRACE {
        server.turn([], timeout([Some(QUIET / 4)]))?;
        server.close(Connection::is_done, || Ok(()));
    }
    for connection in server.connections.drain(..) {
        let late = Err(anyhow!("cut off at the stop"));
        server.tally.closed(connection.descriptor(), connection.echoed, late);
    }
    server.tally.stopped();
    Ok(())
}

impl Server {
    /// Sleeps until one of `others` or a client is ready, gives each ready client a turn, and says who of the others is.
    fn turn<const N: usize>(
        &mut self,
        others: [(BorrowedFd<'_>, PollFlags); N],
        limit: PollTimeout,
    ) -> Result<[bool; N]> {
        // poll: the kernel gets the whole list, looks at everyone in it, and forgets it again. With a thousand clients
        // of whom one speaks, that is a thousand looks for one echo.
        let ask = |client: &Connection| {
            if client.is_stalled() { PollFlags::POLLOUT } else { PollFlags::POLLIN }
        };
        let others = others.into_iter().map(|(fd, events)| PollFd::new(fd, events));
        let clients = self.connections.iter().map(|client| PollFd::new(client.as_fd(), ask(client)));
        let mut list: Vec<PollFd<'_>> = others.chain(clients).collect();
        match poll(&mut list, limit) {
            Err(Errno::EINTR) => return Ok([false; N]),
            result => result.context("poll")?,
        };
        let ready: Vec<bool> = list.iter().map(|fd| fd.any().unwrap_or(true)).collect();

        // From the last to the first: the one that fills a closed client's place has had its turn.
        let now = Instant::now();
        for place in (0..self.connections.len()).rev().filter(|place| ready[N + place]) {
            let ended = match self.connections[place].turn(&mut self.buffer, now) {
                Ok(Turn::Ended) => Ok(()),
                Ok(_) => continue,
                Err(error) => Err(error),
            };
            let connection = self.connections.swap_remove(place);
            self.tally.closed(connection.descriptor(), connection.echoed, ended);
        }
        Ok(array::from_fn(|other| ready[other]))
    }

    fn close(&mut self, which: impl Fn(&Connection, Instant) -> bool, ended: impl Fn() -> Result<()>) {
        let now = Instant::now();
        for connection in self.connections.extract_if(.., |connection| which(connection, now)) {
            self.tally.closed(connection.descriptor(), connection.echoed, ended());
        }
    }

    /// How long until the first client has been silent for `idle`.
    fn next_timeout(&self, idle: Duration) -> Option<Duration> {
        let now = Instant::now();
        self.connections.iter().map(|connection| idle.saturating_sub(connection.idle(now))).min()
    }
}
