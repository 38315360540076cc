//! What passes from host to host: IPv4, IPv6, and ICMP about them.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{IpNumber, Ipv6ExtensionSlice};

use super::rows::{Rows, named, number, valued};
use crate::observe::control::mac;

pub(super) fn ipv4(rows: &mut Rows, rest: &mut &[u8], length: usize) {
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

pub(super) fn ipv6(rows: &mut Rows, rest: &mut &[u8]) {
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

pub(super) fn ipv6_extension(rows: &mut Rows, rest: &mut &[u8], extension: &Ipv6ExtensionSlice<'_>) {
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

pub(super) fn icmp(rows: &mut Rows, rest: &mut &[u8], name: &str) {
    rows.heading(name, 8);
    rows.field(rest, 1, valued("type"));
    rows.field(rest, 1, valued("code"));
    rows.field(rest, 2, named("checksum"));
    rows.field(rest, 4, named("depends on the type"));
}

/// RFC 4861: a solicitation (135) or an advertisement (136), each with the address that it is about and options.
pub(super) fn neighbour(rows: &mut Rows, rest: &mut &[u8]) {
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

pub(super) fn ipv4_address(bytes: &[u8]) -> String {
    <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).to_string()).unwrap_or_default()
}

fn ipv6_address(bytes: &[u8]) -> String {
    <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).to_string()).unwrap_or_default()
}
