//! Connections of an earlier run that still stand in the kernel's table. On the host's network they stand there for a
//! minute, in TIME-WAIT (tcp(7)), and `ss` on a page shows them; on a private network there are none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::missing::Missing;

/// TIME-WAIT in /proc/net/tcp (`include/net/tcp_states.h`).
const TIME_WAIT: &str = "06";

/// Both ends of each, as `ss` writes them.
#[derive(Debug, Default)]
pub struct Leftovers(Vec<(String, String)>);

impl Leftovers {
    /// Those of this thread's network, now. Where the kernel shows no table there are none.
    #[must_use]
    pub fn now() -> Self {
        let tables =
            ["tcp", "tcp6"].map(|name| std::fs::read_to_string(format!("/proc/thread-self/net/{name}")));
        Self(tables.iter().flatten().flat_map(|table| table.lines().filter_map(row)).collect())
    }

    /// Whether the line is about one of them.
    #[must_use]
    pub fn are_shown(&self, line: &str) -> bool {
        let has = |end: &String| line.split_whitespace().any(|word| word == end);
        line.starts_with("TIME-WAIT") && self.0.iter().any(|(local, peer)| has(local) && has(peer))
    }
}

impl Leftovers {
    /// That a command counts rows of the table, of which some are not of this run; the host's network has no other.
    #[must_use]
    pub fn spoil(&self, command: &str) -> Option<Missing> {
        let words = || command.split_whitespace();
        let counts = command.contains("grep -c") || words().any(|word| word == "wc");
        // `state close-wait` shows that state alone.
        let state = words().skip_while(|word| *word != "state").nth(1);
        let shows = state.is_none_or(|state| state == "time-wait")
            && words().any(|word| word == "ss" || word.ends_with("(ss"));
        let spoilt = !self.0.is_empty() && counts && shows;
        spoilt.then(|| Missing {
            what: "connections of an earlier run stand in TIME-WAIT, and this counts them".to_owned(),
            remedy: Some("they go within a minute".to_owned()),
        })
    }
}

/// `sl local_address rem_address st ...` of `proc_net(5)`, if it is in TIME-WAIT.
fn row(line: &str) -> Option<(String, String)> {
    let mut words = line.split_whitespace().skip(1);
    let (local, peer, state) = (words.next()?, words.next()?, words.next()?);
    (state == TIME_WAIT).then_some((address(local)?.to_string(), address(peer)?.to_string()))
}

/// `0100007F:1A8D`: words of 32 bits, in the byte order of the machine; the port is a plain number.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(host.get(8 * at..8 * at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let host = if host.len() == 8 {
        IpAddr::V4(Ipv4Addr::from(word(0)?))
    } else {
        let words = [word(0)?, word(1)?, word(2)?, word(3)?];
        IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(words.concat()).ok()?))
    };
    Some(SocketAddr::new(host, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_connection_that_was_closed_is_known_by_both_its_ends() {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut client = TcpStream::connect(server.local_addr().expect("its address")).expect("a connection");
        drop(server.accept().expect("it"));
        assert_eq!(client.read(&mut [0]).expect("the end"), 0);
        let (ours, theirs) = (client.local_addr().expect("ours"), client.peer_addr().expect("theirs"));
        drop(client);
        let row = |state: &str| format!("{state} 0      0        {theirs}      {ours}");
        let leftovers = Leftovers::now();
        assert!(leftovers.are_shown(&row("TIME-WAIT")), "{leftovers:?}");
        assert!(!leftovers.are_shown(&row("ESTAB")));
        assert!(!leftovers.are_shown("TIME-WAIT 0 0 127.0.0.1:1 127.0.0.1:2"));
        assert!(!Leftovers::default().are_shown(&row("TIME-WAIT")));
        assert!(leftovers.spoil("ss -tanH state time-wait | wc -l").is_some());
        assert!(leftovers.spoil("ss -tan").is_none());
        assert!(leftovers.spoil("ss -tanH state close-wait | wc -l").is_none());
        assert!(Leftovers::default().spoil("ss -tanH | wc -l").is_none());
    }

    #[test]
    fn addresses_of_both_families_are_read() {
        let written = |address: SocketAddr| {
            let words = match address.ip() {
                IpAddr::V4(ip) => ip.octets().to_vec(),
                IpAddr::V6(ip) => ip.octets().to_vec(),
            };
            let words = words
                .chunks(4)
                .map(|word| format!("{:08X}", u32::from_ne_bytes(word.try_into().expect("four bytes"))));
            format!("{}:{:04X}", words.collect::<String>(), address.port())
        };
        for text in ["127.0.0.1:6797", "[::1]:6797", "[::ffff:127.0.0.1]:80"] {
            let parsed = text.parse().expect("an address");
            assert_eq!(address(&written(parsed)), Some(parsed));
        }
    }
}
