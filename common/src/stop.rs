//! How a server that stays is asked to stop: Ctrl-C (SIGINT) or SIGTERM.
//!
//! A signal may come at any moment, also between the last look at a flag and the next sleep in the kernel. So the
//! request is made a descriptor, and a server sleeps on both: its socket and the request.
//!
//! Part two teaches that sleep and makes its own `poll(2)`; the parts behind it leave it to [`Stop::wait_for`].

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

/// The request to stop: a descriptor that becomes readable when SIGINT or SIGTERM comes, and stays so.
#[derive(Debug)]
pub struct Stop(OwnedFd);

static CATCHING: OnceLock<()> = OnceLock::new();

impl Stop {
    /// From here on SIGINT and SIGTERM no longer end the process; they end the sleep of [`wait_for`](Self::wait_for).
    ///
    /// Both signals are blocked, and wait for ever to be taken. Call it before any other thread is started: threads
    /// inherit the blocked signals. So does every program that this one starts, by `std::process::Command` too (since
    /// Rust 1.66). A second Ctrl-C does nothing: what a server does after the first must be bounded.
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn on_signals() -> io::Result<Self> {
        let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
        signals.thread_block()?;
        let request = descriptor(signals)?;
        CATCHING.get_or_init(|| ());
        Ok(Self(request))
    }

    /// Sleeps until `fd` has something to read (true) or the stop was asked for (false), which goes first.
    ///
    /// # Errors
    /// What `poll(2)` lists, without `EINTR`.
    pub fn wait_for<Fd: AsFd>(&self, fd: Fd) -> nix::Result<bool> {
        let fd = PollFd::new(fd.as_fd(), PollFlags::POLLIN);
        Ok(self.sleep(fd, PollTimeout::NONE)? == Woken::Ready)
    }

    /// Sleeps until the stop was asked for: for a thread that has nothing else to do.
    ///
    /// # Errors
    /// What `poll(2)` lists, without `EINTR`.
    pub fn wait(&self) -> nix::Result<()> {
        let mut fds = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        loop {
            match poll(&mut fds, PollTimeout::NONE) {
                Err(Errno::EINTR) => {}
                result => return result.map(drop),
            }
        }
    }

    /// Sleeps until `fd` is ready for one of `events` (`POLLIN`: to read, `POLLOUT`: to write), until the stop was
    /// asked for, or for `limit`, in whole milliseconds.
    ///
    /// # Errors
    /// What `poll(2)` lists, without `EINTR`.
    pub fn wait_within<Fd: AsFd>(&self, fd: Fd, events: PollFlags, limit: Duration) -> nix::Result<Woken> {
        self.sleep(PollFd::new(fd.as_fd(), events), limit.try_into().unwrap_or(PollTimeout::MAX))
    }

    fn sleep(&self, fd: PollFd<'_>, limit: PollTimeout) -> nix::Result<Woken> {
        let mut fds = [PollFd::new(self.as_fd(), PollFlags::POLLIN), fd];
        loop {
            match poll(&mut fds, limit) {
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
                Ok(0) => return Ok(Woken::Timeout),
                Ok(_) if fds.first().and_then(PollFd::any).unwrap_or_default() => return Ok(Woken::Stop),
                Ok(_) => return Ok(Woken::Ready),
            }
        }
    }
}

/// A descriptor that is readable while one of `signals` waits: `signalfd(2)`. Nobody reads it, so it stays readable.
#[cfg(target_os = "linux")]
fn descriptor(signals: SigSet) -> io::Result<OwnedFd> {
    use nix::sys::signalfd::{SfdFlags, SignalFd};
    Ok(SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC)?.into())
}

/// Elsewhere a thread waits for them (`sigwait(3)`) and closes the writing end of a pipe. A second thread has its price:
/// from then on the kernel counts who uses a descriptor, in every call.
#[cfg(not(target_os = "linux"))]
fn descriptor(signals: SigSet) -> io::Result<OwnedFd> {
    let (reader, writer) = io::pipe()?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        while signals.wait() == Err(Errno::EINTR) {}
        drop(writer);
    })?;
    Ok(reader.into())
}

/// What ended a sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// The stop was asked for.
    Stop,
    /// The descriptor can be used, or has an error to tell.
    Ready,
    /// The time is over.
    Timeout,
}

/// The descriptor itself, for a program that sleeps on more than one other.
impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Asks this process itself to stop. False where nobody has called [`Stop::on_signals`].
pub(crate) fn ask() -> bool {
    CATCHING.get().is_some() && kill(Pid::this(), Signal::SIGTERM).is_ok()
}
