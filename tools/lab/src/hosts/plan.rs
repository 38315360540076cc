//! Which hosts a page declares, which cables join them, and the way from each to each.
//!
//! ```text
//! <!-- lab: host alice 10.67.1.2/24 fd67:1::2/64 -->
//! <!-- lab: router middle 10.67.1.1/24 10.67.2.1/24 fd67:1::1/64 fd67:2::1/64 -->
//! <!-- lab: host bob 10.67.2.2/24 fd67:2::2/64 -->
//! ```
//!
//! Two hosts with an address in one subnet are joined by a cable. A cable has two ends: no third host is in its subnet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// One host, as the page declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// As terminals and packets name it.
    pub name: String,
    /// Whether it forwards packets that are not for itself.
    pub is_router: bool,
    /// Its addresses, in the page's order.
    pub addresses: Vec<Address>,
}

/// An address of an interface and how many of its first bits name the subnet: `10.67.1.2/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The address itself.
    pub ip: IpAddr,
    /// 1 to 31 for IPv4, 1 to 127 for IPv6.
    pub prefix: u8,
}

/// A subnet: an address whose host bits are 0.
pub type Subnet = Address;

/// One end of a cable: an Ethernet interface of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Which host, as an index into [`Plan::hosts`].
    pub host: usize,
    /// `eth0`, `eth1`, in the order of the host's addresses.
    pub interface: String,
    /// Its Ethernet address: `02:00`, which says that nobody sold it, and the four bytes of its first IPv4 address, or
    /// the last four of its first IPv6 address. So a page can show it, and a reader can tell whose it is.
    pub ethernet: [u8; 6],
    /// Its addresses.
    pub addresses: Vec<Address>,
}

/// A route of a host that is not the one to its own subnets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Which host has it, as an index into [`Plan::hosts`].
    pub host: usize,
    /// Where it leads; none for everywhere else: the default route.
    pub to: Option<Subnet>,
    /// The router to which the packets go next.
    pub gateway: IpAddr,
}

