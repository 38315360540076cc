//! What the clients' exercises share: here the grader is the server, and the program comes, speaks, and ends.

use std::process::ExitStatus;
use std::time::Duration;

use crate::bench::Bench;
use crate::fault::{Judged, Stop, fault};
use crate::program::ending;
use crate::words;

/// A fault is about the program's connection with us, which its calls name by our address.
fn with_us(bench: &Bench<'_>, judged: Judged) -> Judged {
    judged.map_err(|stop| match stop {
        Stop::Fault(mut fault) => {
            fault.clients.push(bench.place.address);
            Stop::Fault(fault)
        }
        other => other,
    })
}

/// Waits until the program has ended.
///
/// # Errors
/// It does not.
pub(super) fn ended(bench: &mut Bench<'_>, what: &str) -> Judged<ExitStatus> {
    let limit = bench.limits().wait;
    match bench.ends_within(limit)? {
        Some(status) => Ok(status),
        None => fault(format!(
            "{what}, and {} seconds later your program still runs. It has nothing to wait for: end.",
            limit.as_secs_f64()
        )),
    }
}

/// The program has its answer: it prints it and ends well.
///
/// # Errors
/// It does something else.
pub(super) fn succeeds(bench: &mut Bench<'_>, answer: &str) -> Judged {
    let judged = has_its_answer(bench, answer);
    with_us(bench, judged)
}

fn has_its_answer(bench: &mut Bench<'_>, answer: &str) -> Judged {
    let status = ended(bench, "All of the message has come back")?;
    if !status.success() {
        return fault(format!(
            "All of the message has come back, and your program ended with {}{}. Status 0 is for this case.",
            ending(status),
            said(bench)
        ));
    }
    if bench.printed().contains(answer) {
        return Ok(());
    }
    fault(format!("Your program ended well, and has not printed what came back: \"{answer}\"."))
}

/// The program cannot have its answer: it says why and ends with another status than 0.
///
/// # Errors
/// It ends with status 0, without a word, or not at all.
pub(super) fn gives_up(bench: &mut Bench<'_>, what: &str) -> Judged {
    let judged = gives_up_within(bench, what, bench.limits().wait);
    with_us(bench, judged)
}

/// The same of a server that says nothing: that takes its time.
pub(super) fn gives_up_at_last(bench: &mut Bench<'_>, what: &str) -> Judged {
    // 45 seconds: part one's client waits for 30.
    let limit = bench.limits().wait * 9;
    let judged = gives_up_within(bench, what, limit);
    with_us(bench, judged)
}

fn gives_up_within(bench: &mut Bench<'_>, what: &str, limit: Duration) -> Judged {
    let waits_on_a_clock = limit > bench.limits().wait;
    let Some(status) = bench.ends_within(limit)? else {
        return fault(format!(
            "{what}, and your program waits for more{}. {}",
            if waits_on_a_clock { format!(", {} seconds by now", limit.as_secs()) } else { String::new() },
            if waits_on_a_clock {
                "A server can be silent for ever: give recv a time limit (SO_RCVTIMEO, or poll), say that it is over, and \
                 end with another status than 0."
            } else {
                "Nothing more can come: say so, and end with another status than 0."
            }
        ));
    };
    if status.success() {
        return fault(format!(
            "{what}, and your program ended with {}, which says that nothing failed. Compare what came with what you \
             sent, look at every error, and end with another status.",
            ending(status)
        ));
    }
    if bench.said().trim().is_empty() {
        return fault(format!(
            "{what}, and your program ended with {} without a word on standard error. Say what happened.",
            ending(status)
        ));
    }
    Ok(())
}

/// What it said on standard error, as the end of a clause.
pub(super) fn said(bench: &mut Bench<'_>) -> String {
    let said = bench.said();
    words::complaint(&said)
        .or_else(|| words::last(&said))
        .map_or_else(String::new, |words| format!(": {words}"))
}
