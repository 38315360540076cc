//! The packets on an interface, captured by the laboratory itself: no tcpdump, no root in a private network.

use std::io;
use std::io::{IoSliceMut, PipeWriter};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::libc;
use nix::net::if_::if_nametoindex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg,
    setsockopt, socket, sockopt,
};

use crate::observe::decode::Decoder;
use crate::record::event::{Event, Interface, Lane, What};

/// The largest IP packet and its Ethernet header; a frame beyond it is cut.
const LARGEST_FRAME: usize = 14 + 40 + 65_535;

/// A running capture; it ends when this is dropped.
#[derive(Debug)]
pub struct Packets {
    /// Closing it tells the thread to end.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Packets {
    /// Starts to capture on `interface`, which is one of the calling thread's network; each packet becomes an [`Event`]
    /// in [`Lane::Packets`]. Whatever is sent after this has returned is seen.
    ///
    /// # Errors
    ///
    /// The call that failed, with its error: `socket AF_PACKET` with `EPERM` without `CAP_NET_RAW` in the namespace
    /// (packet(7)).
    pub fn start(interface: Interface, events: Sender<Event>) -> io::Result<Self> {
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
        let (stopped, stop) = io::pipe()?;
        let thread = std::thread::Builder::new()
            .name("packets".to_owned())
            .spawn(move || capture(&socket, &interface, index, &stopped, &events))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Ends the capture; every packet that had passed before this call has been sent as an event when it returns.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Packets {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn call(name: &str, errno: Errno) -> io::Error {
    let error = io::Error::from(errno);
    io::Error::new(error.kind(), format!("{name}: {error}"))
}

fn capture(
    socket: &OwnedFd,
    interface: &Interface,
    index: usize,
    stopped: &impl AsFd,
    events: &Sender<Event>,
) {
    // The loopback interface shows each packet twice, as it leaves (PACKET_OUTGOING) and as it arrives.
    let outgoing = interface.name != "lo";
    let mut buffer = vec![0; LARGEST_FRAME];
    let mut decoder = Decoder::new();
    loop {
        let mut ready =
            [PollFd::new(socket.as_fd(), PollFlags::POLLIN), PollFd::new(stopped.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return,
        }
        // Asked before the socket is emptied: what was there when the end was asked for still comes out.
        let last = ready[1].any().unwrap_or(true);
        loop {
            match receive(socket, index, outgoing, &mut buffer) {
                Ok(Some((at, frame))) => {
                    let Some(packet) = decoder.packet(frame) else {
                        continue;
                    };
                    let what = What::Packet(Arc::new(packet));
                    let lane = Lane::Packets(interface.clone());
                    if events.send(Event { at, lane, what }).is_err() {
                        return;
                    }
                }
                // ENETDOWN says once that the interface went down; the next packet comes when it is up again.
                Ok(None) | Err(Errno::EINTR | Errno::ENETDOWN) => {}
                Err(Errno::EAGAIN) => break,
                Err(_) => return,
            }
        }
        if last {
            return;
        }
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
