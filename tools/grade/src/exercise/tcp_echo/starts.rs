//! Level 1: it listens, and answers.

use std::net::SocketAddr;

use crate::bench::Bench;
use crate::check::Check;
use crate::fault::{Fault, Judged, fault};
use crate::kernel;
use crate::page::page;

/// It listens where it was told to, and nowhere else.
pub const LISTENS: Check = Check {
    id: "listens",
    level: 1,
    title: "it listens on the address that it was given, and only there",
    page: page("docs/part-one.md", "The server waits"),
    judge: listens,
};

/// A line comes back.
pub const ONE_LINE: Check = Check {
    id: "one-line",
    level: 1,
    title: "a line comes back",
    page: page("docs/part-one.md", "One message"),
    judge: one_line,
};

/// Bytes without a line end come back, too.
pub const NO_LINE_END: Check = Check {
    id: "no-line-end",
    level: 1,
    title: "what comes without a line end comes back as well",
    page: page("docs/part-one-failures.md", "A message in two pieces"),
    judge: |bench| {
        bench.running()?;
        let mut client = bench.connect()?;
        bench.echo(&mut client, b"no line end")
    },
};

/// Also of other exercises with a TCP server.
///
/// # Errors
/// It says something of its own, or does not answer.
pub fn one_line(bench: &mut Bench<'_>) -> Judged {
    bench.running()?;
    let mut client = bench.connect()?;
    bench.settle()?;
    client.read();
    if !client.got.is_empty() {
        return Err(bench
            .fault_on(
                &client,
                "Your program speaks before the client has said anything. An echo has no words of its own.",
            )
            .into());
    }
    bench.echo(&mut client, b"hello\n")
}

/// Also of other exercises with a TCP server.
///
/// # Errors
/// It listens elsewhere.
pub fn listens(bench: &mut Bench<'_>) -> Judged {
    bench.running()?;
    bench.settle()?;
    let wanted = bench.place.address;
    let others: Vec<SocketAddr> = kernel::tcp()?
        .into_iter()
        .filter(|row| row.listens() && row.local != wanted)
        .map(|row| row.local)
        .collect();
    match others.first() {
        None => Ok(()),
        Some(other) if other.ip().is_unspecified() && other.port() == wanted.port() => Err(Fault::new(format!(
            "Your program listens on {other}, which is every address that this machine has: whoever reaches the machine \
             reaches your program. It was given {wanted}; bind to that."
        ))
        .into()),
        Some(other) => fault(format!("Your program listens on {other}, too. It was given {wanted} alone.")),
    }
}
