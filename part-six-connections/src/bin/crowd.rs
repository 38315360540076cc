//! Part six, the client: many clients in one process, and a picture of when each has its echo.
//!
//! Each sends its next message only when it has the echo of the last, so a client that the server does not get to is
//! seen to wait. The page beside it is `docs/part-six.md`.

use std::io::{self, IsTerminal, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use common::arguments::{Arg, Arguments, DEFAULT_ADDRESS, Error, address, number};
use common::program;
use nix::errno::Errno;
use nix::poll::{PollFd, poll};
use part_six_connections::member::{Member, State};
use part_six_connections::picture::{End, Picture, Row};
use part_six_connections::process::Process;
use part_six_connections::{hold, limits, timeout};
use tracing::info;

const HELP: &str = "\
Talks to an echo server as many clients at once, and draws when each of them has its echo.
Part six of Sockets, Part by Part.

Usage: crowd [OPTIONS] [ADDR]

  ADDR           IP:PORT of the server [default: 127.0.0.1:6797]

  --clients N    how many clients, 1 to 20000 [default: 4; with --hold 10000]
  --messages M   how many messages each sends, the next when the echo of the last is back
                 [default: 3]
  --tick MS      how long a step is: in each, whoever has the echo sends the next message
                 [default: 200]
  --size BYTES   the length of a message, 1 to 65536 [default: 20]
  --hold         instead: open N connections, get one echo on each, say what a silent
                 connection costs the server, and hold them until Ctrl-C
  -h, --help     print this help
  -V, --version  print the version

The picture: a row a client, a column a tick.
  .  it has sent a message and waits      |  the server has closed, as it should at the end
  #  its echo came                        x  the server has closed, or erred, before the end
  -  it has all its echoes and has closed its side; the server has not closed yet
";

/// How long nobody may have an echo before it is no use to wait on, but for 50 ticks at least.
const PATIENCE: Duration = Duration::from_secs(5);

/// How soon to look again at a server that waits for a processor.
const LOOK: Duration = Duration::from_millis(5);

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Options::from_words, |options| {
        limits::raise_descriptors();
        if options.hold { hold::hold(options.address, options.clients) } else { draw(&options) }
    })
}

struct Options {
    address: SocketAddr,
    clients: usize,
    messages: u32,
    tick: Duration,
    size: usize,
    hold: bool,
}

impl Options {
    fn from_words(words: &mut Arguments) -> Result<Self, Error> {
        let (mut place, mut clients, mut messages, mut tick, mut size, mut hold) =
            (None, None, 3, 200, 20, false);
        while let Some(word) = words.word()? {
            match word {
                Arg::Long("clients") => {
                    clients = Some(number("--clients", words.value()?, 1..=20_000)?);
                }
                Arg::Long("messages") => messages = number("--messages", words.value()?, 1..=100_000)?,
                Arg::Long("tick") => tick = number("--tick", words.value()?, 1..=10_000)?,
                Arg::Long("size") => size = number("--size", words.value()?, 1..=65_536)?,
                Arg::Long("hold") => hold = true,
                Arg::Value(word) if place.is_none() => place = Some(address(word)?),
                word => return Err(word.unexpected().into()),
            }
        }
        Ok(Self {
            address: place.unwrap_or(DEFAULT_ADDRESS),
            clients: clients.unwrap_or(if hold { 10_000 } else { 4 }),
            messages,
            tick: Duration::from_millis(tick),
            size,
            hold,
        })
    }
}

fn draw(options: &Options) -> Result<()> {
    let server = Process::listening_at(options.address);
    // 1. connect: all of them. The kernel answers for the server, also while it serves somebody else.
    let mut members = Vec::new();
    for client in 1..=options.clients {
        let stream = TcpStream::connect_timeout(&options.address, Duration::from_secs(5))
            .with_context(|| format!("client {client}: connect {}", options.address))?;
        members.push(Member::new(client, stream, options.size, options.messages)?);
    }
    info!("{} connected to {}", count(options.clients, "client"), options.address);

    let mut rows = vec![Row::default(); members.len()];
    let (mut screen, mut quiet, mut ticks) = (Screen::default(), 0, 0);
    let used = server.and_then(Process::cpu);
    while members.iter().any(Member::is_here) {
        // 2. A tick: whoever has the echo sends the next message, then all wait for what comes.
        members.iter_mut().for_each(Member::speak);
        let echoed = listen(&mut members, &Tick::new(options.tick, server))?;
        ticks += 1;

        // 3. One column.
        for (member, row) in members.iter_mut().zip(&mut rows).filter(|(_, row)| !row.has_ended()) {
            row.push(member.mark());
            match member.state {
                State::Closed => row.end(End::Closed),
                State::Lost(_) => row.end(End::Lost),
                _ => {}
            }
        }
        screen.show(&rows)?;
        quiet = if echoed { 0 } else { quiet + 1 };
        if quiet >= 50 && options.tick * quiet >= PATIENCE {
            break;
        }
    }
    screen.end(&rows)?;

    let echoes: u32 = members.iter().map(|member| member.echoes).sum();
    info!(
        "{} in {} of {} ms",
        count(echoes as usize, "echo"),
        count(ticks, "tick"),
        options.tick.as_millis()
    );
    if let Some((before, after)) = used.zip(server.and_then(Process::cpu)).filter(|_| echoes > 0) {
        let each = after.saturating_sub(before).as_secs_f64() / f64::from(echoes) * 1e6;
        info!("The server worked {each:.1} us for each echo");
    }
    verdict(&members)
}

