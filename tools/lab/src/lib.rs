//! The laboratory: it replays the pages of the book in real terminals on a private network, compares every line, and
//! shows the system calls and the packets of that same run.

pub use harness::{environment, error, missing, network, tools};

pub mod check;
pub mod compare;
pub mod decode;
pub mod enter;
pub mod event;
pub mod excerpt;
pub mod frame;
pub mod lanes;
pub mod observe;
pub mod packets;
pub mod page;
pub mod play;
mod reader;
pub mod replay;
pub mod report;
#[cfg(test)]
mod sample;
pub mod syscalls;
pub mod terminal;
mod trace;
pub mod update;
