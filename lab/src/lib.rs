//! The laboratory: it replays the pages of the book in real terminals on a private network, compares every line, and
//! shows the system calls and the packets of that same run.

pub mod event;
pub mod missing;
pub mod process;
