//! A frame, read from left to right: never past its end, and every byte once.

use std::fmt::{self, Display, Formatter};

/// One header, or what a header carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer<'a> {
    /// `Ethernet`, `IPv4`, ..., `payload`.
    pub name: &'static str,
    /// Its fields, in the order of their bytes.
    pub rows: Vec<Row<'a>>,
    /// What is wrong with it, where reading could not go on.
    pub damage: Option<String>,
}

/// Some bytes that belong together, and what they mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// Of the first byte, from the beginning of the frame.
    pub offset: usize,
    /// The bytes.
    pub bytes: &'a [u8],
    /// What they mean, in words; none for a payload, which is shown as text.
    pub meaning: String,
    /// The same as values, under the names that Wireshark and tshark give them: `("ip.ttl", "64")`.
    pub values: Vec<(&'static str, String)>,
}

/// Why the reading of a header ends before the header does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// There are no more bytes.
    Cut,
    /// The bytes contradict each other.
    Damaged(String),
}

/// What reads the frame.
pub(super) struct Reader<'a> {
    frame: &'a [u8],
    at: usize,
    /// Where what is read now ends: a header that is inside others says how long they are.
    end: usize,
    /// These bytes are the beginning of a packet that an ICMP error brings back: that they end early is no damage.
    pub(super) quoted: bool,
    pub(super) layers: Vec<Layer<'a>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(frame: &'a [u8]) -> Self {
        Self { frame, at: 0, end: frame.len(), quoted: false, layers: Vec::new() }
    }

    /// The next header begins.
    pub(super) fn layer(&mut self, name: &'static str) {
        self.layers.push(Layer { name, rows: Vec::new(), damage: None });
    }

    /// The next `N` bytes as a row; what they mean is said with [`means`](Self::means).
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let bytes = self.rest().first_chunk::<N>().ok_or(Stop::Cut)?;
        self.row(N)?;
        Ok(*bytes)
    }

    /// The next byte, or two, or four of them as one number, the first byte the upper one: the order of the network.
    pub(super) fn u8(&mut self) -> Result<u8, Stop> {
        self.take().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Stop> {
        self.take().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Stop> {
        self.take().map(u32::from_be_bytes)
    }

    /// The next `length` bytes as a row, none where it is 0.
    pub(super) fn row(&mut self, length: usize) -> Result<&'a [u8], Stop> {
        let bytes = self.rest().get(..length).ok_or(Stop::Cut)?;
        if let (Some(layer), 1..) = (self.layers.last_mut(), length) {
            layer.rows.push(Row { offset: self.at, bytes, meaning: String::new(), values: Vec::new() });
        }
        self.at += length;
        Ok(bytes)
    }

    /// What the row before means.
    pub(super) fn means(&mut self, meaning: impl Into<String>) -> &mut Self {
        if let Some(row) = self.last_row() {
            row.meaning = meaning.into();
        }
        self
    }

    /// A value of the row before, under its name in Wireshark.
    pub(super) fn is(&mut self, name: &'static str, value: impl Display) -> &mut Self {
        if let Some(row) = self.last_row() {
            row.values.push((name, value.to_string()));
        }
        self
    }

    fn last_row(&mut self) -> Option<&mut Row<'a>> {
        self.layers.last_mut()?.rows.last_mut()
    }

    /// What is not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.frame.get(self.at..self.end).unwrap_or_default()
    }

    /// The last `length` bytes that were read.
    pub(super) fn back(&self, length: usize) -> &'a [u8] {
        self.frame.get(self.at.saturating_sub(length)..self.at).unwrap_or_default()
    }

    /// Runs `inside` as if the frame ended `length` bytes from here; what it leaves unread is said in its last layer.
    pub(super) fn within(&mut self, length: usize, inside: impl FnOnce(&mut Self) -> Result<(), Stop>) {
        let outer = self.end;
        self.end = outer.min(self.at.saturating_add(length));
        let stopped = inside(self).err();
        let left = self.rest().len();
        if let Some(stop) = stopped {
            let damage = match stop {
                Stop::Cut if self.quoted => None,
                Stop::Cut => Some("it ends here, before its next field".to_owned()),
                Stop::Damaged(why) => Some(why),
            };
            let _ = self.row(left);
            if left > 0 {
                self.means("not read");
            }
            if let (Some(layer), Some(damage)) = (self.layers.last_mut(), damage) {
                layer.damage.get_or_insert(damage);
            }
        } else if left > 0 {
            self.payload(left);
        }
        self.end = outer;
    }

    /// The next `length` bytes as a payload: whatever programs, or other protocols, say to each other.
    pub(super) fn payload(&mut self, length: usize) {
        let length = length.min(self.rest().len());
        if length > 0 {
            self.layer("payload");
            let _ = self.row(length);
        }
    }
}

/// How many bytes of a payload are shown.
const SHOWN: usize = 256;
/// How many bytes stand on one line.
const BESIDE: usize = 8;

impl Display for Layer<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let length: usize = self.rows.iter().map(|row| row.bytes.len()).sum();
        write!(f, "{}, {length} {}", self.name, if length == 1 { "byte" } else { "bytes" })?;
        self.rows.iter().try_for_each(|row| row.fmt(f))?;
        match &self.damage {
            Some(damage) => write!(f, "\n         damaged: {damage}"),
            None => Ok(()),
        }
    }
}

impl Display for Row<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let shown = self.bytes.get(..SHOWN).unwrap_or(self.bytes);
        for (index, bytes) in shown.chunks(BESIDE).enumerate() {
            let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
            let line = format!("\n{:>5}  {hex:<24}", self.offset + index * BESIDE);
            match (index, self.meaning.as_str()) {
                (_, "") => write!(f, "{line} {}", common::dump::Text(bytes))?,
                (0, meaning) => write!(f, "{line} {meaning}")?,
                _ => f.write_str(line.trim_end())?,
            }
        }
        match self.bytes.len() - shown.len() {
            0 => Ok(()),
            more => write!(f, "\n       ... {more} more bytes"),
        }
    }
}
