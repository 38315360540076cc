//! One packet, header by header: every field with its bytes and its meaning.
//!
//! ```text
//! IPv4, 20 bytes
//!   45                       version 4, header of 5 words (20 bytes)
//!   ...
//!   40                       time to live 64
//! ```
//!
//! The layouts are those of RFC 826 (ARP), RFC 791 (IPv4), RFC 8200 (IPv6), RFC 9293 (TCP), RFC 7323 (TCP timestamps), RFC 768 (UDP),
//! RFC 792 (ICMP), RFC 4443 (ICMPv6) and RFC 4861 (neighbour discovery).

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{
    ArpPacketSlice, EtherType, IpNumber, Ipv6ExtensionSlice, LaxNetSlice, LaxSlicedPacket, LinkSlice,
    TransportSlice,
};

use crate::observe::decode::mac;
use crate::record::packet::{Packet, flag_names, quoted};

/// How many bytes stand in one row.
const ROW: usize = 8;
/// How many bytes of a payload are shown.
const PAYLOAD_SHOWN: usize = 64;

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
    let mut rows = Rows::default();
    let mut rest = frame;
    if let Ok(packet) = LaxSlicedPacket::from_ethernet(frame) {
        if let Some(LinkSlice::Ethernet2(_)) = packet.link {
            ethernet(&mut rows, &mut rest);
        }
        // An 802.1Q tag or the like would stand between: none on a loopback interface.
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
    rows.lines
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

/// The lines so far.
#[derive(Default)]
struct Rows {
    lines: Vec<String>,
}

impl Rows {
    fn heading(&mut self, name: &str, length: usize) {
        let unit = if length == 1 { "byte" } else { "bytes" };
        self.lines.push(format!("{name}, {length} {unit}"));
    }

    /// Takes the next `length` bytes of `rest` (fewer if there are fewer) and says what they mean.
    fn field<'a>(&mut self, rest: &mut &'a [u8], length: usize, meaning: impl FnOnce(&'a [u8]) -> String) {
        let (bytes, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        *rest = after;
        if bytes.is_empty() {
            return;
        }
        let meaning = if bytes.len() < length { "cut off".to_owned() } else { meaning(bytes) };
        for (row, bytes) in bytes.chunks(ROW).enumerate() {
            let meaning = if row == 0 { meaning.as_str() } else { "" };
            self.row(bytes, meaning);
        }
    }

    fn row(&mut self, bytes: &[u8], meaning: &str) {
        let mut hex = String::new();
        for byte in bytes {
            let separator = if hex.is_empty() { "" } else { " " };
            let _ = write!(hex, "{separator}{byte:02x}");
        }
        let line = format!("  {hex:<width$}  {meaning}", width = 3 * ROW - 1);
        self.lines.push(line.trim_end().to_owned());
    }

    fn payload(&mut self, bytes: &[u8]) {
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
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn valued(name: &'static str) -> impl Fn(&[u8]) -> String {
    move |bytes| format!("{name} {}", number(bytes))
}

fn named(name: &'static str) -> impl Fn(&[u8]) -> String {
    move |_| name.to_owned()
}

fn ethernet(rows: &mut Rows, rest: &mut &[u8]) {
    rows.heading("Ethernet", 14);
    rows.field(rest, 6, |bytes| format!("destination {}", mac(bytes)));
    rows.field(rest, 6, |bytes| format!("source {}", mac(bytes)));
    rows.field(rest, 2, |bytes| format!("type: {}", ether_type(bytes)));
}

/// RFC 826.
fn arp(rows: &mut Rows, rest: &mut &[u8], packet: &ArpPacketSlice<'_>) {
    let (hardware, protocol) = (usize::from(packet.hw_addr_size()), usize::from(packet.proto_addr_size()));
    if (hardware, protocol) != (6, 4) {
        return; // not Ethernet and IPv4: shown as it is
    }
    rows.heading("ARP", 28);
    rows.field(rest, 2, |bytes| {
        let name =
            if number(bytes) == 1 { "Ethernet".to_owned() } else { format!("number {}", number(bytes)) };
        format!("kind of hardware: {name}")
    });
    rows.field(rest, 2, |bytes| format!("kind of address: {}", ether_type(bytes)));
    rows.field(rest, 1, |_| format!("hardware addresses of {hardware} bytes"));
    rows.field(rest, 1, |_| format!("protocol addresses of {protocol} bytes"));
    rows.field(rest, 2, |bytes| match number(bytes) {
        1 => "operation: request".to_owned(),
        2 => "operation: reply".to_owned(),
        other => format!("operation {other}"),
    });
    for who in ["sender", "target"] {
        rows.field(rest, 6, |bytes| format!("{who} {}", mac(bytes)));
        rows.field(rest, 4, |bytes| format!("{who} {}", ipv4_address(bytes)));
    }
}

fn ether_type(bytes: &[u8]) -> &'static str {
    match u16::try_from(number(bytes)).map(EtherType) {
        Ok(EtherType::IPV4) => "IPv4",
        Ok(EtherType::IPV6) => "IPv6",
        Ok(EtherType::ARP) => "ARP",
        _ => "unknown",
    }
}

fn ipv4(rows: &mut Rows, rest: &mut &[u8], length: usize) {
    rows.heading("IPv4", length);
    rows.field(rest, 1, |bytes| {
        let words = number(bytes) & 0xf;
        format!("version {}, header of {words} words ({} bytes)", number(bytes) >> 4, words * 4)
    });
    rows.field(rest, 1, traffic_class);
    rows.field(rest, 2, valued("total length"));
    rows.field(rest, 2, named("identification"));
    rows.field(rest, 2, |bytes| {
        let field = number(bytes);
        let mut meaning = String::new();
        if field & 0x4000 != 0 {
            meaning.push_str("don't fragment, ");
        }
        if field & 0x2000 != 0 {
            meaning.push_str("more fragments, ");
        }
        let _ = write!(meaning, "fragment offset {}", (field & 0x1fff) * 8);
        meaning
    });
    rows.field(rest, 1, valued("time to live"));
    rows.field(rest, 1, |bytes| format!("protocol: {}", protocol(number(bytes))));
    rows.field(rest, 2, named("header checksum"));
    rows.field(rest, 4, |bytes| format!("source {}", ipv4_address(bytes)));
    rows.field(rest, 4, |bytes| format!("destination {}", ipv4_address(bytes)));
    if let Some(options) = length.checked_sub(20).filter(|options| *options > 0) {
        rows.field(rest, options, named("options"));
    }
}

fn ipv6(rows: &mut Rows, rest: &mut &[u8]) {
    rows.heading("IPv6", 40);
    // Three fields in one word; the last twenty bits are the flow label (RFC 6437).
    rows.field(rest, 4, |bytes| {
        let (version, class) = (number(bytes) >> 28, number(bytes) >> 20 & 0xff);
        format!("version {version}, traffic class {class}, flow label")
    });
    rows.field(rest, 2, valued("payload length"));
    rows.field(rest, 1, |bytes| format!("next header: {}", protocol(number(bytes))));
    rows.field(rest, 1, valued("hop limit"));
    rows.field(rest, 16, |bytes| format!("source {}", ipv6_address(bytes)));
    rows.field(rest, 16, |bytes| format!("destination {}", ipv6_address(bytes)));
}

fn ipv6_extension(rows: &mut Rows, rest: &mut &[u8], extension: &Ipv6ExtensionSlice<'_>) {
    let (name, length) = match extension {
        Ipv6ExtensionSlice::Fragment(_) => {
            rows.heading("IPv6 fragment header", 8);
            rows.field(rest, 1, |bytes| format!("next header: {}", protocol(number(bytes))));
            rows.field(rest, 1, named("reserved"));
            rows.field(rest, 2, |bytes| {
                let field = number(bytes);
                let more = if field & 1 == 1 { "more fragments, " } else { "" };
                format!("{more}fragment offset {}", field & 0xfff8)
            });
            rows.field(rest, 4, named("identification"));
            return;
        }
        Ipv6ExtensionSlice::HopByHop(header) => ("IPv6 hop-by-hop options", header.slice().len()),
        Ipv6ExtensionSlice::Routing(header) => ("IPv6 routing header", header.slice().len()),
        Ipv6ExtensionSlice::DestinationOptions(header) => ("IPv6 destination options", header.slice().len()),
        Ipv6ExtensionSlice::Authentication(header) => ("authentication header", header.slice().len()),
    };
    rows.heading(name, length);
    rows.field(rest, length, named("not taken apart here"));
}

fn tcp(rows: &mut Rows, rest: &mut &[u8], length: usize) {
    rows.heading("TCP", length);
    rows.field(rest, 2, valued("source port"));
    rows.field(rest, 2, valued("destination port"));
    rows.field(rest, 4, named("sequence number"));
    rows.field(rest, 4, named("acknowledgment number"));
    rows.field(rest, 1, |bytes| {
        let words = number(bytes) >> 4;
        format!("header of {words} words ({} bytes)", words * 4)
    });
    rows.field(rest, 1, |bytes| {
        let flags = bytes.first().copied().unwrap_or_default();
        format!("flags: {}", flag_names(flags))
    });
    rows.field(rest, 2, named("window"));
    rows.field(rest, 2, named("checksum"));
    rows.field(rest, 2, valued("urgent pointer"));
    let Some((mut options, after)) =
        length.checked_sub(20).and_then(|options| rest.split_at_checked(options))
    else {
        return;
    };
    *rest = after;
    while !options.is_empty() {
        tcp_option(rows, &mut options);
    }
}

/// One option: its kind and its length (two bytes; one byte, the kind, for the first two), then its value.
fn tcp_option(rows: &mut Rows, options: &mut &[u8]) {
    match options {
        [0, ..] => rows.field(options, options.len(), named("end of options")),
        [1, ..] => rows.field(options, 1, named("option: no operation")),
        [2, 4, _, _, ..] => {
            rows.field(options, 2, named("option: maximum segment size"));
            rows.field(options, 2, valued("maximum segment size"));
        }
        [3, 3, _, ..] => {
            rows.field(options, 2, named("option: window scale"));
            rows.field(options, 1, named("window scale"));
        }
        [4, 2, ..] => rows.field(options, 2, named("option: selective acknowledgments permitted")),
        [8, 10, value @ ..] if value.len() >= 8 => {
            rows.field(options, 2, named("option: timestamps"));
            rows.field(options, 4, named("timestamp of the sender"));
            rows.field(options, 4, named("timestamp echoed"));
        }
        // A length of less than 2 would never end.
        [kind, length @ 2..=255, ..] => {
            let (kind, length) = (*kind, usize::from(*length));
            rows.field(options, length.min(options.len()), |_| format!("option: kind {kind}"));
        }
        _ => rows.field(options, options.len(), named("damaged options")),
    }
}

fn udp(rows: &mut Rows, rest: &mut &[u8]) {
    rows.heading("UDP", 8);
    rows.field(rest, 2, valued("source port"));
    rows.field(rest, 2, valued("destination port"));
    rows.field(rest, 2, valued("length"));
    rows.field(rest, 2, named("checksum"));
}

fn icmp(rows: &mut Rows, rest: &mut &[u8], name: &str) {
    rows.heading(name, 8);
    rows.field(rest, 1, valued("type"));
    rows.field(rest, 1, valued("code"));
    rows.field(rest, 2, named("checksum"));
    rows.field(rest, 4, named("depends on the type"));
}

/// RFC 4861: a solicitation (135) or an advertisement (136), each with the address that it is about and options.
fn neighbour(rows: &mut Rows, rest: &mut &[u8]) {
    let solicits = rest.first() == Some(&135);
    rows.heading("ICMPv6", rest.len());
    rows.field(rest, 1, |_| {
        let name = if solicits { "135: neighbour solicitation" } else { "136: neighbour advertisement" };
        format!("type {name}")
    });
    rows.field(rest, 1, valued("code"));
    rows.field(rest, 2, named("checksum"));
    rows.field(rest, 4, |bytes| {
        let flags = [(0x80, "router"), (0x40, "solicited"), (0x20, "override")];
        let first = bytes.first().copied().unwrap_or_default();
        let set: Vec<&str> =
            flags.iter().filter(|(bit, _)| !solicits && first & bit != 0).map(|(_, name)| *name).collect();
        if set.is_empty() { "reserved".to_owned() } else { format!("flags: {}", set.join(" ")) }
    });
    rows.field(rest, 16, |bytes| format!("target {}", ipv6_address(bytes)));
    while !rest.is_empty() {
        match **rest {
            [kind @ (1 | 2), 1, ..] => {
                let whose = if kind == 1 { "source" } else { "target" };
                rows.field(rest, 2, |_| format!("option: {whose} link-layer address"));
                rows.field(rest, 6, mac);
            }
            // In units of 8 bytes; a length of 0 would never end.
            [kind, units @ 1..=255, ..] => {
                let length = 8 * usize::from(units);
                rows.field(rest, length.min(rest.len()), |_| format!("option: kind {kind}"));
            }
            _ => rows.field(rest, rest.len(), named("damaged options")),
        }
    }
}

fn protocol(number: u64) -> String {
    match u8::try_from(number).map(IpNumber) {
        Ok(IpNumber::TCP) => "TCP".to_owned(),
        Ok(IpNumber::UDP) => "UDP".to_owned(),
        Ok(IpNumber::ICMP) => "ICMP".to_owned(),
        Ok(IpNumber::IPV6_ICMP) => "ICMPv6".to_owned(),
        Ok(IpNumber::IPV6_FRAGMENTATION_HEADER) => "fragment".to_owned(),
        _ => format!("number {number}"),
    }
}

/// Differentiated services (RFC 2474) and explicit congestion notification (RFC 3168).
fn traffic_class(bytes: &[u8]) -> String {
    let class = number(bytes);
    format!("DSCP {}, ECN {}", class >> 2, class & 3)
}

fn ipv4_address(bytes: &[u8]) -> String {
    <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).to_string()).unwrap_or_default()
}

fn ipv6_address(bytes: &[u8]) -> String {
    <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).to_string()).unwrap_or_default()
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
