//! The program, or a part of it, has ended, or nobody can speak to it.

use std::process::ExitStatus;

use nix::sys::signal::Signal;

use super::{GONE, NOBODY, NOT_TEXT, ONE_AFTER_ANOTHER, RESTS, TAKEN};
use crate::bench::Bench;
use crate::check::Transport;
use crate::fault::{Fault, Judged};
use crate::kernel;
use crate::page::Page;
use crate::program::{Program, ending};
use crate::words;

/// A thread has complained, and the program goes on.
pub(super) fn complained(words: &str) -> Fault {
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
        Some(0) => "exit status 0".to_owned(),
        _ => ending(status),
    }
}

/// Whether a connection of an earlier run rests in TIME-WAIT at the program's address, and nobody listens there.
fn rests(bench: &Bench<'_>) -> bool {
    let rows = kernel::tcp().unwrap_or_default();
    let mut own = rows.iter().filter(|row| row.local.port() == bench.place.address.port()).peekable();
    own.peek().is_some() && own.all(|row| row.state == kernel::TIME_WAIT)
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
    if words::is_about_address_in_use(&words) && rests(bench) {
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
    let calls = bench.called();
    let made = |name: &str| calls.iter().flatten().any(|call| call.name == name && call.number() == Some(0));
    let transport = bench.subject.exercise.transport;
    let (place, _) = place(bench);
    let streams = matches!(transport, Transport::Tcp | Transport::Unix);
    let sentence = if streams && made("bind") && !made("listen") {
        format!(
            "Your program has called bind and has not called listen: after {seconds} seconds nobody can connect to \
             {place}."
        )
    } else {
        format!(
            "{} {place} after {seconds} seconds. Your program runs{}.",
            if streams { "Nobody listens on" } else { "Nobody takes datagrams at" },
            if calls.is_some() && !made("bind") { ", and has not called bind" } else { "" }
        )
    };
    Ok(Fault::new(sentence).read(NOBODY))
}

/// The program waits somewhere else.
#[must_use]
pub fn elsewhere(bench: &Bench<'_>, other: &str) -> Fault {
    let (place, given) = place(bench);
    Fault::new(format!("Your program waits on {other}, not on {place}. The grader passes {given}."))
}

/// Where the program is to wait, and how it is told.
fn place(bench: &Bench<'_>) -> (String, &'static str) {
    match bench.subject.exercise.transport {
        Transport::Tcp | Transport::Udp => (
            bench.place.address.to_string(),
            "the address in the environment (ADDR, or HOST and PORT), and in place of {addr} in a word of your command",
        ),
        Transport::Unix | Transport::UnixDatagram => (
            "the path that it was given".to_owned(),
            "that path in the environment (SOCKET_PATH), and in place of {path} in a word of your command",
        ),
    }
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
         full, because accept is not called. While your program serves one client it must be ready for the next: a \
         thread or a process for each, or poll for all of them. A larger backlog only lets more of them wait."
    ))
    .read(ONE_AFTER_ANOTHER))
}

/// That the address was taken should have been said.
#[must_use]
pub fn address_taken() -> Page {
    TAKEN
}
