//! Data of a run with the numbers of its page: ports and process ids that the kernel chose.

use std::net::SocketAddr;

use crate::record::call::Descriptor;
use crate::record::packet::{Headers, Packet};
use crate::replay::renaming::Renaming;

pub(super) fn process(number: u32, renaming: &mut Renaming) -> u32 {
    let renamed = renaming.adopt(&format!("pid {number}"));
    renamed.strip_prefix("pid ").and_then(|number| number.parse().ok()).unwrap_or(number)
}

pub(super) fn renamed(address: SocketAddr, renaming: &mut Renaming) -> SocketAddr {
    renaming.adopt(&address.to_string()).parse().unwrap_or(address)
}

pub(super) fn rename(descriptor: &mut Descriptor, renaming: &mut Renaming) {
    descriptor.local = descriptor.local.map(|local| renamed(local, renaming));
    descriptor.peer = descriptor.peer.map(|peer| renamed(peer, renaming));
}

/// The ports in its headers, and in their bytes.
pub(super) fn rename_packet(packet: &mut Packet, renaming: &mut Renaming) {
    let (from, to) = match &mut packet.headers {
        Headers::Tcp(tcp) => (&mut tcp.from, &mut tcp.to),
        Headers::Udp { from, to } => (from, to),
        Headers::Icmp { message, .. } => {
            *message = renaming.adopt(message);
            return;
        }
        Headers::Fragment { .. } | Headers::Other { .. } => return,
    };
    *from = renamed(*from, renaming);
    *to = renamed(*to, renaming);
    let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
    // Ethernet's header, then that of IPv4 with its length in words, or of IPv6 without extensions.
    let ip = match packet.bytes.get(14).map(|first| (first >> 4, first & 0xf)) {
        Some((4, words)) => usize::from(words) * 4,
        Some((6, _)) => 40,
        _ => return,
    };
    if let Some(place) = packet.bytes.get_mut(14 + ip..14 + ip + ports.len()) {
        place.copy_from_slice(&ports);
    }
}
