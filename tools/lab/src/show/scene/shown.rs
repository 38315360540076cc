//! What a row shows: its label, its lines, its bytes.

use std::fmt::Write as _;

use super::arguments;
use super::rows::Draft;
use super::{Kind, Row};
use crate::record::packet::{Headers, Packet};
use crate::record::recording::Recorded;
use crate::show::frame;

/// The row of a draft, without what follows from the rows before it.
pub(super) fn row(draft: &Draft<'_>) -> Row {
    let mut row = Row {
        kind: draft.kind,
        end: draft.end,
        to: draft.to,
        label: String::new(),
        result: None,
        say: String::new(),
        cause: draft.cause,
        began: draft.began,
        until: draft.until,
        lines: Vec::new(),
        process: None,
        arguments: Vec::new(),
        bytes: String::new(),
        fields: Vec::new(),
        payload: None,
        sockets: Vec::new(),
        descriptors: Vec::new(),
    };
    if let Some(call) = draft.call() {
        let on = call.on.as_ref().map(|on| on.number.to_string());
        row.label = format!("{}({})", call.name, on.unwrap_or_default());
        row.process = Some(call.process);
        row.result =
            draft.returned().map(|call| short(call.result.as_deref().unwrap_or_default()).to_owned());
        row.arguments = arguments::of(call, draft.until.is_some());
    } else if let Some(packet) = draft.packet() {
        row.label = packet_label(packet);
        for byte in &packet.bytes {
            let _ = write!(row.bytes, "{byte:02x}"); // a String takes everything
        }
        row.fields = frame::fields(&packet.bytes)
            .into_iter()
            .map(|field| (field.offset, field.length, field.meaning))
            .collect();
        row.payload = Some(packet.payload).filter(|(_, length)| *length > 0);
    } else {
        lines(draft, &mut row);
    }
    row
}

fn lines(draft: &Draft<'_>, row: &mut Row) {
    let mut states = Vec::new();
    for entry in &draft.entries {
        match &entry.what {
            Recorded::Typed { text, .. } | Recorded::LeftOut { text } => row.lines.push(text.clone()),
            // The echo of what was typed.
            Recorded::Line { .. } if entry.cause.is_some() => {}
            Recorded::Line { text, row: seen, .. } => {
                row.lines.push(text.clone());
                states.extend(seen.as_ref().map(|seen| seen.state.to_string()));
            }
            Recorded::Prompt { status, .. } => row.label = format!("ended, {status}"),
            Recorded::Call { .. } | Recorded::Packet { .. } => {}
        }
    }
    let first = row.lines.first().map(String::as_str).unwrap_or_default();
    let typed = if first.is_empty() && draft.kind == Kind::Typed { "Enter" } else { first };
    match draft.kind {
        Kind::Table => {
            let typed = draft.command.unwrap_or(typed);
            // Behind a pause stands what it is about.
            let command = typed.split("; ").find(|command| !command.starts_with("sleep ")).unwrap_or(typed);
            let command = command.trim_start_matches('(');
            command.split_whitespace().next().unwrap_or_default().clone_into(&mut row.label);
            if !states.is_empty() {
                let _ = write!(row.label, ": {}", states.join(", "));
            }
        }
        Kind::Typed if draft.is_command => row.label = format!("$ {typed}"),
        Kind::Ended => {}
        _ => row.label = typed.split_whitespace().collect::<Vec<_>>().join(" "),
    }
    if draft.kind == Kind::Table {
        narrow(&mut row.lines);
    }
}

/// A table of `ss` as narrow as its words: it is printed as wide as the terminal is.
fn narrow(lines: &mut [String]) {
    let Some(head) = lines.iter().position(|line| line.starts_with("State ")) else { return };
    let Some(table) = lines.get_mut(head..) else { return };
    // Of the head, `Local Address:Port` is one word.
    let cells = |line: &String| -> Vec<String> {
        let line = line.replace(" Address:Port", "\u{a0}Address:Port");
        line.split(' ').filter(|word| !word.is_empty()).map(|word| word.replace('\u{a0}', " ")).collect()
    };
    let rows: Vec<Vec<String>> = table.iter().map(cells).collect();
    let width = |column: usize| {
        let words = rows.iter().filter_map(|row| row.get(column));
        words.map(|word| word.chars().count()).max().unwrap_or(0)
    };
    for (line, row) in table.iter_mut().zip(&rows) {
        let padded = row.iter().enumerate().map(|(column, word)| format!("{word:<0$}", width(column)));
        padded.collect::<Vec<_>>().join("  ").trim_end().clone_into(line);
    }
}

/// `ECONNRESET` of `-1 ECONNRESET (Connection reset by peer)`; of all others the whole.
pub(super) fn short(result: &str) -> &str {
    let failed = result.strip_prefix("-1 ").or_else(|| result.strip_prefix("? "));
    failed.map_or(result, |failed| failed.split(' ').next().unwrap_or(failed))
}

fn packet_label(packet: &Packet) -> String {
    let length = packet.payload.1;
    match &packet.headers {
        Headers::Tcp(tcp) if length == 0 => tcp.flags(),
        Headers::Tcp(tcp) => format!("{} {length} B", tcp.flags()),
        Headers::Udp { .. } => format!("UDP {length} B"),
        Headers::Icmp { message, .. } => {
            let message = message.split(" (for ").next().unwrap_or(message);
            match message.split_once(": ") {
                // Its addresses are long.
                Some((kind, said)) if kind.starts_with("neighbour") => said.to_owned(),
                _ => format!("ICMP {}", message.rsplit(": ").next().unwrap_or(message)),
            }
        }
        Headers::Fragment { offset, length, .. } => format!("fragment {offset}, {length} B"),
        // The Ethernet addresses are long, and stand in the sentence.
        Headers::Other { what } => {
            what.split_once(" ARP ").map_or_else(|| what.clone(), |(_, said)| format!("ARP {said}"))
        }
    }
}
