//! A client that sends more than fits anywhere, has the server stopped, and only then begins to read. Part six, the
//! failures.

use std::io::{ErrorKind, Read, Write, stdin};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use common::arguments::Arguments;
use common::program;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use part_six_connections::process::Process;
use tracing::info;

const HELP: &str = "\
Sends until nothing moves any more. When you press Return it sends SIGTERM to the server,
which must be yours and on this machine, and reads all that comes.

Usage: cargo run -p part-six-connections --example late_reader [-- ADDR]
";

fn main() -> ExitCode {
    program::run(env!("CARGO_CRATE_NAME"), HELP, Arguments::address, talk)
}

fn talk(address: SocketAddr) -> Result<()> {
    let server = Process::listening_at(address).with_context(|| format!("nobody listens at {address}"))?;
    let mut stream = TcpStream::connect(address).with_context(|| format!("connect {address}"))?;
    stream.set_write_timeout(Some(Duration::from_secs(1))).context("setsockopt SO_SNDTIMEO")?;
    let mut sent = 0;
    loop {
        match stream.write(&[b'x'; 16_384]) {
            Ok(count) => sent += count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) => return Err(error).context("send"),
        }
    }
    let much = if sent > 1_000_000 { "more than a million" } else { "less than a million" };
    info!("Sent {much} bytes, and now nothing moves. Press Return");
    stdin().read_exact(&mut [0]).context("read standard input")?;

    kill(Pid::from_raw(server.id()), Signal::SIGTERM).context("kill")?;
    let mut echo = Vec::new();
    stream.read_to_end(&mut echo).context("recv")?;
    let whole = if echo.len() == sent { "all of it" } else { "not all of it" };
    info!("The server was told to stop. I read until its end of file, and got {whole}");
    Ok(())
}
