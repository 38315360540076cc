//! Not a server but the least that one can do: `recv` and `send`, and nobody is waited for. What that costs is the price
//! of an echo in the kernel's own TCP. `race` starts it. After the connections comes one more, for control: a byte on it
//! says that every connection's message is there, and the answer is the processor time of their echoes, eight bytes of
//! nanoseconds. Waiting for the byte is not counted.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use common::arguments::{Arguments, Error, address, number};
use common::program;
use nix::sys::socket::{Backlog, listen};
use nix::time::ClockId;

const HELP: &str = "\
Echoes one message of every connection each time a byte comes on one connection more.
`race` starts it, to know how much of an echo is the kernel's own work.

Usage: floor ADDR CONNECTIONS
";

fn main() -> ExitCode {
    program::run(
        env!("CARGO_BIN_NAME"),
        HELP,
        |words: &mut Arguments| {
            let missing = || Error::Unusable("write an address and how many connections".into());
            let place = address(words.operand()?.ok_or_else(missing)?)?;
            Ok((place, number("CONNECTIONS", words.operand()?.ok_or_else(missing)?, 1..=100_000)?))
        },
        |(place, connections)| echo(place, connections),
    )
}

fn echo(place: std::net::SocketAddr, connections: usize) -> Result<()> {
    let listener = TcpListener::bind(place).with_context(|| format!("bind {place}"))?;
    // A longer queue than the standard library asks for.
    listen(&listener, Backlog::MAXCONN).context("listen")?;
    // The first connection only asks whether we listen.
    drop(listener.accept().context("accept")?);
    let mut clients = Vec::with_capacity(connections);
    for _ in 0..connections {
        clients.push(listener.accept().context("accept")?.0);
    }
    let mut control = listener.accept().context("accept")?.0;
    let mut buffer = [0; 4096];
    let clock = ClockId::CLOCK_THREAD_CPUTIME_ID;
    while control.read(&mut [0]).context("recv")? > 0 {
        let begun = Duration::from(clock.now().context("clock_gettime")?);
        for client in &mut clients {
            let received = client.read(&mut buffer).context("recv")?;
            let sent = client.write(&buffer[..received]).context("send")?;
            ensure!(sent == received, "send took {sent} of {received} bytes");
        }
        let took = Duration::from(clock.now().context("clock_gettime")?).saturating_sub(begun);
        control.write_all(&u64::try_from(took.as_nanos())?.to_ne_bytes()).context("send")?;
    }
    Ok(())
}
