//! Ethernet (IEEE 802.3): from one card to another on the same link, which is as far as a cable and its switches go. 14 bytes; the checksum behind the frame is made
//! and removed by the cards, and a program never sees it.

use super::reader::{Reader, Stop};
use super::{arp, ethernet_address, ipv4, ipv6};

pub(super) fn ethernet(r: &mut Reader<'_>) -> Result<(), Stop> {
    r.layer("Ethernet");
    let destination = r.take()?;
    let note = match destination {
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => ", broadcast: everybody on this link",
        // The lowest bit of the first byte.
        [first, ..] if first & 1 == 1 => ", multicast: a group on this link",
        _ => "",
    };
    let destination = ethernet_address(destination);
    r.means(format!("destination {destination}{note}")).is("eth.dst", destination);
    let source = ethernet_address(r.take()?);
    r.means(format!("source {source}")).is("eth.src", source);

    let inside = r.u16()?;
    match inside {
        0x0800 => r.means("type: IPv4"),
        0x0806 => r.means("type: ARP"),
        0x86dd => r.means("type: IPv6"),
        // What is no type is the length of a frame of the older kind (IEEE 802.2); a VLAN's tag (0x8100) is left out.
        0..0x0600 => {
            r.means(format!("length {inside}")).is("eth.len", inside);
            r.payload(usize::MAX);
            return Ok(());
        }
        other => r.means(format!("type {other:#06x}")),
    };
    r.is("eth.type", format_args!("{inside:#06x}"));
    match inside {
        0x0800 => ipv4::ipv4(r),
        0x0806 => arp::arp(r),
        0x86dd => ipv6::ipv6(r),
        _ => {
            r.payload(usize::MAX);
            Ok(())
        }
    }
}
