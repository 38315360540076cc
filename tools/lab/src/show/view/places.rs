//! Who stands where in the picture: a server's program at the left, a client's at the right, and who only asks the kernel
//! between them.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::book::label::Role;
use crate::record::call::{Call, Kind};

/// So many addresses are known at once.
const KEPT: usize = 8192;

/// The commands of a terminal that only looks.
const LOOKS: [&str; 11] =
    ["ss ", "readlink ", "ls ", "cat /", "ps ", "ip ", "sysctl ", "stat ", "lsof ", "nstat ", "grep "];

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The server's.
    Left,
    /// The client's.
    Right,
}

impl Side {
    /// The side across.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// Where a terminal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// What its programs do has shown it, or its name says it.
    Known(Side),
    /// Between the two: it asks the kernel.
    Kernel,
    /// Not known yet.
    Open,
}

/// Terminals and addresses with their sides.
#[derive(Debug, Default)]
pub struct Places {
    terminals: Vec<(String, Standing)>,
    addresses: HashMap<SocketAddr, String>,
    /// On a page with hosts, the addresses of each.
    hosts: Vec<(String, std::net::IpAddr)>,
}

impl Places {
    /// That the host of this name has this address.
    pub fn host(&mut self, name: &str, address: std::net::IpAddr) {
        self.hosts.push((name.to_owned(), address));
    }

    /// There is this terminal, with the commands that are typed into it.
    pub fn add(&mut self, name: &str, commands: &[&str]) {
        if self.terminals.iter().any(|(known, _)| known == name) {
            return;
        }
        let looks = !commands.is_empty()
            && commands.iter().all(|command| LOOKS.iter().any(|looks| command.starts_with(looks)));
        let standing = match name.rsplit('.').next().unwrap_or(name) {
            // A host is a host, whatever runs on it.
            _ if !self.hosts.is_empty() => Standing::Open,
            "kernel" => Standing::Kernel,
            "server" | "command" => Standing::Known(Side::Left),
            "client" | "second" => Standing::Known(Side::Right),
            _ if looks => Standing::Kernel,
            _ => Standing::Open,
        };
        self.terminals.push((name.to_owned(), standing));
    }

    /// The terminals, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.terminals.iter().map(|(name, _)| name.as_str())
    }

    /// A terminal shows something.
    pub(crate) fn appeared(&mut self, terminal: &str) {
        self.add(terminal, &[]);
    }

    /// A program of this terminal makes a call: it may tell its side, and the addresses that are its own.
    pub(crate) fn called(&mut self, terminal: &str, call: &Call) {
        self.add(terminal, &[]);
        let side = match call.name.as_str() {
            "listen" | "accept" | "accept4" => Some(Side::Left),
            "connect" => Some(Side::Right),
            _ => None,
        };
        let is_tcp = call.on.as_ref().is_some_and(|on| on.kind == Kind::Tcp);
        if let Some(side) = side.filter(|_| call.shown && (is_tcp || self.hosts.is_empty()))
            && let Some((_, standing @ Standing::Open)) =
                self.terminals.iter_mut().find(|(name, _)| name == terminal)
        {
            *standing = Standing::Known(side);
        }
        for descriptor in [&call.on, &call.gave].into_iter().flatten() {
            if let Some(local) = descriptor.local {
                if self.addresses.len() > KEPT {
                    self.addresses.clear();
                }
                let local = SocketAddr::new(local.ip().to_canonical(), local.port());
                self.addresses.insert(local, terminal.to_owned());
            }
        }
    }

    /// Whether the terminal only asks the kernel.
    #[must_use]
    pub fn is_kernel(&self, terminal: &str) -> bool {
        self.standing(terminal) == Some(Standing::Kernel)
    }

    fn standing(&self, terminal: &str) -> Option<Standing> {
        self.terminals.iter().find(|(name, _)| name == terminal).map(|(_, standing)| *standing)
    }

    /// The side of a terminal; that of its output for one that asks the kernel.
    #[must_use]
    pub fn side(&self, terminal: &str) -> Side {
        if !self.hosts.is_empty() {
            return self.side_of_host(host(terminal));
        }
        match self.standing(terminal) {
            Some(Standing::Known(side)) => side,
            Some(Standing::Kernel) | None => Side::Right,
            // The first terminal stands left, unless somebody is known to stand there.
            Some(Standing::Open) => {
                let programs = || self.terminals.iter().filter(|(_, standing)| *standing != Standing::Kernel);
                let is_first = programs().next().is_some_and(|(name, _)| name == terminal);
                let has_left = programs().any(|(_, standing)| *standing == Standing::Known(Side::Left));
                if is_first && !has_left { Side::Left } else { Side::Right }
            }
        }
    }

    /// All terminals of a host stand at its side: where somebody listens, left; otherwise the page's first host does.
    fn side_of_host(&self, name: &str) -> Side {
        let known = |side: Side| {
            let mut known =
                self.terminals.iter().filter(move |(_, standing)| *standing == Standing::Known(side));
            known.next().map(|(terminal, _)| host(terminal))
        };
        let first = self.hosts.first().map(|(first, _)| first.as_str());
        let left = known(Side::Left).or(known(Side::Right).and_then(|right| {
            let mut others = self.hosts.iter().map(|(other, _)| other.as_str());
            others.find(|other| *other != right && self.has_terminal(other))
        }));
        if left.or(first) == Some(name) { Side::Left } else { Side::Right }
    }

    fn has_terminal(&self, name: &str) -> bool {
        self.terminals.iter().any(|(terminal, _)| host(terminal) == name)
    }

    /// The name of a side: of the page's server or client, of its first terminal, or its host.
    #[must_use]
    pub fn name(&self, side: Side) -> &str {
        let role = if side == Side::Left { Role::Server } else { Role::Client };
        let names = || self.names().filter(|name| !self.is_kernel(name) && self.side(name) == side);
        let first = names().find(|name| Role::of_terminal(name) == role).or_else(|| names().next());
        let first = first.unwrap_or_default();
        if self.hosts.is_empty() { first } else { host(first) }
    }

    /// The terminal whose program has this address.
    #[must_use]
    pub fn owner(&self, address: SocketAddr) -> Option<&str> {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let anywhere = |ip: std::net::IpAddr| SocketAddr::new(ip, address.port());
        let known = self.addresses.get(&address).or_else(|| {
            self.addresses
                .get(&anywhere(std::net::Ipv4Addr::UNSPECIFIED.into()))
                .or_else(|| self.addresses.get(&anywhere(std::net::Ipv6Addr::UNSPECIFIED.into())))
        });
        known.map(String::as_str)
    }

    /// The side of an address, where a call or a host tells it.
    #[must_use]
    pub fn of_address(&self, address: SocketAddr) -> Option<Side> {
        let host = || self.of_host(address.ip());
        host().or_else(|| self.owner(address).map(|terminal| self.side(terminal)))
    }

    /// The side of a host's address.
    #[must_use]
    pub fn of_host(&self, address: std::net::IpAddr) -> Option<Side> {
        let (name, _) = self.hosts.iter().find(|(_, known)| *known == address)?;
        Some(self.side_of_host(name))
    }

    /// From which side to which a packet goes. Where nobody's calls tell, the lower port stands left: servers have known
    /// ports.
    #[must_use]
    pub fn way(&self, from: SocketAddr, to: SocketAddr) -> (Side, Side) {
        let (known_from, known_to) = (self.of_address(from), self.of_address(to));
        let left_first = from.port() <= to.port();
        match (known_from, known_to) {
            (Some(from), Some(to)) if from != to => (from, to),
            (Some(from), None) => (from, from.other()),
            (None, Some(to)) => (to.other(), to),
            _ if left_first => (Side::Left, Side::Right),
            _ => (Side::Right, Side::Left),
        }
    }
}

