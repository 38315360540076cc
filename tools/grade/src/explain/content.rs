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
    if let Some(unsent) = Unsent::at(at, calls) {
        return unsent.fault(at);
    }
    let received: i64 = calls.iter().filter(|call| call.receives()).filter_map(Call::number).sum();
    let where_lost = if i64::try_from(end).is_ok_and(|end| received > end) {
        "your program received them, and did not send them back"
    } else {
        "your program did not receive them, or received them and did not send them back"
    };
    Fault::new(format!("{bytes}: {where_lost}.")).read(TOO_LONG)
}

/// A send for which the kernel had too little room.
struct Unsent {
    name: String,
    given: i64,
    took: i64,
}

impl Unsent {
    /// The send after which its rest was not sent: what is missing begins at `at`, right where that send has ended, or a
    /// few bytes later that happen to be those which came instead.
    fn at(at: usize, calls: &[Call]) -> Option<Self> {
        let mut sent = 0;
        let mut found: Option<Self> = None;
        for call in calls.iter().filter(|call| call.sends()) {
            let (Some(given), Some(gave)) = (calls::given(call), call.number()) else { continue };
            let has_no_room = call.result.as_deref().is_some_and(|is| is.contains("EAGAIN"));
            if gave <= 0 && !has_no_room {
                continue;
            }
            let took = gave.max(0);
            sent += took;
            let is_there = i64::try_from(at).is_ok_and(|at| (sent..sent + 8).contains(&at));
            // One that tried with the rest again tells more than the one before.
            let is_it =
                found.as_ref().is_none_or(|first| first.took > 0 && given == first.given - first.took);
            if took < given && is_there && is_it {
                found = Some(Self { name: call.name.clone(), given, took });
            }
        }
        found
    }

    /// The same whether more came behind the gap or not: that depends on when a later send found room.
    fn fault(&self, at: usize) -> Fault {
        let Self { name, given, took } = self;
        let came = format!("Only {at} bytes came back without a gap");
        if *took == 0 {
            return Fault::new(format!(
                "{came}: {name} was given {given} bytes and gave EAGAIN, because the kernel had no room, and they were not \
                 sent again. Keep them, wait until poll or epoll says that the socket takes more (POLLOUT), and send them \
                 then."
            ))
            .read(LATE_READER);
        }
        Fault::new(format!(
            "{came}: {name} was given {given} bytes and took {took}. The rest was not sent again. send returns how many \
             bytes the kernel has taken; go on with the others."
        ))
        .read(TOO_LONG)
    }
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
    Unsent::at(at, calls).filter(|_| exchange.how != How::Reset && at > 0).map(|unsent| unsent.fault(at))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends of a program: how many bytes it was given, and what strace shows behind `=`.
    fn sends(sends: &[(usize, &str)]) -> Vec<Call> {
        let call = |(given, result): &(usize, &str)| {
            let call = serde_json::json!({
                "process": 7, "thread": 7, "name": "sendto",
                "arguments": format!("4, \"0000000 \"..., {given}, 0, NULL, 0"), "result": result,
            });
            serde_json::from_value(call).expect("a call")
        };
        sends.iter().map(call).collect()
    }

    fn sentence(at: usize, calls: &[(usize, &str)]) -> Option<String> {
        Unsent::at(at, &sends(calls)).map(|unsent| unsent.fault(at).sentence)
    }

    const NO_ROOM: &str = "-1 EAGAIN (Resource temporarily unavailable)";

    #[test]
    fn a_send_that_takes_a_part_is_named_if_the_gap_begins_behind_it() {
        let calls = [(100, "100"), (100, "40"), (60, "60"), (100, "30"), (50, NO_ROOM)];
        let at_230 = sentence(230, &calls).expect("a send");
        assert!(at_230.contains("sendto was given 100 bytes and took 30"), "{at_230}");
        // Behind the send that took 40 bytes the rest went on.
        assert_eq!(sentence(200, &calls), None);
        assert_eq!(sentence(260, &calls), None);
    }

    #[test]
    fn a_send_without_any_room_is_another_fault() {
        let dropped = sentence(100, &[(100, "100"), (50, NO_ROOM), (70, "70")]).expect("a send");
        assert!(dropped.contains("sendto was given 50 bytes and gave EAGAIN"), "{dropped}");
        let kept = sentence(130, &[(100, "100"), (100, "30"), (70, NO_ROOM)]).expect("a send");
        assert!(kept.contains("sendto was given 70 bytes and gave EAGAIN"), "{kept}");
        // It came to nothing for another reason.
        assert_eq!(sentence(100, &[(100, "100"), (50, "-1 EPIPE (Broken pipe)")]), None);
    }
}
