//! Part seven, exercise 2: two addresses, and a join of one's own.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::task::Poll;

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

Usage: part-seven-2 ADDR ADDR

  ADDR           IP:PORT to listen on; port 0 lets the kernel choose one

  -h, --help      print this help
  -V, --version   print the version

Every received byte is shown with RUST_LOG=debug.
Beside it, in a second terminal: cargo run -p part-six-connections --bin crowd
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, |words| Ok([words.address()?, words.address()?]), run)
}

fn run(addresses: [SocketAddr; 2]) -> Result<()> {
    limits::raise_descriptors();
    let [(one, stop), (other, _)] = [listen_on(addresses[0])?, listen_on(addresses[1])?];
    let runtime = Runtime::new().context("start the runtime")?;
    runtime.block_on(serve(&runtime, addresses[0], [one, other], stop)).context("epoll_wait")?
}

async fn serve(runtime: &Runtime, address: SocketAddr, listeners: [OwnedFd; 2], stop: Stop) -> Result<()> {
    let [one, other] = listeners.map(|listener| Socket::new(runtime, listener));
    let (one, other) = (one.context("epoll_ctl")?, other.context("epoll_ctl")?);
    let stop = Socket::new(runtime, stop.as_fd().try_clone_to_owned()?).context("epoll_ctl")?;
    let options = Options { address, most: None, idle: None };
    let clients = Clients::new(runtime, options);
    // 1. join: both accept, in one task, and neither ever ends but by an error.
    let both = join(accept(runtime, &one, options, &clients), accept(runtime, &other, options, &clients));
    if let First::Right((one, other)) = race(stop.readable(), both).await {
        return one.and(other);
    }
    clients.finish().await;
    Ok(())
}

/// Waits until both are done, and gives what both have given.
async fn join<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|context| {
        // 2. poll: whoever is not done yet is asked, each time. One that is done must not be polled again.
        if first.is_none()
            && let Poll::Ready(value) = one.as_mut().poll(context)
        {
            first = Some(value);
        }
        if second.is_none()
            && let Poll::Ready(value) = other.as_mut().poll(context)
        {
            second = Some(value);
        }
        match (first.take(), second.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            (one_done, other_done) => {
                (first, second) = (one_done, other_done);
                Poll::Pending
            }
        }
    })
    .await
}

/// Takes one client after another from the queue, for ever, and gives each a task of its own.
async fn accept(runtime: &Runtime, listener: &Socket, options: Options, clients: &Rc<Clients>) -> Result<()> {
    let mut gate = Gate::new(options.most);
    loop {
        while !gate.is_open(clients.present()) {
            race(clients.changed(), runtime.sleep(gate.opens_in())).await;
        }
        // accept: takes the first connection from the queue. Where the queue is empty, this task waits.
        match listener.accept().await.and_then(|connection| Client::new(clients, connection)) {
            Ok(mut client) => runtime.spawn(async move {
                let ended = echo(&mut client).await;
                // Part one's last call, close, is made here: at the end of the task.
                client.left(ended);
            }),
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
