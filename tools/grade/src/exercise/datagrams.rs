//! What every server of datagrams is asked, over UDP and in the Unix domain. An exercise says how a client reaches it;
//! the rest is the same. What concerns one client alone is asked of a program that has had no other.

use nix::sys::signal::Signal;

use crate::bench::Bench;
use crate::calls::answered_elsewhere;
use crate::explain;
use crate::fault::{Exchange, Fault, How, Judged, fault};
use crate::kernel;
use crate::payload;
use crate::peer::Peer;

/// Makes a client that is connected to the program.
pub(super) type Connect = fn(&mut Bench<'_>) -> Judged<Peer>;

/// Sends one datagram, as soon as there is room for it.
///
/// # Errors
/// There is never room: the program does not receive.
pub(super) fn send(bench: &mut Bench<'_>, peer: &mut Peer, bytes: &[u8]) -> Judged {
    match bench.until(|_| Ok(peer.send(bytes)? || peer.refused))? {
        How::Open if !peer.refused => Ok(()),
        How::Open => Err(nobody(bench).into()),
        how => Err(unanswered(bench, how, peer, bytes)?.into()),
    }
}

/// Sends one datagram and waits for its echo, and for nothing more.
///
/// # Errors
/// Something else comes, or nothing.
pub(super) fn echo(bench: &mut Bench<'_>, peer: &mut Peer, bytes: &[u8]) -> Judged {
    send(bench, peer, bytes)?;
    comes_back(bench, peer, &[bytes])
}

/// Waits until `wanted` has come to this client, one datagram for each, in this order, and nothing more.
///
/// # Errors
/// Something else comes, or less, or more.
pub(super) fn comes_back(bench: &mut Bench<'_>, peer: &mut Peer, wanted: &[&[u8]]) -> Judged {
    let how = bench.until(|_| {
        peer.read();
        Ok(peer.refused || peer.got.len() >= wanted.len())
    })?;
    bench.settle()?;
    peer.read();
    let got = std::mem::take(&mut peer.got);
    if got.iter().map(Vec::as_slice).eq(wanted.iter().copied()) {
        return Ok(());
    }
    if bench.program().is_none_or(|program| program.ended().is_some()) {
        return Err(explain::died(bench).into());
    }
    if peer.refused {
        return Err(nobody(bench).into());
    }
    let first_wrong = wanted.iter().zip(&got).find(|(wanted, got)| *wanted != got);
    if let Some((wanted, got)) = first_wrong {
        return Err(differs(bench, peer, wanted, got, &got_text(got, wanted)).into());
    }
    match got.len() {
        0 => Err(unanswered(bench, how, peer, wanted.first().copied().unwrap_or_default())?.into()),
        fewer if fewer < wanted.len() => {
            let lost = wanted.get(fewer).copied().unwrap_or_default();
            Err(unanswered(bench, how, peer, lost)?.into())
        }
        more => fault(format!(
            "{more} datagrams came back for {}: one for each that came is an echo, and each goes out once.",
            wanted.len()
        )),
    }
}

/// Why an answer is another one than it should be.
fn got_text(got: &[u8], wanted: &[u8]) -> String {
    if got.len() < wanted.len() && wanted.starts_with(got) {
        format!(
            "A datagram of {} bytes came back with its first {}: a buffer of that length cuts a longer datagram, and what \
             is cut off is gone for good. The longest over IPv4 has 65,507 bytes.",
            wanted.len(),
            got.len()
        )
    } else if got.starts_with(wanted) {
        format!(
            "{} bytes came back in one datagram, and the one that was sent has {}: several datagrams were joined. Each \
             has its own beginning and end; answer each by one of its own.",
            got.len(),
            wanted.len()
        )
    } else {
        "What came back is not what was sent. An echo sends back what came, to whom it came from, unchanged."
            .to_owned()
    }
}

fn differs(bench: &Bench<'_>, peer: &Peer, wanted: &[u8], got: &[u8], sentence: &str) -> Fault {
    let exchange = Exchange { sent: wanted.to_vec(), got: got.to_vec(), how: How::Open };
    with(bench, peer, Fault::new(sentence), Some(exchange))
}

fn with(_bench: &Bench<'_>, peer: &Peer, mut fault: Fault, exchange: Option<Exchange>) -> Fault {
    fault.exchange = exchange;
    fault.clients.extend(peer.address);
    fault
}

/// ICMP has told: nobody is at that port any more.
fn nobody(bench: &mut Bench<'_>) -> Fault {
    if bench.program().is_none_or(|program| program.ended().is_some()) {
        return explain::died(bench);
    }
    Fault::new(format!(
        "Nobody takes datagrams at {} any more: the kernel answers with an ICMP error. Your program still runs, but its \
         socket is closed; keep it open for every client.",
        bench.place.address
    ))
}

/// No answer comes.
fn unanswered(bench: &mut Bench<'_>, how: How, peer: &Peer, bytes: &[u8]) -> Judged<Fault> {
    if how == How::Exit || bench.program().is_none_or(|program| program.ended().is_some()) {
        return Ok(explain::died(bench));
    }
    // An empty datagram is a moment by itself.
    let is_said = bench.moment.is_empty() || bytes.is_empty();
    let moment = if is_said { String::new() } else { format!(" {}", bench.moment) };
    let what = match bytes.len() {
        0 => "An empty datagram".to_owned(),
        length => format!("A datagram of {length} bytes"),
    };
    let waits =
        kernel::udp()?.iter().any(|row| row.local.port() == bench.place.address.port() && row.waiting > 0);
    let calls = bench.called().unwrap_or_default();
    let own = bench.place.address;
    let sentence = if peer.address.is_some_and(|client| answered_elsewhere(&calls, client, own.port())) {
        format!(
            "{what} was received, and the answer went out by another socket than the one at {own}{moment}. A client that is \
             connected takes datagrams from that address alone: send with the socket that has received."
        )
    } else if waits {
        format!("{what} waits in the socket's queue{moment}: your program does not call recvfrom.")
    } else if let Some(words) = crate::words::complaint(&bench.said()) {
        format!("{what} is not answered{moment}. Your program said: {words}.")
    } else {
        format!(
            "{what} was received and is not answered{moment}: nothing came back to the client that sent it. recvfrom tells \
             who that was, for every datagram anew; send the answer there, with the socket that has received."
        )
    };
    let exchange = Exchange { sent: bytes.to_vec(), got: Vec::new(), how };
    Ok(with(bench, peer, Fault::new(sentence), Some(exchange)))
}

/// Three datagrams that wait together stay three.
pub(super) fn three(bench: &mut Bench<'_>, connect: Connect) -> Judged {
    bench.restart()?;
    let mut peer = connect(bench)?;
    let sent: [&[u8]; 3] = [b"the first", b"the second", b"the third"];
    bench.frozen(|bench| sent.iter().try_for_each(|bytes| send_frozen(bench, &mut peer, bytes)))?;
    comes_back(bench, &mut peer, &sent)
}

fn send_frozen(bench: &mut Bench<'_>, peer: &mut Peer, bytes: &[u8]) -> Judged {
    if peer.send(bytes)? { Ok(()) } else { Err(nobody(bench).into()) }
}

/// A datagram without a byte is one.
pub(super) fn empty(bench: &mut Bench<'_>, connect: Connect) -> Judged {
    bench.restart()?;
    let mut peer = connect(bench)?;
    bench.moment = "after an empty datagram";
    echo(bench, &mut peer, b"")?;
    echo(bench, &mut peer, b"after the empty one")
}

/// Bytes are not text.
pub(super) fn binary(bench: &mut Bench<'_>, connect: Connect) -> Judged {
    bench.restart()?;
    let mut peer = connect(bench)?;
    echo(bench, &mut peer, b"\xff\xfe\x80 no text")?;
    echo(bench, &mut peer, &payload::every_byte())
}

/// Longer and longer ones, each whole.
pub(super) fn large(bench: &mut Bench<'_>, connect: Connect, lengths: &[usize]) -> Judged {
    bench.restart()?;
    let mut peer = connect(bench)?;
    lengths.iter().try_for_each(|length| echo(bench, &mut peer, &payload::numbered(*length)))
}

/// Each client gets its own answers.
pub(super) fn two_clients(bench: &mut Bench<'_>, connect: Connect) -> Judged {
    bench.running()?;
    let (mut one, mut other) = (connect(bench)?, connect(bench)?);
    for round in 0..3 {
        bench.moment = "while two clients take turns";
        echo(bench, &mut one, format!("one, round {round}").as_bytes())?;
        echo(bench, &mut other, format!("other, round {round}").as_bytes())?;
    }
    Ok(())
}

/// A client that has gone before its answer ends nobody else.
pub(super) fn client_gone(bench: &mut Bench<'_>, connect: Connect) -> Judged {
    bench.running()?;
    let mut other = connect(bench)?;
    echo(bench, &mut other, b"another client")?;
    bench.moment = "after a client was gone before its answer";
    for _ in 0..3 {
        let mut gone = connect(bench)?;
        bench.frozen(|bench| {
            let sent = send_frozen(bench, &mut gone, b"answer me");
            drop(gone);
            sent
        })?;
        bench.settle()?;
    }
    bench.lives()?;
    echo(bench, &mut other, b"the other client goes on")
}

/// While nobody speaks it sleeps.
pub(super) fn at_rest(bench: &mut Bench<'_>, connect: Connect) -> Judged {
    bench.running()?;
    let mut peer = connect(bench)?;
    echo(bench, &mut peer, b"hello")?;
    bench.settle()?;
    let Some(found) = bench.looks_awake()? else { return Ok(()) };
    fault(format!(
        "Nobody spoke for half a second, and your program ran all the time: it was running in {found} looks. \
         Sleep in recvfrom, or in poll without a time limit of 0."
    ))
}

/// It ends when it is asked to.
pub(super) fn sigterm(bench: &mut Bench<'_>, connect: Connect) -> Judged {
    bench.running()?;
    let mut peer = connect(bench)?;
    echo(bench, &mut peer, b"hello")?;
    bench.settle()?;
    ended_by_sigterm(bench)
}

/// Sends SIGTERM, and waits for the end.
pub(super) fn ended_by_sigterm(bench: &mut Bench<'_>) -> Judged {
    if let Some(program) = bench.program() {
        program.signal(Signal::SIGTERM);
    }
    let limit = bench.limits().wait * 3 / 5;
    match bench.ends_within(limit)? {
        Some(_) => Ok(()),
        None => fault(format!(
            "SIGTERM was sent to your program, and after {} seconds it still runs. Whoever stops services sends SIGKILL \
             next, and that leaves no time to put anything away: end on SIGTERM.",
            limit.as_secs_f64()
        )),
    }
}
