//! The file of a socket, from the first look at its place to its removal.
//!
//! `bind` makes the file, and nothing removes it: neither `close` nor the end of the process. So a server meets the
//! file of an earlier run, or of a server that still runs, or something that is no socket at all.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::sys::stat::{FileStat, SFlag, lstat};
use nix::unistd::unlink;
use tracing::{info, warn};

use crate::address::Shown;

/// How long another server may take to start.
const PATIENCE: Duration = Duration::from_secs(5);

/// A place where `bind` can make its file. Hold it until the server answers.
#[derive(Debug)]
pub struct Claim(
    /// While we hold the lock of the folder, no other of our servers looks at it: otherwise both find the same stale
    /// file, and the later `unlink` takes the new file of the first. A folder that cannot be locked is used without.
    #[expect(dead_code, reason = "unlocks when it ends")]
    Option<Flock<File>>,
);

/// Makes sure that nothing stands at `address`: a socket that nobody answers is stale and is removed.
///
/// # Errors
/// A server answers there, or what stands there is no socket. Both are left alone.
pub fn claim(address: &UnixAddr) -> Result<Claim> {
    // A name without a file goes with its socket: there is nothing to find.
    let Some(path) = address.path() else { return Ok(Claim(None)) };
    let name = Shown(address);

    // 1. flock: of two servers that start at once, the second looks when the first has done.
    let folder =
        path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let lock = match folder.and_then(open_folder) {
        Some(folder) => lock(folder).with_context(|| format!("flock the folder of {name}"))?,
        None => None,
    };

    // 2. lstat: looks at what stands there, and does not follow a link. Only a socket may be touched: connecting to a
    //    plain file says ECONNREFUSED too.
    let found = match lstat(path) {
        Err(Errno::ENOENT) => return Ok(Claim(lock)),
        found => found.with_context(|| format!("lstat {name}"))?,
    };
    if let Some(kind) = no_socket(&found) {
        bail!("lstat {name}: {kind} stands there, not a socket: it is left alone, choose another path");
    }

    // 3. connect: asks whether a server lives. The kernel looks for the socket first and at its type second, and
    //    connecting a datagram socket sends nothing: a server of any type answers, and notices nothing.
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

    // 4. unlink: takes the name away.
    unlink(path).with_context(|| format!("unlink {name}"))?;
    info!("Removed a stale socket file: nobody answered at {name}");
    Ok(Claim(lock))
}

/// Only a folder, and without a wait: opening a pipe would sleep for somebody who writes to it.
fn open_folder(path: &Path) -> Option<File> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NONBLOCK;
    File::options().read(true).custom_flags(flags.bits()).open(path).ok()
}

/// Waits for the lock of the folder, though not for ever: whoever may read a folder may lock it.
fn lock(mut folder: File) -> Result<Option<Flock<File>>> {
    let begun = Instant::now();
    loop {
        folder = match Flock::lock(folder, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(Some(lock)),
            Err((_, Errno::EAGAIN)) if begun.elapsed() > PATIENCE => {
                bail!("another process has held it for {PATIENCE:?}")
            }
            Err((folder, Errno::EAGAIN | Errno::EINTR)) => folder,
            // This file system has no locks.
            Err(_) => return Ok(None),
        };
        thread::sleep(Duration::from_millis(20));
    }
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
        // Somebody may have removed our file and begun a server of his own there: that file is his.
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
