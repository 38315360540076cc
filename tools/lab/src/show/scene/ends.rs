//! Who takes part: a terminal whose programs made calls, or an address that nobody's calls name.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::End;
use super::links::{self, Links};
use crate::record::call::{Descriptor, Kind};
use crate::record::flow::address;
use crate::record::packet::{Headers, Packet, Tcp};
use crate::record::recording::{Recorded, Recording};

/// The ends so far, and whose which address is.
pub(super) struct Ends {
    pub(super) list: Vec<End>,
    /// By transport and address; with the peer's where a socket has one.
    owners: HashMap<(Kind, SocketAddr, Option<SocketAddr>), usize>,
    ports: HashMap<(Kind, u16), usize>,
    /// Where there is a router between the two.
    pub(super) links: Option<Links>,
}

impl Ends {
    pub(super) fn of(recording: &Recording) -> Self {
        let mut ends = Self { list: Vec::new(), owners: HashMap::new(), ports: HashMap::new(), links: None };
        // What was typed last in each terminal, and what was running when it made its first call.
        let mut typed: HashMap<&str, &str> = HashMap::new();
        let mut programs: HashMap<&str, String> = HashMap::new();
        // From left to right: whoever calls first, as a server does before its clients.
        let mut order: Vec<&str> = Vec::new();
        for entry in &recording.events {
            match &entry.what {
                Recorded::Typed { terminal, text } if !programs.contains_key(terminal.as_str()) => {
                    typed.insert(terminal, text);
                }
                Recorded::Call { terminal, .. } => {
                    let command = typed.get(terminal.as_str()).copied().unwrap_or_default();
                    programs.entry(terminal).or_insert_with(|| {
                        order.push(terminal);
                        program(command)
                    });
                }
                _ => {}
            }
        }
        for terminal in order {
            let program = programs.remove(terminal).unwrap_or_default();
            ends.list.push(End { name: terminal.to_owned(), program, is_router: false });
        }
        let router = links::between(recording, &mut ends.list);
        for entry in &recording.events {
            if let Recorded::Call { terminal, call, .. } = &entry.what
                && let Some(end) = ends.named(terminal)
            {
                for descriptor in call.on.iter().chain(&call.gave) {
                    ends.claim(descriptor, end);
                }
                // Of a socket of datagrams that was not bound, only this tells the address.
                let asked = call.on.as_ref().filter(|_| call.name == "getsockname");
                if let Some(on) = asked.filter(|on| on.local.is_none_or(|local| local.ip().is_unspecified()))
                {
                    ends.claim(&Descriptor { local: address(&call.arguments), ..on.clone() }, end);
                }
            }
        }
        ends.links = router.map(|router| Links::of(recording, &ends, router));
        ends
    }

    fn claim(&mut self, descriptor: &Descriptor, end: usize) {
        let Some(local) = descriptor.local.map(canonical) else { return };
        let peer = descriptor.peer.map(canonical);
        self.owners.entry((descriptor.kind, local, peer)).or_insert(end);
        self.owners.entry((descriptor.kind, local, None)).or_insert(end);
        self.ports.entry((descriptor.kind, local.port())).or_insert(end);
    }

    /// The end that is the terminal of this name.
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.list.iter().position(|end| end.name == name)
    }

    /// Whose socket this is.
    pub(super) fn owner(&self, kind: Kind, local: SocketAddr, peer: Option<SocketAddr>) -> Option<usize> {
        let (local, peer) = (canonical(local), peer.map(canonical));
        let known = self.owners.get(&(kind, local, peer)).or_else(|| self.owners.get(&(kind, local, None)));
        known.or_else(|| self.ports.get(&(kind, local.port()))).copied()
    }

    /// From whom to whom a packet went. Whoever is not known yet becomes an end of his own.
    pub(super) fn of_packet(&mut self, packet: &Packet, interface: &str) -> (Option<usize>, Option<usize>) {
        if let Some((from, to)) = self.links.as_ref().and_then(|links| links.way(packet, interface)) {
            return (Some(from), Some(to));
        }
        let (kind, from, to) = match &packet.headers {
            Headers::Tcp(Tcp { from, to, .. }) => (Kind::Tcp, *from, *to),
            Headers::Udp { from, to } => (Kind::Udp, *from, *to),
            Headers::Icmp { from, to, .. } => {
                // An error goes back to who sent what it is about.
                return match packet.about() {
                    Some((sender, receiver)) => {
                        let kinds = [Kind::Udp, Kind::Tcp];
                        let to = kinds.iter().find_map(|kind| self.owner(*kind, sender, None));
                        let from = if receiver.ip() == *from {
                            let known =
                                kinds.iter().find_map(|kind| self.owner(*kind, receiver, Some(sender)));
                            known.unwrap_or_else(|| self.by_ip(receiver.ip()))
                        } else {
                            self.by_ip(*from)
                        };
                        (Some(from), to)
                    }
                    None => (Some(self.by_ip(*from)), Some(self.by_ip(*to))),
                };
            }
            Headers::Fragment { from, to, .. } => return (Some(self.by_ip(*from)), Some(self.by_ip(*to))),
            Headers::Other { .. } => return (None, None),
        };
        let mut owner = |local: SocketAddr, peer| {
            self.owner(kind, local, Some(peer)).unwrap_or_else(|| self.by_ip(local.ip()))
        };
        (Some(owner(from, to)), Some(owner(to, from)))
    }

    /// Who has this address. On a loopback interface everybody has it: who makes no calls there is somebody else.
    fn by_ip(&mut self, ip: IpAddr) -> usize {
        if ip.is_loopback() {
            return self.stranger(ip.to_string());
        }
        let known =
            self.owners.iter().filter(|((_, local, _), _)| local.ip() == ip).map(|(_, end)| *end).min();
        known.unwrap_or_else(|| self.stranger(ip.to_string()))
    }

    fn stranger(&mut self, name: String) -> usize {
        self.named(&name).unwrap_or_else(|| {
            self.list.push(End { name, program: String::new(), is_router: false });
            self.list.len() - 1
        })
    }
}

pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The program that a typed command starts: `part-one-client` of `RUST_LOG=warn cargo run -p part-one-client -- a`.
pub(super) fn program(command: &str) -> String {
    let mut words = command.split_whitespace().skip_while(|word| word.contains('=') || *word == "timeout");
    let first = words.next().unwrap_or_default();
    if first != "cargo" {
        return first.rsplit('/').next().unwrap_or_default().to_owned();
    }
    let words: Vec<&str> = words.take_while(|word| *word != "--").collect();
    let behind = |options: &[&str]| {
        let at = words.iter().position(|word| options.contains(word))?;
        words.get(at + 1).copied()
    };
    behind(&["--bin", "--example"]).or_else(|| behind(&["-p", "--package"])).unwrap_or(first).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_its_program() {
        for (command, name) in [
            ("telnet 127.0.0.1 6797", "telnet"),
            ("cargo run -p part-one-server | cut -c 1-60", "part-one-server"),
            ("RUST_LOG=warn cargo run -p part-one-client -- --bin x", "part-one-client"),
            ("cargo run -p part-two-datagram --bin datagram-client", "datagram-client"),
            ("/usr/bin/nc -z ::1 1", "nc"),
            ("", ""),
        ] {
            assert_eq!(program(command), name);
        }
    }
}
