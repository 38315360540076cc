//! The connection is over, and not all has come back.

use lab::record::call::Call;

use super::{INTERRUPTED, MESSAGE, RESET, TO_THE_END, TOO_LONG, TWO_PIECES};
use crate::fault::{Exchange, Fault, How};

/// The program ended the connection before all had come back.
pub(super) fn closed(exchange: &Exchange, calls: &[Call]) -> Option<Fault> {
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
            "it closed the connection after one receive. A client may have more to say, and a message may come in \
             several pieces: receive until recv returns 0"
                .to_owned(),
            TO_THE_END,
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
