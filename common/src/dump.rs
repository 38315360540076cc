//! Bytes as decimal, hex and string.

use std::fmt::{self, Display, Formatter, Write as _};

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
/// It writes straight to the formatter and allocates nothing, whatever the length.
#[derive(Debug, Clone, Copy)]
pub struct Dump<'a>(
    /// What came from the network.
    pub &'a [u8],
);

impl Display for Dump<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("bytes: ")?;
        write_list(f, self.0, &DECIMAL)?;
        f.write_str("\nhex repr: ")?;
        write_list(f, self.0, &HEX)?;
        f.write_str("\nstr repr: ")?;
        Text(self.0).fmt(f)
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
        f.write_char('"')?;
        for chunk in self.0.utf8_chunks() {
            write_escaped(f, chunk.valid())?;
            for &byte in chunk.invalid() {
                f.write_str(r"\x")?;
                // Behind the `"0x` of `"0xff"`.
                f.write_str(entry(&HEX, byte).get(3..5).unwrap_or_default())?;
            }
        }
        f.write_char('"')
    }
}

fn write_list(f: &mut Formatter<'_>, bytes: &[u8], table: &[&'static str; 256]) -> fmt::Result {
    f.write_char('[')?;
    if let Some((&last, front)) = bytes.split_last() {
        for &byte in front {
            f.write_str(entry(table, byte))?;
        }
        // Every entry ends in ", "; the last of the list goes without.
        f.write_str(entry(table, last).trim_end_matches(", "))?;
    }
    f.write_char(']')
}

/// As `{:?}` does for a `str`, without its quotes: whole runs at a time, an escape only where one is needed.
fn write_escaped(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    let mut rest = text;
    while let Some((at, c)) = rest.char_indices().find(|&(_, c)| needs_escape(c)) {
        let (plain, escaped) = rest.split_at(at);
        write!(f, "{plain}{}", c.escape_debug())?;
        rest = escaped.get(c.len_utf8()..).unwrap_or_default();
    }
    f.write_str(rest)
}

fn needs_escape(c: char) -> bool {
    match c {
        '"' | '\\' => true,
        ' '..='~' => false,
        // An escape is longer than the character it stands for.
        _ => c.escape_debug().len() > 1,
    }
}

#[expect(clippy::indexing_slicing, reason = "256 entries, one for every u8")]
fn entry(table: &[&'static str; 256], byte: u8) -> &'static str {
    table[usize::from(byte)]
}

/// `0, ` to `255, `.
static DECIMAL: [&str; 256] = table::of(&table::DECIMAL_CELLS);

/// `"0x00", ` to `"0xff", `, quotes included.
static HEX: [&str; 256] = table::of(&table::HEX_CELLS);

/// Made by the compiler.
mod table {
    #![expect(clippy::indexing_slicing, clippy::panic, reason = "a miss would not compile")]

    /// The text of one entry, and how many bytes of it count.
    type Cell = ([u8; 8], usize);

    pub const DECIMAL_CELLS: [Cell; 256] = {
        let mut cells = [([0; 8], 0); 256];
        let mut value = 0;
        while value < 256 {
            let digits = 1 + (value > 9) as usize + (value > 99) as usize;
            let cell = &mut cells[value];
            let (mut rest, mut place) = (value, digits);
            while place > 0 {
                place -= 1;
                cell.0[place] = DIGITS[rest % 10];
                rest /= 10;
            }
            cell.0[digits] = b',';
            cell.0[digits + 1] = b' ';
            cell.1 = digits + 2;
            value += 1;
        }
        cells
    };

    pub const HEX_CELLS: [Cell; 256] = {
        let mut cells = [(*br#""0x--", "#, 8); 256];
        let mut value = 0;
        while value < 256 {
            cells[value].0[3] = DIGITS[value / 16];
            cells[value].0[4] = DIGITS[value % 16];
            value += 1;
        }
        cells
    };

    const DIGITS: &[u8; 16] = b"0123456789abcdef";

    pub const fn of(cells: &'static [Cell; 256]) -> [&'static str; 256] {
        let mut table = [""; 256];
        let mut value = 0;
        while value < 256 {
            let (text, length) = &cells[value];
            table[value] = match str::from_utf8(text.split_at(*length).0) {
                Ok(text) => text,
                Err(_) => panic!("a cell is ASCII"),
            };
            value += 1;
        }
        table
    }
}
