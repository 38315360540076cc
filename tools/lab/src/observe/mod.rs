//! Who sees what happens: terminals, strace, a packet socket.

pub mod decode;
pub mod packets;
pub mod syscalls;
pub mod terminal;
mod trace;
