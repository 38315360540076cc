//! What the tests of every crate share, and what the laboratory stands on: a real program as a process, a network of
//! one's own, and what this machine lacks, named.

pub mod datagrams;
pub mod environment;
pub mod error;
pub mod folder;
pub mod limits;
pub mod missing;
pub mod network;
pub mod ordinary;
pub mod private;
pub mod process;
pub mod tools;
