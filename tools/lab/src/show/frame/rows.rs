//! The rows of a frame: a heading for each header, then two spaces, hex bytes and meaning for each field.

use std::fmt::Write as _;

use super::Field;
use crate::record::packet::quoted;

/// How many bytes stand in one row.
const ROW: usize = 8;
/// How many bytes of a payload are shown.
const PAYLOAD_SHOWN: usize = 64;

/// The lines so far.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) lines: Vec<String>,
    pub(super) fields: Vec<Field>,
    /// How many bytes have their field.
    taken: usize,
}

impl Rows {
    pub(super) fn heading(&mut self, name: &str, length: usize) {
        let unit = if length == 1 { "byte" } else { "bytes" };
        let heading = format!("{name}, {length} {unit}");
        self.lines.push(heading.clone());
        self.fields.push(Field { offset: self.taken, length: 0, meaning: heading });
    }

    /// Takes the next `length` bytes of `rest` (fewer if there are fewer) and says what they mean.
    pub(super) fn field<'a>(
        &mut self,
        rest: &mut &'a [u8],
        length: usize,
        meaning: impl FnOnce(&'a [u8]) -> String,
    ) {
        let (bytes, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        *rest = after;
        if bytes.is_empty() {
            return;
        }
        let meaning = if bytes.len() < length { "cut off".to_owned() } else { meaning(bytes) };
        self.fields.push(Field { offset: self.taken, length: bytes.len(), meaning: meaning.clone() });
        self.taken += bytes.len();
        for (row, bytes) in bytes.chunks(ROW).enumerate() {
            let meaning = if row == 0 { meaning.as_str() } else { "" };
            self.row(bytes, meaning);
        }
    }

    pub(super) fn row(&mut self, bytes: &[u8], meaning: &str) {
        let mut hex = String::new();
        for byte in bytes {
            let separator = if hex.is_empty() { "" } else { " " };
            let _ = write!(hex, "{separator}{byte:02x}");
        }
        let line = format!("  {hex:<width$}  {meaning}", width = 3 * ROW - 1);
        self.lines.push(line.trim_end().to_owned());
    }

    pub(super) fn payload(&mut self, bytes: &[u8]) {
        self.heading("payload", bytes.len());
        let (shown, left) = bytes.split_at_checked(PAYLOAD_SHOWN).unwrap_or((bytes, &[]));
        for chunk in shown.chunks(ROW) {
            self.row(chunk, &quoted(chunk, ROW));
        }
        if !left.is_empty() {
            self.lines.push(format!("  ... {} more bytes", left.len()));
        }
    }
}

/// The number in these bytes, most significant byte first: network byte order.
pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

pub(super) fn valued(name: &'static str) -> impl Fn(&[u8]) -> String {
    move |bytes| format!("{name} {}", number(bytes))
}

pub(super) fn named(name: &'static str) -> impl Fn(&[u8]) -> String {
    move |_| name.to_owned()
}
