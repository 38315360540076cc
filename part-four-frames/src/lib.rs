//! What the programs of part four share; each of them is one file in `src/bin`.
//!
//! * [`frame`]: the frame and its answer as bytes.
//! * [`address`]: from a name to addresses.
//! * [`listener`]: a listener for IPv4, IPv6 or both, and one client after another.
//! * [`connection`]: a client's connection: read whole fields, say the last word, close without a reset.
//! * [`part_file`]: a file that has its name only when it is whole.
//! * [`outgoing`]: the sender's side: the file, the first address that answers, the answer.
//!
//! All of it is part of the lesson: `docs/part-four.md` shows it.

pub mod address;
pub mod connection;
pub mod frame;
pub mod listener;
pub mod outgoing;
pub mod part_file;
