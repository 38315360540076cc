//! pcap: 24 bytes at the beginning of the file, 16 before each frame (draft-ietf-opsawg-pcap). tcpdump, tshark and
//! Wireshark read it.

use std::fmt::{self, Display, Formatter};
use std::io::{self, Read, Write};
use std::time::{Duration, SystemTime};

/// `A1B2C3D4` for microseconds, `A1B23C4D` for nanoseconds; written in the writer's order of bytes, which tells it.
const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Ethernet.
const LINK_TYPE: u32 = 1;
/// No frame in a file may claim to be longer, in bytes: it would only be read into memory.
const LONGEST: u32 = 1 << 20;

/// One frame of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When it passed, to the nanosecond.
    pub at: SystemTime,
    /// How many bytes it had on the wire.
    pub length: u32,
    /// Those that were kept.
    pub bytes: Vec<u8>,
}

/// Writes a file.
#[derive(Debug)]
pub struct Writer<W: Write>(W);

impl<W: Write> Writer<W> {
    /// Writes the 24 bytes. `snap` is how many bytes of a frame are kept at most.
    ///
    /// # Errors
    /// As `to` has them.
    pub fn new(mut to: W, snap: u32) -> io::Result<Self> {
        // Version 2.4, times in UTC (0), of unknown accuracy (0).
        let [version, zone, accuracy] = [4 << 16 | 2, 0, 0];
        let header = [NANOSECONDS, version, zone, accuracy, snap, LINK_TYPE].map(u32::to_le_bytes);
        to.write_all(header.as_flattened())?;
        Ok(Self(to))
    }

    /// Writes a frame: `bytes` were kept of `length`.
    ///
    /// # Errors
    /// As `to` has them.
    pub fn frame(&mut self, at: SystemTime, length: usize, bytes: &[u8]) -> io::Result<()> {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let number = |number| u32::try_from(number).map_err(io::Error::other);
        // 32 bits of seconds last until the year 2106.
        let seconds = u32::try_from(since.as_secs()).unwrap_or(u32::MAX);
        let header = [seconds, since.subsec_nanos(), number(bytes.len())?, number(length)?];
        self.0.write_all(header.map(u32::to_le_bytes).as_flattened())?;
        self.0.write_all(bytes)
    }

    /// Hands on what is still kept back.
    ///
    /// # Errors
    /// As `to` has them.
    pub fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Reads a file, written by whomever.
#[derive(Debug)]
pub struct Reader<R: Read> {
    from: R,
    swapped: bool,
    nanoseconds: bool,
    /// The first frame is number 1.
    number: u64,
}

/// Why a file cannot be read, or not further.
#[derive(Debug)]
pub enum Error {
    /// The file itself.
    Read(io::Error),
    /// It is no pcap file.
    NoPcap,
    /// What it holds are not Ethernet frames but of this link type.
    LinkType(u32),
    /// It ends within the header of this frame or within the frame.
    Cut(u64),
    /// This frame claims so many bytes.
    TooLong(u64, u32),
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::NoPcap => f.write_str(
                "this is no pcap file (a pcapng file becomes one with: tshark -F pcap -r FILE -w FILE.pcap)",
            ),
            Self::LinkType(other) => write!(f, "link type {other}: only Ethernet frames (1) are read here"),
            Self::Cut(number) => write!(f, "the file ends within frame {number}"),
            Self::TooLong(number, length) => {
                write!(f, "frame {number} claims {length} bytes, more than any has: the file is damaged")
            }
        }
    }
}

impl std::error::Error for Error {}

