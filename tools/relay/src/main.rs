//! The relay of part two: a network that loses, delays, doubles and swaps, on a machine whose own network never does.
//!
//! No lesson of its own, so it uses the sockets of the standard library. The relay stands between clients and one
//! target. Each client gets a socket of its own towards the target, as behind a NAT router: by the socket where an
//! answer comes in, the relay knows whose it is.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use common::arguments::{Arg, Arguments, address, number};
use common::stop::Stop;
use common::{arguments, program};
use fastrand::Rng;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing::{info, warn};

const HELP: &str = "\
Relays datagrams and their answers, and loses some: the network of part two.

Usage: datagram-relay [OPTIONS] LISTEN TARGET

  LISTEN              IP:PORT to receive at; port 0 lets the kernel choose one
  TARGET              IP:PORT of the server

  --drop PERCENT      throw away so many of the datagrams, there and back
  --delay PERCENT     send so many of them late
  --duplicate PERCENT send so many of them twice
  --swap PERCENT      send so many of them behind the next of the same client
                      and way, or late when no next one comes
  --late MS           how late, 1 to 60000 milliseconds [default: 100]
  --seed N            another seed, other victims [default: 1]
  -h, --help          print this help
  -V, --version       print the version

A rate is 0 if not given, and all four together are at most 100.
";

/// How many clients have a socket towards the target. One more, and the first of them loses its own.
const CLIENTS: usize = 256;

/// How many datagrams wait to be sent late. One more is dropped, as in every router.
const QUEUE: usize = 256;

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Options::parse, relay)
}

struct Options {
    listen: SocketAddr,
    target: SocketAddr,
    rates: Vec<(Fate, u8)>,
    late: Duration,
    seed: u64,
}

impl Options {
    fn parse(words: &mut Arguments) -> Result<Self, arguments::Error> {
        let (mut addresses, mut rates, mut late, mut seed) = (Vec::new(), BTreeMap::new(), 100, 1);
        while let Some(word) = words.word()? {
            let (option, fate) = match word {
                Arg::Long("drop") => ("--drop", Fate::Dropped),
                Arg::Long("delay") => ("--delay", Fate::Delayed),
                Arg::Long("duplicate") => ("--duplicate", Fate::Doubled),
                Arg::Long("swap") => ("--swap", Fate::Swapped),
                Arg::Long("late") => {
                    late = number("--late", words.value()?, 1..=60_000)?;
                    continue;
                }
                Arg::Long("seed") => {
                    seed = number("--seed", words.value()?, 0..=u64::MAX)?;
                    continue;
                }
                Arg::Value(word) if addresses.len() < 2 => {
                    addresses.push(address(word)?);
                    continue;
                }
                word => return Err(word.unexpected().into()),
            };
            rates.insert(fate, number(option, words.value()?, 0..=100_u8)?);
        }
        let unusable = |sentence: &str| Err(arguments::Error::Unusable(sentence.into()));
        if rates.values().map(|&rate| u32::from(rate)).sum::<u32>() > 100 {
            return unusable("the rates together are more than 100 percent");
        }
        let [listen, target] = addresses[..] else {
            return unusable(
                "two addresses are needed: LISTEN TARGET, such as 127.0.0.1:6798 127.0.0.1:6797",
            );
        };
        let rates = rates.into_iter().collect();
        Ok(Self { listen, target, rates, late: Duration::from_millis(late), seed })
    }
}

/// What becomes of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Passed,
    Dropped,
    Delayed,
    Doubled,
    Swapped,
}

impl Display for Fate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Dropped => "dropped",
            Self::Delayed => "delayed",
            Self::Doubled => "doubled",
            Self::Swapped => "swapped",
        })
    }
}

/// From a client to the target, or an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

struct Client {
    address: SocketAddr,
    /// Connected to the target; non-blocking.
    socket: UdpSocket,
}

/// A datagram that is sent late.
struct Held {
    due: Instant,
    /// Goes earlier, when another has overtaken it.
    swapped: bool,
    client: SocketAddr,
    way: Way,
    bytes: Vec<u8>,
}

struct Relay {
    options: Options,
    listener: UdpSocket,
    clients: Vec<Client>,
    held: Vec<Held>,
    /// One for each way, so that the answers' timing cannot change which of the requests are hit.
    there: Rng,
    back: Rng,
    fates: BTreeMap<Fate, u64>,
}

fn relay(options: Options) -> Result<()> {
    let listener = UdpSocket::bind(options.listen).with_context(|| format!("bind {}", options.listen))?;
    listener.set_nonblocking(true).context("set_nonblocking")?;
    let bound = listener.local_addr().context("getsockname")?;
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;
    info!("Relaying what comes to {bound} to {}", options.target);
    if !bound.ip().to_canonical().is_loopback() {
        warn!("{bound} is more than loopback: whoever reaches it reaches {} through us", options.target);
    }

    let mut there = Rng::with_seed(options.seed);
    let back = there.fork();
    let (clients, held, fates) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut relay = Relay { options, listener, clients, held, there, back, fates };
    relay.run(&stop)?;

    let fates: Vec<_> = relay.fates.iter().map(|(fate, count)| format!("{count} {fate}")).collect();
    info!("Stopped: {} datagrams: {}", relay.fates.values().sum::<u64>(), fates.join(", "));
    Ok(())
}

