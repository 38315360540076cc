//! What the bytes themselves tell: some are other ones than were sent, some are missing, or there are more.

use lab::record::call::Call;

use super::{LATE_READER, MESSAGE, NOT_TEXT, TOO_LONG};
use crate::calls;
use crate::client::TOO_MUCH;
use crate::fault::{Exchange, Fault, How};

/// What the bytes themselves tell: some are other bytes than those that were sent, or there are more.
pub(super) fn content(exchange: &Exchange, calls: &[Call]) -> Option<Fault> {
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
    match short_send(calls, at) {
        Some((name, given, took)) => half_sent(at, &name, given, took),
        None => {
            Fault::new(format!("{bytes}: your program received them, or not, but did not send them back."))
                .read(TOO_LONG)
        }
    }
}

/// A send that took fewer bytes than it was given, and after which the rest was not sent: what is missing begins at `at`,
/// right where that send has ended, or a few bytes later that happen to be those which came instead. Gives its name, and
/// the numbers.
fn short_send(calls: &[Call], at: usize) -> Option<(String, i64, i64)> {
    let mut sent = 0;
    calls.iter().filter(|call| call.sends()).find_map(|call| {
        let (given, took) = (calls::given(call)?, call.number()?);
        sent += took.max(0);
        let is_it =
            took > 0 && took < given && i64::try_from(at).is_ok_and(|at| (sent..sent + 8).contains(&at));
        is_it.then(|| (call.name.clone(), given, took))
    })
}

/// The same whether more came behind the gap or not: that depends on when a later send found room.
fn half_sent(at: usize, name: &str, given: i64, took: i64) -> Fault {
    Fault::new(format!(
        "Only {at} bytes came back without a gap: {name} was given {given} bytes and took {took}. The rest was not sent \
         again. send returns how many bytes the kernel has taken; go on with the others."
    ))
    .read(TOO_LONG)
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
    if let (true, Some((name, given, took))) = (exchange.how != How::Reset, short_send(calls, at)) {
        return Some(half_sent(at, &name, given, took));
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

pub(super) fn bytes(length: usize) -> String {
    if length == 1 { "1 byte".to_owned() } else { format!("{length} bytes") }
}
