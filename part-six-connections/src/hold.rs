//! Connections that only stay: what does one cost the server?

use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use common::stop::Stop;
use tracing::info;

use crate::limits;
use crate::process::{self, Process};

/// How long the server may take for one echo.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens `clients` connections to `address`, gets one echo on each, says what they cost while they are silent, and
/// holds them until the stop.
///
/// # Errors
/// Not all of them are served.
pub fn hold(address: SocketAddr, clients: usize) -> Result<()> {
    let allowed = limits::raise_descriptors();
    // Standard input, output, error, the stop, and what looks into /proc.
    let needed = clients as u64 + 16;
    if allowed < needed {
        bail!("{clients} connections need {needed} descriptors, and {allowed} are allowed: see ulimit -Hn");
    }
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;
    let server = Process::listening_at(address);
    let before = server.and_then(Process::memory).zip(process::kernel_memory());

    let mut held = Vec::with_capacity(clients);
    for client in 1..=clients {
        let connection = connect(address).with_context(|| {
            format!("client {client} of {clients}: {} are connected and served", held.len())
        })?;
        held.push(connection);
        progress(client, clients);
    }
    info!("{clients} clients of {address}: each has had one echo, and is silent now");

    let after = server.and_then(Process::memory).zip(process::kernel_memory());
    if let Some(((program, kernel), (program_now, kernel_now))) = before.zip(after) {
        let each = |before: u64, after: u64| after.saturating_sub(before) / clients as u64;
        info!("A silent client costs the server {} bytes of its memory", each(program, program_now));
        info!("and the kernel {} bytes, for both ends of the connection", each(kernel, kernel_now));
    } else {
        info!("What they cost is not known: the server is not a process of ours on this machine");
    }
    info!("Holding them until Ctrl-C");
    stop.wait().context("poll")
}

/// A connection that has had one echo: now we know that the server, and not just its kernel, has it.
fn connect(address: SocketAddr) -> Result<TcpStream> {
    let mut stream =
        TcpStream::connect_timeout(&address, PATIENCE).with_context(|| format!("connect {address}"))?;
    stream.set_read_timeout(Some(PATIENCE)).context("setsockopt SO_RCVTIMEO")?;
    stream.write_all(b".").context("send")?;
    match stream.read_exact(&mut [0]) {
        Ok(()) => Ok(stream),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            bail!("no echo within {PATIENCE:?}: does this server serve so many at a time?")
        }
        Err(error) => Err(error).context("recv"),
    }
}

/// One line on standard error that overwrites itself, where somebody looks.
fn progress(client: usize, clients: usize) {
    if io::stderr().is_terminal() && (client.is_multiple_of(500) || client == clients) {
        let end = if client == clients { "\r\u{1b}[K" } else { "" };
        let _ = write!(io::stderr(), "\r{client} of {clients} clients{end}");
    }
}
