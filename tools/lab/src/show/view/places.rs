//! Who stands where in the picture: a server's program at the left, a client's at the right, and who only asks the kernel
//! between them.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::record::call::Call;

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
    /// Those of a page: each terminal in its order, with the commands that are typed into it.
    pub fn of_page<'a>(terminals: impl Iterator<Item = (&'a str, Vec<&'a str>)>) -> Self {
        let mut places = Self::default();
        for (name, commands) in terminals {
            places.add(name, &commands);
        }
        places
    }

    /// That the host of this name has this address.
    pub fn host(&mut self, name: &str, address: std::net::IpAddr) {
        self.hosts.push((name.to_owned(), address));
    }

    fn add(&mut self, name: &str, commands: &[&str]) {
        if self.terminals.iter().any(|(known, _)| known == name) {
            return;
        }
        let looks = !commands.is_empty()
            && commands.iter().all(|command| LOOKS.iter().any(|looks| command.starts_with(looks)));
        let standing = match name.rsplit('.').next().unwrap_or(name) {
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
        if let Some(side) = side.filter(|_| call.shown)
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
        match self.standing(terminal) {
            Some(Standing::Known(side)) => side,
            Some(Standing::Kernel) | None => Side::Right,
            Some(Standing::Open) => self.guess(terminal),
        }
    }

    /// On a page with hosts all terminals of the first one stand left; otherwise the first terminal does, unless somebody
    /// is known to stand there.
    fn guess(&self, terminal: &str) -> Side {
        let host = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
        let programs = || self.terminals.iter().filter(|(_, standing)| *standing != Standing::Kernel);
        let first = programs().next().map(|(name, _)| name.as_str());
        if let Some(first) = first.filter(|_| !self.hosts.is_empty()) {
            return if host(terminal) == host(first) { Side::Left } else { Side::Right };
        }
        let has_left = programs().any(|(_, standing)| *standing == Standing::Known(Side::Left));
        if first == Some(terminal) && !has_left { Side::Left } else { Side::Right }
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
        let first = self.terminals.first().map(|(first, _)| first.split('.').next().unwrap_or_default());
        Some(if first == Some(name) { Side::Left } else { Side::Right })
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
        let places = Places::of_page(terminals.into_iter());
        assert_eq!(places.side("naive"), Side::Left);
        assert_eq!(places.side("client"), Side::Right);
        assert!(places.is_kernel("look") && !places.is_kernel("naive"));
    }

    #[test]
    fn an_address_that_nobody_told_stands_across() {
        let mut places = Places::of_page([("server", vec![]), ("client", vec![])].into_iter());
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let (server, client) = (address("127.0.0.1:46797"), address("127.0.0.1:40000"));
        assert_eq!(places.way(client, server), (Side::Left, Side::Right));
        places.addresses.insert(server, "server".to_owned());
        assert_eq!(places.way(client, server), (Side::Right, Side::Left));
        assert_eq!(places.way(server, client), (Side::Left, Side::Right));
    }
}
