//! From what was seen to a sentence. A sentence never says more than was seen: where two causes look alike, it names
//! both.

use std::process::ExitStatus;

use lab::record::call::Call;
use nix::sys::signal::Signal;

use crate::bench::Bench;
use crate::calls;
use crate::client::{Client, TOO_MUCH};
use crate::fault::{Exchange, Fault, How, Judged};
use crate::page::{Page, page};
use crate::program::{Program, ending};
use crate::words;

const NOT_TEXT: Page = page("docs/part-one-failures.md", "Bytes that are not text");
const TWO_PIECES: Page = page("docs/part-one-failures.md", "A message in two pieces");
const TOO_LONG: Page = page("docs/part-one-failures.md", "More than 1024 bytes");
const INTERRUPTED: Page = page("docs/part-one.md", "The client");
const GONE: Page = page("docs/part-one-failures.md", "The peer is gone");
const TAKEN: Page = page("docs/part-one-failures.md", "The address is taken");
const RESTS: Page = page("docs/part-one-failures.md", "The address rests");
const NOBODY: Page = page("docs/part-one-failures.md", "Nobody listens");
const QUEUE: Page = page("docs/part-five-failures.md", "The queue is full");
const ONE_AFTER_ANOTHER: Page = page("docs/part-six.md", "One after another");
const MESSAGE: Page = page("docs/part-one.md", "One message");
const RESET: Page = page("docs/part-five-failures.md", "A reset instead of an end");
const CLOSE_WAIT: Page = page("docs/part-five-failures.md", "CLOSE-WAIT for ever");
const LATE_READER: Page = page("docs/part-six-failures.md", "The client that does not read");

/// What the sentences here tell to read.
pub const PAGES: [Page; 14] = [
    INTERRUPTED,
    NOT_TEXT,
    TWO_PIECES,
    TOO_LONG,
    GONE,
    TAKEN,
    RESTS,
    NOBODY,
    QUEUE,
    ONE_AFTER_ANOTHER,
    MESSAGE,
    RESET,
    CLOSE_WAIT,
    LATE_READER,
];

/// What is wrong with what came back to this client.
///
/// # Errors
/// The grader has to stop.
pub fn echo(bench: &mut Bench<'_>, client: &mut Client) -> Judged<Fault> {
    // A few bytes more may be on their way; they belong to what came back.
    if client.how == How::Open {
        bench.settle()?;
        client.read();
    }
    let mut exchange = client.exchange();
    if bench.program().is_some_and(|program| program.ended().is_some()) {
        exchange.how = How::Exit;
        return Ok(died(bench).on(client.address, Some(exchange)));
    }
    let said = bench.said();
    if let Some(words) = words::complaint(&said) {
        let mut fault = complained(&words).on(client.address, Some(exchange));
        fault.page = fault.page.or_else(|| words::is_about_text(&words).then_some(NOT_TEXT));
        return Ok(fault);
    }
    let calls = of(bench, client);
    let judged = content(&exchange, &calls).or_else(|| closed(&exchange, &calls));
    let fault = match judged {
        Some(fault) => fault,
        None => silent(bench, client, &exchange)?,
    };
    Ok(fault.on(client.address, Some(exchange)))
}

/// The calls on the connection with this client.
fn of(bench: &mut Bench<'_>, client: &Client) -> Vec<Call> {
    let all = bench.program().and_then(|program| program.calls.as_ref().map(calls::Calls::all));
    let all = all.unwrap_or_default();
    let own = calls::of_clients(&all, &[client.address]).into_iter().cloned().collect();
    bench.calls = Some(all);
    own
}

