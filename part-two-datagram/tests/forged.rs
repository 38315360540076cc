//! Datagrams with a forged sender. To forge one takes a raw socket, and that takes a private network or root.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use harness::datagrams::{echo, peer};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage};
use nix::sys::socket::{sendto, socket};
use support::server;

#[test]
fn does_not_answer_where_a_service_may_answer_in_turn() {
    let name = "does_not_answer_where_a_service_may_answer_in_turn";
    if !harness::private::network(name, &[]) {
        return;
    }
    let (mut server, address) = server(&[]);
    let raw = socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Udp).unwrap();
    for port in [address.port(), 0, 7, 1023] {
        forge(&raw, port, address, b"for ever?");
        server.wait_for(r#"str repr: "for ever?""#).unwrap();
        let sender = server.wait_for("warning: not answered: at ").unwrap();
        assert!(sender.starts_with(&format!("127.0.0.1:{port} ")), "{sender}");
    }
    forge(&raw, 1024, address, b"once");
    assert_eq!(server.wait_for("Sent ").unwrap(), "4 bytes back to 127.0.0.1:1024");
    assert_eq!(echo(&peer("127.0.0.1:0"), address, b"you"), b"you");
    assert_eq!(
        server.interrupt().unwrap().lines.last().unwrap(),
        "Stopped: 6 datagrams received, 2 answered"
    );
}

/// Sends `payload` to `to` as if it came from `port` there. The header of RFC 768 in four fields: source port,
/// destination port, length, and a checksum, of which 0 says that there is none.
fn forge(raw: &OwnedFd, port: u16, to: SocketAddr, payload: &[u8]) {
    let length = u16::try_from(8 + payload.len()).unwrap();
    let header = [port, to.port(), length, 0].map(u16::to_be_bytes);
    let datagram = [header.as_flattened(), payload].concat();
    let place = SockaddrStorage::from(SocketAddr::new(to.ip(), 0));
    sendto(raw.as_raw_fd(), &datagram, &place, MsgFlags::empty()).unwrap();
}
