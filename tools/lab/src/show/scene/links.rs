//! Between two links: a packet that crosses a router is seen on each side of it, in another frame. Each sight is a row
//! of its own, from the host to the router or from the router to the host.

use super::End;
use super::ends::Ends;
use super::rows::Draft;
use crate::record::call::Kind;
use crate::record::packet::{Headers, Packet};
use crate::record::recording::{Recorded, Recording};

/// A network card's own address, the source of each frame that leaves it.
type Card = [u8; 6];

/// Two hosts, and what lies between them.
pub(super) struct Links {
    router: usize,
    /// The host that sees a packet, its end, and its card.
    hosts: Vec<(String, usize, Card)>,
}

/// Puts the routers between the two ends, if there are two, and each is on a host of its own. Of several routers
/// nobody sees the links between them: they are one end.
pub(super) fn between(recording: &Recording, ends: &mut Vec<End>) -> Option<usize> {
    let [one, other] = ends.as_slice() else { return None };
    if recording.routers.is_empty() || host(&one.name) == host(&other.name) {
        return None;
    }
    ends.insert(1, End { name: recording.routers.join(", "), program: String::new(), is_router: true });
    Some(1)
}

/// The host of a terminal or an interface: `alice` of `alice.sniffer`.
fn host(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

impl Links {
    /// A host's card is known from the first packet that its own socket sent.
    pub(super) fn of(recording: &Recording, ends: &Ends, router: usize) -> Self {
        let mut hosts: Vec<(String, usize, Card)> = Vec::new();
        for entry in &recording.events {
            let Recorded::Packet { interface, packet } = &entry.what else { continue };
            let kind = if packet.tcp().is_some() { Kind::Tcp } else { Kind::Udp };
            if let Some((from, to)) = packet.way()
                && let Some(end) = ends.owner(kind, from, Some(to))
                && ends.list.get(end).is_some_and(|end| host(&end.name) == host(interface))
                && !hosts.iter().any(|(known, _, _)| known == interface)
                && let Some(card) = source(packet)
            {
                hosts.push((interface.clone(), end, card));
            }
        }
        Self { router, hosts }
    }

    /// From where to where a packet passed this interface.
    pub(super) fn way(&self, packet: &Packet, interface: &str) -> Option<(usize, usize)> {
        let (_, end, card) = self.hosts.iter().find(|(known, _, _)| known == interface)?;
        Some(if source(packet)? == *card { (*end, self.router) } else { (self.router, *end) })
    }
}

/// The source of the frame.
fn source(packet: &Packet) -> Option<Card> {
    packet.bytes.get(6..12)?.try_into().ok()
}

/// Finds for each packet that left a router the row where it had come to it.
pub(super) fn follow(drafts: &mut [Draft<'_>], ends: &Ends) {
    let Some(router) = ends.links.as_ref().map(|links| links.router) else { return };
    for at in 0..drafts.len() {
        let Some((before, [left, ..])) = drafts.split_at_mut_checked(at) else { continue };
        let Some(packet) = left.packet().filter(|_| left.end == Some(router)) else { continue };
        let came = before.iter_mut().enumerate().find(|(_, came)| {
            came.to == Some(router)
                && came.passed_on.is_none()
                && came
                    .packet()
                    .is_some_and(|came| carried(came).is_some() && carried(came) == carried(packet))
        });
        if let Some((place, came)) = came {
            came.passed_on = Some(at);
            left.arrived = Some(place);
        }
    }
}

/// What a router leaves as it is: the two addresses of IP, and all that is behind its header.
fn carried(packet: &Packet) -> Option<(&[u8], &[u8])> {
    let bytes = packet.bytes.as_slice();
    match bytes.get(12..15)? {
        [0x08, 0x00, first] => Some((bytes.get(26..34)?, bytes.get(14 + usize::from(first & 0xf) * 4..)?)),
        [0x86, 0xdd, _] => Some((bytes.get(22..54)?, bytes.get(54..)?)),
        _ => None,
    }
}

/// What a router does with a packet, as a sentence.
pub(super) fn passed_on(packet: &Packet) -> String {
    let (name, place) = match packet.bytes.get(12..14) {
        Some([0x08, 0x00]) => ("time to live", 22),
        _ => ("hop limit", 21),
    };
    let left = packet.bytes.get(place).copied().unwrap_or_default();
    format!("The router takes it out of its frame and passes it on in a new one, with a {name} of {left}.")
}

/// It asks for the card that has an address.
pub(super) fn is_question(packet: &Packet) -> bool {
    asked(packet).is_some()
}

/// The row with the question that the packet of this row answers, where it does: of the same link.
pub(super) fn question(drafts: &[Draft<'_>], at: usize) -> Option<usize> {
    let answer = drafts.get(at)?;
    let Headers::Icmp { message, .. } = &answer.packet()?.headers else { return None };
    let address = message.strip_prefix("neighbour advertisement: ")?.split(' ').next()?;
    let asked = |draft: &Draft<'_>| draft.end == answer.to && draft.packet().and_then(asked) == Some(address);
    drafts.get(..at)?.iter().rposition(asked)
}

/// The address whose card a packet asks for.
fn asked(packet: &Packet) -> Option<&str> {
    let Headers::Icmp { message, .. } = &packet.headers else { return None };
    message.strip_prefix("neighbour solicitation: who has ")?.strip_suffix('?')
}
