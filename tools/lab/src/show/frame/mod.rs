//! One packet, header by header: every field with its bytes and its meaning.
//!
//! ```text
//! IPv4, 20 bytes
//!   45                       version 4, header of 5 words (20 bytes)
//!   ...
//!   40                       time to live 64
//! ```
//!
//! The layouts are those of RFC 826 (ARP), RFC 791 (IPv4), RFC 8200 (IPv6), RFC 9293 (TCP), RFC 7323 (TCP timestamps),
//! RFC 768 (UDP), RFC 792 (ICMP), RFC 4443 (ICMPv6) and RFC 4861 (neighbour discovery).

mod internet;
mod link;
mod rows;
mod transport;

use etherparse::{LaxNetSlice, LaxSlicedPacket, LinkSlice, TransportSlice};

use self::internet::{icmp, ipv4, ipv6, ipv6_extension, neighbour};
use self::link::{arp, ethernet};
use self::rows::{Rows, number};
use self::transport::{tcp, udp};
use crate::record::packet::Packet;

/// The fields whose bytes the kernel chooses, or that follow from such a choice: no two runs agree on them. Their
/// meanings say no value, so that only their hex column differs.
const CHOSEN_BY_THE_KERNEL: [&str; 10] = [
    "acknowledgment number",
    "checksum",
    "header checksum",
    "identification",
    "sequence number",
    "timestamp of the sender",
    "timestamp echoed",
    "version 6, traffic class 0, flow label",
    "window",
    "window scale",
];

/// The frame as the lines of a page: a heading for each header, then two spaces, hex bytes, meaning for each field.
///
/// What cannot be decoded is shown as a payload; any bytes give some lines.
#[must_use]
pub fn lines(frame: &[u8]) -> Vec<String> {
    decoded(frame).lines
}

/// One field of a frame, or the heading of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Where its bytes begin.
    pub offset: usize,
    /// How many they are; 0 for a heading.
    pub length: usize,
    /// What they mean; with the value where the lines of a page leave it out.
    pub meaning: String,
}

/// The fields of the frame, in order, with a heading before those of each header. Of the payload only the heading.
#[must_use]
pub fn fields(frame: &[u8]) -> Vec<Field> {
    let mut fields = decoded(frame).fields;
    for Field { offset, length, meaning } in &mut fields {
        let is_number = CHOSEN_BY_THE_KERNEL.contains(&meaning.as_str()) && !meaning.contains("checksum");
        let bytes =
            frame.get(*offset..*offset + *length).filter(|_| is_number && !meaning.starts_with("version"));
        if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
            *meaning = format!("{meaning} {}", number(bytes));
        }
    }
    fields
}

fn decoded(frame: &[u8]) -> Rows {
    let mut rows = Rows::default();
    let mut rest = frame;
    if let Ok(packet) = LaxSlicedPacket::from_ethernet(frame) {
        if let Some(LinkSlice::Ethernet2(_)) = packet.link {
            ethernet(&mut rows, &mut rest);
        }
        // An 802.1Q tag or the like would stand between: none on a loopback interface or a cable of ours.
        if packet.link_exts.is_empty() {
            match &packet.net {
                Some(LaxNetSlice::Ipv4(ip)) => {
                    ipv4(&mut rows, &mut rest, ip.header().slice().len());
                }
                Some(LaxNetSlice::Ipv6(ip)) => {
                    ipv6(&mut rows, &mut rest);
                    for extension in ip.extensions().clone() {
                        ipv6_extension(&mut rows, &mut rest, &extension);
                    }
                }
                Some(LaxNetSlice::Arp(packet)) => arp(&mut rows, &mut rest, packet),
                None => {}
            }
            match &packet.transport {
                Some(TransportSlice::Tcp(slice)) => {
                    tcp(&mut rows, &mut rest, slice.header_slice().len());
                }
                Some(TransportSlice::Udp(_)) => udp(&mut rows, &mut rest),
                Some(TransportSlice::Icmpv4(_)) => icmp(&mut rows, &mut rest, "ICMP"),
                Some(TransportSlice::Icmpv6(slice)) if matches!(slice.type_u8(), 135 | 136) => {
                    neighbour(&mut rows, &mut rest);
                }
                Some(TransportSlice::Icmpv6(_)) => icmp(&mut rows, &mut rest, "ICMPv6"),
                _ => {}
            }
        }
    }
    if !rest.is_empty() {
        rows.payload(rest);
    }
    rows
}

