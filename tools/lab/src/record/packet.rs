//! A packet, as it passed an interface.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// How many bytes of a payload its sentence shows; `...` stands for the rest.
const PAYLOAD_SHOWN: usize = 64;

/// One packet. Its `Display` is the sentence that a page shows: who to whom, which protocol, which flags, how much of
/// what. Left out there: sequence numbers, windows, timestamps, checksums, on which no two runs agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// The whole frame, Ethernet header first. In JSON: hexadecimal digits.
    #[serde(with = "hex")]
    pub bytes: Vec<u8>,
    /// What its headers say.
    #[serde(flatten)]
    pub headers: Headers,
    /// Offset and length, in bytes, of the payload of TCP or UDP in `bytes`; the length is 0 where there is none.
    pub payload: (usize, usize),
    /// Whether it is TCP, carries no payload, has ACK as its only flag and does not complete a handshake: when such a
    /// packet is sent (at once, delayed, or merged with another) is the kernel's own business.
    pub pure_ack: bool,
}

/// What the headers of a packet say, as far as its sentence and the states of its sockets take it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "protocol", rename_all = "kebab-case")]
pub enum Headers {
    /// RFC 9293.
    Tcp(Tcp),
    /// RFC 768.
    Udp {
        /// The sender.
        from: SocketAddr,
        /// The receiver.
        to: SocketAddr,
    },
    /// RFC 792, RFC 4443.
    Icmp {
        /// The sender.
        from: IpAddr,
        /// The receiver.
        to: IpAddr,
        /// What it says, in words.
        message: String,
    },
    /// A part of what was sent: only the first one holds the ports.
    Fragment {
        /// The sender.
        from: IpAddr,
        /// The receiver.
        to: IpAddr,
        /// Where its bytes belong, counted from the first byte behind the IP header.
        offset: u16,
        /// How many bytes it carries.
        length: usize,
    },
    /// Anything else, in words.
    Other {
        /// What it is.
        what: String,
    },
}

/// The header of a TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tcp {
    /// The sender.
    pub from: SocketAddr,
    /// The receiver.
    pub to: SocketAddr,
    /// The octet of flags, FIN being its lowest bit.
    pub flags: u8,
    /// The number of its first byte, or of its SYN or FIN.
    pub sequence: u32,
    /// The number of the byte that is expected next; meaningful with ACK.
    pub acknowledgment: u32,
    /// As it stands there, not scaled.
    pub window: u16,
}

/// The flags of [`Tcp::flags`], those that open and end a connection first, as a sentence names them.
const FLAGS: [(u8, &str); 8] = [
    (0x02, "SYN"),
    (0x01, "FIN"),
    (0x04, "RST"),
    (0x08, "PSH"),
    (0x20, "URG"),
    (0x10, "ACK"),
    (0x40, "ECE"),
    (0x80, "CWR"),
];

impl Tcp {
    /// It opens a connection.
    #[must_use]
    pub fn syn(&self) -> bool {
        self.flags & 0x02 != 0
    }

    /// It ends its sender's stream.
    #[must_use]
    pub fn fin(&self) -> bool {
        self.flags & 0x01 != 0
    }

    /// It ends the connection at once.
    #[must_use]
    pub fn rst(&self) -> bool {
        self.flags & 0x04 != 0
    }

    /// It acknowledges.
    #[must_use]
    pub fn ack(&self) -> bool {
        self.flags & 0x10 != 0
    }

    /// The names of the flags that are set; `no flags` where none is.
    #[must_use]
    pub fn flags(&self) -> String {
        flag_names(self.flags)
    }
}

/// The names of the flags that are set in this octet; `no flags` where none is.
pub(crate) fn flag_names(flags: u8) -> String {
    let set: Vec<&str> = FLAGS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect();
    if set.is_empty() { "no flags".to_owned() } else { set.join(" ") }
}