/// A column of the picture. It takes its time, and on a busy machine more: until a server that is still at work has had
/// so much time of a processor. While it waits for one, no other design would answer sooner.
struct Tick {
    length: Duration,
    began: Instant,
    /// The server, where it is on this machine, and how long processors have worked for it before.
    server: Option<(Process, Duration)>,
}

impl Tick {
    fn new(length: Duration, server: Option<Process>) -> Self {
        let server = server.and_then(|server| Some((server, server.cpu()?)));
        Self { length, began: Instant::now(), server }
    }

    /// How long to wait before asking again; nothing when it is over.
    fn left(&self) -> Duration {
        let passed = self.began.elapsed();
        let is_held_up = |(server, before): (Process, Duration)| {
            let worked = server.cpu().map(|now| now.saturating_sub(before));
            passed < PATIENCE && worked.is_some_and(|worked| worked < self.length) && server.works()
        };
        match self.length.saturating_sub(passed) {
            Duration::ZERO if self.server.is_some_and(is_held_up) => LOOK,
            left => left,
        }
    }

    /// Lets the server take note of what has just happened, if the tick lasts so long. Of clients that leave in the same
    /// moment it would hear in an order that a processor decides.
    fn let_work(&self) {
        while self.began.elapsed() < self.length && self.server.is_some_and(|(server, _)| server.works()) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Until the tick is over, or until nobody is there any more: writes, reads, and says whether an echo came.
fn listen(members: &mut [Member], tick: &Tick) -> Result<bool> {
    let mut echoed = false;
    loop {
        let left = tick.left();
        let mut here: Vec<&mut Member> = members.iter_mut().filter(|member| member.is_here()).collect();
        if here.is_empty() {
            return Ok(echoed);
        }
        let mut list: Vec<PollFd<'_>> =
            here.iter().map(|member| PollFd::new(member.as_fd(), member.events())).collect();
        match poll(&mut list, timeout([Some(left)])) {
            Err(Errno::EINTR) => continue,
            result => result.context("poll")?,
        };
        let ready: Vec<bool> = list.iter().map(|fd| fd.any().unwrap_or(true)).collect();
        for (member, _) in here.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            echoed |= member.turn();
            if member.state == State::Leaving {
                tick.let_work();
            }
        }
        // Over, and what came in its last moment is taken.
        if left.is_zero() {
            return Ok(echoed);
        }
    }
}

/// One of them, or more.
fn count(number: usize, what: &str) -> String {
    match (number, what) {
        (1, _) => format!("1 {what}"),
        (_, "echo") => format!("{number} echoes"),
        _ => format!("{number} {what}s"),
    }
}

/// A client that was lost, or still waits, is an error.
fn verdict(members: &[Member]) -> Result<()> {
    let mut failed = members.iter().filter(|member| !matches!(member.state, State::Closed));
    let Some(first) = failed.next() else { return Ok(()) };
    let what = match &first.state {
        State::Lost(why) => why.clone(),
        State::Leaving => "the server does not close".into(),
        _ => "no echo".into(),
    };
    bail!("client {}: {what} ({} of {} clients failed)", first.number, failed.count() + 1, members.len());
}

/// Where the picture goes: drawn anew after every tick on a terminal, once at the end in a pipe.
#[derive(Default)]
struct Screen {
    lines: usize,
}

impl Screen {
    fn show(&mut self, rows: &[Row]) -> Result<()> {
        if !io::stdout().is_terminal() {
            return Ok(());
        }
        let picture = Picture { rows, height: 20, width: 60 };
        // Up to where the last one began, and each line without what stood there.
        let up = if self.lines > 0 { format!("\u{1b}[{}A", self.lines) } else { String::new() };
        let text = picture.to_string().replace('\n', "\u{1b}[K\n");
        self.lines = picture.lines();
        print(&(up + &text))
    }

    fn end(&mut self, rows: &[Row]) -> Result<()> {
        if io::stdout().is_terminal() {
            return self.show(rows);
        }
        print(&Picture { rows, height: 1000, width: usize::MAX }.to_string())
    }
}

fn print(text: &str) -> Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        // Nobody looks any more (`| head`): nothing is left to do.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        result => result.context("write standard output"),
    }
}
