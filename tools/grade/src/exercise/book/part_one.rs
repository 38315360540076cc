//! Part one and its failures.

use std::time::{Duration, Instant};

use lab::error::Result;

use super::exercise;
use crate::bench::{Bench, PORT};
use crate::check::{Ready, Transport};
use crate::client::Client;
use crate::exercise::listens;
use crate::explain;
use crate::fault::{How, Judged, fault};
use crate::kernel;
use crate::page::page;
use crate::payload;
use crate::program::Place;

exercise! {
    /// 1. Another port.
    ANOTHER_PORT: "part-one/1", "the kernel has chosen the port, and the server names it",
    page("docs/part-one.md", "1. Another port"), Transport::Tcp, anywhere, another_port
}

exercise! {
    /// 2. IPv6.
    IPV6: "part-one/2", "the server talks over IPv6",
    page("docs/part-one.md", "2. IPv6"), Transport::Tcp, listens, ipv6
}

exercise! {
    /// 4. A server that stays.
    STAYS: "part-one/4", "ten clients are served, one after another, and leave nothing behind",
    page("docs/part-one.md", "4. A server that stays"), Transport::Tcp, listens, stays
}

exercise! {
    /// 5. The whole line.
    WHOLE_LINE: "part-one/5", "a line comes back when it is whole, and not before",
    page("docs/part-one.md", "5. The whole line"), Transport::Tcp, listens, whole_line
}

exercise! {
    /// 3. Repair the 1024.
    THE_1024: "part-one-failures/3", "3,000 bytes come back, and then an end, not a reset",
    page("docs/part-one-failures.md", "3. Repair the 1024"), Transport::Tcp, listens, the_1024
}

exercise! {
    /// 4. A time limit.
    TIME_LIMIT: "part-one-failures/4", "a silent client is closed after ten seconds, and the server says why",
    page("docs/part-one-failures.md", "4. A time limit"), Transport::Tcp, listens, time_limit
}

/// Whether the program listens, wherever that is.
fn anywhere(_place: &Place) -> Result<Ready> {
    let is_there = kernel::tcp()?.iter().any(kernel::Row::listens);
    Ok(if is_there { Ready::Yes } else { Ready::NotYet })
}

/// Sends a message to a server that answers one and closes.
fn one_message(bench: &mut Bench<'_>, message: &[u8]) -> Judged<Client> {
    let mut client = bench.connect()?;
    client.write(message);
    bench.wait(&mut client, |_| false)?;
    if client.got == message && client.how == How::End {
        return Ok(client);
    }
    Err(explain::echo(bench, &mut client)?.into())
}

fn another_port(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    let row = kernel::tcp()?.into_iter().find(kernel::Row::listens).map(|row| row.local);
    let Some(address) = row else { return fault("Your program does not listen any more.") };
    if address.port() == PORT {
        return fault(format!("The port is {PORT}, not one that the kernel chose. Ask for port 0."));
    }
    let port = address.port().to_string();
    let names = |bench: &mut Bench<'_>| {
        let said = bench.program().map(|program| program.stdout.text() + &program.stderr.text());
        Ok(said.is_some_and(|said| said.contains(&port)))
    };
    bench.until(names)?;
    if !names(bench)? {
        return fault(format!(
            "Your program listens on {address}, and does not say so: nobody can know the port that the kernel chose. \
             getsockname tells it."
        ));
    }
    bench.place.address = address;
    one_message(bench, b"hello").map(drop)
}

fn ipv6(bench: &mut Bench<'_>) -> Judged {
    bench.launch_over_ipv6()?;
    one_message(bench, b"hello").map(drop)
}

fn stays(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    let mut before = 0;
    for number in 1..=10 {
        one_message(bench, b"hello")?;
        bench.moment = "after its first clients";
        bench.settle()?;
        let now = bench.program().map_or(0, |program| kernel::descriptors(&program.members()));
        if number == 1 {
            before = now;
        } else if now > before {
            return fault(format!(
                "Your program had {before} descriptors open after its first client, and has {now} after client {number}: a \
                 connection that was served stays open. Close each one when it is over."
            ));
        }
    }
    Ok(())
}

fn whole_line(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    let mut client = bench.connect()?;
    client.write(b"Hello");
    client.finish();
    bench.wait(&mut client, |_| false)?;
    if !client.got.is_empty() {
        let sentence = "What came back was sent without a line feed behind it: that was no line yet. Collect what recv gives \
                        until there is a line feed in it.";
        return Err(bench.fault_on(&client, sentence).into());
    }
    bench.restart()?;
    let mut client = bench.connect()?;
    client.write(b"Hel");
    bench.consumed(&mut client)?;
    bench.settle()?;
    client.read();
    if !client.got.is_empty() || client.how != How::Open {
        let sentence =
            "The first piece of a line was answered, or the connection closed, before its line feed came.";
        return Err(bench.fault_on(&client, sentence).into());
    }
    bench.echo(&mut client, b"lo\n")
}

fn the_1024(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    let mut client = bench.connect()?;
    client.cork()?;
    client.write(&payload::numbered(3000));
    client.finish();
    bench.wait(&mut client, |_| false)?;
    if client.got == client.sent && client.how == How::End {
        return Ok(());
    }
    let got = client.got.len();
    let sentence = if client.got == client.sent {
        "All 3000 bytes came back, and no end of the stream behind them: when recv returns 0, close."
            .to_owned()
    } else {
        format!(
            "{got} of 3000 bytes came back. recv takes what has come, and at most what its buffer holds: call it until it \
             returns 0, and send back what each call gives."
        )
    };
    Err(bench.fault_on(&client, sentence).into())
}

fn time_limit(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    let mut client = bench.connect()?;
    let begun = Instant::now();
    let is_over = |_: &mut Bench<'_>| {
        client.read();
        Ok(client.how != How::Open)
    };
    if !bench.by_the_clock(Duration::from_secs(15), is_over)? {
        return fault("A client has said nothing for fifteen seconds, and the server still waits for it.");
    }
    let took = begun.elapsed();
    if took < Duration::from_millis(9500) {
        return fault(format!(
            "A silent client was closed after {:.1} seconds. It should have ten.",
            took.as_secs_f64()
        ));
    }
    bench.settle()?;
    if bench.said().trim().is_empty() {
        return fault(
            "A silent client was closed, and your program says nothing about it on standard error.",
        );
    }
    Ok(())
}