impl Packet {
    /// The bytes that it carries for a program.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        let (offset, length) = self.payload;
        offset.checked_add(length).and_then(|end| self.bytes.get(offset..end)).unwrap_or_default()
    }

    /// Its TCP header, where it has one.
    #[must_use]
    pub fn tcp(&self) -> Option<&Tcp> {
        match &self.headers {
            Headers::Tcp(tcp) => Some(tcp),
            _ => None,
        }
    }

    /// From whom to whom the packet went that this ICMP message is about: its headers stand behind the message's own
    /// eight bytes (RFC 792, RFC 4443).
    #[must_use]
    pub fn about(&self) -> Option<(SocketAddr, SocketAddr)> {
        let Headers::Icmp { from, .. } = &self.headers else { return None };
        let outer = self.bytes.get(14..)?;
        let header = |ip: &[u8]| match ip.first()? {
            first if from.is_ipv4() => Some(usize::from(first & 0xf) * 4),
            _ => Some(40),
        };
        let inner = outer.get(header(outer)? + 8..)?;
        let address = |at: usize| -> Option<IpAddr> {
            Some(if from.is_ipv4() {
                <[u8; 4]>::try_from(inner.get(12 + at * 4..16 + at * 4)?).ok()?.into()
            } else {
                <[u8; 16]>::try_from(inner.get(8 + at * 16..24 + at * 16)?).ok()?.into()
            })
        };
        let ports = inner.get(header(inner)?..)?;
        let port = |at: usize| Some(u16::from_be_bytes(ports.get(at..at + 2)?.try_into().ok()?));
        Some((SocketAddr::new(address(0)?, port(0)?), SocketAddr::new(address(1)?, port(2)?)))
    }

    /// From whom to whom, where that is known with its ports.
    #[must_use]
    pub fn way(&self) -> Option<(SocketAddr, SocketAddr)> {
        match self.headers {
            Headers::Tcp(Tcp { from, to, .. }) | Headers::Udp { from, to } => Some((from, to)),
            _ => None,
        }
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.headers {
            Headers::Tcp(tcp) => {
                write!(f, "{} > {} TCP {}", tcp.from, tcp.to, tcp.flags())?;
                if self.payload().is_empty() { Ok(()) } else { write!(f, ", {}", carried(self.payload())) }
            }
            Headers::Udp { from, to } => write!(f, "{from} > {to} UDP, {}", carried(self.payload())),
            Headers::Icmp { from, to, message } => {
                let name = if from.is_ipv4() { "ICMP" } else { "ICMPv6" };
                write!(f, "{from} > {to} {name} {message}")
            }
            Headers::Fragment { from, to, offset, length } => {
                let version = if from.is_ipv4() { "IPv4" } else { "IPv6" };
                write!(f, "{from} > {to} {version} fragment, offset {offset}, {}", count(*length))
            }
            Headers::Other { what } => f.write_str(what),
        }
    }
}

fn carried(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        count(0)
    } else {
        format!("{} {}", count(bytes.len()), quoted(bytes, PAYLOAD_SHOWN))
    }
}

/// `1 byte`, `22 bytes`.
pub(crate) fn count(bytes: usize) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        _ => format!("{bytes} bytes"),
    }
}

/// Bytes as a quoted string: text as it is, control characters and what is not UTF-8 escaped; at most about `shown`
/// bytes of them, then `...`.
pub(crate) fn quoted(bytes: &[u8], shown: usize) -> String {
    let mut out = String::from('"');
    let mut left = shown;
    'chunks: for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if left < character.len_utf8() {
                break 'chunks;
            }
            left -= character.len_utf8();
            match character {
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                character if character.is_ascii_control() => {
                    let _ = write!(out, "\\x{:02x}", u32::from(character));
                }
                // U+0080..=U+009F and the like: a terminal would obey them.
                character if character.is_control() => out.extend(character.escape_unicode()),
                character => out.push(character),
            }
        }
        for byte in chunk.invalid() {
            if left == 0 {
                break 'chunks;
            }
            left -= 1;
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    if bytes.len() > shown {
        out.push_str("...");
    }
    out
}

/// Bytes as hexadecimal digits.
mod hex {
    use std::fmt::Write as _;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        let mut digits = String::with_capacity(2 * bytes.len());
        for byte in bytes {
            let _ = write!(digits, "{byte:02x}"); // a String takes everything
        }
        to.serialize_str(&digits)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let digits = String::deserialize(from)?;
        let pairs = digits.as_bytes().chunks(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        pairs
            .map(byte)
            .collect::<Option<_>>()
            .ok_or_else(|| D::Error::custom("hexadecimal digits are needed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_escaped_and_cut() {
        assert_eq!(quoted("Zürich\t\"\\\0\u{1b}\u{85}".as_bytes(), 64), r#""Zürich\t\"\\\x00\x1b\u{85}""#);
        assert_eq!(quoted(b"ok\xff\xfe", 64), r#""ok\xff\xfe""#);
        assert_eq!(quoted(&[b'x'; 65], 64), format!("\"{}\"...", "x".repeat(64)));
        assert_eq!(quoted("aé".as_bytes(), 2), r#""a"..."#);
    }

    #[test]
    fn json_and_back() {
        let from = "127.0.0.1:40000".parse().expect("an address");
        let to = "127.0.0.1:6797".parse().expect("an address");
        let headers =
            Headers::Tcp(Tcp { from, to, flags: 0x18, sequence: 1, acknowledgment: 2, window: 512 });
        let packet = Packet { bytes: vec![0, 255, b'h'], headers, payload: (2, 1), pure_ack: false };
        let json = serde_json::to_string(&packet).expect("it is data");
        assert!(json.contains(r#""bytes":"00ff68","protocol":"tcp","from":"127.0.0.1:40000""#), "{json}");
        assert_eq!(serde_json::from_str::<Packet>(&json).expect("it is a packet"), packet);
        assert_eq!(packet.to_string(), "127.0.0.1:40000 > 127.0.0.1:6797 TCP PSH ACK, 1 byte \"h\"");
    }
}
