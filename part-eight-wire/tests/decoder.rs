//! The decoder takes whatever comes: it never fails, and what it shows is every byte of the frame, once, in order.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use part_eight_wire::brief;
use part_eight_wire::decode::{self, Packet};
use proptest::prelude::*;
use support::frames;

/// Every byte of the frame stands in exactly one row, in order.
fn is_whole(frame: &[u8], packet: &Packet<'_>) -> bool {
    let rows = packet.layers.iter().flat_map(|layer| &layer.rows);
    let mut at = 0;
    for row in rows {
        if row.offset != at || frame.get(at..at + row.bytes.len()) != Some(row.bytes) || row.bytes.is_empty()
        {
            return false;
        }
        at += row.bytes.len();
    }
    at == frame.len()
}

#[test]
fn whole_frames_are_read_to_the_last_byte_and_found_whole() {
    for (name, frame) in frames::all() {
        let packet = decode::frame(&frame);
        assert!(is_whole(&frame, &packet), "{name}\n{packet}");
        assert!(!packet.is_damaged(), "{name}\n{packet}");
        let text = packet.to_string();
        assert!(!text.contains("not read") && !text.contains("wrong"), "{name}\n{packet}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let said = |start: &str| {
        let mut malformed = frames::malformed().into_iter();
        let (_, _, frame) = malformed.find(|(name, ..)| name.starts_with(start)).unwrap();
        decode::frame(&frame).to_string()
    };
    for (name, words) in [
        ("data, byte 40", "wrong, 0x"),
        ("data, byte 24", "header checksum 0x00ea: wrong, 0xa5ea would be right"),
        ("data, byte 14", "damaged: no IPv4 header has 16 bytes: 20 is the least"),
        ("data, byte 17", "damaged: a total length of 10 is shorter than the header"),
        ("data, byte 46 is 0x40", "damaged: no TCP header has 16 bytes: 20 is the least"),
        ("data, byte 46 is 0xf0", "damaged: a header of 60 bytes, where the packet has 54 for it"),
        ("data, byte 57 is 0x00", "damaged: an option of 0 bytes, where 10 are left"),
        ("data, byte 57 is 0xc8", "damaged: an option of 200 bytes, where 10 are left"),
        ("datagram, byte 39 is 0x07", "damaged: a length of 7 is shorter than the header"),
        ("datagram, byte 39 is 0xc8", "damaged: a length of 200, where the packet has 30 bytes for it"),
        ("datagram, byte 55", "wrong, 0x"),
        ("IPv6 datagram", "damaged: version 7 in a frame that says IPv6"),
        ("neighbour solicitation, byte 79", "damaged: an option of no length"),
        ("SYN, cut to 40", "damaged: it ends here, before its next field"),
        ("datagram, cut to 40", "damaged: it ends here, before its next field"),
    ] {
        let text = said(name);
        assert!(text.contains(words), "{name}: no {words:?} in\n{text}");
    }
}

#[test]
fn a_snapped_segment_is_no_wrong_one() {
    let (_, frame) = frames::all().into_iter().find(|(name, _)| *name == "data").unwrap();
    let packet = decode::frame(&frame[..frame.len() - 4]);
    assert_eq!(packet.value("tcp.checksum.status"), Some("2"), "{packet}");
    assert!(packet.to_string().contains("not checked, a part of the bytes is missing"), "{packet}");
}

/// A million damaged frames, the same in every run: each a whole frame with some bytes changed, moved, cut or added.
#[test]
fn a_million_damaged_frames() {
    let whole = frames::all();
    let mut random = fastrand::Rng::with_seed(8);
    let (mut damaged, mut layers) = (0_u32, 0_usize);
    for number in 0..1_000_000 {
        let (_, frame) = random.choice(&whole).unwrap();
        let mut frame = frame.clone();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..frame.len().max(1));
            match random.u8(..5) {
                0 => frame.truncate(at),
                1 => frame.insert(at.min(frame.len()), random.u8(..)),
                2 => frame.extend_from_within(at.min(frame.len())..),
                // Often the largest or the smallest: that is where the errors are.
                3 => frame
                    .iter_mut()
                    .skip(at)
                    .take(1)
                    .for_each(|byte| *byte = *random.choice(&[0, 0xff]).unwrap()),
                _ => frame.iter_mut().skip(at).take(1).for_each(|byte| *byte = random.u8(..)),
            }
            frame.truncate(2000);
        }
        let packet = decode::frame(&frame);
        assert!(is_whole(&frame, &packet), "{frame:02x?}\n{packet}");
        if number % 16 == 0 {
            assert!(!packet.to_string().is_empty() && !brief::line(&packet).is_empty());
        }
        damaged += u32::from(packet.is_damaged());
        layers += packet.layers.len();
    }
    // The loop reaches both: frames that still make sense, to their last layer, and frames that do not.
    assert!((100_000..900_000).contains(&damaged), "{damaged}");
    assert!(layers > 3_000_000, "{layers}");
}

proptest! {
    #[test]
    fn any_bytes(frame in proptest::collection::vec(any::<u8>(), 0..300)) {
        let packet = decode::frame(&frame);
        prop_assert!(is_whole(&frame, &packet));
        let _ = (packet.to_string(), brief::line(&packet));
        let packet = decode::ip(&frame);
        prop_assert!(is_whole(&frame, &packet));
    }

    #[test]
    fn any_damage_to_a_whole_frame(
        (_, frame) in proptest::sample::select(frames::all()),
        length in 0..200_usize,
        damage in proptest::collection::vec((0..200_usize, any::<u8>()), 0..8),
    ) {
        let mut frame = frame;
        frame.truncate(length);
        for (at, byte) in damage {
            if let Some(place) = frame.get_mut(at) {
                *place = byte;
            }
        }
        let packet = decode::frame(&frame);
        prop_assert!(is_whole(&frame, &packet));
        let (text, line) = (packet.to_string(), brief::line(&packet));
        // Nothing that comes from outside reaches the terminal as it is.
        prop_assert!(text.chars().chain(line.chars()).all(|c| c == '\n' || !c.is_control()), "{}\n{}", text, line);
        prop_assert!(!line.is_empty());
    }

    /// What is said to be right is, and one bit changed anywhere under a checksum is noticed.
    #[test]
    fn one_bit(at in 42..64_usize, bit in 0..8_u8) {
        let (_, mut frame) = frames::all().into_iter().find(|(name, _)| *name == "datagram").unwrap();
        frame[at] ^= 1 << bit;
        let packet = decode::frame(&frame);
        prop_assert_eq!(packet.value("udp.checksum.status"), Some("0"));
    }
}
