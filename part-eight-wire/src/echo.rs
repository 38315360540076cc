//! Echo (RFC 792, RFC 4443 section 4): the message of ICMP that asks for itself back.

use std::net::IpAddr;

use crate::checksum::checksum;

/// What an answer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The echo.
    Reply,
    /// An error about the request: type and code.
    Error(u8, u8),
}

/// The types of a request and a reply.
const V4: (u8, u8) = (8, 0);
const V6: (u8, u8) = (128, 129);

/// A request: 8 bytes of header, then `payload`.
///
/// Type and code, the checksum, an identifier that says whose request it is, and a number that says which. Over IPv6
/// the kernel writes the checksum, since it knows the addresses that belong to it.
#[must_use]
pub fn request(to: IpAddr, identifier: u16, number: u16, payload: &[u8]) -> Vec<u8> {
    let kind = if to.is_ipv4() { V4.0 } else { V6.0 };
    let header = [u16::from(kind) << 8, 0, identifier, number].map(u16::to_be_bytes);
    let mut message = [header.as_flattened(), payload].concat();
    if to.is_ipv4() {
        let checksum = checksum(&message).to_be_bytes();
        if let Some(field) = message.get_mut(2..4) {
            field.copy_from_slice(&checksum);
        }
    }
    message
}

/// What `message`, an ICMP message without an IP header before it, says of the request with this identifier (any, where
/// there is none given) and this number; `None` if it is about something else.
#[must_use]
pub fn answer(v6: bool, message: &[u8], identifier: Option<u16>, number: u16) -> Option<Answer> {
    let (request, reply) = if v6 { V6 } else { V4 };
    let (&[kind, code, _, _], rest) = message.split_first_chunk()?;
    let is_ours = |header: &[u8]| match *header {
        [a, b, c, d, ..] => {
            identifier.is_none_or(|ours| ours == u16::from_be_bytes([a, b]))
                && number == u16::from_be_bytes([c, d])
        }
        _ => false,
    };
    if kind == reply {
        return is_ours(rest).then_some(Answer::Reply);
    }
    let is_error = if v6 { (1..=4).contains(&kind) } else { matches!(kind, 3 | 11 | 12) };
    if !is_error {
        return None;
    }
    // Behind 4 more bytes stands our packet, or its beginning: its IP header, then ICMP's.
    let packet = rest.get(4..)?;
    let header = if v6 { 40 } else { usize::from(packet.first()? & 0xf) * 4 };
    let quoted = packet.get(header..)?;
    (quoted.first() == Some(&request) && is_ours(quoted.get(4..)?)).then_some(Answer::Error(kind, code))
}

impl Answer {
    /// In words: `echo reply`, `time exceeded: time to live exceeded in transit`.
    #[must_use]
    pub fn words(self, v6: bool) -> String {
        use crate::decode::{icmp_words, icmpv6_words};
        match (self, v6) {
            (Self::Reply, _) => "echo reply".to_owned(),
            (Self::Error(kind, code), false) => icmp_words(kind, code),
            (Self::Error(kind, code), true) => icmpv6_words(kind, code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_request_is_whole() {
        let request = request(TO, 0x1234, 7, b"Hello");
        assert_eq!(request[..2], [8, 0]);
        assert_eq!(request[4..], [0x12, 0x34, 0, 7, b'H', b'e', b'l', b'l', b'o']);
        assert_eq!(crate::checksum::sum(&request), 0xffff);
    }

    #[test]
    fn only_our_answer_is_one() {
        let mut reply = request(TO, 0x1234, 7, b"Hello");
        assert_eq!(answer(false, &reply, Some(0x1234), 7), None, "our own request, seen on loopback");
        reply[0] = 0;
        assert_eq!(answer(false, &reply, Some(0x1234), 7), Some(Answer::Reply));
        assert_eq!(answer(false, &reply, None, 7), Some(Answer::Reply));
        assert_eq!(answer(false, &reply, Some(0x1234), 8), None);
        assert_eq!(answer(false, &reply, Some(1), 7), None);
        for cut in 0..8 {
            assert_eq!(answer(false, &reply[..cut], Some(0x1234), 7), None);
        }
    }

    #[test]
    fn an_error_is_ours_if_it_quotes_our_request() {
        let header = [&[0x45][..], &[0; 19]].concat();
        let quoted = [&[11, 0, 0, 0, 0, 0, 0, 0][..], &header, &request(TO, 9, 3, b"")].concat();
        assert_eq!(answer(false, &quoted, Some(9), 3), Some(Answer::Error(11, 0)));
        assert_eq!(answer(false, &quoted, Some(9), 4), None);
        assert_eq!(Answer::Error(11, 0).words(false), "time exceeded: time to live exceeded in transit");
        for cut in 0..quoted.len() {
            assert_eq!(answer(false, &quoted[..cut], Some(9), 3), None, "{cut}");
        }
    }
}
