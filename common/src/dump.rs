//! Bytes as decimal, hex and string.

use std::fmt::{self, Display, Formatter};

/// Shows bytes in three lines, as decimal numbers, as hex numbers and as a string:
///
/// ```
/// assert_eq!(
///     common::Dump(b"Hi\r\n\xff").to_string(),
///     r#"bytes: [72, 105, 13, 10, 255]
/// hex repr: ["0x48", "0x69", "0x0d", "0x0a", "0xff"]
/// str repr: "Hi\r\n\xff""#
/// );
/// ```
///
/// Nothing is lost: the first two lines hold every byte, and in the third a byte that is not UTF-8 stands as `\xNN`.
/// Nothing is let through: a control character, which a terminal would obey, stands as its escape (`\n`, `\u{1b}`).
/// It fills a buffer of a fixed size, hands that on whole, and allocates nothing, whatever the length.
#[derive(Debug, Clone, Copy)]
pub struct Dump<'a>(
    /// What came from the network.
    pub &'a [u8],
);

impl Display for Dump<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut lines = Buffer::before(f);
        lines.text("bytes: ")?;
        lines.list(self.0, &DECIMAL)?;
        lines.text("\nhex repr: ")?;
        lines.list(self.0, &HEX)?;
        lines.text("\nstr repr: ")?;
        lines.quoted(self.0)?;
        lines.hand_on()
    }
}

/// Shows bytes as one quoted string, the third line of [`Dump`]: valid UTF-8 as `{:?}` shows a `str`, every other
/// byte as `\xNN`.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a>(
    /// What came from the network.
    pub &'a [u8],
);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut text = Buffer::before(f);
        text.quoted(self.0)?;
        text.hand_on()
    }
}

/// How wide an entry is, at most.
const WIDTH: usize = 8;

/// How many entries are handed on at once. A call of the formatter costs as much as dozens of bytes.
const CELLS: usize = 128;

/// Room for so many, and for what stands between them.
const SIZE: usize = (CELLS + 8) * WIDTH;

/// What is yet to be handed to the formatter: whole characters, always.
struct Buffer<'a, 'f> {
    formatter: &'a mut Formatter<'f>,
    bytes: [u8; SIZE],
    length: usize,
}

impl<'a, 'f> Buffer<'a, 'f> {
    fn before(formatter: &'a mut Formatter<'f>) -> Self {
        Self { formatter, bytes: [0; SIZE], length: 0 }
    }

    /// `[`, the entry of each byte, `]`. An entry ends in `, `; the last goes without.
    fn list(&mut self, bytes: &[u8], entries: &[Cell; 256]) -> fmt::Result {
        self.text("[")?;
        for bytes in bytes.chunks(CELLS) {
            self.cells(bytes, entries)?;
        }
        if !bytes.is_empty() {
            self.length -= ", ".len();
        }
        self.text("]")
    }

    /// The bytes as a string: a character as `{:?}` shows it, a byte that belongs to none as `\xNN`.
    fn quoted(&mut self, mut bytes: &[u8]) -> fmt::Result {
        self.text("\"")?;
        while !bytes.is_empty() {
            // One byte more than there are cells for, since it takes two to see where a character may begin.
            let near = &bytes[..bytes.len().min(CELLS + 1)];
            let character = near.windows(2).position(|pair| may_begin(pair[0], pair[1]));
            let (single, rest) = bytes.split_at(character.unwrap_or(bytes.len().min(CELLS)));
            self.cells(single, &STRING)?;
            bytes = rest;
            if character.is_some() {
                bytes = &bytes[self.character(bytes)?..];
            }
        }
        self.text("\"")
    }

    /// The character that may begin here, or else the first byte alone; how many bytes it took.
    fn character(&mut self, bytes: &[u8]) -> Result<usize, fmt::Error> {
        let width = match bytes[0] {
            ..=0xdf => 2,
            0xe0..=0xef => 3,
            _ => 4,
        };
        let text = bytes.get(..width).and_then(|bytes| str::from_utf8(bytes).ok());
        let Some((text, c)) = text.and_then(|text| Some((text, text.chars().next()?))) else {
            self.cells(&bytes[..1], &STRING)?;
            return Ok(1);
        };
        // An escape is longer than the character it stands for.
        let mut escape = c.escape_debug();
        if escape.len() == 1 {
            self.text(text)?;
        } else {
            escape.try_for_each(|c| self.text(c.encode_utf8(&mut [0; 4])))?;
        }
        Ok(width)
    }

