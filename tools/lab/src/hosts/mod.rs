//! Several hosts on one machine: each has a network of its own, in the user namespace of the laboratory, and Ethernet
//! cables (veth(4)) join them. Nobody needs to be root, and no program to be installed.

mod checksum;
mod netlink;
pub mod plan;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, setns};

use self::netlink::{Interface, Netlink};
use self::plan::{Address, End, Plan, Route};
use crate::book::block::LinkChange;
use crate::error::{Error, Result};
use crate::network;

/// How long a new cable may take to carry.
const BOUND: Duration = Duration::from_secs(10);

/// The hosts of a page, up and joined, as long as this lives and any program runs on them.
#[derive(Debug)]
pub struct Hosts {
    plan: Plan,
    /// The networks, in the order of the plan's hosts.
    networks: Vec<File>,
    /// The network of the thread itself.
    home: File,
}

impl Hosts {
    /// Makes the hosts of the plan and joins them; with an empty plan there are none. The calling thread needs the
    /// rights of [`network::Network::Private`].
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn start(plan: &Plan) -> Result<Self> {
        let home = this_network()?;
        let mut hosts = Self { plan: plan.clone(), networks: Vec::new(), home };
        let ipv6 = plan.has_ipv6();
        let made = (|| {
            for host in &plan.hosts {
                network::fresh()?;
                hosts.networks.push(this_network()?);
                prepare(ipv6, host.is_router)?;
            }
            Ok(())
        })();
        enter(&hosts.home)?;
        made?;
        for ends in &plan.cables {
            hosts.lay(ends)?;
        }
        for end in plan.cables.iter().flatten() {
            hosts.set_routes(end)?;
        }
        Ok(hosts)
    }

    /// Does something in the network of the host `name`, or at home if there are no hosts: a socket that is made there
    /// stays there, a program that is started there lives there.
    ///
    /// # Errors
    /// There is no such host, or what `work` gives.
    pub fn within<T>(&self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.plan.hosts.is_empty() {
            return work();
        }
        let host = self.plan.host(name).ok_or_else(|| Error::new(format!("there is no host {name}")))?;
        self.on(host, work)
    }

    /// Does something in the network of each host, or at home if there are no hosts.
    ///
    /// # Errors
    /// The first that `work` gives.
    pub fn each(&self, work: impl Fn() -> Result<()>) -> Result<()> {
        if self.plan.hosts.is_empty() {
            return work();
        }
        (0..self.plan.hosts.len()).try_for_each(|host| self.on(host, &work))
    }

    /// Changes an interface as `ip link set INTERFACE CHANGE` does, at home if there are no hosts. When it comes up it
    /// gets its routes back, which went with it.
    ///
    /// # Errors
    /// When there is no such interface or the kernel refuses.
    pub fn set_link(&self, host: &str, interface: &str, change: LinkChange) -> Result<()> {
        let set = || {
            done(&format!("ip link set {interface} {change}"), {
                Netlink::open().and_then(|netlink| {
                    let index = index(interface)?;
                    match change {
                        LinkChange::Up => netlink.set_up(index, true),
                        LinkChange::Down => netlink.set_up(index, false),
                        LinkChange::Mtu(bytes) => netlink.set_mtu(index, bytes),
                    }
                })
            })
        };
        let is_it = |end: &&End| self.plan.host(host) == Some(end.host) && end.interface == interface;
        let Some(ends) = self.plan.cables.iter().find(|ends| ends.iter().any(|end| is_it(&end))) else {
            return self.within(host, set); // the loopback interface has no other end
        };
        self.settled(ends, || self.within(host, set))?;
        match ends.iter().find(is_it) {
            Some(end) if change == LinkChange::Up => self.set_routes(end),
            _ => Ok(()),
        }
    }

    fn on<T>(&self, host: usize, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let network =
            self.networks.get(host).ok_or_else(|| Error::new(format!("there is no host {host}")))?;
        enter(network)?;
        let result = work();
        enter(&self.home)?;
        result
    }

