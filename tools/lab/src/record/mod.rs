//! What was seen, as data.

pub mod event;
pub mod packet;
