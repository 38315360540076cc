//! A row in full: a packet header by header and its bytes three ways, a call with all of its arguments.

use std::fmt::Write as _;

use crate::record::packet::Packet;
use crate::show::frame;
use crate::show::scene::arguments;
use crate::show::view::label;
use crate::show::view::model::Model;
use crate::show::view::row::Shown;
use crate::show::view::say;

/// So many bytes of a payload are shown three ways.
const BYTES: usize = 1024;

/// A line; a heading stands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whether it begins a part.
    pub is_heading: bool,
    /// What it says.
    pub text: String,
}

/// The row in so many columns.
#[must_use]
pub fn lines(model: &Model, index: usize, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut put = |is_heading: bool, text: &str| {
        for text in textwrap::wrap(text, width.max(10)) {
            lines.push(Line { is_heading, text: text.into_owned() });
        }
    };
    put(true, &format!("Event {}", index + 1));
    put(false, &say::sentence(model, index));
    let Some(row) = model.row(index) else { return lines };
    if let Some((_, call, ended)) = model.call(index) {
        let waits = call.waits() && ended != Some(index);
        if !waits {
            put(false, &call.to_string());
        }
        put(true, "its arguments");
        for (argument, what) in arguments::of(call, waits) {
            put(false, &format!("  {argument:<28} {what}"));
        }
    }
    let Shown::Packet { interface, packet } = &row.what else { return lines };
    if !interface.host.is_empty() {
        put(false, &format!("Seen at {interface}."));
    }
    for fact in facts(packet) {
        put(false, &fact);
    }
    lines.extend(three_ways(packet.payload(), width));
    for line in frame::lines(&packet.bytes) {
        let text = label::fit(&line, width);
        lines.push(Line { is_heading: !line.starts_with(' '), text });
    }
    lines
}

fn facts(packet: &Packet) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some((from, to)) = packet.way() {
        facts.push(format!("from         {from}"));
        facts.push(format!("to           {to}"));
    }
    if let Some(tcp) = packet.tcp() {
        facts.push(format!("flags        {}", tcp.flags()));
        let last = u32::try_from(packet.payload.1).unwrap_or(0);
        facts.push(match last {
            0 => format!("sequence     {}", tcp.sequence),
            _ => format!("sequence     {} to {}", tcp.sequence, tcp.sequence.wrapping_add(last - 1)),
        });
        if tcp.ack() {
            facts.push(format!("acknowledges all before {}", tcp.acknowledgment));
        }
        let scaled = if tcp.syn() { "" } else { ", scaled as the SYN said" };
        facts.push(format!("window       {}{scaled}", tcp.window));
    }
    facts
}

/// How a byte is written.
type Way = fn(u8) -> String;

/// Each byte as a number, as two hexadecimal digits, as a character.
fn three_ways(bytes: &[u8], width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    if bytes.is_empty() {
        return lines;
    }
    lines.push(Line { is_heading: true, text: "the payload three ways".to_owned() });
    let columns = (width.saturating_sub(10) / 4).clamp(4, 16);
    let shown = bytes.get(..BYTES).unwrap_or(bytes);
    for chunk in shown.chunks(columns) {
        let ways: [(&str, Way); 3] = [
            ("decimal", |byte| byte.to_string()),
            ("hex", |byte| format!("{byte:02x}")),
            ("character", character),
        ];
        for (name, way) in ways {
            let mut text = format!("{name:<10}");
            for byte in chunk {
                let _ = write!(text, "{:>4}", way(*byte));
            }
            lines.push(Line { is_heading: false, text });
        }
    }
    if let Some(left) = bytes.len().checked_sub(BYTES).filter(|left| *left > 0) {
        lines.push(Line { is_heading: false, text: format!("... {left} more bytes") });
    }
    lines
}

fn character(byte: u8) -> String {
    match byte {
        b'\r' => "\\r".to_owned(),
        b'\n' => "\\n".to_owned(),
        b'\t' => "\\t".to_owned(),
        b' ' => "␣".to_owned(),
        0x21..=0x7e => char::from(byte).to_string(),
        _ => "·".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_three_ways() {
        let lines: Vec<String> = three_ways(b"Hi \r\n\xff", 80).into_iter().map(|line| line.text).collect();
        assert_eq!(
            lines,
            [
                "the payload three ways",
                "decimal     72 105  32  13  10 255",
                "hex         48  69  20  0d  0a  ff",
                "character    H   i   ␣  \\r  \\n   ·",
            ]
        );
        assert_eq!(
            three_ways(&[0; 2000], 80).last().map(|line| line.text.clone()),
            Some("... 976 more bytes".into())
        );
    }
}
