//! What was seen, as data, and its causal order.

pub mod call;
mod difference;
pub mod event;
pub mod flow;
pub mod invariant;
pub mod order;
mod output;
pub mod packet;
pub mod recording;
mod renamed;
pub mod state;
pub mod table;
