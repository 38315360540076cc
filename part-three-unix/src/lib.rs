//! What the programs of part three share; each of them is one file in `src/bin`.
//!
//! * [`address`]: what stands for an address on the command line, and how one is shown.
//! * [`peer`]: who is at the other end.
//! * [`socket_file`]: the file of a socket, from the first look at its place to its removal.
//! * [`passing`]: an open file through a socket, out and in.
//! * [`rights`]: `recvmsg` for messages that carry descriptors.
//!
//! The last four are part of the lesson: the pages show them.

pub mod address;
pub mod passing;
pub mod peer;
pub mod rights;
pub mod socket_file;
