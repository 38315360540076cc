//! Part five: a segment that comes too late, into TIME-WAIT and into nothing.
//!
//! To send a segment by hand takes a raw socket, and that takes `CAP_NET_RAW`. So the program makes a network of its own,
//! in which an ordinary user has every right (`user_namespaces(7)`). The page beside it is `docs/part-five-between.md`.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    common::program::run("old-segment", linux::HELP, |_| Ok(()), |()| linux::replay())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("old-segment: only Linux's namespaces are in here");
    std::process::exit(1);
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::process::Command;

    use anyhow::{Context, Result, ensure};
    use nix::libc::linger;
    use nix::sched::{CloneFlags, unshare};
    use nix::sys::socket::sockopt::Linger;
    use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn};
    use nix::sys::socket::{recv, sendto, setsockopt, socket};
    use nix::unistd::{getegid, geteuid};
    use tracing::info;

    pub const HELP: &str = "\
Keeps a copy of a segment and sends it again when its connection is over: first into
TIME-WAIT, then where no TIME-WAIT is. Part five of Sockets, Part by Part.

Usage: old-segment

It needs Linux, user namespaces, and `ip` (Debian: iproute2).
";

    const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 6797);

    pub fn replay() -> Result<()> {
        own_network()?;
        // A raw socket gets a copy of every segment that arrives at this machine, and sends what we write.
        let raw = socket(AddressFamily::Inet, SockType::Raw, SockFlag::empty(), SockProtocol::Tcp)
            .context("socket SOCK_RAW")?;

        for rfc1337 in ["0", "1"] {
            fs::write("/proc/sys/net/ipv4/tcp_rfc1337", rfc1337).context("write tcp_rfc1337")?;
            info!("The server closes first, net.ipv4.tcp_rfc1337={rfc1337}:");
            late(&raw, false)?;
        }
        info!("The server resets:");
        late(&raw, true)
    }

    /// A connection, and when it is over a segment of it once more.
    fn late(raw: &OwnedFd, reset: bool) -> Result<()> {
        let (client, old) = talk(raw, reset)?;
        info!("  the server's end: {}", state(client)?);
        info!("  the old segment comes again; the answer: {}", answer(raw, &old)?);
        info!("  the server's end: {}", state(client)?);
        Ok(())
    }

    /// A connection from its beginning to its end; the client's address, and a copy of the segment with its data.
    fn talk(raw: &OwnedFd, reset: bool) -> Result<(SocketAddrV4, Vec<u8>)> {
        let listener = TcpListener::bind(SERVER).with_context(|| format!("bind {SERVER}"))?;
        let mut client = TcpStream::connect(SERVER).with_context(|| format!("connect {SERVER}"))?;
        let (mut server, _) = listener.accept().context("accept")?;
        let port = client.local_addr().context("getsockname")?.port();

        client.write_all(b"old").context("send")?;
        server.read_exact(&mut [0; 3]).context("recv")?;
        let old = loop {
            let segment = segment(raw)?;
            if segment.ends_with(b"old") {
                break segment;
            }
        };
        if reset {
            setsockopt(&server, Linger, &linger { l_onoff: 1, l_linger: 0 })
                .context("setsockopt SO_LINGER")?;
        }
        drop(server);
        // The end of the stream, or the reset.
        let _ = client.read(&mut [0; 1]);
        drop(client);
        Ok((SocketAddrV4::new(Ipv4Addr::LOCALHOST, port), old))
    }

    /// Sends the segment once more, and says how the server's kernel answers it.
    fn answer(raw: &OwnedFd, old: &[u8]) -> Result<&'static str> {
        sendto(raw.as_raw_fd(), &summed(old), &SockaddrIn::from(SERVER), MsgFlags::empty())
            .context("sendto")?;
        // What the connection itself had sent comes first, then the copy of our segment, then the answer.
        while segment(raw)?.get(..8) != old.get(..8) {}
        let answer = segment(raw)?;
        ensure!(answer[..2] == old[2..4], "a segment of somebody else came in between");
        Ok(match answer[13] {
            0b1_0000 => "ACK",
            flags if flags & 0b100 != 0 => "RST",
            _ => "neither ACK nor RST",
        })
    }

    /// The next segment that arrives: its TCP header (RFC 9293, section 3.1) and its data.
    fn segment(raw: &OwnedFd) -> Result<Vec<u8>> {
        let mut packet = [0; 2048];
        loop {
            let length = recv(raw.as_raw_fd(), &mut packet, MsgFlags::empty()).context("recv")?;
            // The header of IPv4 stands before it; its length is in the low half of its first byte, in words.
            let header = usize::from(packet[0] & 0xf) * 4;
            if length >= header + 20 {
                return Ok(packet[header..length].to_vec());
            }
        }
    }

    /// The segment with its checksum (RFC 9293, section 3.1); on the loopback interface nobody has computed it.
    fn summed(segment: &[u8]) -> Vec<u8> {
        let mut segment = segment.to_vec();
        segment[16..18].fill(0);
        let length = u16::try_from(segment.len()).unwrap_or_default();
        let mut words = [127, 0, 0, 1, 127, 0, 0, 1, 0, 6].to_vec();
        words.extend(length.to_be_bytes());
        words.extend(&segment);
        let sum: u32 = words
            .chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or_default()))
            .sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        let folded = (folded & 0xffff) + (folded >> 16);
        segment[16..18].copy_from_slice(&(!folded).to_be_bytes()[2..]);
        segment
    }

    /// The state of the server's end in the kernel's table (proc(5)).
    fn state(client: SocketAddrV4) -> Result<&'static str> {
        let table = fs::read_to_string("/proc/net/tcp").context("read /proc/net/tcp")?;
        let ends = format!(":{:04X} ", SERVER.port());
        let peer = format!(":{:04X} ", client.port());
        let row = table.lines().find(|row| {
            let local = row.find(&ends);
            local.zip(row.find(&peer)).is_some_and(|(local, peer)| local < peer)
        });
        Ok(match row.and_then(|row| row.split_whitespace().nth(3)) {
            None => "no entry",
            Some("06") => "TIME-WAIT",
            Some(_) => "another state",
        })
    }

    /// From here on this process is alone in a network, as its root.
    fn own_network() -> Result<()> {
        let (user, group) = (geteuid(), getegid());
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET).context("unshare")?;
        for (file, line) in [
            ("setgroups", "deny".to_owned()),
            ("uid_map", format!("0 {user} 1")),
            ("gid_map", format!("0 {group} 1")),
        ] {
            let path = format!("/proc/self/{file}");
            fs::write(&path, line).with_context(|| format!("write {path}"))?;
        }
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status().context("run ip")?;
        ensure!(up.success(), "ip link set lo up: {up}");
        Ok(())
    }
}
