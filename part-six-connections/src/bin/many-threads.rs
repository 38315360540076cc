//! Part six, the second design: a thread for every client.
//!
//! The same `accept`, the same `recv` and `send`, and between them one new line: the client is given to a thread of its
//! own, which may sleep in `recv` while this one accepts the next. The page beside it is `docs/part-six.md`.

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use common::program;
use part_six_connections::clients::Clients;
use part_six_connections::limits;
use part_six_connections::listener::listen_on;
use part_six_connections::options::Options;
use tracing::warn;

const HELP: &str = "\
Echoes every client in a thread of its own, until Ctrl-C or SIGTERM. Part six of
Sockets, Part by Part.

Usage: many-threads [OPTIONS] [ADDR]

  ADDR            IP:PORT to listen on; port 0 lets the kernel choose one
                  [default: 127.0.0.1:6797]

  --most N        at most N clients at a time; the others wait in the queue
                  [default: as many as there are descriptors and threads]
  --idle SECONDS  close a client that neither sends nor reads for so long [default: never]
  -h, --help      print this help
  -V, --version   print the version

Every received byte is shown with RUST_LOG=debug.
Beside it, in a second terminal: cargo run -p part-six-connections --bin crowd
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Options::alone, serve)
}

fn serve(options: Options) -> Result<()> {
    limits::raise_descriptors();
    let (listener, stop) = listen_on(options.address)?;
    let stop = Arc::new(stop);
    let clients = Clients::until(&stop, options)?;

    while stop.wait_for(&listener).context("poll")? {
        if let Some(client) = clients.accept(&listener)? {
            // 1. spawn: a thread that serves this client and ends with it. The kernel may refuse (EAGAIN: too many
            //    threads, or no memory for one more stack); then this client is closed, and the others are not touched.
            let descriptor = client.descriptor();
            if let Err(error) = thread::Builder::new().spawn(move || client.serve()) {
                warn!("Client refused: descriptor {descriptor}: start a thread: {error}");
            }
        }
        // 2. wait: at --most nobody is accepted until a client has left.
        clients.wait_for_room();
    }

    // 3. close, and wait for the threads. Nobody joins them: that they have left is all that we need to know.
    drop(listener);
    clients.wait_for_the_last();
    Ok(())
}
