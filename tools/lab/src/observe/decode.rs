//! A captured frame as a packet: who to whom, which protocol, which flags, how much of what.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use etherparse::{
    EtherType, IpNumber, Ipv6ExtensionSlice, LaxNetSlice, LaxSlicedPacket, LinkSlice, TransportSlice,
};

use super::control::{arp, icmpv4, icmpv6, is_housekeeping};
use crate::record::packet::{Headers, Packet, Tcp, count};

/// The source of whoever has no address yet.
const UNSPECIFIED: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// The octet of TCP flags with ACK alone.
const ACK: u8 = 0x10;

/// Turns frames into packets, in the order in which they passed.
///
/// It remembers the handshakes under way: whether a bare ACK is the third packet of a handshake depends on what was
/// seen before it.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The direction of the ACK that is still to come after a SYN ACK.
    handshakes: HashSet<(SocketAddr, SocketAddr)>,
}

impl Decoder {
    /// A decoder that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The packet in this Ethernet frame.
    ///
    /// `None` for the chatter with which IPv6 keeps house: multicast listener reports (RFC 3810), router discovery
    /// (RFC 4861), and the question whether an address is free, from nobody (RFC 4862). It comes when it likes and no
    /// program asked for it. Everything else gives a line, damaged and unknown packets too.
    #[must_use]
    pub fn packet(&mut self, frame: &[u8]) -> Option<Packet> {
        let mut packet = Packet {
            bytes: frame.to_vec(),
            headers: Headers::Other { what: format!("damaged Ethernet frame, {}", count(frame.len())) },
            payload: (0, 0),
            pure_ack: false,
        };
        if let Ok(sliced) = LaxSlicedPacket::from_ethernet(frame) {
            packet.headers = self.headers(&sliced, frame, &mut packet)?;
        }
        Some(packet)
    }

    /// What the headers say; sets the payload and `pure_ack` of `packet` on the way.
    fn headers(
        &mut self,
        sliced: &LaxSlicedPacket<'_>,
        frame: &[u8],
        packet: &mut Packet,
    ) -> Option<Headers> {
        let Some((net, source, destination)) = sliced.net.as_ref().and_then(addresses) else {
            let what = arp(sliced).unwrap_or_else(|| not_ip(sliced, frame.len()));
            return Some(Headers::Other { what });
        };
        if let Some((offset, length)) = fragment(net) {
            return Some(Headers::Fragment { from: source, to: destination, offset, length });
        }
        let icmp = |message| Some(Headers::Icmp { from: source, to: destination, message });
        match &sliced.transport {
            Some(TransportSlice::Tcp(slice)) => {
                let tcp = Tcp {
                    from: SocketAddr::new(source, slice.source_port()),
                    to: SocketAddr::new(destination, slice.destination_port()),
                    // The fourteenth octet of the header (RFC 9293, section 3.1).
                    flags: slice.header_slice().get(13).copied().unwrap_or_default(),
                    sequence: slice.sequence_number(),
                    acknowledgment: slice.acknowledgment_number(),
                    window: slice.window_size(),
                };
                packet.payload = place(slice.payload(), frame);
                packet.pure_ack = self.is_pure_ack(&tcp, slice.payload().is_empty());
                Some(Headers::Tcp(tcp))
            }
            Some(TransportSlice::Udp(udp)) => {
                packet.payload = place(udp.payload(), frame);
                Some(Headers::Udp {
                    from: SocketAddr::new(source, udp.source_port()),
                    to: SocketAddr::new(destination, udp.destination_port()),
                })
            }
            Some(TransportSlice::Icmpv4(slice)) => icmp(icmpv4(slice)),
            Some(TransportSlice::Icmpv6(slice)) if is_housekeeping(slice) || source == UNSPECIFIED => None,
            Some(TransportSlice::Icmpv6(slice)) => icmp(icmpv6(slice)),
            Some(TransportSlice::Igmp(_)) | None => {
                let (protocol, length) = net
                    .ip_payload_ref()
                    .map_or((IpNumber(0), 0), |inner| (inner.ip_number, inner.payload.len()));
                let damaged = if sliced.stop_err.is_some() { "damaged " } else { "" };
                let protocol = protocol_name(protocol);
                let what = format!("{source} > {destination} {damaged}{protocol}, {}", count(length));
                Some(Headers::Other { what })
            }
        }
    }

    fn is_pure_ack(&mut self, tcp: &Tcp, is_empty: bool) -> bool {
        if tcp.syn() {
            if tcp.ack() {
                self.handshakes.insert((tcp.to, tcp.from));
            }
            return false;
        }
        let completes_a_handshake = self.handshakes.remove(&(tcp.from, tcp.to));
        tcp.flags == ACK && is_empty && !completes_a_handshake
    }
}

