//! ARP (RFC 826): who on this link has that IP address? Asked of everybody, answered by one.

use std::net::Ipv4Addr;

use super::ethernet_address;
use super::reader::{Reader, Stop};

pub(super) fn arp(r: &mut Reader<'_>) -> Result<(), Stop> {
    r.layer("ARP");
    let hardware = r.u16()?;
    r.means(format!("kind of hardware {hardware}{}", if hardware == 1 { ": Ethernet" } else { "" }));
    r.is("arp.hw.type", hardware);
    let protocol = r.u16()?;
    r.means(format!("kind of address {protocol:#06x}{}", if protocol == 0x0800 { ": IPv4" } else { "" }));
    r.is("arp.proto.type", format_args!("{protocol:#06x}"));
    let hardware_size = r.u8()?;
    r.means(format!("{hardware_size} bytes for a hardware address")).is("arp.hw.size", hardware_size);
    let protocol_size = r.u8()?;
    r.means(format!("{protocol_size} bytes for an address")).is("arp.proto.size", protocol_size);
    let operation = r.u16()?;
    r.means(match operation {
        1 => "operation 1: request".to_owned(),
        2 => "operation 2: reply".to_owned(),
        other => format!("operation {other}"),
    });
    r.is("arp.opcode", operation);
    if (hardware, protocol, hardware_size, protocol_size) != (1, 0x0800, 6, 4) {
        r.payload(usize::MAX);
        return Ok(());
    }

    let mac = ethernet_address(r.take()?);
    r.means(format!("sender's card {mac}")).is("arp.src.hw_mac", mac);
    let address = Ipv4Addr::from(r.u32()?);
    r.means(format!("sender's address {address}")).is("arp.src.proto_ipv4", address);
    let mac = ethernet_address(r.take()?);
    let asked = if operation == 1 { ": this is asked for" } else { "" };
    r.means(format!("target's card {mac}{asked}")).is("arp.dst.hw_mac", mac);
    let address = Ipv4Addr::from(r.u32()?);
    r.means(format!("target's address {address}")).is("arp.dst.proto_ipv4", address);

    // An Ethernet frame has 60 bytes at least: a card fills it up.
    let padding = r.rest().len();
    if r.row(padding).is_ok_and(|padding| !padding.is_empty()) {
        r.means("padding");
    }
    Ok(())
}