    /// Appends a few bytes of text.
    fn text(&mut self, text: &str) -> fmt::Result {
        if self.length + text.len() > SIZE {
            self.hand_on()?;
        }
        self.bytes[self.length..][..text.len()].copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }

    /// Appends the entry of each of at most [`CELLS`] bytes.
    fn cells(&mut self, bytes: &[u8], entries: &[Cell; 256]) -> fmt::Result {
        if self.length + bytes.len() * WIDTH > SIZE {
            self.hand_on()?;
        }
        let mut length = self.length;
        for &byte in bytes {
            let cell = &entries[usize::from(byte)];
            // All of the cell, whatever its length: to copy a fixed number of bytes is one instruction.
            self.bytes[length..length + WIDTH].copy_from_slice(&cell.text);
            length += cell.length;
        }
        self.length = length;
        Ok(())
    }

    /// Gives the formatter what there is, and begins anew.
    fn hand_on(&mut self) -> fmt::Result {
        let text = str::from_utf8(&self.bytes[..self.length]).map_err(|_| fmt::Error)?;
        self.length = 0;
        self.formatter.write_str(text)
    }
}

/// The text of one entry of a table, and how many bytes of it count.
struct Cell {
    text: [u8; WIDTH],
    length: usize,
}

/// `0, ` to `255, `.
static DECIMAL: [Cell; 256] = table::decimal();

/// `"0x00", ` to `"0xff", `, quotes included.
static HEX: [Cell; 256] = table::hex();

/// What a byte stands for in a string: a character of ASCII, its escape, or `\x80` to `\xff`.
static STRING: [Cell; 256] = table::string();

/// Whether these two bytes may begin a character of more than one (RFC 3629, section 4).
fn may_begin(first: u8, second: u8) -> bool {
    matches!(first, 0xc2..=0xf4) && matches!(second, 0x80..=0xbf)
}

/// Made by the compiler.
mod table {
    #![expect(clippy::cast_possible_truncation, reason = "256 values, and an entry of 8 bytes")]

    use super::Cell;

    const DIGITS: &[u8; 16] = b"0123456789abcdef";

    pub const fn decimal() -> [Cell; 256] {
        let mut cells = [const { Cell { text: [0; 8], length: 0 } }; 256];
        let mut value = 0;
        while value < 256 {
            let digits = 1 + (value > 9) as usize + (value > 99) as usize;
            let cell = &mut cells[value];
            let (mut rest, mut place) = (value, digits);
            while place > 0 {
                place -= 1;
                cell.text[place] = DIGITS[rest % 10];
                rest /= 10;
            }
            cell.text[digits] = b',';
            cell.text[digits + 1] = b' ';
            cell.length = digits + 2;
            value += 1;
        }
        cells
    }

    pub const fn hex() -> [Cell; 256] {
        let mut cells = [const { Cell { text: *br#""0x--", "#, length: 8 } }; 256];
        let mut value = 0;
        while value < 256 {
            cells[value].text[3] = DIGITS[value / 16];
            cells[value].text[4] = DIGITS[value % 16];
            value += 1;
        }
        cells
    }

    /// ASCII as `char::escape_debug` has it, but for the single quote, which needs no escape in a string.
    pub const fn string() -> [Cell; 256] {
        let mut cells = [const { Cell { text: [0; 8], length: 0 } }; 256];
        let mut value = 0;
        while value < 256 {
            let (high, low) = (DIGITS[value / 16], DIGITS[value % 16]);
            let byte = value as u8;
            let (text, length) = match byte {
                0 => ([b'\\', b'0', 0, 0, 0, 0, 0, 0], 2),
                b'\t' => ([b'\\', b't', 0, 0, 0, 0, 0, 0], 2),
                b'\n' => ([b'\\', b'n', 0, 0, 0, 0, 0, 0], 2),
                b'\r' => ([b'\\', b'r', 0, 0, 0, 0, 0, 0], 2),
                b'"' | b'\\' => ([b'\\', byte, 0, 0, 0, 0, 0, 0], 2),
                b' '..=b'~' => ([byte, 0, 0, 0, 0, 0, 0, 0], 1),
                // Without a leading zero: `\u{1}`, `\u{1b}`.
                _ if byte < 0x10 => ([b'\\', b'u', b'{', low, b'}', 0, 0, 0], 5),
                _ if byte < 0x80 => ([b'\\', b'u', b'{', high, low, b'}', 0, 0], 6),
                _ => ([b'\\', b'x', high, low, 0, 0, 0, 0], 4),
            };
            cells[value] = Cell { text, length };
            value += 1;
        }
        cells
    }
}
