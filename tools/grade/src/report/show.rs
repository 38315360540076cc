//! Bytes, shown so that the first wrong one can be pointed at.

use std::fmt::Write as _;

use crate::fault::Exchange;

/// How many bytes are shown before the first wrong one, and from it on.
const BEFORE: usize = 24;
const BEHIND: usize = 32;

/// What was sent and what came back, each in one line, and where a caret belongs beneath them.
#[derive(Debug, PartialEq, Eq)]
pub struct Shown {
    /// What should have come back.
    pub sent: String,
    /// What came back.
    pub got: String,
    /// The column of the first wrong byte, and its offset.
    pub caret: Option<(usize, usize)>,
}

/// The part of an exchange around its first wrong byte, or its end.
#[must_use]
pub fn show(exchange: &Exchange) -> Shown {
    let at = exchange.first_wrong().unwrap_or(exchange.sent.len());
    let from = at.saturating_sub(BEFORE);
    let dots = if from > 0 { "... " } else { "" };
    let part = |bytes: &[u8]| {
        let part = bytes.get(from..).unwrap_or_default();
        let shown = part.get(..BEFORE + BEHIND).unwrap_or(part);
        let more = if shown.len() < part.len() { " ..." } else { "" };
        match bytes.len() {
            0 => "(nothing)".to_owned(),
            _ => format!("{dots}\"{}\"{more}", escaped(shown)),
        }
    };
    let same = exchange.sent.get(from..at).unwrap_or_default();
    // Behind the dots and the quotation mark.
    let column = dots.len() + 1 + escaped(same).chars().count();
    Shown {
        sent: part(&exchange.sent),
        got: part(&exchange.got),
        caret: exchange.first_wrong().map(|at| (column, at)),
    }
}

/// Bytes as in a string of Rust or C.
#[must_use]
pub fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b'\0' => text.push_str("\\0"),
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => text.push(char::from(*byte)),
            other => {
                let _ = write!(text, "\\x{other:02x}"); // a String takes everything
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::How;

    #[test]
    fn the_caret_stands_below_the_first_wrong_byte() {
        let exchange =
            |sent: &[u8], got: &[u8]| Exchange { sent: sent.into(), got: got.into(), how: How::Open };
        let shown = show(&exchange(b"a\nbc", b"a\nxc"));
        assert_eq!((shown.sent.as_str(), shown.got.as_str()), (r#""a\nbc""#, r#""a\nxc""#));
        assert_eq!(shown.caret, Some((4, 2)));
        assert_eq!(shown.got.chars().nth(4), Some('x'));
        let long = show(&exchange(&[b'a'; 500], &[b'a'; 300]));
        assert!(long.sent.starts_with("... \"aaa") && long.sent.ends_with("a\" ..."), "{long:?}");
        assert_eq!(long.caret, Some((4 + 1 + BEFORE, 300)));
        let nothing = show(&exchange(b"hello", b""));
        assert_eq!((nothing.got.as_str(), nothing.caret), ("(nothing)", Some((1, 0))));
        assert_eq!(nothing.sent.chars().nth(1), Some('h'));
        assert_eq!(show(&exchange(b"same", b"same")).caret, None);
    }
}
