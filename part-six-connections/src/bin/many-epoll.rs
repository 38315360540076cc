//! Part six, the fifth design: one thread, one sleep, and a list that the kernel keeps.
//!
//! As many-poll, but each client is put on the list once, with `epoll_ctl`, and `epoll_wait` gives only those who are
//! ready. What an echo costs no longer depends on how many others are silent. The page beside it is `docs/part-six.md`.

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use common::arguments::{Arguments, Error};
use common::program;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::SockFlag;
use part_six_connections::connection::{Connection, Turn};
use part_six_connections::gate::Gate;
use part_six_connections::listener::{Accepted, accept, listen_on};
use part_six_connections::options::Options;
use part_six_connections::tally::Tally;
use part_six_connections::{BUFFER, GRACE, QUIET, limits, timeout};

const HELP: &str = "\
Echoes all clients in one thread that sleeps in epoll_wait, until Ctrl-C or SIGTERM. Part
six of Sockets, Part by Part.

Usage: many-epoll [OPTIONS] [ADDR]

  ADDR            IP:PORT to listen on; port 0 lets the kernel choose one
                  [default: 127.0.0.1:6797]

  --edge          be told once when something changes, instead of as long as it lasts
  --most N        at most N clients at a time; the others wait in the queue
                  [default: as many as there are descriptors]
  --idle SECONDS  close a client that neither sends nor reads for so long [default: never]
  -h, --help      print this help
  -V, --version   print the version

Every received byte is shown with RUST_LOG=debug.
Beside it, in a second terminal: cargo run -p part-six-connections --bin crowd
";

/// How many full buffers an edge-triggered client may have in a row before the others have their turn.
const ROUNDS: usize = 16;

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, arguments, |(options, edge)| serve(options, edge))
}

fn arguments(words: &mut Arguments) -> Result<(Options, bool), Error> {
    let mut edge = false;
    let options = Options::from_words(words, |name, _| {
        edge |= name == "edge";
        Ok(name == "edge")
    })?;
    Ok((options, edge))
}

struct Server {
    epoll: Epoll,
    edge: bool,
    /// By descriptor. The kernel always gives the smallest number that is free, so there are no large gaps.
    connections: Vec<Option<Connection>>,
    present: usize,
    tally: Tally,
    buffer: [u8; BUFFER],
}

fn serve(options: Options, edge: bool) -> Result<()> {
    limits::raise_descriptors();
    let (listener, stop) = listen_on(options.address)?;

    // 1. epoll_create1: an empty list, which is a descriptor too.
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("epoll_create1")?;
    // 2. epoll_ctl: both are on the list from now on. The number beside the events comes back with them.
    let (stop_fd, listener_fd) = (stop.as_fd().as_raw_fd(), listener.as_raw_fd());
    epoll.add(&stop, interest(stop_fd, EpollFlags::EPOLLIN)).context("epoll_ctl")?;
    epoll.add(&listener, interest(listener_fd, EpollFlags::EPOLLIN)).context("epoll_ctl")?;

    let (mut gate, mut was_open, mut swept) = (Gate::new(options.most), true, Instant::now());
    let mut server = Server::new(epoll, edge);
    loop {
        // 3. room: where there is none for one more, we do not ask about the listener: it would be ready again and again.
        let open = gate.is_open(server.present);
        if open != was_open {
            let events = if open { EpollFlags::EPOLLIN } else { EpollFlags::empty() };
            server.epoll.modify(&listener, &mut interest(listener_fd, events)).context("epoll_ctl")?;
            was_open = open;
        }

        // 4. turn: one sleep for the stop, the next client, and everybody who is here.
        let sweep = options.idle.filter(|_| server.present > 0).map(|idle| idle / 4);
        let ready = server.turn(timeout([gate.opens_in(), sweep]))?;
        if ready.contains(&stop_fd) {
            break;
        }
        if ready.contains(&listener_fd) {
            // accept: one client; whoever waits behind it makes the listener ready again.
            match accept(&listener, SockFlag::SOCK_NONBLOCK)? {
                Accepted::Client(socket) => server.admit(socket)?,
                Accepted::Nobody => {}
                Accepted::Full(errno) => gate.pause(errno, server.present),
            }
        }
        // 5. idle: a look at everybody's clock, four times in each --idle. What is left out: a list in the order of the
        //    clocks, which would show the silent ones without a look at the others.
        if let Some(idle) = options.idle.filter(|idle| swept.elapsed() >= *idle / 4) {
            let silent = || Err(anyhow!("silent for longer than --idle allows"));
            server.close_all(|connection, now| connection.idle(now) >= idle, silent);
            swept = Instant::now();
        }
    }

    // 6. stop: it stays ready, so it goes from the list; the listener goes by being closed.
    server.epoll.delete(&stop).context("epoll_ctl")?;
    drop(listener);
    server.finish()
}

impl Server {
    fn new(epoll: Epoll, edge: bool) -> Self {
        let (connections, tally) = (Vec::new(), Tally::default());
        Self { epoll, edge, connections, present: 0, tally, buffer: [0; BUFFER] }
    }

