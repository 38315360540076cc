//! Part seven, the fourth server: async-tokio with one mistake in it, and the cure.
//!
//! Before each answer it asks somebody who takes 300 ms: a database, a resolver, a password's hash. The call sleeps, or
//! computes, and does not wait as a future waits; and a thread that is in such a call polls nobody else. The page beside
//! it is `docs/part-seven-tokio.md`.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use common::arguments::{Arguments, Error, number};
use common::program;
use part_seven_async::tokio_clients::{Client, runtime, serve};
use part_six_connections::limits;
use part_six_connections::options::Options;
use tokio::task::spawn_blocking;

const HELP: &str = "\
Echoes all clients on tokio, with a call before each answer that blocks its thread, until
Ctrl-C or SIGTERM. Part seven of Sockets, Part by Part.

Usage: async-blocking [OPTIONS] [ADDR]

  ADDR            IP:PORT to listen on; port 0 lets the kernel choose one
                  [default: 127.0.0.1:6797]

  --workers N     how many threads poll the tasks, 0 to 512; 0 is tokio's current-thread
                  runtime, which has no threads besides this one [default: 0]
  --call MS       how long the call takes, 0 to 10000 milliseconds [default: 300]
  --aside         the cure: make the call on one of the threads that tokio has for that
  --most N        at most N clients at a time; the others wait in the queue
                  [default: as many as there are descriptors]
  --idle SECONDS  close a client that neither sends nor reads for so long [default: never]
  -h, --help      print this help
  -V, --version   print the version

Every received byte is shown with RUST_LOG=debug.
Beside it, in a second terminal: cargo run -p part-six-connections --bin crowd
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, arguments, |(options, how)| run(options, how))
}

/// What only this server takes.
#[derive(Clone, Copy)]
struct How {
    workers: usize,
    call: Duration,
    aside: bool,
}

fn arguments(words: &mut Arguments) -> Result<(Options, How), Error> {
    let mut how = How { workers: 0, call: Duration::from_millis(300), aside: false };
    let options = Options::from_words(words, |name, words| {
        match name {
            "workers" => how.workers = number("--workers", words.value()?, 0..=512)?,
            "call" => how.call = Duration::from_millis(number("--call", words.value()?, 0..=10_000)?),
            "aside" => how.aside = true,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok((options, how))
}

fn run(options: Options, how: How) -> Result<()> {
    limits::raise_descriptors();
    let runtime = runtime(how.workers)?;
    runtime.block_on(serve(options, move |mut client| async move {
        let ended = echo(&mut client, how).await;
        client.left(ended);
    }))
}

/// Echoes one client until its end of file, and asks somebody before each answer.
async fn echo(client: &mut Client, how: How) -> Result<()> {
    while let Some(message) = client.recv().await? {
        if how.aside {
            // The task waits, as it waits for a socket: another thread makes the call, and wakes us when it is done.
            spawn_blocking(move || ask(how.call)).await.context("the call")?;
        } else {
            // No `.await`: to the runtime this is one long poll.
            ask(how.call);
        }
        client.send(&message).await?;
    }
    Ok(())
}

/// A call that knows nothing of futures.
fn ask(takes: Duration) {
    thread::sleep(takes);
}
