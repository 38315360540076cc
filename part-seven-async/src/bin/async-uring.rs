//! Part seven, the third server: many clients, and no call for any of them.
//!
//! With `epoll` the kernel says who is ready, and we make the calls. With `io_uring` we write down what is to be done,
//! and the kernel says what has been done: one call, `io_uring_enter`, hands over the one list and waits for the other.
//! Read `serve` and `Server::turn`, and then [`Client`]. The page beside it is `docs/part-seven-uring.md`.

use std::fs;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use common::arguments::{Arguments, Error, number};
use common::program;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use part_seven_async::accept::Fault;
use part_seven_async::ring::{Completion, Operation, Ring};
use part_seven_async::uring_client::Client;
use part_six_connections::gate::Gate;
use part_six_connections::listener::listen_on;
use part_six_connections::options::Options;
use part_six_connections::tally::Tally;
use part_six_connections::{GRACE, QUIET, limits};
use tracing::warn;

const HELP: &str = "\
Echoes all clients on io_uring, until Ctrl-C or SIGTERM. Part seven of Sockets, Part by
Part.

Usage: async-uring [OPTIONS] [ADDR]

  ADDR            IP:PORT to listen on; port 0 lets the kernel choose one
                  [default: 127.0.0.1:6797]

  --plain         one submission for each accept, recv and send, one completion for each
  --batch N       sleep until N completions are there, 1 to 4096, but not for longer than
                  200 microseconds once there is one: fewer calls, later answers [default: 1]
  --most N        at most N clients at a time; the others wait in the queue
                  [default: as many as there are descriptors]
  --idle SECONDS  close a client that neither sends nor reads for so long [default: never]
  -h, --help      print this help
  -V, --version   print the version

Every received byte is shown with RUST_LOG=debug.
Beside it, in a second terminal: cargo run -p part-six-connections --bin crowd
";

/// How long `--batch` may let a completion wait for others.
const PATIENCE: Duration = Duration::from_micros(200);

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, arguments, |(options, how)| serve(options, how))
}

/// What only this server takes.
#[derive(Clone, Copy)]
struct How {
    plain: bool,
    batch: usize,
}

