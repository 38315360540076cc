//! Part six, exercise 3: a thread for every client, and who comes when there are enough of them is told so.
//!
//! What changes is the loop of `serve`.

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use common::program;
use nix::sys::socket::{MsgFlags, send};
use part_six_connections::clients::Clients;
use part_six_connections::limits;
use part_six_connections::listener::listen_on;
use part_six_connections::options::Options;
use tracing::{info, warn};

const HELP: &str = "\
Echoes every client in a thread of its own, and tells those who are too many that it is
busy. An answer of Sockets, Part by Part.

Usage: part-six-3 [OPTIONS] [ADDR]

  ADDR            IP:PORT to listen on; port 0 lets the kernel choose one
                  [default: 127.0.0.1:6797]

  --most N        at most N clients at a time; the others are told: busy
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
    let most = options.most.unwrap_or(usize::MAX);
    let clients = Clients::until(&stop, Options { most: None, ..options })?;
    // As many copies as threads, and this one.
    let here = Arc::new(());

    while stop.wait_for(&listener).context("poll")? {
        let Some(client) = clients.accept(&listener)? else { continue };
        let descriptor = client.descriptor();
        // 1. refuse: five bytes fit into the empty buffer of a new connection; then its owner ends, and it is closed.
        if Arc::strong_count(&here) > most {
            info!("Client refused: descriptor {descriptor}: busy");
            let _ = send(descriptor, b"busy\n", MsgFlags::empty());
            continue;
        }
        // 2. spawn: the thread's copy ends with the thread.
        let copy = Arc::clone(&here);
        let work = move || {
            client.serve();
            drop(copy);
        };
        if let Err(error) = thread::Builder::new().spawn(work) {
            warn!("Client refused: descriptor {descriptor}: start a thread: {error}");
        }
    }

    drop(listener);
    clients.wait_for_the_last();
    Ok(())
}
