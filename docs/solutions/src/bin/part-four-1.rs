//! Part four, exercise 1: lines that end with CR LF as well as with LF.
//!
//! What changes is where a line ends, and what is too long.

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
Echoes whole lines to one client after another, until Ctrl-C. An answer of Sockets, Part by Part.

Usage: part-four-1 [ADDR]

  ADDR           IP:PORT to listen on; port 0 lets the kernel choose one
                 [default: 127.0.0.1:6797]

  -h, --help     print this help
  -V, --version  print the version

A line ends with CR LF or with LF and has 1024 bytes before that at most.
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
    // A whole line, its carriage return and its line feed fit.
    let (mut buffer, mut filled, mut pieces) = ([0; LINE_LIMIT + 2], 0, 0_u32);
    loop {
        // recv: behind what is there. The bytes may be a piece of a line, or many lines, or both.
        match connection.recv(&mut buffer[filled..]) {
            Ok(received) => filled += received,
            Err(End::EndOfFile) if filled == 0 => return info!("end of file"),
            Err(end) if filled == 0 => return warn!("{end}"),
            Err(end) => return warn!("ended inside a line, after {filled} bytes: {end}"),
        }
        pieces += 1;

        // 1. split: the line feed still ends the line. A carriage return right before it belongs to the end; one
        //    anywhere else is a byte like any other. It does not matter in which pieces the two came.
        while let Some(length) = buffer[..filled].iter().position(|&byte| byte == b'\n') {
            let line = buffer[..length].strip_suffix(b"\r").unwrap_or(&buffer[..length]);
            if line.len() > LINE_LIMIT {
                return warn!("a line of more than {LINE_LIMIT} bytes: closing");
            }
            info!("line of {} bytes in {pieces} pieces: {}", line.len(), Text(line));

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

        // 2. limit: one byte more may be there without being too much, if it is the carriage return of the end.
        if filled > LINE_LIMIT + 1 || (filled == LINE_LIMIT + 1 && buffer[LINE_LIMIT] != b'\r') {
            return warn!("a line of more than {LINE_LIMIT} bytes: closing");
        }
    }
}