/// What the bytes themselves tell: some are other bytes than those that were sent, or there are more.
fn content(exchange: &Exchange, calls: &[Call]) -> Option<Fault> {
    let (sent, got) = (&exchange.sent, &exchange.got);
    let at = exchange.first_wrong()?;
    let (ours, theirs) = (sent.get(at..).unwrap_or_default(), got.get(at..).unwrap_or_default());
    if theirs.is_empty() {
        return missing_at_the_end(exchange, calls);
    }
    if ours.is_empty() {
        return Some(too_much(theirs));
    }
    if theirs.starts_with("\u{fffd}".as_bytes()) && !ours.starts_with("\u{fffd}".as_bytes()) {
        return Some(
            Fault::new(format!(
                "Byte {at} came back as EF BF BD, the replacement character: the bytes were decoded as text and \
                 encoded again. Send back the bytes that recv gave, as they are."
            ))
            .read(NOT_TEXT),
        );
    }
    if let Some(length) = gap(ours, theirs) {
        if [b"\n".as_slice(), b"\r\n", b"\r"].contains(&ours.get(..length).unwrap_or_default()) {
            return Some(without_line_end(at));
        }
        return Some(hole(at, length, calls));
    }
    if ours.first() == Some(&0) {
        return Some(zero_byte(at));
    }
    if ours.first() == Some(&b'\n') && theirs.first() == Some(&b'\r') {
        return Some(
            Fault::new(format!(
                "Byte {at}, our line feed, came back as carriage return and line feed: something between recv and \
                 send translates line ends. An echo changes nothing."
            ))
            .read(NOT_TEXT),
        );
    }
    let (is, should) = (theirs.first()?, ours.first()?);
    Some(Fault::new(format!(
        "Byte {at} came back as {is:02X}, and was sent as {should:02X}. An echo sends back what came, unchanged and \
         in order."
    )))
}

/// How many bytes of ours were left out, if what came goes on with later ones.
fn gap(ours: &[u8], theirs: &[u8]) -> Option<usize> {
    let next = theirs.get(..theirs.len().min(16))?;
    // Too few bytes are found anywhere by chance.
    (next.len() >= 4 || next.len() == theirs.len())
        .then(|| ours.windows(next.len()).position(|window| window == next))?
        .filter(|length| *length > 0)
}

/// Bytes in the middle, or at the end while later ones came, are missing.
fn hole(at: usize, length: usize, calls: &[Call]) -> Fault {
    let end = at + length - 1;
    let bytes = if length == 1 {
        format!("Byte {at} of ours is missing")
    } else {
        format!("Bytes {at} to {end} of ours are missing")
    };
    match short_send(calls) {
        Some((name, given, took)) => Fault::new(format!(
            "{bytes}: {name} was given {given} bytes and took {took}. The rest was not sent again. send returns how \
             many bytes the kernel has taken; go on with the others."
        ))
        .read(TOO_LONG),
        None => Fault::new(format!("{bytes}: your program received them, or not, but did not send them back."))
            .read(TOO_LONG),
    }
}

/// A send that took fewer bytes than it was given, after which the rest was not sent: its name, and the numbers.
fn short_send(calls: &[Call]) -> Option<(String, i64, i64)> {
    calls.iter().filter(|call| call.sends()).find_map(|call| {
        let (given, took) = (calls::given(call)?, call.number()?);
        (took > 0 && took < given).then(|| (call.name.clone(), given, took))
    })
}

/// A send that the kernel refused because it had no room.
fn refused_send(calls: &[Call]) -> Option<&Call> {
    let is_refused =
        |call: &&Call| call.sends() && call.result.as_deref().is_some_and(|is| is.contains("EAGAIN"));
    calls.iter().find(is_refused)
}

/// What came is the beginning of what was sent, and it is plain what stopped it.
fn missing_at_the_end(exchange: &Exchange, calls: &[Call]) -> Option<Fault> {
    let at = exchange.got.len();
    let rest = exchange.sent.get(at..)?;
    if at > 0 && [b"\n".as_slice(), b"\r\n"].contains(&rest) {
        return Some(without_line_end(at));
    }
    if at > 0 && rest.first() == Some(&0) {
        return Some(zero_byte(at));
    }
    if let (true, Some((name, given, took))) = (exchange.how != How::Reset, short_send(calls)) {
        return Some(
            Fault::new(format!(
                "{} of {} bytes came back: {name} was given {given} bytes and took {took}. The rest was not sent \
                 again. send returns how many bytes the kernel has taken; go on with the others.",
                at,
                exchange.sent.len()
            ))
            .read(TOO_LONG),
        );
    }
    if let Some(call) = refused_send(calls).filter(|_| at > 0) {
        return Some(
            Fault::new(format!(
                "{} of {} bytes came back: {} gave EAGAIN because the kernel had no room, and the bytes were dropped. \
                 Keep them, wait until poll or epoll says that the socket takes more (POLLOUT), and send them then.",
                at,
                exchange.sent.len(),
                call.name
            ))
            .read(LATE_READER),
        );
    }
    None
}

