//! Level 4: more than one client at a time.

use crate::bench::Bench;
use crate::calls;
use crate::check::Check;
use crate::client::Client;
use crate::fault::{Fault, Judged, Stop};
use crate::page::page;
use crate::payload;

/// Five clients at once.
pub const FIVE: Check = Check {
    id: "five",
    level: 4,
    title: "five clients at once are served, in any order",
    page: page("docs/part-six.md", "One after another"),
    judge: five,
};

/// A client that says nothing.
pub const SILENT_FIRST: Check = Check {
    id: "silent-first",
    level: 4,
    title: "a client that says nothing holds up nobody",
    page: page("docs/part-six-failures.md", "The client that says nothing"),
    judge: |bench| {
        bench.running()?;
        let _silent = bench.connect()?;
        bench.moment = "while another client is connected and says nothing";
        let mut second = bench.connect()?;
        bench.echo(&mut second, b"may I?\n")
    },
};

/// A client that does not read.
pub const NEVER_READS: Check = Check {
    id: "never-reads",
    level: 4,
    title: "a client that sends and does not read holds up nobody",
    page: page("docs/part-six-failures.md", "The client that does not read"),
    judge: |bench| {
        bench.running()?;
        let mut stubborn = bench.connect()?;
        bench.offer(&mut stubborn, &payload::numbered(1_000_000))?;
        bench.moment = "while another client sends and does not read";
        let mut second = bench.connect()?;
        bench.echo(&mut second, b"may I?\n").map_err(|stop| held_up(bench, &stubborn, stop))?;
        // The stubborn one goes away with a reset: how that is taken is another check's matter.
        bench.end();
        Ok(())
    },
};

/// Another client has no answer. If the last call on the stubborn one's connection is a send, that is the cause.
fn held_up(bench: &mut Bench<'_>, stubborn: &Client, stop: Stop) -> Stop {
    let all = bench.called().unwrap_or_default();
    let calls = calls::of_clients(&all, &[stubborn.address]);
    let (Stop::Fault(_), Some(last)) = (&stop, calls.last().filter(|call| call.sends())) else { return stop };
    let what = match &last.result {
        None => "waits for room, and everybody else waits as well",
        Some(result) if result.contains("EAGAIN") => {
            "gives EAGAIN, and your program tries it again at once, over and over"
        }
        Some(_) => return stop,
    };
    let sentence = format!(
        "A client that does not read holds up the others: {} to it {what}. Make its socket non-blocking, keep what does not \
         fit, serve the others, and go on when poll or epoll says that it takes more (POLLOUT). Or give each client a thread.",
        last.name
    );
    Fault::new(sentence).on(stubborn.address, None).into()
}

fn five(bench: &mut Bench<'_>) -> Judged {
    bench.running()?;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(bench.connect()?);
    }
    bench.moment = "while other clients are connected";
    for (number, client) in clients.iter_mut().enumerate() {
        bench.settle()?;
        bench.send(client, format!("client {number} of five\n").as_bytes())?;
    }
    bench.settle()?;
    mixed_up(bench, &mut clients)?;
    for number in [4, 2, 0, 1, 3] {
        if let Some(client) = clients.get_mut(number) {
            bench.comes_back(client)?;
        }
    }
    for number in [4, 2, 0, 1, 3] {
        if let Some(client) = clients.get_mut(number) {
            bench.echo(client, format!("once more from {number}\n").as_bytes())?;
        }
    }
    Ok(())
}

/// One client must not get what another one has sent.
fn mixed_up(bench: &mut Bench<'_>, clients: &mut [Client]) -> Judged {
    for client in clients.iter_mut() {
        client.read();
    }
    for (to, client) in clients.iter().enumerate() {
        let others = clients.iter().enumerate().filter(|(from, _)| *from != to);
        let has = |other: &Client| client.got.windows(other.sent.len()).any(|part| part == other.sent);
        if let Some((from, _)) = others.into_iter().find(|(_, other)| has(other)) {
            let sentence = format!(
                "What client {from} sent came back to client {to}. Your program keeps a connection, or a buffer, where all \
                 clients share it: each needs its own."
            );
            return Err(bench.fault_on(client, sentence).into());
        }
    }
    Ok(())
}
