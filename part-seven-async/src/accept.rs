//! What an error of `accept` means to a server that goes on.

use nix::errno::Errno;

/// What went wrong in `accept`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No descriptor or no memory is left. The client stays in the queue: try again later.
    Full,
    /// That one client is lost: Linux gives `accept` the errors that wait at the new connection.
    Lost,
    /// The listener itself is broken.
    Broken,
}

impl Fault {
    /// The meaning of `errno`, by `accept(2)`.
    #[must_use]
    pub fn of(errno: Errno) -> Self {
        match errno {
            Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM => Self::Full,
            Errno::EBADF | Errno::EFAULT | Errno::EINVAL | Errno::ENOTSOCK => Self::Broken,
            _ => Self::Lost,
        }
    }
}
