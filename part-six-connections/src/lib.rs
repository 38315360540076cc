//! What the programs of part six share; each of them is one file in `src/bin`.
//!
//! * [`options`]: what all five servers take from the command line.
//! * [`listener`]: part one's calls up to `listen`, and what can go wrong in `accept`.
//! * [`tally`]: the words about clients, the same in every design, and the sum.
//! * [`clients`]: for the designs whose calls sleep (iterative, threads, pool): one client from `recv` to `close`, and
//!   who is there, so that the stop reaches them.
//! * [`connection`]: for the designs whose calls do not sleep (poll, epoll): one client, a turn at a time.
//! * [`gate`]: when those two ask for new clients, and when they do not.
//! * [`limits`]: how many descriptors this process may have.
//! * [`process`]: what the system tells about the server at an address: its memory, its CPU time.
//! * [`member`], [`picture`], [`hold`]: one client of `crowd`, what it draws, and its connections that only stay.

pub mod clients;
pub mod connection;
pub mod gate;
pub mod hold;
pub mod limits;
pub mod listener;
pub mod member;
pub mod options;
pub mod picture;
pub mod process;
pub mod tally;

use std::time::Duration;

use nix::poll::PollTimeout;

/// How much of one client is taken at a time, in bytes. It bounds what a server keeps for a client that does not read.
pub const BUFFER: usize = 4096;

/// How long a stopping server goes on for what is in flight before it cuts the rest off.
pub const GRACE: Duration = Duration::from_secs(3);

/// How long a client of a stopping server must have been silent to be done. What was on its way has come by then, also
/// if TCP had to send it again, which it does after 200 ms at the earliest.
pub const QUIET: Duration = Duration::from_millis(250);

/// How long accepting pauses where no descriptor is left, unless a client leaves before.
pub const PAUSE: Duration = Duration::from_secs(1);

/// The shortest of `limits`, for `poll` and `epoll_wait`; without any, no limit. They count in milliseconds: rounded
/// down, the last one would not be slept.
#[must_use]
pub fn timeout<const N: usize>(limits: [Option<Duration>; N]) -> PollTimeout {
    limits.into_iter().flatten().min().map_or(PollTimeout::NONE, |limit| {
        (limit + Duration::from_micros(999)).try_into().unwrap_or(PollTimeout::MAX)
    })
}
