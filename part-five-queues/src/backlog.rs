//! What `ss -tln` shows as `Send-Q` of a listener: its backlog. The kernel tells it to anybody on the machine who asks
//! over a socket of the family netlink (`netlink(7)`, `sock_diag(7)`), as `ss` does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::libc::{AF_INET, AF_INET6, IPPROTO_TCP, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType};
use nix::sys::socket::{NetlinkAddr, recv, sendto, socket};

/// `SOCK_DIAG_BY_FAMILY`, `linux/sock_diag.h`.
const BY_FAMILY: u16 = 20;
/// The state LISTEN as a bit, `net/tcp_states.h`.
const LISTEN: u32 = 1 << 10;
/// `nlmsghdr`: length, kind, flags, number, port.
const HEADER: usize = 16;
/// The header and `inet_diag_req_v2`: family, protocol, two bytes of nothing, states, an `inet_diag_sockid` of zeros.
const LENGTH: usize = HEADER + 56;

/// The backlog of the listener at `address` on this machine, or of one at any address with its port.
///
/// # Errors
/// What `socket(2)`, `sendto(2)`, `recv(2)` list; `ENOENT` if no listener is there.
pub fn of_listener(address: SocketAddr) -> nix::Result<u32> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )?;
    let mut answer = Err(Errno::ENOENT);
    // A listener of IPv6 may take the connections of IPv4 too.
    for family in [AF_INET, AF_INET6] {
        sendto(socket.as_raw_fd(), &request(family), &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        let mut buffer = vec![0; 32 * 1024];
        let mut done = false;
        while !done {
            let received = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
            done = received == 0;
            let mut messages = buffer.get(..received).unwrap_or_default();
            while let Some((kind, body)) = next(&mut messages) {
                match i32::from(kind) {
                    NLMSG_DONE => done = true,
                    NLMSG_ERROR => {
                        let errno = number(body, 0).unwrap_or_default().cast_signed();
                        return Err(Errno::from_raw(-errno));
                    }
                    _ => {
                        let Some((at, backlog)) = row(body) else { continue };
                        let any = at.ip().is_unspecified() && at.port() == address.port();
                        if at == address || (any && answer.is_err()) {
                            answer = Ok(backlog);
                        }
                    }
                }
            }
        }
    }
    answer
}

/// "All listeners of TCP in this family, please."
fn request(family: i32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(LENGTH);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "all four are small")]
    let (length, flags, family, protocol) =
        (LENGTH as u32, (NLM_F_REQUEST | NLM_F_DUMP) as u16, family as u8, IPPROTO_TCP as u8);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family, protocol, 0, 0]);
    bytes.extend(LISTEN.to_ne_bytes());
    bytes.resize(LENGTH, 0);
    bytes
}

/// Takes the next message: its kind and its body.
fn next<'a>(messages: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
    let length = number(messages, 0)? as usize;
    let kind = messages.get(4..6)?.try_into().map(u16::from_ne_bytes).ok()?;
    let body = messages.get(HEADER..length)?;
    // The next one stands at a multiple of four.
    *messages = messages.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, body))
}

/// `inet_diag_msg`: where the listener is, and its backlog.
fn row(body: &[u8]) -> Option<(SocketAddr, u32)> {
    let port = body.get(4..6)?.try_into().map(u16::from_be_bytes).ok()?;
    let bytes: [u8; 16] = body.get(8..24)?.try_into().ok()?;
    let ip = match bytes {
        [a, b, c, d, ..] if i32::from(*body.first()?) == AF_INET => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        bytes => IpAddr::V6(Ipv6Addr::from(bytes)),
    };
    // idiag_rqueue stands at 56; for a listener it is the length of the queue, and idiag_wqueue the backlog.
    Some((SocketAddr::new(ip, port), number(body, 60)?))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().map(u32::from_ne_bytes).ok()
}
