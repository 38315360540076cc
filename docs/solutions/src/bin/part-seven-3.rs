//! Part seven, exercise 3: at most two clients are answered at a time, by a semaphore of one's own.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::rc::Rc;
use std::task::{Poll, Waker};

use anyhow::{Context, Result};
use common::program;
use common::stop::Stop;
use part_seven_async::accept::Fault;
use part_seven_async::executor_clients::{Client, Clients};
use part_seven_async::runtime::{First, Runtime, race, yield_now};
use part_seven_async::socket::Socket;
use part_six_connections::gate::Gate;
use part_six_connections::limits;
use part_six_connections::listener::listen_on;
use part_six_connections::options::Options;
use tracing::warn;

const HELP: &str = "\
Echoes all clients, each in a task on a runtime of our own, until Ctrl-C or SIGTERM. Part
seven of Sockets, Part by Part.

Usage: part-seven-3 [OPTIONS] [ADDR]

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
    // socket, setsockopt, bind, getsockname, listen: none of them sleeps, so there is nothing to await.
    let (listener, stop) = listen_on(options.address)?;
    let runtime = Runtime::new().context("start the runtime")?;
    runtime.block_on(serve(&runtime, options, listener, stop)).context("epoll_wait")?
}

async fn serve(runtime: &Runtime, options: Options, listener: OwnedFd, stop: Stop) -> Result<()> {
    let listener = Socket::new(runtime, listener).context("epoll_ctl")?;
    let stop = Socket::new(runtime, stop.as_fd().try_clone_to_owned()?).context("epoll_ctl")?;
    let clients = Clients::new(runtime, options);
    // The stop is a descriptor, which is waited for like a socket. When it comes first, `accept` is dropped where it waits.
    if let First::Right(broken) = race(stop.readable(), accept(runtime, &listener, options, &clients)).await {
        return broken;
    }
    drop(listener);
    clients.finish().await;
    Ok(())
}

/// Takes one client after another from the queue, for ever, and gives each a task of its own.
async fn accept(runtime: &Runtime, listener: &Socket, options: Options, clients: &Rc<Clients>) -> Result<()> {
    let mut gate = Gate::new(options.most);
    let places = Rc::new(Semaphore { free: Cell::new(2), waiting: RefCell::default() });
    loop {
        while !gate.is_open(clients.present()) {
            race(clients.changed(), runtime.sleep(gate.opens_in())).await;
        }
        // accept: takes the first connection from the queue. Where the queue is empty, this task waits.
        match listener.accept().await.and_then(|connection| Client::new(clients, connection)) {
            Ok(mut client) => {
                let places = Rc::clone(&places);
                runtime.spawn(async move {
                    // 2. acquire: the task is there, but it waits for its place before it begins.
                    places.acquire().await;
                    let ended = echo(&mut client).await;
                    client.left(ended);
                    places.release();
                });
            }
            Err(errno) => match Fault::of(errno) {
                Fault::Full => gate.pause(errno, clients.present()),
                Fault::Lost => warn!("accept: {errno}: that client is lost, on to the next"),
                Fault::Broken => return Err(errno).context("accept"),
            },
        }
        yield_now().await;
    }
}

/// Echoes one client until its end of file.
async fn echo(client: &mut Client) -> Result<()> {
    // recv: takes what has come. Where nothing has, the others have their turn until something does.
    while let Some(message) = client.recv().await? {
        // send: hands the bytes to the kernel. Where it has no room, the others have their turn again.
        client.send(&message).await?;
    }
    Ok(())
}

/// So many places, and those who wait for one.
struct Semaphore {
    free: Cell<usize>,
    waiting: RefCell<VecDeque<Waker>>,
}

impl Semaphore {
    async fn acquire(&self) {
        poll_fn(|context| {
            // 1. free: a place, if there is one; if not, our waker stays, and is called when somebody leaves.
            if let Some(left) = self.free.get().checked_sub(1) {
                self.free.set(left);
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push_back(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn release(&self) {
        // 3. release: the place first, and then whoever has waited for longest.
        self.free.set(self.free.get() + 1);
        if let Some(waker) = self.waiting.borrow_mut().pop_front() {
            waker.wake();
        }
    }
}
