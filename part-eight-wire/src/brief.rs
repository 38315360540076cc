//! A packet in one line: which cards, which machines, which programs, what.

use std::fmt::Write as _;

use common::dump::Text;

use crate::decode::{Layer, Packet, Row};

/// How many bytes of a payload a line shows; `...` stands for the rest.
const SHOWN: usize = 32;

/// The line: `02:00:00:00:01:02 > 02:00:00:00:01:01 | 10.67.1.2:40000 > 10.67.2.2:6797 | ttl 64 | TCP SYN`.
///
/// Loopback has no cards, and no addresses of cards are shown for it.
#[must_use]
pub fn line(packet: &Packet<'_>) -> String {
    let mut parts = Vec::new();
    if let (Some(from), Some(to)) = (packet.value("eth.src"), packet.value("eth.dst"))
        && (from, to) != ("00:00:00:00:00:00", "00:00:00:00:00:00")
    {
        parts.push(format!("{from} > {to}"));
    }
    let mut packets = ip_packets(&packet.layers);
    match packets.next() {
        Some(layers) => {
            parts.push(endpoints(layers));
            let ttl = value(layers, "ip.ttl").or_else(|| value(layers, "ipv6.hlim"));
            parts.extend(ttl.map(|ttl| format!("ttl {ttl}")));
            let mut what = what(layers);
            if let Some(quoted) = packets.next() {
                let _ = write!(what, " (about {} {})", endpoints(quoted), protocol(quoted));
            }
            parts.push(what);
        }
        None => parts.push(no_ip(packet)),
    }
    let mut line = parts.join(" | ");
    if packet.layers.iter().flat_map(|layer| &layer.rows).any(is_wrong) {
        line.push_str(", wrong checksum");
    }
    if packet.is_damaged() {
        line.push_str(", damaged");
    }
    line
}

