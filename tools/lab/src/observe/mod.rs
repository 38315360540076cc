//! Who sees what happens: terminals, strace, packet sockets, and the thread that reads them all.

pub(crate) mod control;
pub mod decode;
pub mod packets;
mod strace;
pub mod syscalls;
pub mod terminal;
mod trace;
pub mod watch;
