//! The laboratory: it replays the pages of the book in real terminals on a private network, compares every line, and
//! shows the system calls and the packets of that same run.

pub mod check;
pub mod compare;
pub mod decode;
pub mod enter;
pub mod environment;
pub mod error;
pub mod event;
pub mod excerpt;
pub mod frame;
pub mod lanes;
pub mod missing;
pub mod network;
pub mod observe;
pub mod packets;
pub mod page;
pub mod play;
pub mod process;
mod reader;
pub mod replay;
pub mod report;
#[cfg(test)]
mod sample;
pub mod syscalls;
pub mod terminal;
pub mod tools;
mod trace;
pub mod update;