fn without_line_end(at: usize) -> Fault {
    Fault::new(format!(
        "The line end is missing: byte {at} of ours, the line feed, did not come back. The line end is a part of what \
         was received; functions that read a line often cut it off."
    ))
    .read(NOT_TEXT)
}

fn zero_byte(at: usize) -> Fault {
    Fault::new(format!(
        "What came back stops at the zero byte, byte {at}: your program takes it for the end of a string. recv has told \
         how many bytes there are; count with that number, and not with strlen."
    ))
    .read(NOT_TEXT)
}

/// All that was sent came back, and more behind it.
fn too_much(more: &[u8]) -> Fault {
    let length = more.len();
    if length >= TOO_MUCH {
        return Fault::new(format!(
            "All came back, and then more than {TOO_MUCH} bytes that we never sent, and it goes on. Send each byte that recv \
             gave once, and then call recv again."
        ))
        .read(MESSAGE);
    }
    if [b"\n".as_slice(), b"\r\n"].contains(&more) {
        return Fault::new(format!(
            "{} more came back than we sent: a line end. println, puts and the like add one; send back the bytes that \
             recv gave.",
            bytes(length)
        ))
        .read(NOT_TEXT);
    }
    let zeroes = if more.iter().all(|byte| *byte == 0) { ", all of them zero" } else { "" };
    let sentence = format!(
        "{} more came back than we sent{zeroes}. Send only as many bytes as recv has returned, not the whole buffer, \
         and each of them once.",
        bytes(length)
    );
    Fault::new(sentence).read(MESSAGE)
}

fn bytes(length: usize) -> String {
    if length == 1 { "1 byte".to_owned() } else { format!("{length} bytes") }
}

/// The program ended the connection before all had come back.
fn closed(exchange: &Exchange, calls: &[Call]) -> Option<Fault> {
    let (sent, got) = (exchange.sent.len(), exchange.got.len());
    let came = if got == 0 { "Nothing".to_owned() } else { format!("{got} of {sent} bytes") };
    let taken: Vec<usize> = calls
        .iter()
        .filter(|call| call.receives())
        .filter_map(|call| call.number().and_then(|number| usize::try_from(number).ok()))
        .filter(|number| *number > 0)
        .collect();
    let received: usize = taken.iter().sum();
    let interrupted = calls.iter().find(|call| call.result.as_deref().is_some_and(|is| is.contains("EINTR")));
    let (why, page) = match (taken.len(), interrupted) {
        (_, Some(call)) => (
            format!(
                "{} gave EINTR, which says that nothing has happened, and your program took it for the end. Make the call \
                 again",
                call.name
            ),
            INTERRUPTED,
        ),
        // Calls that are not seen say nothing.
        (0, None) if calls.iter().all(|call| !call.receives()) => (
            "it closed the connection before it had received and sent all. Receive until recv returns 0, and send all \
             that it gives"
                .to_owned(),
            TWO_PIECES,
        ),
        (0, None) => ("it closed the connection without receiving anything".to_owned(), MESSAGE),
        _ if received >= sent => (
            format!("it had received all {sent} bytes, and closed the connection without sending the rest"),
            TOO_LONG,
        ),
        (1, None) => (
            "it closed the connection after one receive. A message may come in several pieces: receive until recv \
             returns 0"
                .to_owned(),
            TWO_PIECES,
        ),
        _ => (
            format!(
                "it closed the connection when it had received {received} bytes. Only when recv returns 0 has the client \
                 ended"
            ),
            TWO_PIECES,
        ),
    };
    match exchange.how {
        How::End if sent == got => None,
        How::End => Some(Fault::new(format!("{came} came back, then the end of the stream: {why}.")).read(page)),
        How::Reset => Some(
            Fault::new(format!(
                "{came} came back, then a reset (RST): {why}. The kernel sends a reset instead of an end if a socket is \
                 closed while bytes wait in it that nobody has received."
            ))
            .read(RESET),
        ),
        _ => None,
    }
}

