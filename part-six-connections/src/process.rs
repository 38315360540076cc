//! What the system tells about the server at an address: its memory, its CPU time.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use nix::time::ClockId;
use nix::unistd::Pid;

/// A process of this machine.
#[derive(Debug, Clone, Copy)]
pub struct Process(Pid);

impl Process {
    /// The process that listens at `address`. None where it runs on another machine, or as another user.
    #[must_use]
    pub fn listening_at(address: SocketAddr) -> Option<Self> {
        let socket = format!("socket:[{}]", inode_of_listener(address)?);
        fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let mut descriptors = fs::read_dir(entry.path().join("fd")).ok()?.flatten();
            let listens =
                descriptors.any(|fd| fs::read_link(fd.path()).is_ok_and(|to| to == Path::new(&socket)));
            listens.then_some(Self(Pid::from_raw(pid)))
        })
    }

    /// Its process id.
    #[must_use]
    pub fn id(self) -> i32 {
        self.0.as_raw()
    }

    /// How much memory it occupies, in bytes. `smaps_rollup` counts exactly; `VmRSS` may be off by some hundred pages.
    #[must_use]
    pub fn memory(self) -> Option<u64> {
        kilobytes(&fs::read_to_string(format!("/proc/{}/smaps_rollup", self.0)).ok()?, "Rss:")
    }

    /// How long processors have worked for it, in all its threads, those that have ended too
    /// (`clock_getcpuclockid(3)`).
    #[must_use]
    pub fn cpu(self) -> Option<Duration> {
        let clock = ClockId::pid_cpu_clock_id(self.0).ok()?;
        clock.now().ok().map(Duration::from)
    }

    /// Whether one of its threads runs, waits for a processor or a disk, or is held up by a tracer
    /// (`proc_pid_stat(5)`): it has more to do.
    #[must_use]
    pub fn works(self) -> bool {
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", self.0)) else { return false };
        threads.flatten().any(|thread| {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            // The state stands behind the name, which may hold anything.
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['R', 'D', 't']))
        })
    }
}

/// How much memory the kernel keeps for itself, in bytes: sockets and other structures (`Slab`), its stacks, one a
/// thread, and the tables that map memory. It counts for the whole machine; only a difference says something.
#[must_use]
pub fn kernel_memory() -> Option<u64> {
    let all = fs::read_to_string("/proc/meminfo").ok()?;
    ["Slab:", "KernelStack:", "PageTables:"].into_iter().map(|name| kilobytes(&all, name)).sum()
}

/// The line `Name:   123 kB`.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// From `/proc/net/tcp` and `tcp6` (proc(5)): state 0A is LISTEN, the tenth word is the inode.
fn inode_of_listener(address: SocketAddr) -> Option<String> {
    let (own, any) = (hex(address), hex(SocketAddr::new(unspecified(address), address.port())));
    ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().find_map(|table| {
        fs::read_to_string(table).ok()?.lines().skip(1).find_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            match *words.as_slice() {
                [_, local, _, "0A", _, _, _, _, _, inode, ..] if local == own || local == any => {
                    Some(inode.to_owned())
                }
                _ => None,
            }
        })
    })
}

fn unspecified(address: SocketAddr) -> IpAddr {
    if address.is_ipv4() { [0; 4].into() } else { [0; 16].into() }
}

/// As the tables show an address: each group of four bytes as a number of this machine, and the port.
fn hex(address: SocketAddr) -> String {
    let bytes = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = bytes.chunks_exact(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap_or_default()));
    words.map(|word| format!("{word:08X}")).collect::<Vec<_>>().concat() + &format!(":{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn finds_who_listens() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let found = Process::listening_at(listener.local_addr().unwrap()).unwrap();
            assert_eq!(found.id(), i32::try_from(std::process::id()).unwrap());
            assert!(found.memory().unwrap() > 100_000);
            assert!(found.cpu().unwrap() > Duration::ZERO);
        }
        assert!(kernel_memory().unwrap() > 1_000_000);
    }

    #[test]
    fn finds_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(Process::listening_at(address).is_none());
    }
}
