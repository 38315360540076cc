//! The sockets of the program's network.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use lab::error::{Error, Result};

use super::small;

/// One line of /proc/net/tcp or its siblings (`proc_pid_net(5)`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its own address.
    pub local: SocketAddr,
    /// Its peer's; all zero where there is none.
    pub peer: SocketAddr,
    /// The number of its state; see [`LISTEN`].
    pub state: u8,
    /// Bytes that its peer has not acknowledged.
    pub sending: u32,
    /// Of a connection: bytes that wait to be received. Of a listener: connections that wait to be accepted.
    pub waiting: u32,
    /// The number by which /proc/PID/fd names it.
    pub inode: u64,
}

/// The state of a listening TCP socket.
pub const LISTEN: u8 = 10;
/// The state of a TCP socket whose SYN nobody has answered yet.
pub const SYN_SENT: u8 = 2;
/// The state of a TCP connection that is over on both sides and rests.
pub const TIME_WAIT: u8 = 6;
/// The state of a TCP socket whose peer has sent its end, and which was not closed.
pub const CLOSE_WAIT: u8 = 8;

impl Row {
    /// Whether it is a TCP socket that listens.
    #[must_use]
    pub fn listens(&self) -> bool {
        self.state == LISTEN
    }
}

/// Every TCP socket of this thread's network.
///
/// # Errors
/// There is no /proc.
pub fn tcp() -> Result<Vec<Row>> {
    rows(["tcp", "tcp6"])
}

/// Every UDP socket of this thread's network.
///
/// # Errors
/// There is no /proc.
pub fn udp() -> Result<Vec<Row>> {
    rows(["udp", "udp6"])
}

fn rows(names: [&str; 2]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for name in names {
        let path = format!("/proc/thread-self/net/{name}");
        match small(&path) {
            Ok(text) => rows.extend(text.lines().filter_map(row)),
            // A kernel without IPv6 has no tcp6.
            Err(_) if name.ends_with('6') => {}
            Err(error) => return Err(Error::of(format!("read {path}"), error)),
        }
    }
    Ok(rows)
}

/// `0: 0100007F:1A8D 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 933162 ...`
fn row(line: &str) -> Option<Row> {
    let mut words = line.split_whitespace().skip(1);
    let local = address(words.next()?)?;
    let peer = address(words.next()?)?;
    let state = u8::from_str_radix(words.next()?, 16).ok()?;
    let (sending, waiting) = words.next()?.split_once(':')?;
    let number = |text| u32::from_str_radix(text, 16).ok();
    let inode = words.nth(4)?.parse().ok()?;
    Some(Row { local, peer, state, sending: number(sending)?, waiting: number(waiting)?, inode })
}

/// The kernel prints the four bytes of each word as a number of this machine's byte order.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let words = address
        .as_bytes()
        .chunks(8)
        .map(|word| u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok().map(u32::to_ne_bytes));
    let bytes: Vec<u8> = words.collect::<Option<Vec<_>>>()?.concat();
    let address = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::from(Ipv4Addr::from(four)),
        Err(_) => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
    };
    Some(SocketAddr::new(address, u16::from_str_radix(port, 16).ok()?))
}

/// One line of /proc/net/unix that has a path (`proc_pid_net(5)`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixRow {
    /// Its path.
    pub path: PathBuf,
    /// Whether it is a socket for datagrams.
    pub datagrams: bool,
    /// Whether it listens.
    pub listens: bool,
    /// The number by which /proc/PID/fd names it; 0 as long as nobody has accepted it.
    pub inode: u64,
}

impl UnixRow {
    /// Whether it has this path.
    #[must_use]
    pub fn is_at(&self, path: &Path) -> bool {
        self.path == path
    }

    /// Whether it is a connection in a listener's queue.
    #[must_use]
    pub fn waits_for_accept(&self) -> bool {
        self.inode == 0
    }
}

/// Every Unix-domain socket with a path in this thread's network.
///
/// # Errors
/// There is no /proc.
pub fn unix() -> Result<Vec<UnixRow>> {
    let path = "/proc/thread-self/net/unix";
    let text = fs::read(path).map_err(|error| Error::of(format!("read {path}"), error))?;
    Ok(text.split(|byte| *byte == b'\n').filter_map(unix_row).collect())
}

/// `0000000000000000: 00000002 00000000 00010000 0001 01 933162 /tmp/socket`; of the flags, 10000 says that it listens.
fn unix_row(line: &[u8]) -> Option<UnixRow> {
    let mut words = line.splitn(8, |byte| *byte == b' ').skip(3);
    let flags = words.next()?;
    let datagrams = words.next()? == b"0002";
    let _state = words.next()?;
    // The inode is padded to five columns, so it and the path are cut here.
    let rest = std::str::from_utf8(line).ok()?.splitn(7, ' ').nth(6)?.trim_start();
    let (inode, path) = rest.split_once(' ')?;
    Some(UnixRow { path: path.into(), datagrams, listens: flags == b"00010000", inode: inode.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_kernels_table() {
        let listener = "   0: 0100007F:1A8D 00000000:0000 0A 00000000:00000004 00:00000000 00000000  1000        0 933162 1 0";
        let row = row(listener).expect("a row");
        assert!(row.listens());
        assert_eq!((row.local.to_string().as_str(), row.waiting, row.inode), ("127.0.0.1:6797", 4, 933_162));
        assert_eq!(super::row("  sl  local_address rem_address   st tx_queue rx_queue"), None);
    }

    #[test]
    fn a_row_of_the_unix_domain() {
        let listener = b"0000000000000000: 00000002 00000000 00010000 0001 01 93316 /tmp/a socket";
        let row = unix_row(listener).expect("a row");
        assert!(row.listens && !row.datagrams && !row.waits_for_accept());
        assert!(row.is_at(Path::new("/tmp/a socket")));
        let queued =
            unix_row(b"0000000000000000: 00000002 00000000 00000000 0001 02     0 /tmp/s").expect("a row");
        assert!(queued.waits_for_accept() && !queued.listens);
        assert_eq!(unix_row(b"0000000000000000: 00000003 00000000 00000000 0002 01 12345"), None);
    }

    #[test]
    fn an_address_of_ipv6() {
        let loopback = address("00000000000000000000000001000000:1A8D").expect("an address");
        assert_eq!(loopback, "[::1]:6797".parse().expect("an address"));
    }
}
