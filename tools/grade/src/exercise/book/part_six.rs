//! Part six and its failures.

use std::time::{Duration, Instant};

use super::exercise;
use crate::bench::Bench;
use crate::check::Transport;
use crate::exercise::listens;
use crate::fault::{How, Judged, fault};
use crate::page::page;

exercise! {
    /// 3. Busy.
    BUSY: "part-six/3", "while two clients are there, a third one is told \"busy\" and sent away",
    page("docs/part-six.md", "3. Busy"), Transport::Tcp, listens, busy
}

exercise! {
    /// 1. A byte each half second.
    HALF_SECOND: "part-six-failures/1", "a client that sends a byte each half second is closed after two seconds",
    page("docs/part-six-failures.md", "1. A byte each half second"), Transport::Tcp, listens, half_second
}

exercise! {
    /// 2. Which loris?
    WHICH_LORIS: "part-six-failures/2", "beside three clients that say nothing a fourth has its echo within three seconds",
    page("docs/part-six-failures.md", "2. Which loris?"), Transport::Tcp, listens, which_loris
}

fn busy(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    let (mut one, mut two) = (bench.connect()?, bench.connect()?);
    bench.echo(&mut one, b"one\n")?;
    bench.echo(&mut two, b"two\n")?;
    let mut third = bench.connect()?;
    bench.wait(&mut third, |_| false)?;
    if third.got == b"busy\n" && third.how == How::End {
        bench.echo(&mut one, b"one goes on\n")?;
        return bench.echo(&mut two, b"two goes on\n");
    }
    let came = match third.got.as_slice() {
        b"" => "nothing".to_owned(),
        bytes => format!("{:?}", String::from_utf8_lossy(bytes)),
    };
    fault(match third.how {
        How::End | How::Reset => {
            format!("The third client got {came} and an end, and should get \"busy\\n\" and an end.")
        }
        _ => format!(
            "The third client got {came} and is left waiting: it should get \"busy\\n\", and then the end."
        ),
    })
}

fn half_second(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    let mut loris = bench.connect()?;
    bench.echo(&mut loris, b"x")?;
    let begun = Instant::now();
    let mut next = begun;
    let closed = bench.by_the_clock(Duration::from_secs(6), |_| {
        if Instant::now() >= next {
            loris.write(b"x");
            next += Duration::from_millis(500);
        }
        loris.read();
        Ok(loris.how != How::Open)
    })?;
    if !closed {
        return fault(
            "A client sends one byte each half second, and after six seconds it is still served: each byte starts the time \
             anew. Let the two seconds count from its accept.",
        );
    }
    if begun.elapsed() < Duration::from_millis(1500) {
        return fault(format!(
            "The client was closed after {:.1} seconds, and should have two.",
            begun.elapsed().as_secs_f64()
        ));
    }
    let mut other = bench.connect()?;
    bench.echo(&mut other, b"the next\n")
}

fn which_loris(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    let mut lorises = Vec::new();
    for _ in 0..3 {
        let mut loris = bench.connect()?;
        bench.echo(&mut loris, b"x")?;
        lorises.push(loris);
    }
    let mut fourth = bench.connect()?;
    fourth.write(b"and I?\n");
    let served = bench.by_the_clock(Duration::from_secs(3), |_| {
        fourth.read();
        Ok(fourth.got.len() >= fourth.sent.len() || fourth.how != How::Open)
    })?;
    if served && fourth.got == fourth.sent {
        return Ok(());
    }
    fault(
        "Three clients were served and say nothing more, and a fourth one has no answer after three seconds: each of the \
         three keeps a worker. Have one more of them, or let none wait so long for a client.",
    )
}
