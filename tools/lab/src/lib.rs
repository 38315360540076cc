//! The laboratory: it replays the pages of the book in real terminals on a private network, compares every line, and
//! shows the system calls and the packets of that same run.

pub use harness::{environment, error, folder, missing, network, ordinary, tools};

pub mod book;
pub mod build;
pub mod check;
pub mod doctor;
pub mod enter;
pub mod hosts;
pub mod location;
pub mod observe;
pub mod plays;
pub mod privilege;
pub mod processes;
mod processor;
pub mod record;
pub mod replay;
#[cfg(test)]
mod sample;
pub mod session;
pub mod show;
pub mod signals;
pub mod threads;