/// The addresses of an IP packet; `None` for anything else.
pub(super) fn addresses<'a, 'b>(net: &'b LaxNetSlice<'a>) -> Option<(&'b LaxNetSlice<'a>, IpAddr, IpAddr)> {
    match net {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            Some((net, header.source_addr().into(), header.destination_addr().into()))
        }
        LaxNetSlice::Ipv6(ip) => {
            let header = ip.header();
            Some((net, header.source_addr().into(), header.destination_addr().into()))
        }
        LaxNetSlice::Arp(_) => None,
    }
}

fn not_ip(sliced: &LaxSlicedPacket<'_>, length: usize) -> String {
    match &sliced.link {
        Some(LinkSlice::Ethernet2(ethernet)) => {
            let carried = match ethernet.ether_type() {
                EtherType::ARP => "ARP".to_owned(),
                EtherType::IPV4 => "damaged IPv4".to_owned(),
                EtherType::IPV6 => "damaged IPv6".to_owned(),
                EtherType(other) => format!("type {other:#06x}"),
            };
            format!("Ethernet {carried}, {}", count(length))
        }
        _ => format!("unknown frame, {}", count(length)),
    }
}

/// Offset and length in bytes, if this packet carries only a part of what was sent.
pub(super) fn fragment(net: &LaxNetSlice<'_>) -> Option<(u16, usize)> {
    match net {
        LaxNetSlice::Ipv4(ip) if ip.is_payload_fragmented() => {
            Some((ip.header().fragments_offset().byte_offset(), ip.payload().payload.len()))
        }
        LaxNetSlice::Ipv6(ip) if ip.is_payload_fragmented() => {
            let offset = ip.extensions().clone().into_iter().find_map(|extension| match extension {
                Ipv6ExtensionSlice::Fragment(header) => Some(header.fragment_offset().byte_offset()),
                _ => None,
            });
            Some((offset.unwrap_or(0), ip.payload().payload.len()))
        }
        _ => None,
    }
}

/// Offset and length of `part` in `whole`, of which it is a slice.
fn place(part: &[u8], whole: &[u8]) -> (usize, usize) {
    if part.is_empty() {
        return (0, 0);
    }
    (part.as_ptr().addr().saturating_sub(whole.as_ptr().addr()), part.len())
}

