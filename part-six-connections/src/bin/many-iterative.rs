//! Part six, the first design: one client after another.
//!
//! Part three's loop on part one's socket. While one client is served, all others wait in the kernel's queue. Read
//! `serve`, and then [`Client::serve`](part_six_connections::clients::Client::serve), which the next two designs use as
//! it is; the page beside it is `docs/part-six.md`.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use common::program;
use part_six_connections::clients::Clients;
use part_six_connections::listener::listen_on;
use part_six_connections::options::Options;

const HELP: &str = "\
Echoes one client after another, until Ctrl-C or SIGTERM. Part six of Sockets, Part by Part.

Usage: many-iterative [OPTIONS] [ADDR]

  ADDR            IP:PORT to listen on; port 0 lets the kernel choose one
                  [default: 127.0.0.1:6797]

  --most N        at most N clients at a time; this design never has more than one, and
                  the others wait in the queue whatever N is
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
    let (listener, stop) = listen_on(options.address)?;
    let stop = Arc::new(stop);
    let clients = Clients::until(&stop, options)?;

    // 1. poll: sleeps until somebody is in the queue, or until the stop.
    while stop.wait_for(&listener).context("poll")? {
        // 2. accept: takes the first client from the queue.
        if let Some(client) = clients.accept(&listener)? {
            // 3. serve: recv, send, recv, send, until this client's end of file. Nobody else gets a byte meanwhile. What
            //    is left out: a limit to how long that may take, but for --idle. It is the lesson.
            client.serve();
        }
    }

    // 4. close: those who are still in the queue are reset.
    drop(listener);
    clients.wait_for_the_last();
    Ok(())
}
