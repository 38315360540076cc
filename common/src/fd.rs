//! Descriptors with an owner.
//!
//! A descriptor is a small number; the kernel closes nothing until the process says `close` or ends. Rust's
//! [`OwnedFd`] says it on drop. nix 0.31 gives an owner for `socket` but a bare number for `accept`, which nobody
//! would ever close.

// The only `unsafe` outside the laboratory: to say that a number has no other owner.
#![expect(unsafe_code, reason = "taking ownership of a descriptor that the kernel has just made")]

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// `accept(2)`: takes the first connection from the queue of `listener`, waiting while it is empty.
///
/// The new descriptor is close-on-exec: a program that this one may start does not inherit the connection. It has
/// the shape of the `accept` that nix has after 0.31, so that the change will be one import.
///
/// # Errors
/// What `accept(2)` lists, among it `ECONNABORTED` (the connection was gone before it was taken), `EMFILE` (this
/// process is at its limit of descriptors) and `EINTR` (a signal handler ran).
pub fn accept<Fd: AsFd>(listener: Fd) -> nix::Result<OwnedFd> {
    let listener = listener.as_fd().as_raw_fd();
    #[cfg(not(target_vendor = "apple"))]
    let connection = nix::sys::socket::accept4(listener, nix::sys::socket::SockFlag::SOCK_CLOEXEC)?;
    #[cfg(target_vendor = "apple")]
    let connection = nix::sys::socket::accept(listener)?;
    // SAFETY: the kernel made this descriptor in the call above, and nobody else knows its number.
    let connection = unsafe { OwnedFd::from_raw_fd(connection) };
    // Apple's systems have no accept4: there another thread may start a program between the two calls.
    #[cfg(target_vendor = "apple")]
    nix::fcntl::fcntl(&connection, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))?;
    tracing::debug!("accepted a connection: descriptor {}", connection.as_raw_fd());
    Ok(connection)
}
