//! Part seven, the first server: many clients, each in a function that reads like part one, on a runtime of our own.
//!
//! Read `echo` first: `recv` and `send`, as in part one, with `.await` where part one sleeps. Then `accept`, `serve`, and
//! after them the runtime, `src/runtime`. The page beside it is `docs/part-seven.md`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::mem;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::process::ExitCode;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use common::stop::Stop;
use common::{Dump, program};
use nix::sys::socket::{Shutdown, shutdown};
use part_seven_async::accept::Fault;
use part_seven_async::runtime::{First, Runtime, race, yield_now};
use part_seven_async::socket::Socket;
use part_six_connections::gate::Gate;
use part_six_connections::listener::listen_on;
use part_six_connections::options::Options;
use part_six_connections::tally::Tally;
use part_six_connections::{BUFFER, GRACE, QUIET, limits};
use tracing::{debug, warn};

const HELP: &str = "\
Echoes all clients, each in a task on a runtime of our own, until Ctrl-C or SIGTERM. Part
seven of Sockets, Part by Part.

Usage: async-executor [OPTIONS] [ADDR]

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
    program::run(env!("CARGO_BIN_NAME"), HELP, Options::alone, run)
}

fn run(options: Options) -> Result<()> {
    limits::raise_descriptors();
    // 1. to 5. socket, setsockopt, bind, getsockname, listen: none of them sleeps, so there is nothing to await.
    let (listener, stop) = listen_on(options.address)?;
    let runtime = Runtime::new().context("start the runtime")?;
    runtime.block_on(serve(&runtime, options, listener, stop)).context("epoll_wait")?
}

async fn serve(runtime: &Runtime, options: Options, listener: OwnedFd, stop: Stop) -> Result<()> {
    let listener = Socket::new(runtime, listener).context("epoll_ctl")?;
    let stop = Socket::new(runtime, stop.as_fd().try_clone_to_owned()?).context("epoll_ctl")?;
    let clients = Rc::new(Clients::default());
    // The stop is a descriptor, which is waited for like a socket. When it comes first, `accept` is dropped where it waits.
    if let First::Right(broken) = race(stop.readable(), accept(runtime, &listener, options, &clients)).await {
        return broken;
    }
    drop(listener);
    clients.finish(runtime).await;
    Ok(())
}

/// Takes one client after another from the queue, for ever, and gives each a task of its own.
async fn accept(runtime: &Runtime, listener: &Socket, options: Options, clients: &Rc<Clients>) -> Result<()> {
    let mut gate = Gate::new(options.most);
    loop {
        while !gate.is_open(clients.present()) {
            race(clients.changed(), runtime.sleep(gate.opens_in())).await;
        }
        // 6. accept: takes the first connection from the queue. Where the queue is empty, this task waits.
        let connection = match listener.accept().await {
            Ok(connection) => connection,
            Err(errno) => match Fault::of(errno) {
                Fault::Full => {
                    gate.pause(errno, clients.present());
                    continue;
                }
                Fault::Lost => {
                    warn!("accept: {errno}: that client is lost, on to the next");
                    continue;
                }
                Fault::Broken => return Err(errno).context("accept"),
            },
        };
        let client = Socket::new(runtime, connection).context("epoll_ctl")?;
        clients.came(client.descriptor());
        let (executor, clients) = (runtime, Rc::clone(clients));
        let runtime = runtime.clone();
        executor.spawn(async move {
            let echoed = Cell::new(0);
            let ended = echo(&runtime, &client, &clients, options.idle, &echoed).await;
            // 9. close: `client` is dropped at the end of its task.
            clients.left(client.descriptor(), echoed.get(), ended);
        });
        yield_now().await;
    }
}

/// Echoes one client until its end of file.
async fn echo(
    runtime: &Runtime,
    client: &Socket,
    clients: &Clients,
    idle: Option<Duration>,
    echoed: &Cell<u64>,
) -> Result<()> {
    loop {
        // 7. recv: takes what has come. Where nothing has, the others have their turn until something does.
        let received = match race(client.recv(), clients.silence(runtime, idle)).await {
            First::Left(received) => received,
            First::Right(silent) => return silent,
        };
        let message = received.context("recv")?;
        if message.is_empty() {
            return Ok(());
        }
        debug!(
            "received {} bytes from descriptor {}\n{}",
            message.len(),
            client.descriptor(),
            Dump(&message)
        );

        // 8. send: hands the bytes to the kernel, and waits where it has no room.
        let mut rest = &message[..];
        while !rest.is_empty() {
            let First::Left(sent) = race(client.send(rest), runtime.sleep(idle)).await else {
                bail!("does not read, for longer than --idle allows");
            };
            let sent = sent.context("send")?;
            echoed.set(echoed.get() + sent as u64);
            rest = &rest[sent..];
        }
        debug!("Sent {} bytes back to descriptor {}", message.len(), client.descriptor());

        // A client that sends without a pause would never let us wait. A full buffer is a good moment to let the others
        // have their turn.
        if message.len() == BUFFER {
            yield_now().await;
        }
    }
}

/// Everyone who is being served.
#[derive(Default)]
struct Clients {
    present: RefCell<BTreeSet<RawFd>>,
    tally: RefCell<Tally>,
    stopping: Cell<bool>,
    /// Of the one task that waits until somebody leaves.
    waiting: Cell<Option<Waker>>,
}

impl Clients {
    fn present(&self) -> usize {
        self.present.borrow().len()
    }

    fn came(&self, descriptor: RawFd) {
        self.tally.borrow_mut().connected(descriptor);
        self.present.borrow_mut().insert(descriptor);
    }

    fn left(&self, descriptor: RawFd, echoed: u64, ended: Result<()>) {
        self.present.borrow_mut().remove(&descriptor);
        self.tally.borrow_mut().closed(descriptor, echoed, ended);
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    /// Waits until somebody leaves. It may also end for nothing: look again.
    async fn changed(&self) {
        let mut waited = false;
        poll_fn(|context| {
            if mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            self.waiting.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Waits until a client has been silent for too long: for `idle`, or, after the stop, for a moment.
    async fn silence(&self, runtime: &Runtime, idle: Option<Duration>) -> Result<()> {
        let asked = poll_fn(|_| if self.stopping.get() { Poll::Ready(()) } else { Poll::Pending });
        if let First::Left(()) = race(runtime.sleep(idle), asked).await {
            bail!("silent for longer than --idle allows");
        }
        runtime.sleep(Some(QUIET)).await;
        Ok(())
    }

    /// After the last `accept`: those who are here get the echo of what has come and of what is still on its way, until
    /// they are quiet, or until we have waited long enough.
    async fn finish(&self, runtime: &Runtime) {
        self.stopping.set(true);
        // Nobody keeps our clients' wakers for this. A task may be woken for nothing, so we wake them all.
        runtime.wake_all();
        race(self.everyone_left(), runtime.sleep(Some(GRACE))).await;
        for &descriptor in &*self.present.borrow() {
            // Whoever waits to be read is cut off. It fails for a client that is gone; its task will see that.
            let _ = shutdown(descriptor, Shutdown::Both);
        }
        self.everyone_left().await;
        self.tally.borrow().stopped();
    }

    async fn everyone_left(&self) {
        while self.present() > 0 {
            self.changed().await;
        }
    }
}