/// Nothing more comes. Who waits for what is found by giving it: a line end, then the end of the stream.
fn silent(bench: &mut Bench<'_>, client: &mut Client, exchange: &Exchange) -> Judged<Fault> {
    let (sent, got) = (exchange.sent.len(), exchange.got.len());
    let after = if exchange.how == How::Slow { " within the time limit" } else { "" };
    if got == sent {
        return end_not_sent(bench, client);
    }
    if bench.row(client)?.is_none() && bench.waiting()? == 0 {
        return Ok(Fault::new("The connection is gone on your program's side, and no end of it was sent."));
    }
    if bench.waiting()? > 0 {
        let waiting = bench.waiting()?;
        let who = if waiting == 1 { "1 client waits".to_owned() } else { format!("{waiting} clients wait") };
        return Ok(Fault::new(format!(
            "{who} in the listener's queue: accept is not called{}. While your program serves one client it must be \
             ready for the next: a thread or a process for each, or poll for all of them.",
            if bench.moment.is_empty() { String::new() } else { format!(" {}", bench.moment) }
        ))
        .read(ONE_AFTER_ANOTHER));
    }
    if let Some(row) = bench.row(client)?.filter(|row| row.waiting > 0) {
        return Ok(Fault::new(format!(
            "{} of {sent} bytes came back{after}: {} wait in the kernel's receive queue, and your program does not \
             call recv on this connection{}.",
            got,
            bytes(row.waiting as usize),
            if bench.moment.is_empty() { String::new() } else { format!(" {}", bench.moment) }
        ))
        .read(MESSAGE));
    }
    let came = if got == 0 {
        format!("Your program has received our {}, and sent nothing back{after}", bytes(sent))
    } else {
        format!("Your program has received our {}, and sent {got} of them back{after}", bytes(sent))
    };
    // Give it what it may be waiting for.
    let before = client.got.len();
    client.how = How::Open;
    if exchange.sent.last() != Some(&b'\n') {
        client.write(b"\n");
        bench.wait(client, |client| client.got.len() > before)?;
        if client.got.len() > before {
            return Ok(Fault::new(format!(
                "{came}. It answered only after a line end came. Bytes come without one, too: send back what recv gives, \
                 at once."
            ))
            .read(TWO_PIECES));
        }
        client.how = How::Open;
    }
    client.finish();
    bench.wait(client, |client| client.got.len() > before)?;
    if client.got.len() > before {
        return Ok(Fault::new(format!(
            "{came}. It answered only after the end of our stream: it receives until recv returns 0, or until its \
             buffer is full, before it sends. Send back what each recv gives, at once."
        ))
        .read(MESSAGE));
    }
    Ok(Fault::new(format!(
        "{came}. Nothing more came, neither after a line end nor after the end of our stream."
    ))
    .read(MESSAGE))
}

/// Everything came back, and after our end the program's own does not come.
fn end_not_sent(bench: &mut Bench<'_>, client: &Client) -> Judged<Fault> {
    let holders = match (bench.row(client)?, bench.program()) {
        (Some(row), Some(program)) => crate::kernel::owners(&program.members(), row.inode),
        _ => Vec::new(),
    };
    let came =
        if client.sent.is_empty() { "A client said nothing and ended" } else { "Everything came back" };
    let sentence = match holders.len() {
        0 | 1 => format!(
            "{came}, but your program does not close the connection after we ended ours: recv has \
             returned 0, or would, and the descriptor stays open (CLOSE-WAIT). When recv returns 0, close."
        ),
        several => format!(
            "{came}, but the connection is not closed after we ended ours. {several} processes have it \
             open: a connection ends when it was closed by every process that has it. After fork, the parent closes \
             the connection, and the child the listener."
        ),
    };
    Ok(Fault::new(sentence).read(CLOSE_WAIT))
}

/// A thread has complained, and the program goes on.
fn complained(words: &str) -> Fault {
    if words::is_about_text(words) {
        Fault::new(format!(
            "Your program said: {words}. The bytes of a network are not text: they may be any, and be cut anywhere. \
             Send back the bytes as they are, without making a string of them."
        ))
        .read(NOT_TEXT)
    } else {
        Fault::new(format!("Your program said: {words}."))
    }
}

