//! What the programs of part five share; each of them is one file in `src/bin`.
//!
//! * [`stream`]: the socket of a connection, and one that listens, as the parts before this one open them.
//! * [`option`]: the socket options that nix does not have.
//! * [`state`]: a connection's own report of itself, `TCP_INFO`.
//! * [`backlog`]: the question that `ss` asks the kernel about a listener.
//! * [`table`]: the options of a socket with their values, as rows.

#[cfg(target_os = "linux")]
pub mod backlog;
pub mod option;
#[cfg(target_os = "linux")]
pub mod state;
pub mod stream;
pub mod table;
