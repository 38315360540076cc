//! What passes from program to program: TCP and UDP.

use super::rows::{Rows, named, number, valued};
use crate::record::packet::flag_names;

pub(super) fn tcp(rows: &mut Rows, rest: &mut &[u8], length: usize) {
    rows.heading("TCP", length);
    rows.field(rest, 2, valued("source port"));
    rows.field(rest, 2, valued("destination port"));
    rows.field(rest, 4, named("sequence number"));
    rows.field(rest, 4, named("acknowledgment number"));
    rows.field(rest, 1, |bytes| {
        let words = number(bytes) >> 4;
        format!("header of {words} words ({} bytes)", words * 4)
    });
    rows.field(rest, 1, |bytes| {
        let flags = bytes.first().copied().unwrap_or_default();
        format!("flags: {}", flag_names(flags))
    });
    rows.field(rest, 2, named("window"));
    rows.field(rest, 2, named("checksum"));
    rows.field(rest, 2, valued("urgent pointer"));
    let Some((mut options, after)) =
        length.checked_sub(20).and_then(|options| rest.split_at_checked(options))
    else {
        return;
    };
    *rest = after;
    while !options.is_empty() {
        tcp_option(rows, &mut options);
    }
}

/// One option: its kind and its length (two bytes; one byte, the kind, for the first two), then its value.
fn tcp_option(rows: &mut Rows, options: &mut &[u8]) {
    match options {
        [0, ..] => rows.field(options, options.len(), named("end of options")),
        [1, ..] => rows.field(options, 1, named("option: no operation")),
        [2, 4, _, _, ..] => {
            rows.field(options, 2, named("option: maximum segment size"));
            rows.field(options, 2, valued("maximum segment size"));
        }
        [3, 3, _, ..] => {
            rows.field(options, 2, named("option: window scale"));
            rows.field(options, 1, named("window scale"));
        }
        [4, 2, ..] => rows.field(options, 2, named("option: selective acknowledgments permitted")),
        [8, 10, value @ ..] if value.len() >= 8 => {
            rows.field(options, 2, named("option: timestamps"));
            rows.field(options, 4, named("timestamp of the sender"));
            rows.field(options, 4, named("timestamp echoed"));
        }
        // A length of less than 2 would never end.
        [kind, length @ 2..=255, ..] => {
            let (kind, length) = (*kind, usize::from(*length));
            rows.field(options, length.min(options.len()), |_| format!("option: kind {kind}"));
        }
        _ => rows.field(options, options.len(), named("damaged options")),
    }
}

pub(super) fn udp(rows: &mut Rows, rest: &mut &[u8]) {
    rows.heading("UDP", 8);
    rows.field(rest, 2, valued("source port"));
    rows.field(rest, 2, valued("destination port"));
    rows.field(rest, 2, valued("length"));
    rows.field(rest, 2, named("checksum"));
}
