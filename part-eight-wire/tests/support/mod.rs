//! What the tests beside this folder share.
#![allow(dead_code, reason = "each file of tests uses its own share of this")]

pub mod frames;
pub mod street;

pub const SNIFF: &str = env!("CARGO_BIN_EXE_wire-sniff");
pub const SEND: &str = env!("CARGO_BIN_EXE_wire-send");
pub const PING: &str = env!("CARGO_BIN_EXE_wire-ping");
pub const ROUTE: &str = env!("CARGO_BIN_EXE_wire-route");
