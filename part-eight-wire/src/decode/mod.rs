//! The decoder: a frame in, its headers out, field by field.
//!
//! Begin with `ethernet`, which says what is inside, and go on with the file of that name. Each reads
//! its header from left to right, and each line of it is one field: how many bytes, what they mean, and the name that
//! Wireshark has for it. Whatever comes in, the rows that come out hold every byte of the frame once, in order.

mod arp;
mod ethernet;
mod icmp;
mod icmpv6;
mod ipv4;
mod ipv6;
mod reader;
mod tcp;
mod transport;
mod udp;

use std::fmt::{self, Display, Formatter};

pub use reader::{Layer, Row};

use reader::Reader;

/// A frame, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Its headers, from the outermost to the payload.
    pub layers: Vec<Layer<'a>>,
}

/// Reads an Ethernet frame, as a packet socket gives it: from the destination's address to the last byte that was
/// kept.
#[must_use]
pub fn frame(bytes: &[u8]) -> Packet<'_> {
    read(bytes, ethernet::ethernet)
}

/// Reads an IP packet that has no frame around it, as a raw socket gives it.
#[must_use]
pub fn ip(bytes: &[u8]) -> Packet<'_> {
    read(bytes, transport::ip)
}

fn read<'a>(bytes: &'a [u8], first: fn(&mut Reader<'a>) -> Result<(), reader::Stop>) -> Packet<'a> {
    let mut reader = Reader::new(bytes);
    reader.within(bytes.len(), first);
    Packet { layers: reader.layers }
}

impl Packet<'_> {
    /// The first value of this name, as Wireshark would print it: `value("ip.ttl")` is `64`.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// All names and values, in the order of the bytes. A name comes twice where a header does: an ICMP error quotes
    /// the packet that it is about.
    pub fn values(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let rows = self.layers.iter().flat_map(|layer| &layer.rows);
        rows.flat_map(|row| &row.values).map(|(name, value)| (*name, value.as_str()))
    }

    /// What the row with the value `name` means.
    #[must_use]
    pub fn meaning(&self, name: &str) -> Option<&str> {
        let mut rows = self.layers.iter().flat_map(|layer| &layer.rows);
        rows.find(|row| row.values.iter().any(|(found, _)| *found == name)).map(|row| row.meaning.as_str())
    }

    /// Whether a header contradicts itself or is cut short.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.layers.iter().any(|layer| layer.damage.is_some())
    }
}

impl Display for Packet<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, layer) in self.layers.iter().enumerate() {
            write!(f, "{}{layer}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

/// What an ICMP message of this type and code says, in words.
pub(crate) fn icmp_words(kind: u8, code: u8) -> String {
    words(kind, code, icmp::kind_name(kind), icmp::code_name(kind, code))
}

/// The same for ICMPv6.
pub(crate) fn icmpv6_words(kind: u8, code: u8) -> String {
    words(kind, code, icmpv6::kind_name(kind), icmpv6::code_name(kind, code))
}

fn words(kind: u8, code: u8, kind_name: &str, code_name: &str) -> String {
    match kind_name.strip_prefix(": ") {
        Some(name) => format!("{name}{code_name}"),
        None => format!("type {kind}, code {code}"),
    }
}

/// An Ethernet address, as it is written: `02:00:00:00:00:01`.
pub(crate) fn ethernet_address(bytes: [u8; 6]) -> String {
    bytes.map(|byte| format!("{byte:02x}")).join(":")
}
