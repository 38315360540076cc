//! What IPv4 and IPv6 have in common: they carry something, and say what.

use super::reader::{Reader, Stop};
use super::{icmp, icmpv6, ipv4, ipv6, tcp, udp};
use crate::checksum::{Verdict, pseudo_header};

/// What the header of IP says of its payload.
pub(super) struct Carrier {
    /// 4 bytes, or 16.
    pub(super) source: Vec<u8>,
    pub(super) destination: Vec<u8>,
    /// IANA's number: 1 ICMP, 6 TCP, 17 UDP, 58 ICMPv6.
    pub(super) protocol: u8,
    /// Of the payload, in bytes, as the header has it.
    pub(super) length: usize,
    /// All of it is here: no fragment, and not cut. Else no checksum can be computed.
    pub(super) whole: bool,
    /// It begins here: a later fragment has no header of TCP or UDP.
    pub(super) first: bool,
    pub(super) v6: bool,
}

impl Carrier {
    /// The verdict over the payload, which is `bytes` and contains `found`.
    pub(super) fn verdict(&self, found: u16, bytes: &[u8]) -> Verdict {
        let pseudo = pseudo_header(&self.source, &self.destination, self.protocol, bytes.len());
        if self.whole { Verdict::of(found, &pseudo, bytes) } else { Verdict::Unknown }
    }
}

/// An IP packet of either version.
pub(super) fn ip(r: &mut Reader<'_>) -> Result<(), Stop> {
    match r.rest() {
        [first, ..] if first >> 4 == 6 => ipv6::ipv6(r),
        _ => ipv4::ipv4(r),
    }
}

/// What the packet carries.
pub(super) fn inside(r: &mut Reader<'_>, carrier: &Carrier) {
    let (length, protocol) = (carrier.length, carrier.protocol);
    r.within(length, |r| match protocol {
        _ if !carrier.first => {
            r.layer("fragment");
            r.row(r.rest().len())?;
            Ok(())
        }
        1 if !carrier.v6 => icmp::icmp(r, carrier),
        6 => tcp::tcp(r, carrier),
        17 => udp::udp(r, carrier),
        58 if carrier.v6 => icmpv6::icmpv6(r, carrier),
        _ => Ok(()),
    });
}

/// The packet that an ICMP error is about: its IP header and at least 8 bytes more, as far as they were quoted.
///
/// A quoted ICMP error is not followed further: no error is to be about an error (RFC 1122 section 3.2.2).
pub(super) fn quote(r: &mut Reader<'_>) {
    if r.quoted {
        return;
    }
    r.quoted = true;
    let length = r.rest().len();
    r.within(length, ip);
    r.quoted = false;
}

/// What stands behind the packet in its frame: an Ethernet frame has 60 bytes at least, and a card fills it up.
pub(super) fn padding(r: &mut Reader<'_>) {
    let padding = r.rest().len();
    if padding > 0 {
        r.layer("padding");
        let _ = r.row(padding);
        r.means("behind the packet's end");
    }
}

impl Reader<'_> {
    /// Says of the row before that it is a checksum, with its verdict, under Wireshark's names for both.
    pub(super) fn checksum(&mut self, what: &str, found: u16, verdict: Verdict, names: [&'static str; 2]) {
        let (words, status) = match verdict {
            Verdict::Right => (": right".to_owned(), 1),
            Verdict::Wrong(right) => (format!(": wrong, {right:#06x} would be right"), 0),
            Verdict::Unfinished(right) => {
                (format!(": not finished, the addresses' part only; {right:#06x} would be right"), 0)
            }
            // An ICMP error quotes the beginning; what is behind it would be needed.
            Verdict::Unknown if self.quoted => (String::new(), 2),
            Verdict::Unknown => (": not checked, a part of the bytes is missing".to_owned(), 2),
        };
        let [name, of_status] = names;
        self.means(format!("{what} {found:#06x}{words}"));
        self.is(name, format_args!("{found:#06x}")).is(of_status, status);
    }
}

pub(super) fn protocol_name(protocol: u8) -> String {
    match protocol {
        0 => "hop-by-hop options".to_owned(),
        1 => "ICMP".to_owned(),
        6 => "TCP".to_owned(),
        17 => "UDP".to_owned(),
        44 => "fragment".to_owned(),
        58 => "ICMPv6".to_owned(),
        59 => "none".to_owned(),
        60 => "destination options".to_owned(),
        other => other.to_string(),
    }
}
