//! The checksum of IP, ICMP, UDP and TCP (RFC 1071): the numbers of 16 bits added up, with each carry added again.

/// The sum of `bytes` as numbers of 16 bits, the first byte the upper one; an odd last byte is an upper one too.
///
/// A receiver adds up everything, the checksum included, and the packet is whole if this gives `0xffff`.
///
/// ```
/// use part_eight_wire::checksum::{checksum, sum};
/// let half = [0x45, 0x00, 0x00, 0x4a];
/// assert_eq!(sum(&half), 0x454a);
/// let whole = [&half[..], &checksum(&half).to_be_bytes()].concat();
/// assert_eq!(sum(&whole), 0xffff);
/// ```
#[must_use]
pub fn sum(bytes: &[u8]) -> u16 {
    let (pairs, odd) = bytes.as_chunks();
    let pairs = pairs.iter().map(|&pair| u64::from(u16::from_be_bytes(pair))).sum::<u64>();
    let mut sum = pairs + odd.iter().map(|&byte| u64::from(byte) << 8).sum::<u64>();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // It is no larger than 0xffff now.
    u16::try_from(sum).unwrap_or(u16::MAX)
}

/// What a sender writes into the field, which was zero (or not there) while it added up: the sum, every bit turned.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u16 {
    !sum(bytes)
}

/// What TCP, UDP and ICMP over IPv6 add to their own bytes and never send: who talks to whom, over which protocol, and
/// how many bytes (RFC 9293 section 3.1, RFC 8200 section 8.1). So a segment that a damaged IP header brought to the
/// wrong machine is not taken for its own.
///
/// `source` and `destination` are 4 bytes each for IPv4, 16 for IPv6; `length` is that of the header of TCP, UDP or
/// ICMP and its payload, in bytes.
#[must_use]
pub fn pseudo_header(source: &[u8], destination: &[u8], protocol: u8, length: usize) -> Vec<u8> {
    // IPv4 writes them as 8 and 16 bits, IPv6 as 32 and 32: the sum is the same.
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    [source, destination, &length, &[0, 0, 0, protocol]].concat()
}

/// What became of a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The bytes are those that were sent.
    Right,
    /// They are not; this one would be right.
    Wrong(u16),
    /// The field holds the sum of the pseudo-header alone: the sender's kernel left the rest to the card, and there
    /// was no card (loopback, or a pair of virtual ones), or we looked before it. This one would be right.
    Unfinished(u16),
    /// Not all the bytes are here: the packet was cut, or it is a fragment.
    Unknown,
}

impl Verdict {
    /// Looks at `bytes`, which contain `found`, behind the bytes of a pseudo-header (or none).
    #[must_use]
    pub fn of(found: u16, pseudo: &[u8], bytes: &[u8]) -> Self {
        let total = sum(&[&sum(pseudo).to_be_bytes()[..], bytes].concat());
        if total == 0xffff {
            return Self::Right;
        }
        // Without the field: subtracting is adding the complement.
        let rest = [total, !found].map(u16::to_be_bytes);
        let right = checksum(rest.as_flattened());
        if !pseudo.is_empty() && found == sum(pseudo) { Self::Unfinished(right) } else { Self::Wrong(right) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071() {
        assert_eq!(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
    }

    #[test]
    fn an_odd_byte_counts_as_if_a_zero_stood_behind_it() {
        assert_eq!(sum(&[1, 2, 3]), sum(&[1, 2, 3, 0]));
        assert_eq!(sum(&[]), 0);
    }

    #[test]
    fn a_carry_that_makes_a_carry_is_added_too() {
        assert_eq!(sum(&vec![0xff; 1 << 17]), 0xffff);
        assert_eq!(sum(&[0xff, 0xff, 0x00, 0x01]), 1);
    }

    #[test]
    fn a_wrong_one_is_told_with_the_right_one() {
        let pseudo = pseudo_header(&[10, 67, 1, 2], &[10, 67, 2, 2], 17, 12);
        let mut bytes = vec![0x9c, 0x40, 0x1a, 0x8d, 0, 12, 0, 0, b'H', b'e', b'y', b'!'];
        let right = checksum(&[&pseudo[..], &bytes].concat());
        bytes[6..8].copy_from_slice(&right.to_be_bytes());
        assert_eq!(Verdict::of(right, &pseudo, &bytes), Verdict::Right);
        bytes[8] ^= 1;
        assert!(matches!(Verdict::of(right, &pseudo, &bytes), Verdict::Wrong(other) if other != right));
        bytes[8] ^= 1;
        let partial = sum(&pseudo);
        bytes[6..8].copy_from_slice(&partial.to_be_bytes());
        assert_eq!(Verdict::of(partial, &pseudo, &bytes), Verdict::Unfinished(right));
    }
}
