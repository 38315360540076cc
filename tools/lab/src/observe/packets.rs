//! The packets on an interface, captured by the laboratory itself: no tcpdump, no root in a private network.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::libc;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, getsockopt,
    recvmsg, setsockopt, socket, sockopt,
};
use nix::{getsockopt_impl, setsockopt_impl, sockopt_impl};

use crate::observe::decode::Decoder;
use crate::observe::watch::{Source, Watch};
use crate::record::event::{Event, Interface, Lane, What};

/// The largest IP packet and its Ethernet header; a frame beyond it is cut.
const LARGEST_FRAME: usize = 14 + 40 + 65_535;

/// How many frames are taken in one round: more than the kernel keeps.
const AT_ONCE: usize = 1 << 16;

sockopt_impl!(
    /// How many packets passed the socket and how many found no room in it, since last asked (packet(7)).
    PacketStatistics,
    GetOnly,
    libc::SOL_PACKET,
    libc::PACKET_STATISTICS,
    libc::tpacket_stats
);

sockopt_impl!(
    /// Whether packets that leave are passed over; of those on the loopback interface the other half arrives.
    IgnoreOutgoing,
    SetOnly,
    libc::SOL_PACKET,
    libc::PACKET_IGNORE_OUTGOING,
    i32
);

/// A running capture on one interface.
struct Packets {
    socket: OwnedFd,
    interface: Interface,
    index: usize,
    buffer: Vec<u8>,
    decoder: Decoder,
}

/// Starts to capture on `interface`, which is one of the calling thread's network; each packet becomes an [`Event`] in
/// [`Lane::Packets`]. Whatever is sent after this has returned is seen, or counted as lost.
///
/// # Errors
///
/// The call that failed, with its error: `socket AF_PACKET` with `EPERM` without `CAP_NET_RAW` in the namespace
/// (packet(7)).
pub fn capture(interface: Interface, watch: &Watch) -> io::Result<()> {
    let name = interface.name.as_str();
    let index =
        if_nametoindex(name).map_err(|errno| call(&format!("if_nametoindex {name}"), errno))? as usize;
    let socket = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        SockProtocol::EthAll,
    )
    .map_err(|errno| call("socket AF_PACKET", errno))?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)
        .map_err(|errno| call("setsockopt SO_TIMESTAMPNS", errno))?;
    // Packets that find the buffer full are lost; most kernels grant more only to the host's root.
    let _ = setsockopt(&socket, sockopt::RcvBufForce, &(16 << 20))
        .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &(16 << 20)));
    if name == "lo" {
        let _ = setsockopt(&socket, IgnoreOutgoing, &1); // since Linux 4.20; receive() passes them over as well
    }
    let buffer = vec![0; LARGEST_FRAME];
    watch.add(Box::new(Packets { socket, interface, index, buffer, decoder: Decoder::new() }));
    Ok(())
}

fn call(name: &str, errno: Errno) -> io::Error {
    let error = io::Error::from(errno);
    io::Error::new(error.kind(), format!("{name}: {error}"))
}

impl Source for Packets {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn rank(&self) -> u8 {
        2
    }

    fn is_awaited(&self) -> bool {
        false
    }

    fn take(&mut self, events: &mut Vec<Event>) -> bool {
        for _ in 0..AT_ONCE {
            match receive(&self.socket, self.index, self.interface.name != "lo", &mut self.buffer) {
                Ok(Some((at, frame))) => {
                    let Some(packet) = self.decoder.packet(frame) else { continue };
                    let what = What::Packet(Arc::new(packet));
                    events.push(Event { at, lane: Lane::Packets(self.interface.clone()), what });
                }
                // ENETDOWN says once that the interface went down; the next packet comes when it is up again.
                Ok(None) | Err(Errno::EINTR | Errno::ENETDOWN) => {}
                Err(Errno::EAGAIN) => break,
                Err(errno) => {
                    self.say(format!("the capture has ended: {errno}"), events);
                    return false;
                }
            }
        }
        self.count_lost(events);
        true
    }

    fn last(&mut self, events: &mut Vec<Event>) {
        self.take(events);
    }
}

impl Packets {
    fn count_lost(&self, events: &mut Vec<Event>) {
        let lost = getsockopt(&self.socket, PacketStatistics).map_or(0, |statistics| statistics.tp_drops);
        if lost > 0 {
            let packets = if lost == 1 { "packet was" } else { "packets were" };
            self.say(format!("{lost} {packets} lost: they came faster than they were read"), events);
        }
    }

    fn say(&self, text: String, events: &mut Vec<Event>) {
        let lane = Lane::Packets(self.interface.clone());
        events.push(Event { at: SystemTime::now(), lane, what: What::LeftOut(text) });
    }
}

/// One frame and when the kernel took it in; `None` for what is not ours to show.
fn receive<'a>(
    socket: &OwnedFd,
    index: usize,
    outgoing: bool,
    buffer: &'a mut [u8],
) -> nix::Result<Option<(SystemTime, &'a [u8])>> {
    let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
    let mut slices = [IoSliceMut::new(buffer)];
    let message =
        recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::empty())?;
    let length = message.bytes;
    let at = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(time) => Some(time),
        _ => None,
    });
    let ours = message
        .address
        .is_some_and(|from| from.ifindex() == index && (outgoing || from.pkttype() != libc::PACKET_OUTGOING));
    if !ours {
        return Ok(None);
    }
    let at = at.map_or_else(SystemTime::now, |time| SystemTime::UNIX_EPOCH + Duration::from(time));
    Ok(buffer.get(..length).map(|frame| (at, frame)))
}
