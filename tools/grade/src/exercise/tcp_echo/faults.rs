//! Level 5: what goes wrong with one client, or at the start, is said and ends nobody else.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use lab::error::Error;

use crate::bench::Bench;
use crate::check::{Check, Ready};
use crate::client::Client;
use crate::explain;
use crate::fault::{Fault, Judged, fault};
use crate::kernel::Quiet;
use crate::page::page;
use crate::payload;
use crate::program::{Program, ending};
use crate::wait::pause;

/// A program that is stopped and goes on.
pub const INTERRUPTED: Check = Check {
    id: "interrupted",
    level: 5,
    title: "stopped (SIGSTOP) and continued, it goes on where it was",
    page: page("docs/part-one.md", "The client"),
    judge: interrupted,
};

/// A client that resets its connection in the middle.
pub const RESET: Check = Check {
    id: "reset",
    level: 5,
    title: "a reset in the middle of a message ends nobody else",
    page: page("docs/part-one-failures.md", "The peer is gone"),
    judge: reset,
};

/// A client that is gone when the answer comes.
pub const GONE: Check = Check {
    id: "gone",
    level: 5,
    title: "a client that is gone before its answer ends nobody else",
    page: page("docs/part-one-failures.md", "The peer is gone"),
    judge: gone,
};

/// A client that is gone before it was accepted.
pub const RESET_BEFORE_ACCEPT: Check = Check {
    id: "reset-before-accept",
    level: 5,
    title: "a client that is gone before accept ends nobody else",
    page: page("docs/part-one-failures.md", "The peer is gone"),
    judge: reset_before_accept,
};

/// A second program at the same address.
pub const PORT_TAKEN: Check = Check {
    id: "port-taken",
    level: 5,
    title: "if the address is taken, it says so and ends with a status above 0",
    page: page("docs/part-one-failures.md", "The address is taken"),
    judge: port_taken,
};

fn interrupted(bench: &mut Bench<'_>) -> Judged {
    bench.running()?;
    let mut client = bench.connect()?;
    bench.echo(&mut client, b"before\n")?;
    bench.settle()?;
    bench.moment = "after it was stopped and continued (SIGSTOP, SIGCONT)";
    bench.frozen(|_| Ok(()))?;
    bench.settle()?;
    bench.lives()?;
    bench.echo(&mut client, b"and after\n")?;
    bench.still_serves()
}

fn reset(bench: &mut Bench<'_>) -> Judged {
    bench.running()?;
    let mut other = bench.connect()?;
    bench.echo(&mut other, b"another client\n")?;
    let mut client = bench.connect()?;
    bench.echo(&mut client, b"half a mess")?;
    bench.settle()?;
    bench.moment = "after a client reset its connection";
    client.reset()?;
    others_go_on(bench, &mut other, client.address)
}

fn gone(bench: &mut Bench<'_>) -> Judged {
    bench.running()?;
    let mut other = bench.connect()?;
    bench.echo(&mut other, b"another client\n")?;
    let mut client = bench.connect()?;
    bench.echo(&mut client, b"hello\n")?;
    bench.settle()?;
    bench.moment = "after a client was gone before its answer";
    // In this order: bytes, the end, a reset. The bytes can be received; a send to nobody gives EPIPE at once.
    bench.frozen(|_| {
        client.write(&payload::numbered(64));
        client.finish();
        Ok(client.reset()?)
    })?;
    others_go_on(bench, &mut other, client.address)
}

fn reset_before_accept(bench: &mut Bench<'_>) -> Judged {
    bench.running()?;
    let mut other = bench.connect()?;
    bench.echo(&mut other, b"another client\n")?;
    bench.settle()?;
    bench.moment = "after a client was gone before it was accepted";
    let gone = bench.frozen(|bench| {
        let mut client = bench.connect()?;
        client.reset()?;
        Ok(client.address)
    })?;
    others_go_on(bench, &mut other, gone)
}

/// One client is gone; another one, and new ones, go on.
fn others_go_on(bench: &mut Bench<'_>, other: &mut Client, gone: SocketAddr) -> Judged {
    bench.settle()?;
    bench.lives().map_err(|stop| stop.about(gone))?;
    bench.echo(other, b"the other client goes on\n")?;
    bench.still_serves()
}

/// Also of other exercises with a TCP server.
pub fn port_taken(bench: &mut Bench<'_>) -> Judged {
    bench.fresh_network()?;
    let address = bench.place.address;
    let doing = |error| Error::of(format!("listen on {address}"), error);
    let _listener = TcpListener::bind(address).map_err(doing)?;
    bench.launch_here()?;
    let begun = Instant::now();
    let mut quiet = Quiet::from_now();
    let status = loop {
        bench.go_on()?;
        if let Some(status) = bench.program().and_then(Program::ended) {
            break status;
        }
        if let Ready::Elsewhere(place) = (bench.subject.exercise.ready)(&bench.place)? {
            return fault(format!(
                "The address {address} was taken, and your program listens on {place} instead. Whoever looks for it will \
                 not find it there: say that bind failed, and end."
            ));
        }
        let limits = bench.limits();
        let stood = bench.program().map_or(Duration::MAX, |program| program.quiet(&mut quiet));
        if stood > limits.quiet || begun.elapsed() > limits.compile {
            return fault(format!(
                "The address {address} was taken, and your program goes on running, although nobody can reach it. bind \
                 gives EADDRINUSE: say so on standard error, and end with another status than 0."
            ));
        }
        pause(begun);
    };
    let said = bench.said();
    let how = ending(status);
    let sentence = if status.success() {
        format!(
            "The address {address} was taken, and your program ended with {how}, which means success. Whoever started it \
             believes that all is well: end with another status."
        )
    } else if said.trim().is_empty() {
        format!(
            "The address {address} was taken, and your program ended with {how} without a word on standard error. Say \
             which call failed, on what, and why: bind {address}: EADDRINUSE."
        )
    } else {
        return Ok(());
    };
    Err(Fault::new(sentence).read(explain::address_taken()).into())
}