/// The host of a terminal: `alice` of `alice.client`.
fn host(terminal: &str) -> &str {
    terminal.split('.').next().unwrap_or(terminal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_commands_tell_the_sides() {
        let terminals = [
            ("naive", vec!["cargo run -p part-four-frames --bin naive"]),
            ("client", vec!["telnet 127.0.0.1 6797"]),
            ("look", vec!["ss -tan", "cat /proc/net/tcp"]),
        ];
        let mut places = Places::default();
        for (name, commands) in terminals {
            places.add(name, &commands);
        }
        assert_eq!(places.side("naive"), Side::Left);
        assert_eq!(places.side("client"), Side::Right);
        assert!(places.is_kernel("look") && !places.is_kernel("naive"));
        assert_eq!((places.name(Side::Left), places.name(Side::Right)), ("naive", "client"));
        places.add("server", &["cargo run -p part-four-frames"]);
        assert_eq!(places.name(Side::Left), "server");
    }

    #[test]
    fn a_host_stands_at_one_side_with_all_its_terminals() {
        let mut places = Places::default();
        let address = |text: &str| text.parse::<std::net::IpAddr>().expect("an address");
        places.host("alice", address("10.67.1.2"));
        places.host("middle", address("10.67.1.1"));
        places.host("bob", address("10.67.2.2"));
        for name in ["alice.sniffer", "bob", "alice"] {
            places.add(name, &[]);
        }
        assert_eq!((places.side("alice"), places.side("bob")), (Side::Left, Side::Right));
        places.terminals[1].1 = Standing::Known(Side::Left);
        assert_eq!((places.side("alice.sniffer"), places.side("bob")), (Side::Right, Side::Left));
        assert_eq!((places.name(Side::Left), places.name(Side::Right)), ("bob", "alice"));
        assert_eq!(places.of_host(address("10.67.2.2")), Some(Side::Left));
    }

    #[test]
    fn an_address_that_nobody_told_stands_across() {
        let mut places = Places::default();
        places.add("server", &[]);
        places.add("client", &[]);
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let (server, client) = (address("127.0.0.1:46797"), address("127.0.0.1:40000"));
        assert_eq!(places.way(client, server), (Side::Left, Side::Right));
        places.addresses.insert(server, "server".to_owned());
        assert_eq!(places.way(client, server), (Side::Right, Side::Left));
        assert_eq!(places.way(server, client), (Side::Left, Side::Right));
    }
}
