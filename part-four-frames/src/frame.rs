//! The frame and its answer as bytes. Nothing here touches a socket.
//!
//! | frame | bytes | |
//! |-|-|-|
//! | length of the name | 4 | `u32`, 1 to 255 |
//! | name | as many | UTF-8, one file in one folder |
//! | length of the content | 8 | `u64` |
//! | content | as many | |
//! | checksum | 4 | `u32`, CRC-32 (IEEE 802.3) of the content |
//!
//! | answer | bytes | |
//! |-|-|-|
//! | status | 1 | 0 kept, 1 refused, 2 broken |
//! | length of the text | 2 | `u16` |
//! | text | as many | UTF-8, for people |
//!
//! Every number is big-endian, which is *network byte order* (RFC 791, appendix B): its most significant byte first.

use std::fmt::{self, Display, Formatter};

use common::dump::Text;

/// The longest name, in bytes: what most file systems allow.
pub const NAME_LIMIT: usize = 255;

/// What the name of a file has at its end as long as the file is not whole.
pub const PART: &str = ".part";

/// The order of a number's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// The most significant byte first: the order of networks.
    Big,
    /// The least significant byte first: the order in this machine's memory, if it is one of the usual ones.
    Little,
}

impl ByteOrder {
    /// A number of 32 bits as bytes.
    #[must_use]
    pub fn u32(self, number: u32) -> [u8; 4] {
        match self {
            Self::Big => number.to_be_bytes(),
            Self::Little => number.to_le_bytes(),
        }
    }

    /// A number of 64 bits as bytes.
    #[must_use]
    pub fn u64(self, number: u64) -> [u8; 8] {
        match self {
            Self::Big => number.to_be_bytes(),
            Self::Little => number.to_le_bytes(),
        }
    }
}

/// What stands before the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    name: String,
    content_length: u64,
}

impl Header {
    /// For a file of this name and length.
    ///
    /// # Errors
    /// [`Refusal`]: no receiver would take the name.
    pub fn new(name: &[u8], content_length: u64) -> Result<Self, Refusal> {
        Ok(Self { name: check_name(name)?, content_length })
    }

    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many bytes the content has.
    #[must_use]
    pub fn content_length(&self) -> u64 {
        self.content_length
    }

    /// As bytes, with its numbers in this order.
    #[must_use]
    pub fn encode(&self, order: ByteOrder) -> Vec<u8> {
        // 1. encode: the length of the name, the name, the length of the content. A checked name is at most 255 long.
        let name_length = u32::try_from(self.name.len()).unwrap_or(u32::MAX);
        [&order.u32(name_length)[..], self.name.as_bytes(), &order.u64(self.content_length)].concat()
    }
}

/// The length of the name, from its four bytes.
///
/// # Errors
/// No name has that length.
pub fn name_length(bytes: [u8; 4]) -> Result<usize, Refusal> {
    // 2. name_length: the bytes are in network order, whatever this machine's own is.
    let length = u32::from_be_bytes(bytes);
    match usize::try_from(length) {
        Ok(length @ 1..=NAME_LIMIT) => Ok(length),
        _ => Err(Refusal::NameLength(length)),
    }
}

/// The name, from its bytes: one that can only be a file in one folder.
///
/// # Errors
/// It could be something else.
pub fn check_name(bytes: &[u8]) -> Result<String, Refusal> {
    // 3. check_name: with a `/` or as `..` a name could lead out of the folder. The name of a file that is not whole
    //    is taken as well: it would be the next file's.
    let refused = |why| Refusal::Name { name: bytes.to_owned(), why };
    let name = str::from_utf8(bytes).map_err(|_| refused("is not UTF-8"))?;
    match name {
        "" => Err(refused("is empty")),
        "." => Err(refused("is the folder itself")),
        _ if name.len() > NAME_LIMIT => Err(refused("has more than 255 bytes")),
        _ if name.contains('/') => Err(refused("has a '/'")),
        _ if name.contains("..") => Err(refused("has '..'")),
        _ if name.contains('\0') => Err(refused("has a NUL")),
        _ if name.ends_with(PART) => Err(refused("ends in '.part', as files do that are not whole")),
        _ => Ok(name.to_owned()),
    }
}

/// The length of the content, from its eight bytes.
///
/// # Errors
/// It is more than `limit`.
pub fn content_length(bytes: [u8; 8], limit: u64) -> Result<u64, Refusal> {
    // 4. content_length: a stranger's number. Nothing is reserved for it before it has been compared with our own.
    let length = u64::from_be_bytes(bytes);
    if length <= limit { Ok(length) } else { Err(Refusal::ContentLength { length, limit }) }
}

/// Why a frame is not taken, though every byte of it may be as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No name has this length.
    NameLength(u32),
    /// This name is no file of one folder.
    Name {
        /// As it came.
        name: Vec<u8>,
        /// What is wrong with it, as the end of a sentence.
        why: &'static str,
    },
    /// The content is too long.
    ContentLength {
        /// How long it would be.
        length: u64,
        /// How long it may be.
        limit: u64,
    },
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameLength(length) => {
                write!(f, "name length {length}: a name has 1 to {NAME_LIMIT} bytes")?;
                let swapped = length.swap_bytes();
                // Who sends the other order hears what is wrong.
                if (1..=255).contains(&swapped) {
                    write!(f, " (read as little-endian it would be {swapped})")?;
                }
                Ok(())
            }
            // A long name would make a long line; its beginning tells enough.
            Self::Name { name, why } if name.len() > NAME_LIMIT => {
                write!(f, "name {}...: it {why}", Text(name.get(..32).unwrap_or_default()))
            }
            Self::Name { name, why } => write!(f, "name {}: it {why}", Text(name)),
            Self::ContentLength { length, limit } => {
                write!(f, "content length {length}: the limit is {limit} bytes")
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The file is there, whole, under its name.
    Kept,
    /// The receiver does not want it, or cannot keep it.
    Refused,
    /// The frame ended early, or its checksum is wrong, or something follows it.
    Broken,
}

impl Status {
    /// The status that this byte stands for.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        [Self::Kept, Self::Refused, Self::Broken].into_iter().find(|status| status.byte() == byte)
    }

    fn byte(self) -> u8 {
        match self {
            Self::Kept => 0,
            Self::Refused => 1,
            Self::Broken => 2,
        }
    }
}

impl Display for Status {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kept => "kept",
            Self::Refused => "refused",
            Self::Broken => "broken",
        })
    }
}

/// What the receiver says about a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// In one word, for programs.
    pub status: Status,
    /// For people.
    pub text: String,
}

impl Answer {
    /// The frame is not whole, or not as it was sent.
    #[must_use]
    pub fn broken(text: String) -> Self {
        Self { status: Status::Broken, text }
    }

    /// As bytes. A text that is longer than 65535 bytes is cut, between two characters.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut end = self.text.len().min(u16::MAX.into());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let text = self.text.as_bytes().get(..end).unwrap_or_default();
        let length = u16::try_from(end).unwrap_or(u16::MAX);
        [&[self.status.byte()][..], &length.to_be_bytes(), text].concat()
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self { status: Status::Refused, text: refusal.to_string() }
    }
}
