//! Part two, exercise 5: a server that belongs to a multicast group.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::Arguments;
use common::{Dump, program};
use nix::sys::socket::sockopt::{IpAddMembership, ReuseAddr};
use nix::sys::socket::{AddressFamily, IpMembershipRequest, MsgFlags, SockFlag, SockProtocol, SockType};
use nix::sys::socket::{SockaddrStorage, bind, getsockname, recvfrom, sendto, setsockopt, socket};
use tracing::{info, warn};

const HELP: &str = "\
Echoes what comes to the group 239.1.2.3. An answer of Sockets, Part by Part.

Usage: part-two-5 [ADDR]

  ADDR           0.0.0.0:PORT to receive at

  -h, --help     print this help
  -V, --version  print the version
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Arguments::address, serve)
}

fn serve(address: SocketAddr) -> Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::empty(), SockProtocol::Udp)
        .context("socket")?;
    // 2. setsockopt: others may have this port too. With multicast each of the sockets gets each datagram.
    setsockopt(&socket, ReuseAddr, &true).context("setsockopt SO_REUSEADDR")?;
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address)).with_context(|| format!("bind {address}"))?;
    // 3. join: from here on the kernel takes what is sent to the group, on the interface of this address.
    let group = IpMembershipRequest::new(Ipv4Addr::new(239, 1, 2, 3), Some(Ipv4Addr::LOCALHOST));
    setsockopt(&socket, IpAddMembership, &group).context("setsockopt IP_ADD_MEMBERSHIP")?;
    let bound: SockaddrStorage = getsockname(socket.as_raw_fd()).context("getsockname")?;
    info!("Socket bound to address: {bound}");
    info!("Waiting for datagrams...");

    let mut buffer = vec![0; 65535];
    loop {
        let datagram = recvfrom::<SockaddrStorage>(socket.as_raw_fd(), &mut buffer).context("recvfrom")?;
        let (received, Some(peer)) = datagram else { continue };
        info!("received {received} bytes from {peer}");
        info!("{}", Dump(&buffer[..received]));
        if let Err(errno) = sendto(socket.as_raw_fd(), &buffer[..received], &peer, MsgFlags::empty()) {
            warn!("sendto {peer}: {errno}");
        }
    }
}
