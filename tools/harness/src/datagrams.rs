//! Peers of datagram servers, for the tests: sockets of the standard library with a bound on every wait. A test fails
//! by panicking, and so do these.

#![expect(clippy::unwrap_used, reason = "only tests call this")]

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};

use crate::process::BOUND;

/// No datagram over UDP is longer, in bytes: its length is a field of 16 bits (RFC 768).
const LONGEST: usize = 65_535;

/// A socket bound to `address` whose receives give up after [`BOUND`].
///
/// # Panics
/// The address cannot be bound.
#[must_use]
#[track_caller]
pub fn peer(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(BOUND)).unwrap();
    socket
}

/// What `peer` gets back for `message`, which must be from `server`.
///
/// # Panics
/// As [`received`]; or `message` cannot be sent.
#[must_use]
#[track_caller]
pub fn echo(peer: &UdpSocket, server: SocketAddr, message: &[u8]) -> Vec<u8> {
    peer.send_to(message, server).unwrap();
    received(peer, server)
}

/// What comes to `peer`, which must be from `server`.
///
/// # Panics
/// As [`take`]; or it is from somebody else.
#[must_use]
#[track_caller]
pub fn received(peer: &UdpSocket, server: SocketAddr) -> Vec<u8> {
    let (datagram, sender) = take(peer);
    assert_eq!(sender, server, "a stranger");
    datagram
}

/// The next datagram and its sender.
///
/// # Panics
/// Nothing comes within [`BOUND`].
#[must_use]
#[track_caller]
pub fn take(peer: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; LONGEST];
    loop {
        match peer.recv_from(&mut buffer) {
            // A receive with a timeout is interrupted whenever the process is stopped and goes on (signal(7)).
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            received => {
                let (length, sender) = received.unwrap();
                buffer.truncate(length);
                return (buffer, sender);
            }
        }
    }
}
