//! Part six, the third design: a few threads, made once, that take client after client.
//!
//! No thread is made for a client, so there can never be too many; but as many clients as there are workers are served,
//! and the next one waits until one of those has left. The page beside it is `docs/part-six.md`.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use anyhow::{Context, Result};
use common::arguments::{Arguments, Error, number};
use common::program;
use part_six_connections::clients::{Client, Clients};
use part_six_connections::limits;
use part_six_connections::listener::listen_on;
use part_six_connections::options::Options;

const HELP: &str = "\
Echoes as many clients at a time as it has workers, until Ctrl-C or SIGTERM. Part six of
Sockets, Part by Part.

Usage: many-pool [OPTIONS] [ADDR]

  ADDR            IP:PORT to listen on; port 0 lets the kernel choose one
                  [default: 127.0.0.1:6797]

  --workers N     how many threads, 1 to 10000 [default: 2]
  --most N        at most N clients at a time; the others wait in the queue. With more
                  than workers, N less workers are accepted and wait for a worker
                  [default: as many as workers]
  --idle SECONDS  close a client that neither sends nor reads for so long [default: never]
  -h, --help      print this help
  -V, --version   print the version

Every received byte is shown with RUST_LOG=debug.
Beside it, in a second terminal: cargo run -p part-six-connections --bin crowd
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, arguments, |(options, workers)| serve(options, workers))
}

fn arguments(words: &mut Arguments) -> Result<(Options, usize), Error> {
    let mut workers = 2;
    let mut options = Options::from_words(words, |name, words| {
        let known = name == "workers";
        if known {
            workers = number("--workers", words.value()?, 1..=10_000)?;
        }
        Ok(known)
    })?;
    options.most.get_or_insert(workers);
    Ok((options, workers))
}

fn serve(options: Options, workers: usize) -> Result<()> {
    limits::raise_descriptors();
    let (listener, stop) = listen_on(options.address)?;
    let stop = Arc::new(stop);
    let clients = Clients::until(&stop, options)?;

    // 1. workers: each takes a client from our own queue, serves it to its end, and takes the next. Of those who sleep
    //    at the queue's end one has the lock and is woken; the others sleep at the lock.
    let (queue, end) = mpsc::channel::<Client>();
    let end = Arc::new(Mutex::new(end));
    for worker in 1..=workers {
        let end = Arc::clone(&end);
        let next = move || end.lock().unwrap_or_else(PoisonError::into_inner).recv();
        thread::Builder::new()
            .spawn(move || {
                while let Ok(client) = next() {
                    client.serve();
                }
            })
            .with_context(|| format!("start worker {worker} of {workers}"))?;
    }

    while stop.wait_for(&listener).context("poll")? {
        if let Some(client) = clients.accept(&listener)? {
            // 2. queue: whichever worker is free takes it. The workers end only with the program, so somebody will.
            queue.send(client).context("no worker is left")?;
        }
        // 3. wait: while all workers are busy the next client stays in the kernel's queue, which is bounded.
        clients.wait_for_room();
    }

    drop(listener);
    clients.wait_for_the_last();
    Ok(())
}
