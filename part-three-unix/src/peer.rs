//! Who is at the other end.

use std::fmt::{self, Display, Formatter};
use std::os::fd::AsFd;

use nix::libc::{gid_t, pid_t, uid_t};
use nix::sys::socket::{getsockopt, sockopt};

/// The process at the other end of a connection, as the kernel noted it: a client when it called `connect`, a server
/// when it called `listen`. Nobody can lie here; but the process may have ended since, and its pid may be another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its process, where the system tells; 0 for one that lives in a PID namespace which we cannot see.
    pub pid: Option<pid_t>,
    /// Its effective user.
    pub uid: uid_t,
    /// Its effective group.
    pub gid: gid_t,
}

/// Asks the kernel who is at the other end of `connection`: `SO_PEERCRED` of `unix(7)`.
///
/// # Errors
/// What `getsockopt(2)` lists.
#[cfg(target_os = "linux")]
pub fn peer<Fd: AsFd>(connection: Fd) -> nix::Result<Peer> {
    // 1. getsockopt: the kernel wrote this down when the connection was made. The other end can neither lie nor refuse.
    let noted = getsockopt(&connection, sockopt::PeerCredentials)?;
    Ok(Peer { pid: Some(noted.pid()), uid: noted.uid(), gid: noted.gid() })
}

/// Asks the kernel who is at the other end of `connection`: `LOCAL_PEERCRED` of `unix(4)`, which tells no process.
///
/// # Errors
/// What `getsockopt(2)` lists.
#[cfg(not(target_os = "linux"))]
pub fn peer<Fd: AsFd>(connection: Fd) -> nix::Result<Peer> {
    let noted = getsockopt(&connection, sockopt::LocalPeerCred)?;
    // The first of its groups is the effective one.
    let gid = noted.groups().first().copied().ok_or(nix::errno::Errno::EINVAL)?;
    Ok(Peer { pid: None, uid: noted.uid(), gid })
}

impl Display for Peer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(pid) = self.pid {
            write!(f, "pid {pid}, ")?;
        }
        write!(f, "uid {}, gid {}", self.uid, self.gid)
    }
}