    /// A cable between two hosts, up at both ends.
    fn lay(&self, ends: &[End; 2]) -> Result<()> {
        let [one, other] = ends;
        let there = self.networks.get(other.host);
        let there = there.ok_or_else(|| Error::new(format!("there is no host {}", other.host)))?;
        self.on(one.host, || {
            let interface = |end: &End| Interface { name: end.interface.clone(), ethernet: end.ethernet };
            let netlink = done("open netlink", Netlink::open())?;
            done("add a veth pair", netlink.add_cable(interface(one), interface(other), there.as_raw_fd()))
        })?;
        self.settled(ends, || {
            ends.iter().try_for_each(|end| {
                let ipv6 = self.plan.has_ipv6();
                self.on(end.host, || done(&format!("set up {}", end.interface), set_up(end, ipv6)))
            })
        })
    }

    /// Makes a change to a cable and waits until both ends have noticed.
    fn settled(&self, ends: &[End; 2], change: impl FnOnce() -> Result<()>) -> Result<()> {
        let news = |end: &End| self.on(end.host, || done("open netlink", Netlink::news()));
        let news = [news(&ends[0])?, news(&ends[1])?];
        change()?;
        let deadline = Instant::now() + BOUND;
        for (end, news) in ends.iter().zip(&news) {
            self.on(end.host, || {
                let settled = index(&end.interface)
                    .and_then(|index| news.wait_until_settled(index, self.plan.has_ipv6(), deadline));
                done(&format!("wait for {}", end.interface), settled)
            })?;
        }
        Ok(())
    }

    /// The routes of a host that begin at this interface.
    fn set_routes(&self, end: &End) -> Result<()> {
        self.on(end.host, || {
            let netlink = done("open netlink", Netlink::open())?;
            let begins_here = |route: &&Route| {
                let gateway = |address: &Address| Address { ip: route.gateway, ..*address }.subnet();
                let is_there = |address: &Address| {
                    address.ip.is_ipv4() == route.gateway.is_ipv4() && gateway(address) == address.subnet()
                };
                route.host == end.host && end.addresses.iter().any(is_there)
            };
            for route in self.plan.routes().iter().filter(begins_here) {
                let set = netlink.set_route(route.to, route.gateway);
                done(&format!("set the route via {}", route.gateway), set)?;
            }
            Ok(())
        })
    }
}

/// Addresses and habits of one end of a cable, in its own network; then up.
fn set_up(end: &End, ipv6: bool) -> io::Result<()> {
    let netlink = Netlink::open()?;
    let index = index(&end.interface)?;
    // Where the kernel does not let us, checksums stay undone, and the packets say so.
    let _ = checksum::by_the_sender(&end.interface);
    netlink.keep_neighbours(index, false)?;
    if ipv6 {
        netlink.keep_neighbours(index, true)?;
    }
    for address in &end.addresses {
        netlink.add_address(index, *address)?;
    }
    netlink.set_up(index, true)
}

/// Settings of the network of this thread, before it has an interface.
fn prepare(ipv6: bool, is_router: bool) -> Result<()> {
    if is_router {
        network::set("net.ipv4.ip_forward", "1")?;
    }
    if !Path::new("/proc/sys/net/ipv6").exists() {
        return Ok(()); // a kernel without IPv6 refuses the addresses, if there are any
    }
    if !ipv6 {
        return network::set("net.ipv6.conf.default.disable_ipv6", "1");
    }
    network::set("net.ipv6.conf.all.forwarding", if is_router { "1" } else { "0" })?;
    for which in ["all", "default"] {
        for (setting, value) in [
            // Nobody else has our addresses: not to ask saves a second.
            ("accept_dad", "0"),
            // The page says who the routers are.
            ("accept_ra", "0"),
            ("router_solicitations", "0"),
            // An interface that goes down and comes up has its addresses again, as for IPv4.
            ("keep_addr_on_down", "1"),
        ] {
            network::set(&format!("net.ipv6.conf.{which}.{setting}"), value)?;
        }
    }
    Ok(())
}

/// Makes `network` that of the calling thread.
fn enter(network: &File) -> Result<()> {
    setns(network.as_fd(), CloneFlags::CLONE_NEWNET)
        .map_err(|errno| Error::of("setns to the network of a host", errno))
}

