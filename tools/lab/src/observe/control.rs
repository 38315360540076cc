//! What hosts and routers say to each other about the network itself, in words: ARP, ICMP, neighbour discovery.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::{ArpOperation, Icmpv4Slice, Icmpv6Slice, IpNumber, LaxNetSlice, LaxSlicedPacket, LinkSlice};

use super::decode::{addresses, fragment, protocol_name};

/// RFC 826: who has the IPv4 address, and the Ethernet address at which it is.
pub(super) fn arp(sliced: &LaxSlicedPacket<'_>) -> Option<String> {
    let (Some(LinkSlice::Ethernet2(ethernet)), Some(LaxNetSlice::Arp(arp))) = (&sliced.link, &sliced.net)
    else {
        return None;
    };
    let address = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).map(Ipv4Addr::from).ok();
    let (sender, target) = (address(arp.sender_protocol_addr())?, address(arp.target_protocol_addr())?);
    let what = match arp.operation() {
        ArpOperation::REQUEST => format!("who has {target}? tell {sender}"),
        ArpOperation::REPLY => format!("{sender} is at {}", mac(arp.sender_hw_addr())),
        ArpOperation(other) => format!("operation {other}"),
    };
    Some(format!("{} > {} ARP {what}", mac(&ethernet.source()), mac(&ethernet.destination())))
}

/// An Ethernet address: `02:00:0a:43:01:02`.
pub(crate) fn mac(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

/// RFC 792, RFC 1122 section 3.2.2.1.
pub(super) fn icmpv4(icmp: &Icmpv4Slice<'_>) -> String {
    let what = match (icmp.type_u8(), icmp.code_u8()) {
        (0, 0) => "echo reply",
        (8, 0) => "echo request",
        (3, 0) => "destination unreachable: network unreachable",
        (3, 1) => "destination unreachable: host unreachable",
        (3, 2) => "destination unreachable: protocol unreachable",
        (3, 3) => "destination unreachable: port unreachable",
        (3, 4) => "destination unreachable: fragmentation needed",
        (3, 13) => "destination unreachable: communication administratively prohibited",
        (11, 0) => "time exceeded: time to live exceeded in transit",
        (11, 1) => "time exceeded: fragment reassembly time exceeded",
        (kind, code) => return format!("type {kind}, code {code}"),
    };
    about(what, matches!(icmp.type_u8(), 3 | 11), icmp.payload())
}

/// RFC 4443.
pub(super) fn icmpv6(icmp: &Icmpv6Slice<'_>) -> String {
    let what = match (icmp.type_u8(), icmp.code_u8()) {
        (128, 0) => "echo request",
        (129, 0) => "echo reply",
        (1, 0) => "destination unreachable: no route to destination",
        (1, 1) => "destination unreachable: communication administratively prohibited",
        (1, 3) => "destination unreachable: address unreachable",
        (1, 4) => "destination unreachable: port unreachable",
        (2, 0) => "packet too big",
        (3, 0) => "time exceeded: hop limit exceeded in transit",
        (3, 1) => "time exceeded: fragment reassembly time exceeded",
        (135 | 136, 0) => return neighbour(icmp),
        (kind, code) => return format!("type {kind}, code {code}"),
    };
    about(what, icmp.type_u8() < 128, icmp.payload())
}

/// RFC 4861: what ARP is for IPv4. Both messages name the address first, then in an option the Ethernet address of the
/// one who sends it.
fn neighbour(icmp: &Icmpv6Slice<'_>) -> String {
    let body = icmp.slice().get(8..).unwrap_or_default();
    let Some((target, options)) = body.split_first_chunk::<16>() else {
        return "damaged neighbour discovery".to_owned();
    };
    let target = Ipv6Addr::from(*target);
    match (icmp.type_u8(), options) {
        (135, _) => format!("neighbour solicitation: who has {target}?"),
        // Option 2, target link-layer address, of 1 times 8 bytes.
        (_, [2, 1, ethernet @ ..]) if ethernet.len() >= 6 => {
            format!("neighbour advertisement: {target} is at {}", mac(ethernet.get(..6).unwrap_or_default()))
        }
        _ => format!("neighbour advertisement: {target} is here"),
    }
}

/// Multicast listener reports (130..=132, 143) and router discovery (133, 134).
pub(super) fn is_housekeeping(icmp: &Icmpv6Slice<'_>) -> bool {
    matches!(icmp.type_u8(), 130..=134 | 143)
}

/// An error message carries the start of the packet that it is about.
fn about(what: &str, is_error: bool, original: &[u8]) -> String {
    match original_packet(original) {
        Some(original) if is_error => format!("{what} (for {original})"),
        _ => what.to_owned(),
    }
}

/// Only the ports are sure to be there: RFC 792 promises 8 bytes of what follows the IP header.
fn original_packet(bytes: &[u8]) -> Option<String> {
    let sliced = LaxSlicedPacket::from_ip(bytes).ok()?;
    let (net, source, destination) = sliced.net.as_ref().and_then(addresses)?;
    let inner = net.ip_payload_ref()?;
    let protocol = protocol_name(inner.ip_number);
    let ports = match (inner.ip_number, inner.payload) {
        (IpNumber::TCP | IpNumber::UDP, [a, b, c, d, ..])
            if fragment(net).is_none_or(|(offset, _)| offset == 0) =>
        {
            Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])))
        }
        _ => None,
    };
    Some(match ports {
        Some((from, to)) => {
            format!("{} > {} {protocol}", SocketAddr::new(source, from), SocketAddr::new(destination, to))
        }
        None => format!("{source} > {destination} {protocol}"),
    })
}
