//! What the programs of part three share; each of them is one file in `src/bin`.
//!
//! * [`address`]: what stands for an address on the command line, and how one is shown.
//! * [`peer`]: who is at the other end.
//! * [`socket_file`]: the file of a socket, from the first look at its place to its removal. Like
//!   `peer` it is part of the lesson: `docs/part-three.md` shows it.

pub mod address;
pub mod peer;
pub mod socket_file;