impl Relay {
    /// One datagram of each socket that has some, then those that are due, again and again until the stop.
    fn run(&mut self, stop: &Stop) -> Result<()> {
        let mut buffer = vec![0; u16::MAX.into()];
        loop {
            let ready = self.sleep(stop).context("poll")?;
            let [stopped, listener, clients @ ..] = &ready[..] else { continue };
            if *stopped {
                return Ok(());
            }
            self.send_late(|held| held.due <= Instant::now());
            for (at, _) in clients.iter().enumerate().filter(|(_, ready)| **ready) {
                let Some(Client { address, socket }) = self.clients.get(at) else { continue };
                let address = *address;
                if let Some(length) = sound(self.options.target, socket.recv(&mut buffer)) {
                    self.take(Way::Back, address, buffer.get(..length).unwrap_or_default());
                }
            }
            if *listener
                && let Some((length, client)) = sound("clients", self.listener.recv_from(&mut buffer))
                && self.knows(client)
            {
                self.take(Way::There, client, buffer.get(..length).unwrap_or_default());
            }
        }
    }

    /// Sleeps until something is to be done: for the stop, the listener and each client, whether it has something.
    fn sleep(&self, stop: &Stop) -> nix::Result<Vec<bool>> {
        let timeout = match self.held.iter().map(|held| held.due).min() {
            // Never early: poll counts in whole milliseconds.
            Some(due) => due.saturating_duration_since(Instant::now()) + Duration::from_millis(1),
            None => Duration::from_secs(3600),
        };
        let sockets = self.clients.iter().map(|client| client.socket.as_fd());
        let mut fds: Vec<_> = [stop.as_fd(), self.listener.as_fd()]
            .into_iter()
            .chain(sockets)
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        match poll(&mut fds, PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX)) {
            Err(Errno::EINTR) => Ok(Vec::new()),
            Err(errno) => Err(errno),
            Ok(_) => Ok(fds.iter().map(|fd| fd.any().unwrap_or_default()).collect()),
        }
    }

    /// Whether `client` has its socket towards the target; a new one gets it here.
    fn knows(&mut self, client: SocketAddr) -> bool {
        if self.clients.iter().any(|known| known.address == client) {
            return true;
        }
        // The target may be ourselves. Without this look each datagram would breed a new client for ever.
        if self.clients.iter().any(|known| known.socket.local_addr().is_ok_and(|own| own == client)) {
            warn!(
                "ignored a datagram from {client}: it is our own; does {} lead back here?",
                self.options.target
            );
            return false;
        }
        match towards(self.options.target) {
            Ok(socket) => {
                if self.clients.len() == CLIENTS {
                    self.clients.remove(0);
                }
                self.clients.push(Client { address: client, socket });
                true
            }
            Err(error) => {
                warn!("no socket for {client} towards {}: {error}", self.options.target);
                false
            }
        }
    }

    /// Draws the fate of one datagram and lets it happen.
    fn take(&mut self, way: Way, client: SocketAddr, bytes: &[u8]) {
        let mut fate = self.draw(way);
        if matches!(fate, Fate::Delayed | Fate::Swapped) && self.held.len() == QUEUE {
            warn!("{QUEUE} datagrams are waiting already: one more is dropped");
            fate = Fate::Dropped;
        }
        let target = self.options.target;
        let (from, to) = if way == Way::There { (client, target) } else { (target, client) };
        info!("{from} > {to}, {} bytes: {fate}", bytes.len());
        *self.fates.entry(fate).or_default() += 1;
        match fate {
            Fate::Dropped => {}
            Fate::Delayed | Fate::Swapped => {
                let due = Instant::now() + self.options.late;
                let swapped = fate == Fate::Swapped;
                self.held.push(Held { due, swapped, client, way, bytes: bytes.to_vec() });
            }
            Fate::Passed | Fate::Doubled => {
                self.send(way, client, bytes);
                if fate == Fate::Doubled {
                    self.send(way, client, bytes);
                }
                self.send_late(|held| held.swapped && held.client == client && held.way == way);
            }
        }
    }

    /// One draw a datagram, of numbers 0 to 99: the first rates of them belong to the first fate, and so on.
    fn draw(&mut self, way: Way) -> Fate {
        let rng = if way == Way::There { &mut self.there } else { &mut self.back };
        let mut draw = rng.u8(0..100);
        for &(fate, rate) in &self.options.rates {
            match draw.checked_sub(rate) {
                Some(rest) => draw = rest,
                None => return fate,
            }
        }
        Fate::Passed
    }

    fn send_late(&mut self, now: impl Fn(&Held) -> bool) {
        for held in self.held.extract_if(.., |held| now(held)).collect::<Vec<_>>() {
            self.send(held.way, held.client, &held.bytes);
        }
    }

    fn send(&self, way: Way, client: SocketAddr, bytes: &[u8]) {
        let sent = match way {
            Way::Back => self.listener.send_to(bytes, client),
            Way::There => match self.clients.iter().find(|known| known.address == client) {
                Some(known) => known.socket.send(bytes),
                // It lost its socket while this datagram waited.
                None => return,
            },
        };
        if let Err(error) = sent {
            let to = if way == Way::Back { client } else { self.options.target };
            warn!("send {} bytes to {to}: {error}", bytes.len());
        }
    }
}

/// A socket of its own towards `target`: the kernel chooses the port, and hands over the target's answers only.
fn towards(target: SocketAddr) -> io::Result<UdpSocket> {
    let any = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(target)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// What was received, if something was. An error is said; it was one datagram's, and the others go on.
fn sound<T>(from: impl Display, received: io::Result<T>) -> Option<T> {
    let error = match received {
        Ok(received) => return Some(received),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::Interrupted => {}
        // An ICMP error came back. It is told once.
        ErrorKind::ConnectionRefused => warn!("recv from {from}: {error}"),
        _ => {
            warn!("recv from {from}: {error}");
            // Should the error stay, this is a loop that turns ten times a second.
            thread::sleep(Duration::from_millis(100));
        }
    }
    None
}