pub(super) fn protocol_name(protocol: IpNumber) -> String {
    match protocol {
        IpNumber::TCP => "TCP".to_owned(),
        IpNumber::UDP => "UDP".to_owned(),
        IpNumber::ICMP => "ICMP".to_owned(),
        IpNumber::IPV6_ICMP => "ICMPv6".to_owned(),
        IpNumber::IGMP => "IGMP".to_owned(),
        IpNumber(other) => format!("IP protocol {other}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample;

    fn line(frame: &str) -> String {
        Decoder::new().packet(&sample::bytes(frame)).expect("not chatter").to_string()
    }

    #[test]
    fn a_tcp_connection_line_by_line() {
        let mut decoder = Decoder::new();
        let packets: Vec<Packet> =
            sample::TCP_IPV4.iter().filter_map(|frame| decoder.packet(&sample::bytes(frame))).collect();
        let lines: Vec<String> = packets.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "127.0.0.1:44742 > 127.0.0.1:6797 TCP SYN",
                "127.0.0.1:6797 > 127.0.0.1:44742 TCP SYN ACK",
                "127.0.0.1:44742 > 127.0.0.1:6797 TCP ACK",
                r#"127.0.0.1:44742 > 127.0.0.1:6797 TCP PSH ACK, 22 bytes "Hello from KungfuDev\r\n""#,
                "127.0.0.1:6797 > 127.0.0.1:44742 TCP ACK",
                "127.0.0.1:6797 > 127.0.0.1:44742 TCP FIN ACK",
                "127.0.0.1:44742 > 127.0.0.1:6797 TCP ACK",
            ]
        );
        let pure: Vec<bool> = packets.iter().map(|packet| packet.pure_ack).collect();
        assert_eq!(pure, [false, false, false, false, true, false, true]);
        let message = &packets[3];
        let (offset, length) = message.payload;
        assert_eq!(&message.bytes[offset..offset + length], b"Hello from KungfuDev\r\n");
        assert_eq!(packets[0].payload, (0, 0));
    }

    #[test]
    fn ipv6_addresses_stand_in_brackets() {
        assert_eq!(
            line(sample::TCP_IPV6),
            r#"[::1]:54770 > [::1]:6797 TCP PSH ACK, 22 bytes "Hello from KungfuDev\r\n""#
        );
        assert_eq!(line(sample::UDP_IPV6), r#"[::1]:49793 > [::1]:6797 UDP, 5 bytes "Hello""#);
    }

    #[test]
    fn a_refused_connection_is_a_reset() {
        assert_eq!(line(sample::RESET), "127.0.0.1:9 > 127.0.0.1:56168 TCP RST ACK");
    }

    #[test]
    fn an_unreachable_message_names_the_datagram_it_is_about() {
        assert_eq!(line(sample::UDP_IPV4), r#"127.0.0.1:47432 > 127.0.0.1:6797 UDP, 5 bytes "Hello""#);
        assert_eq!(
            line(sample::UNREACHABLE_IPV4),
            "127.0.0.1 > 127.0.0.1 ICMP destination unreachable: port unreachable \
             (for 127.0.0.1:47432 > 127.0.0.1:6797 UDP)"
        );
        assert_eq!(
            line(sample::UNREACHABLE_IPV6),
            "::1 > ::1 ICMPv6 destination unreachable: port unreachable (for [::1]:49793 > [::1]:6797 UDP)"
        );
    }

    #[test]
    fn echo_request_and_reply() {
        assert_eq!(line(sample::ECHO_REQUEST), "127.0.0.1 > 127.0.0.1 ICMP echo request");
        assert_eq!(line(sample::ECHO_REPLY), "127.0.0.1 > 127.0.0.1 ICMP echo reply");
    }

    #[test]
    fn fragments_say_where_they_belong() {
        let [first, second] = sample::fragments_ipv4();
        let line = |frame: &[u8]| Decoder::new().packet(frame).expect("not chatter").to_string();
        assert_eq!(line(&first), "127.0.0.1 > 127.0.0.1 IPv4 fragment, offset 0, 1480 bytes");
        assert_eq!(line(&second), "127.0.0.1 > 127.0.0.1 IPv4 fragment, offset 1480, 528 bytes");
        let [first, second] = sample::fragments_ipv6();
        assert_eq!(line(&first), "::1 > ::1 IPv6 fragment, offset 0, 1448 bytes");
        assert_eq!(line(&second), "::1 > ::1 IPv6 fragment, offset 1448, 560 bytes");
    }

    #[test]
    fn what_is_cut_off_or_unknown_still_gets_a_line() {
        let whole = sample::bytes(sample::TCP_IPV4[3]);
        let cut = |length: usize| Decoder::new().packet(&whole[..length]).expect("not chatter").to_string();
        assert_eq!(cut(5), "damaged Ethernet frame, 5 bytes");
        assert_eq!(cut(20), "Ethernet damaged IPv4, 20 bytes");
        assert_eq!(cut(44), "127.0.0.1 > 127.0.0.1 damaged TCP, 10 bytes");
        assert_eq!(cut(70), r#"127.0.0.1:44742 > 127.0.0.1:6797 TCP PSH ACK, 4 bytes "Hell""#);
        assert_eq!(line("000000000000000000000000088899"), "Ethernet type 0x0888, 15 bytes");
        assert_eq!(line("0000000000000000000000000806"), "Ethernet ARP, 14 bytes");
    }

    #[test]
    fn who_has_an_address_is_asked_and_answered() {
        assert_eq!(
            line(sample::ARP_REQUEST),
            "02:00:0a:43:01:02 > ff:ff:ff:ff:ff:ff ARP who has 10.67.1.1? tell 10.67.1.2"
        );
        assert_eq!(
            line(sample::ARP_REPLY),
            "02:00:0a:43:01:01 > 02:00:0a:43:01:02 ARP 10.67.1.1 is at 02:00:0a:43:01:01"
        );
        assert_eq!(
            line(sample::WHO_HAS),
            "fd67:1::2 > ff02::1:ff00:1 ICMPv6 neighbour solicitation: who has fd67:1::1?"
        );
        assert_eq!(
            line(sample::IS_AT),
            "fd67:1::1 > fd67:1::2 ICMPv6 neighbour advertisement: fd67:1::1 is at 02:00:0a:43:01:01"
        );
    }

    #[test]
    fn the_housekeeping_of_ipv6_is_passed_over() {
        // Whether an address is free, and a multicast listener report, as an interface sends them when it comes up.
        for chatter in [sample::NEIGHBOUR_SOLICITATION, sample::LISTENER_REPORT] {
            assert_eq!(Decoder::new().packet(&sample::bytes(chatter)), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_at_all(frame in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Decoder::new().packet(&frame);
        }

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
            if let Some(packet) = Decoder::new().packet(&frame) {
                let (offset, length) = packet.payload;
                prop_assert!(frame.get(offset..offset + length).is_some());
                prop_assert!(!packet.to_string().contains(['\n', '\r', '\x1b']));
            }
        }
    }
}
