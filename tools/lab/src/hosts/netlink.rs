//! The questions to the kernel's routing tables and interfaces that `ip` asks: rtnetlink(7), in the network of the
//! calling thread.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Instant;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, State,
};
use netlink_packet_route::neighbour_table::{
    NeighbourTableAttribute, NeighbourTableMessage, NeighbourTableParameter,
};
use netlink_packet_route::route::{RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteType};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily as SocketFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send,
    socket,
};

use crate::hosts::plan::{Address, Subnet};

/// More than the kernel puts into one answer.
const ANSWER: usize = 64 * 1024;

/// Multicast groups of rtnetlink(7): news of interfaces, and of IPv6 addresses.
const RTMGRP_LINK: u32 = 1;
const RTMGRP_IPV6_IFADDR: u32 = 0x100;

/// A day, in milliseconds: longer than any page lasts.
const A_DAY: u64 = 24 * 60 * 60 * 1000;

/// A socket to the kernel, in the network in which it was opened.
#[derive(Debug)]
pub struct Netlink(OwnedFd);

/// What is to be known of one end of a new cable.
#[derive(Debug)]
pub struct Interface {
    /// `eth0`
    pub name: String,
    /// Its Ethernet address.
    pub ethernet: [u8; 6],
}

impl Netlink {
    /// A socket for questions.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn open() -> io::Result<Self> {
        Self::with_news(0)
    }

    /// A socket on which news of interfaces and of IPv6 addresses arrive, for [`Self::wait_until_settled`].
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn news() -> io::Result<Self> {
        Self::with_news(RTMGRP_LINK | RTMGRP_IPV6_IFADDR)
    }

    fn with_news(groups: u32) -> io::Result<Self> {
        let socket = socket(
            SocketFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::NetlinkRoute,
        )?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        Ok(Self(socket))
    }

    /// `ip link add NAME address ETHERNET type veth peer name NAME address ETHERNET netns NETWORK`: a cable whose other
    /// end is in another network.
    ///
    /// # Errors
    /// EOPNOTSUPP where the kernel knows no veth.
    pub fn add_cable(&self, here: Interface, there: Interface, network: RawFd) -> io::Result<()> {
        let named = |interface: Interface| {
            let mut link = LinkMessage::default();
            link.attributes = vec![
                LinkAttribute::IfName(interface.name),
                LinkAttribute::Address(interface.ethernet.to_vec()),
            ];
            link
        };
        let mut peer = named(there);
        peer.attributes.push(LinkAttribute::NetNsFd(network));
        let mut link = named(here);
        link.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        self.change(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// `ip address add ADDRESS dev INDEX nodad`
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn add_address(&self, index: u32, address: Address) -> io::Result<()> {
        let mut message = AddressMessage::default();
        message.header.family = family(address.ip);
        message.header.prefix_len = address.prefix;
        message.header.index = index;
        message.attributes = vec![AddressAttribute::Local(address.ip), AddressAttribute::Address(address.ip)];
        if address.ip.is_ipv6() {
            // Nobody else can have it: there is no need to ask for a second (RFC 4862, duplicate address detection).
            message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        self.change(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// `ip link set dev INDEX up`, or `down`
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_up(&self, index: u32, up: bool) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        link.header.change_mask = LinkFlags::Up;
        self.change(RouteNetlinkMessage::SetLink(link), 0)
    }

    /// `ip link set dev INDEX mtu BYTES`
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_mtu(&self, index: u32, bytes: u32) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.attributes = vec![LinkAttribute::Mtu(bytes)];
        self.change(RouteNetlinkMessage::SetLink(link), 0)
    }

    /// `ip route replace TO via GATEWAY`; without `to`, the default route.
    ///
    /// # Errors
    /// When the kernel refuses, as it does while the interface to the gateway is down.
    pub fn set_route(&self, to: Option<Subnet>, gateway: IpAddr) -> io::Result<()> {
        let mut route = RouteMessage::default();
        route.header.address_family = family(gateway);
        route.header.table = RouteHeader::RT_TABLE_MAIN;
        route.header.protocol = RouteProtocol::Static;
        route.header.kind = RouteType::Unicast;
        route.attributes.push(RouteAttribute::Gateway(gateway.into()));
        if let Some(to) = to {
            route.header.destination_prefix_length = to.prefix;
            route.attributes.push(RouteAttribute::Destination(to.ip.into()));
        }
        self.change(RouteNetlinkMessage::NewRoute(route), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// `ip ntable change name arp_cache dev INDEX delay_probe A_DAY base_reachable A_DAY`: an Ethernet address that was
    /// learned once is not asked for again while the page lasts. By the kernel's own settings it asks again after 5 to
    /// 45 seconds, of which a part is chosen at random: no two runs would show the same.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn keep_neighbours(&self, index: u32, ipv6: bool) -> io::Result<()> {
        let mut table = NeighbourTableMessage::default();
        table.header.family = if ipv6 { AddressFamily::Inet6 } else { AddressFamily::Inet };
        let name = if ipv6 { "ndisc_cache" } else { "arp_cache" };
        table.attributes = vec![
            NeighbourTableAttribute::Name(name.to_owned()),
            NeighbourTableAttribute::Parms(vec![
                NeighbourTableParameter::Ifindex(index),
                NeighbourTableParameter::BaseReachableTime(A_DAY),
                NeighbourTableParameter::DelayProbeTime(A_DAY),
            ]),
        ];
        self.change(RouteNetlinkMessage::SetNeighbourTable(table), 0)
    }

    /// Waits until the interface has settled after a change at either end of its cable: with a carrier it has its
    /// queue, and its link-local address if it is to have one; without, it knows so. `self` must have been
    /// [`Self::news`] before the change.
    ///
    /// # Errors
    /// `TimedOut` after `deadline`.
    pub fn wait_until_settled(&self, index: u32, ipv6: bool, deadline: Instant) -> io::Result<()> {
        while !is_settled(index, ipv6)? {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.readable(PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                Ok(true) | Err(Errno::EINTR) => {}
                Ok(false) => return Err(io::ErrorKind::TimedOut.into()),
                Err(errno) => return Err(errno.into()),
            }
            // What the news say is asked for anew; they only wake.
            let mut buffer = [0; 4096];
            while recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty()).is_ok() {}
        }
        Ok(())
    }

    fn readable(&self, timeout: PollTimeout) -> nix::Result<bool> {
        let mut ready = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        Ok(poll(&mut ready, timeout)? > 0)
    }

    /// Asks for a change and waits for the answer.
    fn change(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.ask(message, NLM_F_ACK | flags).map(|_| ())
    }

    /// Sends a request; gives what it is answered with.
    fn ask(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<Vec<RouteNetlinkMessage>> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        send(self.0.as_raw_fd(), &bytes, MsgFlags::empty())?;

        let mut answers = Vec::new();
        let mut buffer = vec![0; ANSWER];
        loop {
            self.readable(PollTimeout::NONE)?;
            let length = recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
            let mut rest = buffer.get(..length).unwrap_or_default();
            while !rest.is_empty() {
                let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
                    .map_err(|error| io::Error::other(error.to_string()))?;
                // netlink(7): each begins at a multiple of 4.
                let taken = usize::try_from(answer.header.length).unwrap_or(usize::MAX).next_multiple_of(4);
                rest = rest.get(taken..).unwrap_or_default();
                match answer.payload {
                    NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
                    NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => return Ok(answers),
                    NetlinkPayload::InnerMessage(message) => answers.push(message),
                    _ => {}
                }
            }
        }
    }
}

/// Whether all is as [`Netlink::wait_until_settled`] waits for it.
fn is_settled(index: u32, ipv6: bool) -> io::Result<bool> {
    let netlink = Netlink::open()?;
    let mut asked = LinkMessage::default();
    asked.header.index = index;
    let links = netlink.ask(RouteNetlinkMessage::GetLink(asked), NLM_F_ACK)?;
    let attributes = links.iter().find_map(|answer| match answer {
        RouteNetlinkMessage::NewLink(link) => Some(link.attributes.as_slice()),
        _ => None,
    });
    let attributes = attributes.unwrap_or_default();
    let is_up = attributes.contains(&LinkAttribute::OperState(State::Up));
    if !attributes.contains(&LinkAttribute::Carrier(1)) {
        return Ok(!is_up);
    }
    Ok(is_up && (!ipv6 || has_link_local(&netlink, index)?))
}

fn has_link_local(netlink: &Netlink, index: u32) -> io::Result<bool> {
    let addresses = netlink.ask(RouteNetlinkMessage::GetAddress(AddressMessage::default()), NLM_F_DUMP)?;
    Ok(addresses.iter().any(|answer| {
        match answer {
        RouteNetlinkMessage::NewAddress(message) if message.header.index == index => {
            message.attributes.iter().any(|attribute| {
                matches!(attribute, AddressAttribute::Address(IpAddr::V6(ip)) if ip.is_unicast_link_local())
            })
        }
        _ => false,
    }
    }))
}

fn family(ip: IpAddr) -> AddressFamily {
    if ip.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}