/// The network of the calling thread.
fn this_network() -> Result<File> {
    let path = "/proc/thread-self/ns/net";
    File::open(path).map_err(|error| Error::of(format!("open {path}"), error))
}

fn index(interface: &str) -> io::Result<u32> {
    Ok(if_nametoindex(interface)?)
}

fn done<T>(what: &str, result: io::Result<T>) -> Result<T> {
    result.map_err(|error| Error::of(what, error))
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use etherparse::{NetSlice, SlicedPacket, TransportSlice};

    use super::*;
    use crate::hosts::plan::Host;
    use crate::observe::packets;
    use crate::observe::watch::{Told, Watch};
    use crate::record::event::{Interface, What};

    /// What leaves one host arrives at the other: whole, with its checksum computed, one hop older, from the router's
    /// Ethernet address.
    #[test]
    fn a_datagram_passes_the_router() {
        let name = "hosts::tests::a_datagram_passes_the_router";
        if !harness::private::network(name, &[]) {
            return;
        }
        let hosts = [
            (false, "alice 10.67.1.2/24 fd67:1::2/64"),
            (true, "middle 10.67.1.1/24 10.67.2.1/24 fd67:1::1/64 fd67:2::1/64"),
            (false, "bob 10.67.2.2/24 fd67:2::2/64"),
        ];
        let hosts = hosts.map(|(is_router, text)| Host::parse(is_router, text).expect("a host"));
        let hosts = Hosts::start(&Plan::new(hosts.into()).expect("a plan")).expect("hosts");
        for (alice, bob) in [("10.67.1.2:0", "10.67.2.2:6797"), ("[fd67:1::2]:0", "[fd67:2::2]:6797")] {
            let (mut watch, told) = Watch::start().expect("observers");
            for host in ["alice", "bob"] {
                let interface = Interface { host: host.into(), name: "eth0".into() };
                let start =
                    || packets::capture(interface, &watch).map_err(|error| Error::of("capture", error));
                hosts.within(host, start).expect("a capture");
            }
            let bind = |address| move || Ok(UdpSocket::bind(address).expect("bound"));
            let receiver = hosts.within("bob", bind(bob)).expect("a socket");
            let socket = hosts.within("alice", bind(alice)).expect("a socket");
            socket.send_to(b"Hello", bob).expect("sent");
            let mut buffer = [0; 8];
            let (length, from) = receiver.recv_from(&mut buffer).expect("received");
            assert_eq!((&buffer[..length], from), (b"Hello".as_slice(), socket.local_addr().expect("bound")));
            watch.finish();

            let events = told.into_iter().filter_map(|told| match told {
                Told::Event(event) => Some(event.what),
                Told::Round => None,
            });
            let frames = events.filter_map(|what| match what {
                What::Packet(packet) if packet.payload.1 > 0 => Some(packet.bytes.clone()),
                _ => None,
            });
            let mut seen: Vec<(u8, u8, bool)> = frames
                .map(|frame| {
                    let packet = SlicedPacket::from_ethernet(&frame).expect("a packet");
                    let Some(TransportSlice::Udp(udp)) = packet.transport else { panic!("{packet:?}") };
                    let header = udp.to_header();
                    let (hops, sum) = match packet.net {
                        Some(NetSlice::Ipv4(ip)) => {
                            let ip = ip.header().to_header();
                            (ip.time_to_live, header.calc_checksum_ipv4(&ip, udp.payload()))
                        }
                        Some(NetSlice::Ipv6(ip)) => {
                            let ip = ip.header().to_header();
                            (ip.hop_limit, header.calc_checksum_ipv6(&ip, udp.payload()))
                        }
                        net => panic!("{net:?}"),
                    };
                    // The last byte of the sender's Ethernet address: alice's 2, the router's 1.
                    (frame[11], hops, sum == Ok(header.checksum))
                })
                .collect();
            seen.sort_unstable();
            assert_eq!(seen, [(1, 63, true), (2, 64, true)], "from {alice} to {bob}");
        }
    }
}
