//! A row in a sentence or two.

use std::fmt::Write as _;

use crate::record::packet::{Packet, Tcp, count};
use crate::show::scene::say::called;
use crate::show::view::label;
use crate::show::view::model::Model;
use crate::show::view::places::Side;
use crate::show::view::row::{Row, Shown, is_key};

/// What happened in this row, what made it happen, and what it led to, as far as that is known.
#[must_use]
pub fn sentence(model: &Model, index: usize) -> String {
    let Some(row) = model.row(index) else { return String::new() };
    match &row.what {
        Shown::Typed { terminal, text, is_command: true } => {
            format!("In the terminal {terminal} a command is run: {text}")
        }
        Shown::Typed { terminal, text, .. } if is_key(text) => {
            format!("In the terminal {terminal} the key {text} is pressed.")
        }
        Shown::Typed { terminal, text, .. } => {
            format!("Into the terminal {terminal} this is typed, and Return: {text}")
        }
        Shown::Line { terminal, text } => format!("{terminal} prints: {text}"),
        Shown::Ended { terminal, status } => {
            format!("The command in the terminal {terminal} has ended with status {status}.")
        }
        Shown::Call { .. } => call(model, index, index),
        Shown::Return { of } => call(model, *of, index),
        Shown::Packet { packet, .. } => of_packet(model, index, row, packet),
        Shown::Remark(text) => text.clone(),
    }
}

/// The call that began in the row `index`, as it is in the row `at`.
fn call(model: &Model, index: usize, at: usize) -> String {
    let Some((terminal, call, ended)) = model.call(index) else { return String::new() };
    // Its arguments may already hold the bytes that are yet to come: where it waits it waits, whatever came of it.
    let (waits, is_return) = (call.waits() && ended != Some(at), at != index);
    let mut text = format!("{terminal} {}.", called(call, waits && !is_return, is_return));
    if let Some(ended) = ended.filter(|ended| *ended != at) {
        let by = model.row(ended).map_or(String::new(), |row| match &row.what {
            Shown::Packet { packet, .. } => format!(" until {} comes,", label::packet(packet)),
            _ => String::new(),
        });
        let _ = write!(text, " It waits{by} up to event {}.", ended + 1);
    }
    let sent = (index + 1..model.len().min(index + 64)).filter_map(|effect| {
        let row = model.row(effect)?;
        match &row.what {
            Shown::Packet { packet, .. } if row.cause == Some(index) => Some((effect, label::packet(packet))),
            _ => None,
        }
    });
    for (effect, packet) in sent.take(3) {
        let _ = write!(text, " It makes the kernel send {packet} (event {}).", effect + 1);
    }
    text
}

fn of_packet(model: &Model, index: usize, row: &Row, packet: &Packet) -> String {
    let brings = packet.payload.1 > 0 || packet.tcp().is_some_and(Tcp::fin);
    let mut text = match packet.tcp() {
        Some(tcp) if packet.payload.1 == 0 => format!("{}, no payload.", tcp.flags()),
        Some(tcp) => format!("{} with {} of payload.", tcp.flags(), count(packet.payload.1)),
        None => format!("{packet}."),
    };
    match row.cause.and_then(|cause| Some((cause, model.call(cause)?))) {
        Some((cause, (_, call, _))) => {
            let _ = write!(text, " {} made the kernel send it (event {}).", call.name, cause + 1);
        }
        // Data and FIN are some program's, even where the call was not seen.
        None if packet.tcp().is_some() && !brings => text.push_str(" The kernel sends it by itself."),
        None => {}
    }
    let woken: Vec<String> = row
        .wakes
        .iter()
        .filter_map(|begun| model.call(*begun))
        .map(|(terminal, call, _)| format!(" It ends {terminal}'s wait in {}.", call.name))
        .collect();
    if woken.is_empty() && brings && index + 1 < model.len() {
        text.push_str(" No recorded call waits for it.");
    }
    text.push_str(&woken.concat());
    let changes: Vec<String> = model
        .sockets
        .all()
        .iter()
        .filter_map(|socket| {
            let (state, _) = socket.states.iter().rfind(|(_, at)| *at == index)?;
            let side = match socket.peer {
                Some(peer) => model.places.way(socket.local, peer).0,
                None => Side::Left,
            };
            let side = if side == Side::Left { "left" } else { "right" };
            let owner = model.places.owner(socket.local).unwrap_or(side);
            Some(format!("{owner} {}", label::state(*state)))
        })
        .collect();
    if !changes.is_empty() {
        let _ = write!(text, " Now: {}.", changes.join(", "));
    }
    text
}
