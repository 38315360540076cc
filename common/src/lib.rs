//! What every part needs and no part teaches.
//!
//! * [`dump`]: bytes as decimal, hex and string.
//! * [`logging`]: how a part speaks.
//! * [`program`]: the door of every program: `--help`, `--version`, exit codes.
//! * [`stop`]: how a server that stays is asked to stop.
//! * [`arguments`]: what a program takes from its command line.
//!
//! A part makes the system calls that it teaches by itself; nothing here makes them for it. Functions fail with
//! typed errors; `anyhow` is for the programs.

pub mod arguments;
pub mod dump;
pub mod logging;
pub mod program;
pub mod stop;

pub use dump::Dump;