/// The hosts of a page and what lies between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the page's order.
    pub hosts: Vec<Host>,
    /// What joins them, each with its two ends.
    pub cables: Vec<[End; 2]>,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let wrong =
            || format!("{word}: not an address with its prefix, such as 10.67.1.2/24 or fd67:1::2/64");
        let (ip, prefix) = word.split_once('/').ok_or_else(wrong)?;
        let (ip, prefix): (IpAddr, u8) =
            (ip.parse().map_err(|_| wrong())?, prefix.parse().map_err(|_| wrong())?);
        let bits = if ip.is_ipv4() { 32 } else { 128 };
        if (1..bits).contains(&prefix) { Ok(Self { ip, prefix }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

impl Address {
    /// The subnet that it lies in.
    #[must_use]
    pub fn subnet(self) -> Subnet {
        let ip = match self.ip {
            IpAddr::V4(ip) => {
                let mask = u32::MAX << (32 - u32::from(self.prefix).clamp(1, 32));
                Ipv4Addr::from_bits(ip.to_bits() & mask).into()
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX << (128 - u32::from(self.prefix).clamp(1, 128));
                Ipv6Addr::from_bits(ip.to_bits() & mask).into()
            }
        };
        Self { ip, prefix: self.prefix }
    }
}

impl Host {
    /// Reads what stands behind `host` or `router`: a name and addresses.
    ///
    /// # Errors
    /// What cannot be read, as a sentence.
    pub fn parse(is_router: bool, text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default();
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !is_name {
            return Err(format!("a host's name has letters, digits and hyphens only, not \"{name}\""));
        }
        let addresses = words.map(str::parse).collect::<Result<Vec<_>, _>>()?;
        if addresses.is_empty() {
            return Err(format!("host {name} has no address"));
        }
        Ok(Self { name: name.to_owned(), is_router, addresses })
    }
}

impl Plan {
    /// Lays the cables.
    ///
    /// # Errors
    /// What cannot be, as a sentence: two hosts of one name, a subnet with one host or with three.
    pub fn new(hosts: Vec<Host>) -> Result<Self, String> {
        let mut names = BTreeSet::new();
        if let Some(twice) = hosts.iter().find(|host| !names.insert(&host.name)) {
            return Err(format!("there are two hosts named {}", twice.name));
        }
        let mut members: BTreeMap<Subnet, BTreeSet<usize>> = BTreeMap::new();
        for (index, host) in hosts.iter().enumerate() {
            for address in &host.addresses {
                members.entry(address.subnet()).or_default().insert(index);
            }
        }
        let mut pairs: BTreeMap<(usize, usize), BTreeSet<Subnet>> = BTreeMap::new();
        for (subnet, members) in members {
            let (Some(first), Some(last), 2) = (members.first(), members.last(), members.len()) else {
                let count = members.len();
                return Err(format!("a cable has two ends, but in {subnet} the page has hosts: {count}"));
            };
            pairs.entry((*first, *last)).or_default().insert(subnet);
        }
        let mut plan = Self { hosts, cables: Vec::new() };
        for ((first, last), subnets) in pairs {
            let end = |host| plan.end(host, &subnets);
            let ends = [end(first), end(last)];
            plan.cables.push(ends);
        }
        plan.name_interfaces();
        Ok(plan)
    }

    /// The host of this name, as an index into `hosts`.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<usize> {
        self.hosts.iter().position(|host| host.name == name)
    }

    /// The interfaces of a host, in order.
    pub fn interfaces(&self, host: usize) -> impl Iterator<Item = &End> {
        let mut ends: Vec<&End> = self.cables.iter().flatten().filter(|end| end.host == host).collect();
        ends.sort_by_key(|end| &end.interface);
        ends.into_iter()
    }

    /// Whether any address is one of IPv6.
    #[must_use]
    pub fn has_ipv6(&self) -> bool {
        self.hosts.iter().flat_map(|host| &host.addresses).any(|address| address.ip.is_ipv6())
    }

    /// The routes that make every host reachable from every other. A host sends everything else to a router on its
    /// cable; a router knows the next router towards each subnet.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        let mut routes = Vec::new();
        for (host, declared) in self.hosts.iter().enumerate() {
            if declared.is_router {
                for to in self.subnets() {
                    if let Some(gateway) = self.next_router(host, to) {
                        routes.push(Route { host, to: Some(to), gateway });
                    }
                }
            } else {
                for is_ipv4 in [true, false] {
                    let mut gateways = self.gateways(host).filter(|(_, ip)| ip.is_ipv4() == is_ipv4);
                    if let Some((_, gateway)) = gateways.next() {
                        routes.push(Route { host, to: None, gateway });
                    }
                }
            }
        }
        routes
    }

    fn end(&self, host: usize, subnets: &BTreeSet<Subnet>) -> End {
        let declared = self.hosts.get(host).map_or([].as_slice(), |host| host.addresses.as_slice());
        let addresses: Vec<Address> =
            declared.iter().copied().filter(|address| subnets.contains(&address.subnet())).collect();
        let first = addresses.iter().find(|address| address.ip.is_ipv4()).or_else(|| addresses.first());
        let [a, b, c, d] = match first.map(|address| address.ip) {
            Some(IpAddr::V4(ip)) => ip.octets(),
            Some(IpAddr::V6(ip)) => {
                let [.., a, b, c, d] = ip.octets();
                [a, b, c, d]
            }
            None => [0; 4],
        };
        End { host, interface: String::new(), ethernet: [2, 0, a, b, c, d], addresses }
    }

    /// The first address decides which interface is `eth0`.
    fn name_interfaces(&mut self) {
        for (index, host) in self.hosts.iter().enumerate() {
            let mut ends: Vec<&mut End> =
                self.cables.iter_mut().flatten().filter(|end| end.host == index).collect();
            ends.sort_by_key(|end| host.addresses.iter().position(|address| end.addresses.contains(address)));
            for (nth, end) in ends.into_iter().enumerate() {
                end.interface = format!("eth{nth}");
            }
        }
    }

    fn subnets(&self) -> BTreeSet<Subnet> {
        self.hosts.iter().flat_map(|host| &host.addresses).map(|address| address.subnet()).collect()
    }

    fn is_in(&self, host: usize, subnet: Subnet) -> bool {
        let mut addresses = self.hosts.get(host).into_iter().flat_map(|host| &host.addresses);
        addresses.any(|address| address.subnet() == subnet)
    }

    /// The routers at the other ends of a host's cables, with each address that they have there.
    fn gateways(&self, host: usize) -> impl Iterator<Item = (usize, IpAddr)> {
        let others = self.cables.iter().filter_map(move |[one, other]| {
            (one.host == host).then_some(other).or_else(|| (other.host == host).then_some(one))
        });
        let is_router = |end: &&End| self.hosts.get(end.host).is_some_and(|host| host.is_router);
        others
            .filter(is_router)
            .flat_map(|end| end.addresses.iter().map(move |address| (end.host, address.ip)))
    }

    /// The first router on the shortest way to the subnet; none where the host is in it itself, or no way leads there.
    fn next_router(&self, host: usize, to: Subnet) -> Option<IpAddr> {
        if self.is_in(host, to) {
            return None;
        }
        let is_same_version = |(_, ip): &(usize, IpAddr)| ip.is_ipv4() == to.ip.is_ipv4();
        // Breadth first: routers that were reached, with the first step that led to them.
        let mut seen = BTreeSet::from([host]);
        let mut reached: VecDeque<(usize, IpAddr)> = self.gateways(host).filter(is_same_version).collect();
        while let Some((router, first_step)) = reached.pop_front() {
            if self.is_in(router, to) {
                return Some(first_step);
            }
            if seen.insert(router) {
                let next = self.gateways(router).filter(is_same_version);
                reached.extend(next.map(|(router, _)| (router, first_step)));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(hosts: &[&str]) -> Result<Plan, String> {
        let hosts = hosts.iter().map(|text| {
            let (kind, text) = text.split_once(' ').expect("a kind");
            Host::parse(kind == "router", text)
        });
        Plan::new(hosts.collect::<Result<_, _>>()?)
    }

    #[test]
    fn a_router_stands_between_two_subnets() {
        let plan = plan(&[
            "host alice 10.67.1.2/24 fd67:1::2/64",
            "router middle 10.67.1.1/24 10.67.2.1/24 fd67:1::1/64 fd67:2::1/64",
            "host bob 10.67.2.2/24 fd67:2::2/64",
        ])
        .expect("a plan");
        let ends: Vec<(usize, &str, [u8; 6], usize)> = plan
            .cables
            .iter()
            .flatten()
            .map(|end| (end.host, end.interface.as_str(), end.ethernet, end.addresses.len()))
            .collect();
        assert_eq!(
            ends,
            [
                (0, "eth0", [2, 0, 10, 67, 1, 2], 2),
                (1, "eth0", [2, 0, 10, 67, 1, 1], 2),
                (1, "eth1", [2, 0, 10, 67, 2, 1], 2),
                (2, "eth0", [2, 0, 10, 67, 2, 2], 2),
            ]
        );
        let routes: Vec<String> = plan
            .routes()
            .iter()
            .map(|route| format!("{} {:?} via {}", route.host, route.to, route.gateway))
            .collect();
        assert_eq!(
            routes,
            ["0 None via 10.67.1.1", "0 None via fd67:1::1", "2 None via 10.67.2.1", "2 None via fd67:2::1",]
        );
    }

    #[test]
    fn routers_in_a_row_know_the_way() {
        let plan = plan(&[
            "host a 10.0.1.2/24",
            "router one 10.0.1.1/24 10.0.12.1/24",
            "router two 10.0.12.2/24 10.0.23.2/24",
            "router three 10.0.23.3/24 10.0.3.1/24",
            "host b 10.0.3.2/24",
        ])
        .expect("a plan");
        let routes: Vec<String> = plan
            .routes()
            .iter()
            .map(|route| {
                let to = route.to.map_or("default".to_owned(), |to| to.to_string());
                format!("{}: {to} via {}", plan.hosts[route.host].name, route.gateway)
            })
            .collect();
        assert_eq!(
            routes,
            [
                "a: default via 10.0.1.1",
                "one: 10.0.3.0/24 via 10.0.12.2",
                "one: 10.0.23.0/24 via 10.0.12.2",
                "two: 10.0.1.0/24 via 10.0.12.1",
                "two: 10.0.3.0/24 via 10.0.23.3",
                "three: 10.0.1.0/24 via 10.0.23.2",
                "three: 10.0.12.0/24 via 10.0.23.2",
                "b: default via 10.0.3.1",
            ]
        );
    }

    #[test]
    fn what_cannot_be_is_said() {
        for (hosts, expected) in [
            (&["host a 10.0.1.2"][..], "10.0.1.2: not an address with its prefix"),
            (&["host a 10.0.1.2/32"], "10.0.1.2/32: not an address with its prefix"),
            (&["host a"], "host a has no address"),
            (&["host a.b 10.0.1.2/24"], "not \"a.b\""),
            (&["host a 10.0.1.2/24"], "in 10.0.1.0/24 the page has hosts: 1"),
            (&["host a 10.0.1.2/24", "host a 10.0.1.3/24"], "two hosts named a"),
            (
                &["host a 10.0.1.2/24", "host b 10.0.1.3/24", "host c 10.0.1.4/24"],
                "a cable has two ends, but in 10.0.1.0/24 the page has hosts: 3",
            ),
        ] {
            let error = plan(hosts).expect_err("no plan");
            assert!(error.contains(expected), "{error}");
        }
    }
}