impl<R: Read> Reader<R> {
    /// Reads the 24 bytes.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::NoPcap`], [`Error::LinkType`].
    pub fn new(mut from: R) -> Result<Self, Error> {
        let mut header = [[0; 4]; 6];
        from.read_exact(header.as_flattened_mut()).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::NoPcap,
            _ => Error::Read(error),
        })?;
        let [magic, .., link_type] = header;
        let (swapped, nanoseconds) = match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
            (MICROSECONDS, _) => (false, false),
            (NANOSECONDS, _) => (false, true),
            (_, MICROSECONDS) => (true, false),
            (_, NANOSECONDS) => (true, true),
            _ => return Err(Error::NoPcap),
        };
        let reader = Self { from, swapped, nanoseconds, number: 0 };
        // The upper bits may say how long a checksum behind each frame is.
        match reader.number_in(link_type) & 0xffff {
            LINK_TYPE => Ok(reader),
            other => Err(Error::LinkType(other)),
        }
    }

    fn number_in(&self, bytes: [u8; 4]) -> u32 {
        if self.swapped { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, Error> {
        let mut header = Vec::new();
        self.from.by_ref().take(16).read_to_end(&mut header).map_err(Error::Read)?;
        if header.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        let (numbers, _) = header.as_chunks::<4>();
        let &[seconds, fraction, kept, length] = numbers else { return Err(Error::Cut(self.number)) };
        let [seconds, fraction, kept, length] =
            [seconds, fraction, kept, length].map(|bytes| self.number_in(bytes));
        if kept > LONGEST {
            return Err(Error::TooLong(self.number, kept));
        }
        let mut bytes = Vec::new();
        let read = self.from.by_ref().take(kept.into()).read_to_end(&mut bytes).map_err(Error::Read)?;
        if u32::try_from(read) != Ok(kept) {
            return Err(Error::Cut(self.number));
        }
        let nanoseconds = u64::from(fraction) * if self.nanoseconds { 1 } else { 1000 };
        let since = Duration::from_secs(seconds.into()) + Duration::from_nanos(nanoseconds);
        Ok(Some(Frame { at: SystemTime::UNIX_EPOCH + since, length, bytes }))
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Frame, Error>;

    /// The next frame. After an error ask no more: where the next one begins is unknown.
    fn next(&mut self) -> Option<Self::Item> {
        self.next_frame().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(frames: &[&[u8]]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file, 65_535).unwrap();
        for (second, frame) in (1..).zip(frames) {
            writer.frame(SystemTime::UNIX_EPOCH + Duration::new(second, 7), frame.len() + 1, frame).unwrap();
        }
        file
    }

    #[test]
    fn what_is_written_is_read() {
        let file = file(&[b"one", b"", b"three"]);
        assert_eq!(file.len(), 24 + 3 * 16 + 8);
        let frames: Vec<Frame> = Reader::new(&file[..]).unwrap().map(Result::unwrap).collect();
        assert_eq!(frames.len(), 3);
        assert_eq!(frames[2].bytes, b"three");
        assert_eq!(frames[2].length, 6);
        assert_eq!(frames[2].at, SystemTime::UNIX_EPOCH + Duration::new(3, 7));
    }

    #[test]
    fn the_other_order_of_bytes_and_microseconds_are_read_too() {
        let words = [MICROSECONDS, 0, 0, 0, 96, LINK_TYPE, 5, 9, 2, 60].map(u32::to_be_bytes);
        let file = [words.as_flattened(), b"Hi"].concat();
        let frame = Reader::new(&file[..]).unwrap().next().unwrap().unwrap();
        assert_eq!((frame.length, &frame.bytes[..]), (60, &b"Hi"[..]));
        assert_eq!(frame.at, SystemTime::UNIX_EPOCH + Duration::new(5, 9000));
    }

    #[test]
    fn a_damaged_file_is_named_and_read_as_far_as_it_goes() {
        let whole = file(&[b"one", b"two"]);
        for cut in 0..24 {
            assert!(matches!(Reader::new(&whole[..cut]), Err(Error::NoPcap)), "{cut}");
        }
        for cut in 24 + 16 + 3 + 1..whole.len() {
            let mut reader = Reader::new(&whole[..cut]).unwrap();
            assert!(reader.next().unwrap().is_ok(), "{cut}");
            assert!(matches!(reader.next(), Some(Err(Error::Cut(2)))), "{cut}");
        }
        let mut long = whole.clone();
        long[24 + 8..24 + 12].fill(0xff);
        assert!(matches!(Reader::new(&long[..]).unwrap().next(), Some(Err(Error::TooLong(1, u32::MAX)))));
        let mut other = whole;
        other[20] = 113;
        assert!(matches!(Reader::new(&other[..]), Err(Error::LinkType(113))));
    }
}