/// What the packet carries, in the three lines in which every part shows what it received.
#[must_use]
pub fn payload(packet: &Packet) -> Vec<String> {
    common::Dump(packet.payload()).to_string().lines().map(str::to_owned).collect()
}

/// The line with the bytes of a field that the kernel chose blanked to `..`, so that two runs compare equal.
///
/// A port is blanked as well if its bytes say what its number says: the number in the same line is compared. All other
/// lines come back as they are.
#[must_use]
pub fn masked(line: &str) -> String {
    let Some((hex, meaning)) = split(line) else {
        return line.to_owned();
    };
    let port = meaning
        .strip_prefix("source port ")
        .or_else(|| meaning.strip_prefix("destination port "))
        .and_then(|port| port.parse::<u16>().ok());
    let says_the_same = port.is_some_and(|port| {
        let [high, low] = port.to_be_bytes();
        hex == format!("{high:02x} {low:02x}")
    });
    if says_the_same || CHOSEN_BY_THE_KERNEL.contains(&meaning) {
        let blank: String = hex.chars().map(|c| if c == ' ' { ' ' } else { '.' }).collect();
        line.replacen(hex, &blank, 1)
    } else {
        line.to_owned()
    }
}

/// The hex column and the meaning of a field's line; `None` for a heading.
fn split(line: &str) -> Option<(&str, &str)> {
    let field = line.strip_prefix("  ")?;
    let (hex, meaning) = field.split_once("  ").unwrap_or((field, ""));
    let is_hex =
        hex.split(' ').all(|byte| byte.len() == 2 && byte.bytes().all(|digit| digit.is_ascii_hexdigit()));
    is_hex.then_some((hex, meaning.trim()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample;

    #[test]
    fn the_message_with_its_three_headers() {
        let expected = "\
Ethernet, 14 bytes
  00 00 00 00 00 00        destination 00:00:00:00:00:00
  00 00 00 00 00 00        source 00:00:00:00:00:00
  08 00                    type: IPv4
IPv4, 20 bytes
  45                       version 4, header of 5 words (20 bytes)
  00                       DSCP 0, ECN 0
  00 4a                    total length 74
  0d 1c                    identification
  40 00                    don't fragment, fragment offset 0
  40                       time to live 64
  06                       protocol: TCP
  2f 90                    header checksum
  7f 00 00 01              source 127.0.0.1
  7f 00 00 01              destination 127.0.0.1
TCP, 32 bytes
  ae c6                    source port 44742
  1a 8d                    destination port 6797
  c9 19 bb b9              sequence number
  e8 82 62 15              acknowledgment number
  80                       header of 8 words (32 bytes)
  18                       flags: PSH ACK
  00 40                    window
  fe 3e                    checksum
  00 00                    urgent pointer 0
  01                       option: no operation
  01                       option: no operation
  08 0a                    option: timestamps
  3d 19 8f 83              timestamp of the sender
  d1 ab 13 ae              timestamp echoed
payload, 22 bytes
  48 65 6c 6c 6f 20 66 72  \"Hello fr\"
  6f 6d 20 4b 75 6e 67 66  \"om Kungf\"
  75 44 65 76 0d 0a        \"uDev\\r\\n\"";
        assert_eq!(lines(&sample::bytes(sample::TCP_IPV4[3])).join("\n"), expected);
    }

    #[test]
    fn the_options_of_a_syn() {
        let lines = lines(&sample::bytes(sample::TCP_IPV4[0]));
        let options: Vec<&str> = lines.iter().skip(25).map(String::as_str).collect();
        assert_eq!(
            options,
            [
                "  02 04                    option: maximum segment size",
                "  ff d7                    maximum segment size 65495",
                "  04 02                    option: selective acknowledgments permitted",
                "  08 0a                    option: timestamps",
                "  3d 19 8f 83              timestamp of the sender",
                "  00 00 00 00              timestamp echoed",
                "  01                       option: no operation",
                "  03 03                    option: window scale",
                "  0a                       window scale",
            ]
        );
    }

    #[test]
    fn fields_say_where_their_bytes_are() {
        let frame = sample::bytes(sample::TCP_IPV4[3]);
        let fields = fields(&frame);
        let find = |meaning: &str| {
            let field = fields.iter().find(|field| field.meaning.starts_with(meaning)).expect("a field");
            (field.offset, field.length, field.meaning.clone())
        };
        assert_eq!(find("sequence number"), (38, 4, "sequence number 3373906873".to_owned()));
        assert_eq!(find("payload"), (66, 0, "payload, 22 bytes".to_owned()));
        // Every byte before the payload belongs to exactly one field.
        let covered: usize = fields.iter().map(|field| field.length).sum();
        assert_eq!(covered, 66);
    }

    #[test]
    fn a_datagram_over_ipv6() {
        let expected = "\
IPv6, 40 bytes
  60 05 01 5c              version 6, traffic class 0, flow label
  00 0d                    payload length 13
  11                       next header: UDP
  40                       hop limit 64
  00 00 00 00 00 00 00 00  source ::1
  00 00 00 00 00 00 00 01
  00 00 00 00 00 00 00 00  destination ::1
  00 00 00 00 00 00 00 01
UDP, 8 bytes
  c2 81                    source port 49793
  1a 8d                    destination port 6797
  00 0d                    length 13
  00 20                    checksum
payload, 5 bytes
  48 65 6c 6c 6f           \"Hello\"";
        assert_eq!(lines(&sample::bytes(sample::UDP_IPV6))[4..].join("\n"), expected);
    }

    #[test]
    fn what_is_cut_off_says_so() {
        let whole = sample::bytes(sample::TCP_IPV4[3]);
        assert_eq!(lines(&whole[..3]), ["payload, 3 bytes", r#"  00 00 00                 "\x00\x00\x00""#]);
        assert_eq!(lines(&[]), [""; 0]);
        let fragment = lines(&sample::fragments_ipv6()[1]);
        assert_eq!(fragment.last().expect("a line"), "  ... 496 more bytes");
        assert!(
            fragment.contains(&"  05 a8                    fragment offset 1448".to_owned()),
            "{fragment:#?}"
        );
    }

    #[test]
    fn only_what_the_kernel_chose_is_masked() {
        let masked_lines = |frame: &str| -> Vec<String> {
            lines(&sample::bytes(frame)).iter().map(|line| masked(line)).collect()
        };
        // Two packets of one connection: same addresses, other numbers.
        let (one, other) = (masked_lines(sample::TCP_IPV4[4]), masked_lines(sample::TCP_IPV4[2]));
        let differ: Vec<_> = one.iter().zip(&other).filter(|(one, other)| one != other).collect();
        assert_eq!(
            differ,
            [
                (
                    &"  .. ..                    source port 6797".to_owned(),
                    &"  .. ..                    source port 44742".to_owned()
                ),
                (
                    &"  .. ..                    destination port 44742".to_owned(),
                    &"  .. ..                    destination port 6797".to_owned()
                ),
            ]
        );
        assert_eq!(
            masked("  ff ff                    source port 6797"),
            "  ff ff                    source port 6797"
        );
        assert_eq!(masked("TCP, 32 bytes"), "TCP, 32 bytes");
        assert_eq!(
            masked("  40                       time to live 64"),
            "  40                       time to live 64"
        );
    }

    proptest! {
        #[test]
        fn any_damage_to_a_real_frame(
            sample in proptest::sample::select(sample::ALL.to_vec()),
            length in 0..200_usize,
            damage in proptest::collection::vec((0..200_usize, any::<u8>()), 0..8),
        ) {
            let mut frame = sample::bytes(sample);
            frame.truncate(length);
            for (at, byte) in damage {
                if let Some(place) = frame.get_mut(at) {
                    *place = byte;
                }
            }
            let lines = lines(&frame);
            // Every byte of a small frame stands in exactly one row.
            let shown: usize = lines
                .iter()
                .filter_map(|line| split(line))
                .map(|(hex, _)| hex.split(' ').count())
                .sum();
            let hidden: usize = lines
                .iter()
                .filter_map(|line| line.strip_prefix("  ... ")?.strip_suffix(" more bytes")?.parse::<usize>().ok())
                .sum();
            prop_assert_eq!(shown + hidden, frame.len());
        }

        #[test]
        fn any_line_can_be_masked(line in "\\PC{0,60}") {
            prop_assert_eq!(masked(&line).chars().count(), line.chars().count());
        }
    }
}