/// The program has ended although it should go on.
#[must_use]
pub fn died(bench: &mut Bench<'_>) -> Fault {
    let said = bench.said();
    let moment = if bench.moment.is_empty() { String::new() } else { format!(" {}", bench.moment) };
    let status = bench.program().and_then(Program::ended);
    let signal = status.and_then(|status| std::os::unix::process::ExitStatusExt::signal(&status));
    if signal == Some(Signal::SIGPIPE as i32) {
        return Fault::new(format!(
            "SIGPIPE killed your program{moment}: it sent to a client that was gone. Ignore the signal, or give send \
             the flag MSG_NOSIGNAL; then send fails with EPIPE, which concerns that client alone."
        ))
        .read(GONE);
    }
    let how = status.map_or_else(|| "it ended".to_owned(), how_it_ended);
    let Some(words) = words::complaint(&said).or_else(|| words::last(&said)) else {
        return Fault::new(format!("Your program ended{moment}: {how}, without a word on standard error."));
    };
    if words::is_about_text(&words) {
        return Fault::new(format!(
            "Your program ended{moment}: {words} ({how}). The bytes of a network are not text: they may be any, and be \
             cut anywhere."
        ))
        .read(NOT_TEXT);
    }
    if words::is_about_a_reset(&words) {
        return Fault::new(format!(
            "Your program ended{moment}: {words} ({how}). Such an error concerns that \
             connection alone: close it, and serve the others."
        ))
        .read(GONE);
    }
    if words::is_about_interruption(&words) {
        return Fault::new(format!(
            "Your program ended{moment}: {words} ({how}). EINTR says that nothing has happened: make the call again."
        ));
    }
    Fault::new(format!("Your program ended{moment}: {words} ({how})."))
}

fn how_it_ended(status: ExitStatus) -> String {
    match status.code() {
        Some(0) => "exit status 0, as if all were well".to_owned(),
        _ => ending(status),
    }
}

/// The program has ended before anybody could speak to it.
#[must_use]
pub fn ended_early(bench: &mut Bench<'_>) -> Fault {
    let said = bench.said();
    let status = bench.program().and_then(Program::ended);
    let how = status.map_or_else(|| "it ended".to_owned(), how_it_ended);
    let Some(words) = words::complaint(&said).or_else(|| words::last(&said)) else {
        return Fault::new(format!(
            "Your program ended before it listened: {how}, without a word on standard error. Say which call failed, \
             and why."
        ));
    };
    if words::is_about_address_in_use(&words) {
        return Fault::new(format!(
            "Your program ended before it listened: {words} ({how}). The address rests in TIME-WAIT from the last run: \
             set SO_REUSEADDR before bind."
        ))
        .read(RESTS);
    }
    Fault::new(format!("Your program ended before it listened: {words} ({how})."))
}

/// The program lives and does not listen.
///
/// # Errors
/// The grader cannot look.
pub fn never_ready(bench: &mut Bench<'_>) -> Judged<Fault> {
    let seconds = bench.limits().start.as_secs_f64();
    let calls = bench.program().and_then(|program| program.calls.as_ref().map(calls::Calls::all));
    let made = |name: &str| calls.iter().flatten().any(|call| call.name == name && call.number() == Some(0));
    let address = bench.place.address;
    let sentence = if made("bind") && !made("listen") {
        format!(
            "Your program has called bind and has not called listen: after {seconds} seconds nobody can connect to \
             {address}."
        )
    } else {
        format!(
            "Nobody listens on {address} after {seconds} seconds. Your program runs{}.",
            if calls.is_some() && !made("bind") { ", and has not called bind" } else { "" }
        )
    };
    Ok(Fault::new(sentence).read(NOBODY))
}

/// Nobody listens any more.
///
/// # Errors
/// The grader has to stop.
pub fn refused(bench: &mut Bench<'_>) -> Judged<Fault> {
    bench.settle()?;
    if bench.program().is_none_or(|program| program.ended().is_some()) {
        return Ok(died(bench));
    }
    let moment = if bench.moment.is_empty() { String::new() } else { format!(" {}", bench.moment) };
    Ok(Fault::new(format!(
        "Nobody listens any more{moment}: connect gave ECONNREFUSED. Your program still runs, but its listener is closed: \
         keep it open, and call accept again."
    ))
    .read(NOBODY))
}

/// A handshake is not answered.
///
/// # Errors
/// The grader cannot look.
pub fn no_answer_to_connect(bench: &mut Bench<'_>) -> Judged<Fault> {
    let waiting = bench.waiting()?;
    Ok(Fault::new(format!(
        "A client's handshake is not answered: {waiting} finished connections wait in the listener's queue, which is \
         full. Call accept sooner, or give listen a larger backlog."
    ))
    .read(QUEUE))
}

/// That the address was taken should have been said.
#[must_use]
pub fn address_taken() -> Page {
    TAKEN
}
