//! The file of a socket, from the first look at its place to its removal.
//!
//! `bind` makes the file, and nothing removes it: neither `close` nor the end of the process. So a server meets the
//! file of an earlier run, or of a server that still runs, or something that is no socket at all.

use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, connect, socket};
use nix::sys::stat::{FileStat, Mode, SFlag, lstat, umask};
use nix::unistd::unlink;
use tracing::{info, warn};

use crate::address::Shown;

/// Makes sure that nothing stands at `address`: a socket that nobody answers is stale and is removed.
///
/// # Errors
/// A server answers there, or what stands there is no socket. Both are left alone.
pub fn remove_stale(address: &UnixAddr) -> Result<()> {
    // A name without a file goes away with its socket: there is nothing to find.
    let Some(path) = address.path() else { return Ok(()) };
    let name = Shown(address);

    // 1. lstat: looks at what stands there, and does not follow a link. We may only touch a socket: connecting to a
    //    plain file says ECONNREFUSED, too.
    let found = match lstat(path) {
        Err(Errno::ENOENT) => return Ok(()),
        found => found.with_context(|| format!("lstat {name}"))?,
    };
    if let Some(kind) = no_socket(&found) {
        bail!("lstat {name}: {kind} stands there, not a socket: it is left alone, choose another path");
    }

    // 2. connect: asks whether a server is there. The kernel first looks for the socket, and then at its type. And to
    //    connect a datagram socket sends nothing. So this works with a server of any type, and it notices nothing.
    let probe = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::empty(), None).context("socket")?;
    match connect(probe.as_raw_fd(), address) {
        Err(Errno::ECONNREFUSED) => {}
        Ok(()) | Err(Errno::EPROTOTYPE | Errno::EPERM) => {
            bail!("connect {name}: a server answers there: it goes on, choose another path")
        }
        Err(errno) => {
            bail!("connect {name}: {errno}: cannot tell whether a server answers there: it is left alone")
        }
    }

    // 3. unlink: takes the name away. What is left out: another server may have bound its socket here since we looked,
    //    or may not have come to its listen yet; this would take its file. A lock on the folder, held from the look
    //    until listen, keeps two such servers apart (flock(2)).
    unlink(path).with_context(|| format!("unlink {name}"))?;
    info!("Removed a stale socket file: nobody answered at {name}");
    Ok(())
}

fn no_socket(found: &FileStat) -> Option<&'static str> {
    match SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFSOCK => None,
        SFlag::S_IFREG => Some("a file"),
        SFlag::S_IFDIR => Some("a folder"),
        SFlag::S_IFLNK => Some("a symbolic link"),
        SFlag::S_IFIFO => Some("a pipe"),
        _ => Some("a device"),
    }
}

/// `bind`, with the rules of every socket file: what is stale goes, and only this user may write to the new one.
///
/// # Errors
/// As [`remove_stale`], and what `bind(2)` lists.
pub fn bind_file(socket: &OwnedFd, address: &UnixAddr) -> Result<Option<SocketFile>> {
    remove_stale(address)?;
    umask(Mode::from_bits_truncate(0o177));
    bind(socket.as_raw_fd(), address).with_context(|| format!("bind {}", Shown(address)))?;
    SocketFile::made_at(address)
}

/// The file that our `bind` has made. It is removed when this ends, if it is still ours.
///
/// Let it end before its socket does: while the socket lives, no other file has this inode's number.
#[derive(Debug)]
pub struct SocketFile {
    address: UnixAddr,
    made: FileStat,
}

impl SocketFile {
    /// The file of the socket that has just been bound to `address`; nothing for a name without a file.
    ///
    /// # Errors
    /// It is gone already.
    pub fn made_at(address: &UnixAddr) -> Result<Option<Self>> {
        let Some(path) = address.path() else { return Ok(None) };
        let made = lstat(path).with_context(|| format!("lstat {}", Shown(address)))?;
        Ok(Some(Self { address: *address, made }))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let (Some(path), name) = (self.address.path(), Shown(&self.address)) else { return };
        // Somebody may have removed our file and begun a server of their own there: that file is theirs.
        let removed = match lstat(path) {
            Ok(found) if (found.st_dev, found.st_ino) == (self.made.st_dev, self.made.st_ino) => unlink(path),
            Ok(_) => return warn!("{name} is another's by now: it is left alone"),
            Err(errno) => return warn!("lstat {name}: {errno}"),
        };
        match removed {
            Ok(()) => info!("Removed {name}"),
            Err(errno) => warn!("unlink {name}: {errno}"),
        }
    }
}
