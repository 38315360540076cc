//! What passes from interface to interface: Ethernet and ARP.

use etherparse::{ArpPacketSlice, EtherType};

use super::internet::ipv4_address;
use super::rows::{Rows, number};
use crate::observe::control::mac;

pub(super) fn ethernet(rows: &mut Rows, rest: &mut &[u8]) {
    rows.heading("Ethernet", 14);
    rows.field(rest, 6, |bytes| format!("destination {}", mac(bytes)));
    rows.field(rest, 6, |bytes| format!("source {}", mac(bytes)));
    rows.field(rest, 2, |bytes| format!("type: {}", ether_type(bytes)));
}

/// RFC 826.
pub(super) fn arp(rows: &mut Rows, rest: &mut &[u8], packet: &ArpPacketSlice<'_>) {
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
