//! Part four, the delimiter: whole lines echoed, in however many pieces they came.
//!
//! Read `echo_lines` from top to bottom; the page beside it is `docs/part-four.md`.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use common::arguments::Arguments;
use common::dump::Text;
use common::program;
use common::stop::Stop;
use part_four_frames::connection::{Connection, End};
use part_four_frames::listener::Listener;
use tracing::{info, warn};

const HELP: &str = "\
Echoes whole lines to one client after another, until Ctrl-C. Part four of Sockets, Part by Part.

Usage: frames-lines [ADDR]

  ADDR           IP:PORT to listen on; port 0 lets the kernel choose one
                 [default: 127.0.0.1:6797]

  -h, --help     print this help
  -V, --version  print the version

A line ends with a line feed and has 1024 bytes before it at most.
Beside it, in a second terminal: telnet 127.0.0.1 6797
";

/// The longest line, without its line feed.
const LINE_LIMIT: usize = 1024;

/// How long a client may be silent while others wait for their turn: time enough to read a page.
const TIMEOUT: Duration = Duration::from_secs(300);

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Arguments::address, serve)
}

fn serve(address: SocketAddr) -> Result<()> {
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;
    let listener = Listener::open(address, false)?;
    let mut clients = 0_u64;
    while let Some(connection) = listener.accept(&stop, TIMEOUT)? {
        clients += 1;
        echo_lines(&connection);
        connection.close();
    }
    info!("Stopped after {clients} clients");
    Ok(())
}

fn echo_lines(connection: &Connection) {
    // What has come and was not echoed yet: the beginning of a line, in so many pieces. A whole line and its line
    // feed fit, so the buffer is never full without a line in it, or one that is too long.
    let (mut buffer, mut filled, mut pieces) = ([0; LINE_LIMIT + 1], 0, 0_u32);
    loop {
        // 1. recv: behind what is there. The bytes may be a piece of a line, or many lines, or both.
        match connection.recv(&mut buffer[filled..]) {
            Ok(received) => filled += received,
            Err(End::EndOfFile) if filled == 0 => return info!("end of file"),
            Err(end) if filled == 0 => return warn!("{end}"),
            Err(end) => return warn!("ended inside a line, after {filled} bytes: {end}"),
        }
        pieces += 1;

        // 2. split: at each line feed; every whole line that is there now.
        while let Some(length) = buffer[..filled].iter().position(|&byte| byte == b'\n') {
            info!("line of {length} bytes in {pieces} pieces: {}", Text(&buffer[..length]));

            // 3. send: the line back, with its line feed. What stands behind it moves to the front; it came in the
            //    last piece.
            if let Err(end) = connection.send_all(&buffer[..=length]) {
                return warn!("send: {end}");
            }
            buffer.copy_within(length + 1..filled, 0);
            filled -= length + 1;
            pieces = 1;
        }
        if filled == 0 {
            pieces = 0;
        }

        // 4. limit: without one, a client that never sends a line feed takes all the memory that there is.
        if filled > LINE_LIMIT {
            return warn!("a line of more than {LINE_LIMIT} bytes: closing");
        }
    }
}
