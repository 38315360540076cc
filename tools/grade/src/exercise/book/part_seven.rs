//! Part seven.

use std::net::SocketAddr;
use std::time::Duration;

use super::exercise;
use crate::bench::{Bench, PORT};
use crate::check::Transport;
use crate::exercise::frames_receiver::{frame, give, must_be_kept, sender};
use crate::exercise::listens;
use crate::fault::{Judged, fault};
use crate::kernel;
use crate::page::page;

exercise! {
    /// 1. A timer.
    TIMER: "part-seven/1", "every second it says how many clients are here",
    page("docs/part-seven.md", "1. A timer"), Transport::Tcp, listens, timer
}

exercise! {
    /// 2. A join.
    JOIN: "part-seven/2", "a server that was started with two addresses, 127.0.0.1:6797 and 127.0.0.1:6798, echoes at both",
    page("docs/part-seven.md", "2. A join"), Transport::Tcp, listens, join
}

exercise! {
    /// 3. A semaphore.
    SEMAPHORE: "part-seven/3", "a third client is connected, and answered when one of two has left",
    page("docs/part-seven.md", "3. A semaphore"), Transport::Tcp, listens, semaphore
}

exercise! {
    /// 4. Part four's receiver.
    RECEIVER: "part-seven/4", "a sender that stops in the middle holds up nobody",
    page("docs/part-seven.md", "4. Part four's receiver"), Transport::Tcp, listens, receiver
}

fn timer(bench: &mut Bench<'_>) -> Judged {
    const WORDS: &str = "2 clients are here";
    bench.restart()?;
    let (mut one, mut two) = (bench.connect()?, bench.connect()?);
    bench.echo(&mut one, b"one\n")?;
    bench.echo(&mut two, b"two\n")?;
    let times = |bench: &mut Bench<'_>| {
        let said = bench.program().map(|program| program.stdout.text() + &program.stderr.text());
        said.map_or(0, |said| said.matches(WORDS).count())
    };
    let limit = Duration::from_secs(2) + bench.limits().wait;
    bench.by_the_clock(limit, |bench| Ok(times(bench) >= 2))?;
    match times(bench) {
        0 => {
            fault(format!("Two clients are connected, and your program does not say \"{WORDS}\" on a line."))
        }
        1 => fault(format!("Your program says \"{WORDS}\" once. It should say so every second.")),
        _ => Ok(()),
    }
}

fn join(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    let other = SocketAddr::new(bench.place.address.ip(), PORT + 1);
    let is_there =
        |_: &mut Bench<'_>| Ok(kernel::tcp()?.iter().any(|row| row.listens() && row.local == other));
    bench.until(is_there)?;
    if !is_there(bench)? {
        return fault(format!(
            "Your program listens on {}, and not on {other} as well.",
            bench.place.address
        ));
    }
    let mut first = bench.connect()?;
    bench.place.address = other;
    let mut second = bench.connect()?;
    for round in 1..=3 {
        let line = format!("round {round}\n");
        bench.echo(&mut second, line.as_bytes())?;
        bench.place.address.set_port(PORT);
        bench.echo(&mut first, line.as_bytes())?;
        bench.place.address.set_port(other.port());
    }
    Ok(())
}

fn semaphore(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    let (mut one, mut two) = (bench.connect()?, bench.connect()?);
    bench.echo(&mut one, b"one\n")?;
    bench.echo(&mut two, b"two\n")?;
    let mut third = bench.connect()?;
    third.write(b"and I?\n");
    bench.until(|bench| Ok(bench.waiting()? == 0))?;
    if bench.waiting()? > 0 {
        return fault(
            "The third client waits in the kernel's queue. Accept everybody, and let it wait for its turn behind that.",
        );
    }
    bench.echo(&mut one, b"still here\n")?;
    bench.settle()?;
    third.read();
    if !third.got.is_empty() {
        return fault(
            "The third client has its answer while two others are here. Only two may be answered at a time.",
        );
    }
    bench.ends_well(&mut two)?;
    bench.comes_back(&mut third)
}

fn receiver(bench: &mut Bench<'_>) -> Judged {
    let slow = frame("slow", b"slow and whole");
    let (begun, rest) = slow.split_at_checked(slow.len() / 2).unwrap_or((&slow, &[]));
    let mut first = sender(bench)?;
    give(bench, &mut first, begun)?;
    let mut second = sender(bench)?;
    give(bench, &mut second, &frame("fast", b"fast"))?;
    second.finish();
    must_be_kept(
        bench,
        &mut second,
        "fast",
        b"fast",
        "Another sender has stopped in the middle of its frame.",
    )?;
    give(bench, &mut first, rest)?;
    first.finish();
    must_be_kept(
        bench,
        &mut first,
        "slow",
        b"slow and whole",
        "It came in two halves, with another sender between.",
    )
}