/// The layers from one IP header up to the next: an ICMP error carries a second one.
fn ip_packets<'a>(layers: &'a [Layer<'a>]) -> impl Iterator<Item = &'a [Layer<'a>]> {
    let is_ip = |layer: &Layer<'_>| layer.name == "IPv4" || layer.name == "IPv6";
    let begin = layers.iter().position(is_ip).unwrap_or(layers.len());
    let layers = layers.get(begin..).unwrap_or_default();
    layers.chunk_by(move |_, next| !is_ip(next)).filter(|chunk| !chunk.is_empty())
}

fn value<'a>(layers: &'a [Layer<'_>], name: &str) -> Option<&'a str> {
    let mut values = layers.iter().flat_map(|layer| &layer.rows).flat_map(|row| &row.values);
    values.find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
}

/// What stands behind the colon of a row's meaning: `type 8: echo request`.
fn word<'a>(layers: &'a [Layer<'_>], name: &str) -> Option<&'a str> {
    let mut rows = layers.iter().flat_map(|layer| &layer.rows);
    let row = rows.find(|row| row.values.iter().any(|(found, _)| *found == name))?;
    Some(row.meaning.split_once(": ")?.1)
}

/// `10.67.1.2:40000 > 10.67.2.2:6797`; without ports where there are none.
fn endpoints(layers: &[Layer<'_>]) -> String {
    let end = |v4: &str, v6: &str, tcp: &str, udp: &str| {
        let port = value(layers, tcp).or_else(|| value(layers, udp));
        match (value(layers, v4), value(layers, v6), port) {
            (Some(address), _, Some(port)) => format!("{address}:{port}"),
            (_, Some(address), Some(port)) => format!("[{address}]:{port}"),
            (Some(address), ..) | (_, Some(address), _) => address.to_owned(),
            _ => "?".to_owned(),
        }
    };
    let source = end("ip.src", "ipv6.src", "tcp.srcport", "udp.srcport");
    let destination = end("ip.dst", "ipv6.dst", "tcp.dstport", "udp.dstport");
    format!("{source} > {destination}")
}

/// What is in the packet.
fn what(layers: &[Layer<'_>]) -> String {
    let mut what = protocol(layers);
    for layer in layers {
        match layer.name {
            "TCP" => what = format!("TCP {}", word(layers, "tcp.flags.syn").unwrap_or("?")),
            "ICMP" => what = icmp(layers, "ICMP", "icmp.type", "icmp.code"),
            "ICMPv6" => what = icmp(layers, "ICMPv6", "icmpv6.type", "icmpv6.code"),
            "fragment" => what.push_str(" fragment"),
            _ => {}
        }
    }
    let offset = value(layers, "ip.frag_offset").or_else(|| value(layers, "ipv6.fraghdr.offset"));
    let offset = offset.and_then(|offset| offset.parse::<u32>().ok()).map(|offset| offset * 8);
    let more = value(layers, "ip.flags.mf") == Some("1") || value(layers, "ipv6.fraghdr.more") == Some("1");
    if more || offset.is_some_and(|offset| offset > 0) {
        let _ =
            write!(what, ", from byte {}{}", offset.unwrap_or(0), if more { ", more to come" } else { "" });
    }
    let payload = layers.iter().find(|layer| layer.name == "payload" || layer.name == "fragment");
    if let Some(row) = payload.and_then(|layer| layer.rows.first()) {
        let bytes = row.bytes;
        let _ = write!(what, ", {} {}", bytes.len(), if bytes.len() == 1 { "byte" } else { "bytes" });
        if !what.starts_with("ICMP") && !what.contains("fragment") {
            let shown = bytes.get(..SHOWN).unwrap_or(bytes);
            let _ = write!(what, " {}{}", Text(shown), if shown.len() < bytes.len() { "..." } else { "" });
        }
    }
    what
}

fn icmp(layers: &[Layer<'_>], name: &str, of_type: &str, of_code: &str) -> String {
    let kind = word(layers, of_type).map_or_else(
        || value(layers, of_type).map_or_else(|| name.to_owned(), |kind| format!("{name} type {kind}")),
        |kind| format!("{name} {kind}"),
    );
    let target = ["icmpv6.nd.ns.target_address", "icmpv6.nd.na.target_address"]
        .into_iter()
        .find_map(|name| value(layers, name));
    let card = value(layers, "icmpv6.opt.linkaddr");
    match (value(layers, of_type), target, card) {
        (Some("135"), Some(target), _) => format!("{kind}: who has {target}?"),
        (Some("136"), Some(target), Some(card)) => format!("{kind}: {target} is at {card}"),
        _ => match word(layers, of_code) {
            Some(code) => format!("{kind}: {code}"),
            None => kind,
        },
    }
}

/// The name of what an IP packet carries, also where it is quoted and cut.
fn protocol(layers: &[Layer<'_>]) -> String {
    let known = layers.iter().find(|layer| matches!(layer.name, "TCP" | "UDP" | "ICMP" | "ICMPv6"));
    known.map_or_else(
        || match ["ipv6.fraghdr.nxt", "ip.proto", "ipv6.nxt"].iter().find_map(|name| word(layers, name)) {
            Some(name) if name.starts_with(|c: char| c.is_ascii_digit()) => format!("protocol {name}"),
            Some(name) => name.to_owned(),
            None => "IP".to_owned(),
        },
        |layer| layer.name.to_owned(),
    )
}

/// A frame with no IP packet in it.
fn no_ip(packet: &Packet<'_>) -> String {
    let value = |name| packet.value(name).unwrap_or("?");
    match packet.value("arp.opcode") {
        Some("1") => {
            format!("ARP who has {}? {} asks", value("arp.dst.proto_ipv4"), value("arp.src.proto_ipv4"))
        }
        Some("2") => format!("ARP {} is at {}", value("arp.src.proto_ipv4"), value("arp.src.hw_mac")),
        Some(other) => format!("ARP operation {other}"),
        None => {
            let length: usize =
                packet.layers.iter().flat_map(|layer| &layer.rows).map(|row| row.bytes.len()).sum();
            format!(
                "{}, {length} bytes",
                packet.meaning("eth.type").or_else(|| packet.meaning("eth.len")).unwrap_or("no type")
            )
        }
    }
}

fn is_wrong(row: &Row<'_>) -> bool {
    row.values.iter().any(|(name, value)| name.ends_with(".checksum.status") && value == "0")
        && row.meaning.contains("wrong")
}
