//! Part seven, the second server: the same `echo` on tokio, in one thread or in several.
//!
//! Lay it beside async-executor: `echo` is the same function. What is different stands in
//! [`tokio_clients`](part_seven_async::tokio_clients); the page beside it is `docs/part-seven-tokio.md`.

use std::process::ExitCode;

use anyhow::Result;
use common::arguments::{Arguments, Error, number};
use common::program;
use part_seven_async::tokio_clients::{Client, runtime, serve};
use part_six_connections::limits;
use part_six_connections::options::Options;

const HELP: &str = "\
Echoes all clients, each in a task on tokio, until Ctrl-C or SIGTERM. Part seven of
Sockets, Part by Part.

Usage: async-tokio [OPTIONS] [ADDR]

  ADDR            IP:PORT to listen on; port 0 lets the kernel choose one
                  [default: 127.0.0.1:6797]

  --workers N     how many threads poll the tasks, 0 to 512; 0 is tokio's current-thread
                  runtime, which has no threads besides this one [default: 0]
  --most N        at most N clients at a time; the others wait in the queue
                  [default: as many as there are descriptors]
  --idle SECONDS  close a client that neither sends nor reads for so long [default: never]
  -h, --help      print this help
  -V, --version   print the version

Every received byte is shown with RUST_LOG=debug.
Beside it, in a second terminal: cargo run -p part-six-connections --bin crowd
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, arguments, |(options, workers)| run(options, workers))
}

fn arguments(words: &mut Arguments) -> Result<(Options, usize), Error> {
    let mut workers = 0;
    let options = Options::from_words(words, |name, words| {
        let known = name == "workers";
        if known {
            workers = number("--workers", words.value()?, 0..=512)?;
        }
        Ok(known)
    })?;
    Ok((options, workers))
}

fn run(options: Options, workers: usize) -> Result<()> {
    limits::raise_descriptors();
    let runtime = runtime(workers)?;
    runtime.block_on(serve(options, |mut client| async move {
        let ended = echo(&mut client).await;
        // Part one's last call, close, is made here: at the end of the task.
        client.left(ended);
    }))
}

/// Echoes one client until its end of file.
async fn echo(client: &mut Client) -> Result<()> {
    // 1. recv: takes what has come. Where nothing has, the others have their turn until something does.
    while let Some(message) = client.recv().await? {
        // 2. send: hands the bytes to the kernel. Where it has no room, the others have their turn again.
        client.send(&message).await?;
    }
    Ok(())
}