fn arguments(words: &mut Arguments) -> Result<(Options, How), Error> {
    let mut how = How { plain: false, batch: 1 };
    let options = Options::from_words(words, |name, words| {
        match name {
            "plain" => how.plain = true,
            "batch" => how.batch = number("--batch", words.value()?, 1..=4096)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok((options, how))
}

fn serve(options: Options, how: How) -> Result<()> {
    let ring = Ring::new(limits::raise_descriptors()).map_err(denied)?;
    let (listener, stop) = listen_on(options.address)?;
    // A non-blocking socket would have each submission fail with EAGAIN instead of waiting in the kernel.
    fcntl(&listener, FcntlArg::F_SETFL(OFlag::empty())).context("fcntl F_SETFL")?;

    let mut server = Server::new(ring, how);
    server.ring.readable(stop.as_fd().as_raw_fd()).context("io_uring_enter")?;
    let mut gate = Gate::new(options.most);
    while !server.stopping {
        // 1. accept: asked for once, it gives one client after another. With --most it must be one at a time.
        if !server.accepting && gate.is_open(server.present) {
            let multishot = options.most.is_none() && !how.plain;
            server.ring.accept(listener.as_raw_fd(), multishot).context("io_uring_enter")?;
            server.accepting = true;
        }
        let sweep = options.idle.filter(|_| server.present > 0).map(|idle| idle / 4);
        server.turn([gate.opens_in(), sweep].into_iter().flatten().min(), &mut gate)?;
        if let Some(idle) = options.idle {
            server.end_silent(idle, || Err(anyhow!("silent for longer than --idle allows")))?;
        }
    }
    server.ring.cancel(Operation::Accept, listener.as_raw_fd()).context("io_uring_enter")?;
    drop(listener);
    server.finish(&mut gate)
}

struct Server {
    ring: Ring,
    how: How,
    /// By descriptor. The kernel always gives the smallest number that is free, so there are no large gaps.
    clients: Vec<Option<Client>>,
    present: usize,
    accepting: bool,
    stopping: bool,
    tally: Tally,
    swept: Instant,
    completions: Vec<Completion>,
    /// Those whose send is over when `enter` returns.
    sent_now: Vec<RawFd>,
    /// One of them has more to do then, and no completion may come that would wake us for it.
    hurry: bool,
}

impl Server {
    fn new(ring: Ring, how: How) -> Self {
        Self {
            ring,
            how,
            clients: Vec::new(),
            present: 0,
            accepting: false,
            stopping: false,
            tally: Tally::default(),
            swept: Instant::now(),
            completions: Vec::new(),
            sent_now: Vec::new(),
            hurry: false,
        }
    }

    /// Hands over what is to be done, sleeps until something has been done, and goes on with that.
    fn turn(&mut self, limit: Option<Duration>, gate: &mut Gate) -> Result<()> {
        // 2. io_uring_enter: the only call, however many clients have come, have sent, and are answered.
        let want = if mem::take(&mut self.hurry) { 0 } else { self.how.batch.min(self.present.max(1)) };
        let patience = if self.how.batch > 1 { PATIENCE } else { Duration::ZERO };
        self.ring.enter(want, patience, limit).context("io_uring_enter")?;
        let mut completions = mem::take(&mut self.completions);
        self.ring.completions(&mut completions);

        // 3. sent: the sends of this `enter` are over. Who has a completion has failed; the others have none.
        let failed = completions.iter().filter(|completion| completion.operation == Operation::SendNow);
        for completion in failed {
            if let Some(client) = client(&mut self.clients, completion.descriptor) {
                client.sent_now(&mut self.ring, Some(completion.result));
            }
        }
        let mut sent_now = mem::take(&mut self.sent_now);
        // Where the kernel had no memory for all that was asked, the rest is handed over next time.
        let over = if self.ring.is_submitted() { sent_now.len() } else { 0 };
        for descriptor in sent_now.drain(..over) {
            if let Some(client) = client(&mut self.clients, descriptor) {
                client.sent_now(&mut self.ring, None);
            }
            self.go_on(descriptor)?;
        }
        self.sent_now = sent_now;

        // 4. completions: what else has been done.
        let now = Instant::now();
        for completion in completions.drain(..) {
            let descriptor = completion.descriptor;
            match completion.operation {
                Operation::Accept => {
                    self.accepting &= completion.more;
                    self.accepted(completion, now, gate)?;
                    continue;
                }
                Operation::Readable => self.stopping = true,
                Operation::SendNow | Operation::Cancel => {}
                Operation::Recv => self.received(completion, now)?,
                Operation::Send => {
                    if let Some(client) = client(&mut self.clients, descriptor) {
                        client.active = now;
                        client.sent(&mut self.ring, &completion);
                    }
                }
            }
            self.go_on(descriptor)?;
        }
        self.completions = completions;
        Ok(())
    }

    fn accepted(&mut self, completion: Completion, now: Instant, gate: &mut Gate) -> Result<()> {
        match completion.result.map_err(|errno| (errno, Fault::of(errno))) {
            Ok(_) | Err((Errno::ECANCELED, _)) => {}
            Err((errno, Fault::Full)) => gate.pause(errno, self.present),
            Err((errno, Fault::Lost)) => warn!("accept: {errno}: that client is lost, on to the next"),
            Err((errno, Fault::Broken)) => return Err(errno).context("accept"),
        }
        let Some(socket) = completion.client else { return Ok(()) };
        let descriptor = socket.as_raw_fd();
        self.tally.connected(descriptor);
        if let Err(errno) = self.ring.register(descriptor) {
            self.tally.closed(descriptor, 0, Err(errno).context("io_uring_register"));
            return Ok(());
        }
        let place = usize::try_from(descriptor)?;
        if place >= self.clients.len() {
            self.clients.resize_with(place + 1, || None);
        }
        self.clients[place] = Some(Client::new(socket, now));
        self.present += 1;
        self.go_on(descriptor)
    }

    fn received(&mut self, completion: Completion, now: Instant) -> Result<()> {
        let descriptor = completion.descriptor;
        let Some(client) = client(&mut self.clients, descriptor) else { return Ok(()) };
        client.active = now;
        if client.received(&mut self.ring, completion, self.how.plain).context("io_uring_enter")? {
            self.sent_now.push(descriptor);
        }
        self.hurry |= client.is_in_a_hurry();
        Ok(())
    }

    /// Asks for what is to be done next for a client, or closes it.
    fn go_on(&mut self, descriptor: RawFd) -> Result<()> {
        let Some(client) = client(&mut self.clients, descriptor) else { return Ok(()) };
        if let Some(ended) = client.go_on(&mut self.ring, self.how.plain).context("io_uring_enter")? {
            self.close(descriptor, ended);
        }
        Ok(())
    }

    fn close(&mut self, descriptor: RawFd, ended: Result<()>) {
        let place = usize::try_from(descriptor).ok().and_then(|place| self.clients.get_mut(place));
        if let Some(client) = place.and_then(Option::take) {
            self.present -= 1;
            if let Err(errno) = self.ring.unregister(descriptor) {
                warn!("io_uring_register: {errno}: descriptor {descriptor} stays open");
            }
            self.tally.closed(descriptor, client.echoed, ended);
        }
    }

    // 5. idle: looks at everybody's clock, four times in each `idle`.
    fn end_silent(&mut self, idle: Duration, ended: impl Fn() -> Result<()>) -> Result<()> {
        let now = Instant::now();
        if now.saturating_duration_since(self.swept) < idle / 4 {
            return Ok(());
        }
        self.swept = now;
        for place in 0..self.clients.len() {
            let Some(client) = &mut self.clients[place] else { continue };
            // After the stop, who is being answered is not silent.
            let answered = self.stopping && client.is_stalled();
            if now.saturating_duration_since(client.active) >= idle && !answered {
                client.end(ended());
                self.go_on(RawFd::try_from(place)?)?;
            }
        }
        Ok(())
    }

    // 6. stop: no new clients. Those who are here get the echo of what has come and of what is still on its way, until
    //    they are quiet, or until we have waited long enough.
    fn finish(mut self, gate: &mut Gate) -> Result<()> {
        let now = Instant::now();
        self.clients.iter_mut().flatten().for_each(|client| client.active = now);
        // The accept must be gone as well: it holds the listener, and with it the address.
        while (self.present > 0 || self.accepting) && now.elapsed() < GRACE {
            self.turn(Some(QUIET / 4), gate)?;
            self.end_silent(QUIET, || Ok(()))?;
        }
        for place in 0..self.clients.len() {
            self.close(RawFd::try_from(place)?, Err(anyhow!("cut off at the stop")));
        }
        self.tally.stopped();
        Ok(())
    }
}

/// The client with this descriptor, if there is one.
fn client(clients: &mut [Option<Client>], descriptor: RawFd) -> Option<&mut Client> {
    usize::try_from(descriptor).ok().and_then(|place| clients.get_mut(place)).and_then(Option::as_mut)
}

/// Why there is no ring, and what to do.
fn denied(errno: Errno) -> anyhow::Error {
    let setting = fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
    let what = match (errno, setting.trim()) {
        (Errno::EPERM, "1") => "kernel.io_uring_disabled is 1: only root and one group may use it (sysctl)",
        (Errno::EPERM, "2") => "kernel.io_uring_disabled is 2: nobody may use it (sysctl)",
        (Errno::EPERM | Errno::EACCES | Errno::ENOSYS, _) => {
            "it is denied here, as most containers deny it (seccomp), or this kernel was built without it"
        }
        (Errno::EINVAL, _) => "this kernel is older than Linux 6.1",
        (Errno::ENOMEM, _) => "no memory may be locked: see ulimit -l",
        _ => "it cannot be used here",
    };
    anyhow!("io_uring_setup: {errno}: {what}; part six's many-epoll does the same without it")
}