    fn admit(&mut self, socket: OwnedFd) -> Result<()> {
        // epoll_ctl: the client is on the list until its descriptor is closed; close takes it off.
        let descriptor = socket.as_raw_fd();
        self.tally.connected(descriptor);
        match self.epoll.add(&socket, interest(descriptor, events(self.edge, false))) {
            Ok(()) => {}
            // max_user_watches, or no memory: this client's trouble alone.
            Err(errno @ (Errno::ENOSPC | Errno::ENOMEM)) => {
                self.tally.closed(descriptor, 0, Err(anyhow!("epoll_ctl: {errno}")));
                return Ok(());
            }
            Err(errno) => return Err(errno).context("epoll_ctl"),
        }
        let place = usize::try_from(descriptor)?;
        if place >= self.connections.len() {
            self.connections.resize_with(place + 1, || None);
        }
        self.connections[place] = Some(Connection::new(socket, Instant::now()));
        self.present += 1;
        Ok(())
    }

    /// Sleeps until something on the list is ready, gives each ready client its turn, and gives back what else is.
    fn turn(&mut self, limit: EpollTimeout) -> Result<Vec<RawFd>> {
        // epoll_wait: only those who are ready, however long the list is.
        let mut events = [EpollEvent::empty(); 256];
        let ready = match self.epoll.wait(&mut events, limit) {
            Err(Errno::EINTR) => return Ok(Vec::new()),
            result => result.context("epoll_wait")?,
        };
        let (now, mut others) = (Instant::now(), Vec::new());
        for event in &events[..ready] {
            let place = usize::try_from(event.data())?;
            if self.connections.get(place).is_some_and(Option::is_some) {
                self.echo(place, event.events(), now)?;
            } else {
                others.push(RawFd::try_from(place)?);
            }
        }
        Ok(others)
    }

    /// One client's turn: once if we shall be told again, until nothing is left if we shall not.
    fn echo(&mut self, place: usize, told: EpollFlags, now: Instant) -> Result<()> {
        let Some(connection) = &mut self.connections[place] else { return Ok(()) };
        let was_stalled = connection.is_stalled();
        let gone = told.intersects(EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR);
        let mut rounds = 0;
        let ended = loop {
            match connection.turn(&mut self.buffer, now) {
                Ok(Turn::Ended) => break Some(Ok(())),
                Err(error) => break Some(Err(error)),
                // A full buffer: there may be more, and no new edge for it. With the client's end behind the data even
                // a short one is not all: we go on to the 0.
                Ok(Turn::Echoed(length)) if self.edge && (length == BUFFER || gone) && rounds < ROUNDS => {
                    rounds += 1;
                }
                Ok(_) => break None,
            }
        };
        let stalled = connection.is_stalled();
        if let Some(ended) = ended {
            self.close(place, ended);
        } else if (self.edge && rounds == ROUNDS) || (!self.edge && stalled != was_stalled) {
            // epoll_ctl: other events from now on. For an edge it asks anew: if there is more, we are told once more.
            let mut interest = interest(RawFd::try_from(place)?, events(self.edge, stalled));
            self.epoll.modify(connection, &mut interest).context("epoll_ctl")?;
        }
        Ok(())
    }

    fn close(&mut self, place: usize, ended: Result<()>) {
        if let Some(connection) = self.connections[place].take() {
            self.present -= 1;
            self.tally.closed(connection.descriptor(), connection.echoed, ended);
        }
    }

    fn close_all(&mut self, which: impl Fn(&Connection, Instant) -> bool, ended: impl Fn() -> Result<()>) {
        let now = Instant::now();
        for place in 0..self.connections.len() {
            if self.connections[place].as_ref().is_some_and(|connection| which(connection, now)) {
                self.close(place, ended());
            }
        }
    }

    /// No new clients. Those who are here get the echo of what has come and of what is still on its way, until they are
    /// quiet, or until we have waited long enough.
    fn finish(mut self) -> Result<()> {
        let now = Instant::now();
        self.connections.iter_mut().flatten().for_each(|connection| connection.touch(now));
        while self.present > 0 && now.elapsed() < GRACE {
            self.turn(timeout([Some(QUIET / 4)]))?;
            self.close_all(Connection::is_done, || Ok(()));
        }
        self.close_all(|_, _| true, || Err(anyhow!("cut off at the stop")));
        self.tally.stopped();
        Ok(())
    }
}

/// A place on the kernel's list: what we want to be told, and the number by which we know whom.
fn interest(descriptor: RawFd, events: EpollFlags) -> EpollEvent {
    EpollEvent::new(events, u64::try_from(descriptor).unwrap_or_default())
}

/// What we want to be told about a client.
fn events(edge: bool, stalled: bool) -> EpollFlags {
    match (edge, stalled) {
        // As long as something has come: whether there is room matters only while an answer waits for it.
        (false, false) => EpollFlags::EPOLLIN,
        (false, true) => EpollFlags::EPOLLOUT,
        // Each change, in both directions, and the client's end of file as an event of its own. One epoll_ctl for
        // the client's whole life.
        (true, _) => {
            EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET
        }
    }
}
