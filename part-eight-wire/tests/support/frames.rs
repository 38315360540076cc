//! Frames of every kind that the decoder knows, whole ones and strange ones, made by hand.

use part_eight_wire::checksum::{checksum, pseudo_header};

pub const HERE: [u8; 4] = [10, 67, 1, 2];
pub const THERE: [u8; 4] = [10, 67, 2, 2];
pub const HERE6: [u8; 16] = [0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
pub const THERE6: [u8; 16] = [0xfd, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
const CARD: [u8; 6] = [2, 0, 0, 0, 1, 2];
const ROUTER: [u8; 6] = [2, 0, 0, 0, 1, 1];

pub fn ethernet(kind: u16, inside: &[u8]) -> Vec<u8> {
    [&ROUTER[..], &CARD, &kind.to_be_bytes(), inside].concat()
}

/// `flags` are the three flags and the fragment offset; `options` a multiple of 4 bytes.
pub fn ipv4(protocol: u8, flags: u16, options: &[u8], inside: &[u8]) -> Vec<u8> {
    let length = 20 + options.len();
    let [high, low] = u16::try_from(length + inside.len()).unwrap().to_be_bytes();
    let [flags, offset] = flags.to_be_bytes();
    let first = 0x40 | u8::try_from(length / 4).unwrap();
    let mut header = vec![first, 0, high, low, 0x7d, 0x3a, flags, offset, 64, protocol, 0, 0];
    header.extend([HERE, THERE].as_flattened());
    header.extend(options);
    let sum = checksum(&header).to_be_bytes();
    header[10..12].copy_from_slice(&sum);
    ethernet(0x0800, &[&header[..], inside].concat())
}

pub fn ipv6(next: u8, inside: &[u8]) -> Vec<u8> {
    let length = u16::try_from(inside.len()).unwrap().to_be_bytes();
    let header = [&[0x62, 0x31, 0x23, 0x45][..], &length, &[next, 63], &HERE6, &THERE6].concat();
    ethernet(0x86dd, &[&header[..], inside].concat())
}

/// Fills in the checksum at `at`, which must be 0 so far.
fn finished(mut segment: Vec<u8>, at: usize, pseudo: &[u8]) -> Vec<u8> {
    let sum = checksum(&[pseudo, &segment].concat()).to_be_bytes();
    segment[at..at + 2].copy_from_slice(&sum);
    segment
}

pub fn v4(protocol: u8, length: usize) -> Vec<u8> {
    pseudo_header(&HERE, &THERE, protocol, length)
}

pub fn v6(protocol: u8, length: usize) -> Vec<u8> {
    pseudo_header(&HERE6, &THERE6, protocol, length)
}

type Pseudo = fn(u8, usize) -> Vec<u8>;

pub fn udp(pseudo: Pseudo, payload: &[u8]) -> Vec<u8> {
    let length = 8 + payload.len();
    let numbers = [40_000, 6797, u16::try_from(length).unwrap(), 0].map(u16::to_be_bytes);
    finished([numbers.as_flattened(), payload].concat(), 6, &pseudo(17, length))
}

pub fn tcp(pseudo: Pseudo, flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let words = u8::try_from(5 + options.len() / 4).unwrap();
    let header = [0x9c, 0x40, 0x1a, 0x8d, 0x6d, 0x31, 0xbc, 0x14, 0xce, 0xbf, 0x93, 0xcb];
    let segment = [&header[..], &[words << 4, flags, 0xfa, 0xf0, 0, 0, 0, 0], options, payload].concat();
    let length = segment.len();
    finished(segment, 16, &pseudo(6, length))
}

pub fn icmp(kind: u8, code: u8, rest: [u8; 4], payload: &[u8]) -> Vec<u8> {
    finished([&[kind, code, 0, 0][..], &rest, payload].concat(), 2, &[])
}

pub fn icmpv6(kind: u8, code: u8, rest: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let message = [&[kind, code, 0, 0][..], &rest, payload].concat();
    let length = message.len();
    finished(message, 2, &v6(58, length))
}

const TIMESTAMPS: [u8; 12] = [1, 1, 8, 10, 0x0e, 0xbc, 0x41, 0x2c, 0xc8, 0xc7, 0xcd, 0xab];
const OF_SYN: [u8; 20] = [2, 4, 5, 180, 4, 2, 8, 10, 0x0e, 0xbc, 0x41, 0x2c, 0, 0, 0, 0, 1, 3, 3, 7];
const SACK: [u8; 20] = [1, 1, 5, 18, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0];
const HELLO: &[u8] = b"Hello from KungfuDev\r\n";

/// Whole frames, each with its name.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    let datagram = ipv4(17, 0, &[], &udp(v4, HELLO));
    let quoted = &datagram[14..14 + 28];
    let datagram6 = ipv6(17, &udp(v6, HELLO));
    let quoted6 = &datagram6[14..];
    let hop_by_hop = [&[17, 0, 5, 2, 0, 0, 1, 0][..], &udp(v6, HELLO)].concat();
    let both = [&[60, 0, 5, 2, 0, 0, 1, 0, 17, 0, 1, 4, 0, 0, 0, 0][..], &udp(v6, HELLO)].concat();
    let first = [&[17, 0, 0, 1, 0xde, 0xad, 0xbe, 0xef][..], &udp(v6, HELLO)[..16]].concat();
    let later = [&[17, 0, 0, 16, 0xde, 0xad, 0xbe, 0xef][..], &udp(v6, HELLO)[16..]].concat();
    let arp = |operation: u8, card: [u8; 6]| {
        let header = [0, 1, 8, 0, 6, 4, 0, operation];
        [&header[..], &CARD, &HERE, &card, &[10, 67, 1, 1]].concat()
    };
    let mut padded = ethernet(0x0806, &arp(2, ROUTER));
    padded.resize(60, 0);
    let mut short = ipv4(6, 0x4000, &[], &tcp(v4, 0x10, &[], b""));
    short.resize(60, 0);
    let target = |option: u8| [&THERE6[..], &[option, 1], &CARD].concat();
    vec![
        ("ARP request", ethernet(0x0806, &arp(1, [0; 6]))),
        ("ARP reply, padded", padded),
        ("SYN", ipv4(6, 0x4000, &[], &tcp(v4, 2, &OF_SYN, b""))),
        ("SYN ACK", ipv4(6, 0x4000, &[], &tcp(v4, 0x12, &OF_SYN, b""))),
        ("data", ipv4(6, 0x4000, &[], &tcp(v4, 0x18, &TIMESTAMPS, HELLO))),
        ("selective acknowledgment", ipv4(6, 0x4000, &[], &tcp(v4, 0x10, &SACK, b""))),
        ("ACK, padded to 60 bytes", short),
        ("every flag", ipv4(6, 0x4000, &[], &tcp(v4, 0xff, &[0, 0, 0, 0], b"x"))),
        ("datagram", datagram.clone()),
        ("datagram with nothing in it", ipv4(17, 0, &[], &udp(v4, b""))),
        ("first fragment", ipv4(17, 0x2000, &[], &udp(v4, HELLO)[..24])),
        ("later fragment", ipv4(17, 3, &[], &udp(v4, HELLO)[24..])),
        ("IPv4 options", ipv4(17, 0, &[1, 148, 4, 0, 0, 0, 0, 0], &udp(v4, HELLO))),
        ("echo request", ipv4(1, 0x4000, &[], &icmp(8, 0, [0x12, 0x34, 0, 1], HELLO))),
        ("echo reply", ipv4(1, 0, &[], &icmp(0, 0, [0x12, 0x34, 0, 1], HELLO))),
        ("port unreachable", ipv4(1, 0, &[], &icmp(3, 3, [0; 4], quoted))),
        ("fragmentation needed", ipv4(1, 0, &[], &icmp(3, 4, [0, 0, 2, 0x40], quoted))),
        ("time exceeded", ipv4(1, 0, &[], &icmp(11, 0, [0; 4], quoted))),
        ("another protocol", ipv4(47, 0, &[], HELLO)),
        ("IPv6 data", ipv6(6, &tcp(v6, 0x18, &TIMESTAMPS, HELLO))),
        ("IPv6 datagram", datagram6.clone()),
        ("IPv6 hop-by-hop options", ipv6(0, &hop_by_hop)),
        ("IPv6, two extension headers", ipv6(0, &both)),
        ("IPv6 first fragment", ipv6(44, &first)),
        ("IPv6 later fragment", ipv6(44, &later)),
        ("IPv6 echo request", ipv6(58, &icmpv6(128, 0, [0x12, 0x34, 0, 1], HELLO))),
        ("IPv6 packet too big", ipv6(58, &icmpv6(2, 0, [0, 0, 5, 0], quoted6))),
        ("IPv6 time exceeded", ipv6(58, &icmpv6(3, 0, [0; 4], quoted6))),
        ("IPv6 port unreachable", ipv6(58, &icmpv6(1, 4, [0; 4], quoted6))),
        ("router solicitation", ipv6(58, &icmpv6(133, 0, [0; 4], &[&[1, 1][..], &CARD].concat()))),
        ("neighbour solicitation", ipv6(58, &icmpv6(135, 0, [0; 4], &target(1)))),
        ("neighbour advertisement", ipv6(58, &icmpv6(136, 0, [0x60, 0, 0, 0], &target(2)))),
        ("another type", ethernet(0x88b5, HELLO)),
        ("length of 802.3", ethernet(22, HELLO)),
    ]
}

/// A frame with something wrong: its name, its length on the wire, and what was kept of it.
pub type Malformed = (String, usize, Vec<u8>);

/// The frames of [`all`] with one thing wrong that a receiver can see.
pub fn malformed() -> Vec<Malformed> {
    let wrong = |name: &str, at: usize, byte: u8| {
        let (_, mut frame) = all().into_iter().find(|(found, _)| *found == name).unwrap();
        frame[at] = byte;
        (format!("{name}, byte {at} is {byte:#04x}"), frame.len(), frame)
    };
    let mut frames = vec![
        wrong("data", 40, 0),             // a sequence number that the checksum does not know
        wrong("data", 24, 0),             // the checksum of IP
        wrong("data", 14, 0x44),          // a header of 16 bytes
        wrong("data", 17, 10),            // a total length shorter than the header
        wrong("data", 46, 0x40),          // a TCP header of 16 bytes
        wrong("data", 46, 0xf0),          // a TCP header longer than the segment
        wrong("data", 57, 0),             // an option of no length
        wrong("data", 57, 200),           // an option longer than the header
        wrong("datagram", 39, 7),         // a length shorter than the header
        wrong("datagram", 39, 200),       // a length longer than the packet
        wrong("datagram", 55, b'!'),      // the stolen byte
        wrong("IPv6 datagram", 14, 0x72), // version 7
        wrong("IPv6 hop-by-hop options", 55, 9), // options longer than the packet
        wrong("neighbour solicitation", 79, 0), // an option of no length
    ];
    for (name, frame) in all() {
        // Cut within its last header: as a card, or a snap length, may.
        for cut in [frame.len() - 1, 40, 30, 20, 14, 7] {
            if cut < frame.len() {
                frames.push((format!("{name}, cut to {cut}"), frame.len(), frame[..cut].to_vec()));
            }
        }
    }
    frames
}
