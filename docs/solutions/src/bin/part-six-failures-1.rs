//! Part six's failures, exercise 1: one client after another, and each has two seconds.
//!
//! What changes is the inside of the loop.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use common::program;
use nix::sys::socket::{Shutdown, shutdown};
use part_six_connections::clients::Clients;
use part_six_connections::listener::listen_on;
use part_six_connections::options::Options;
use tracing::info;

const HELP: &str = "\
Echoes one client after another, each for two seconds at most. An answer of Sockets, Part
by Part.

Usage: part-six-failures-1 [OPTIONS] [ADDR]

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

/// How long a client may be served.
const LIMIT: Duration = Duration::from_secs(2);

fn serve(options: Options) -> Result<()> {
    let (listener, stop) = listen_on(options.address)?;
    let stop = Arc::new(stop);
    let clients = Clients::until(&stop, options)?;

    while stop.wait_for(&listener).context("poll")? {
        let Some(client) = clients.accept(&listener)? else { continue };
        thread::scope(|scope| {
            // 1. deadline: the channel ends when the client is served. Until then `recv_timeout` waits, and when the time
            //    is over `shutdown` wakes the thread that sleeps in `recv` or in `send`. Should that be just when the client
            //    has been closed, its number belongs to nobody: only this loop accepts.
            let (served, end) = mpsc::channel::<()>();
            let descriptor = client.descriptor();
            scope.spawn(move || {
                if end.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
                    info!("Client cut off: descriptor {descriptor}: {LIMIT:?} are over");
                    let _ = shutdown(descriptor, Shutdown::Both);
                }
            });
            // 2. serve: as before. `served` ends with this block.
            client.serve();
            drop(served);
        });
    }

    drop(listener);
    clients.wait_for_the_last();
    Ok(())
}
