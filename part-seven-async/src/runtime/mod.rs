//! An asynchronous runtime, small enough to read at breakfast: one thread, no `unsafe`.
//!
//! Read [`task`] first: what a task is, and who polls it. Then [`reactor`]: who wakes it when a descriptor is ready, by
//! part six's `epoll`. Then [`time`]: who wakes it when a moment has come.
//!
//! What is left out: more than one thread, and a task's result (there is no `JoinHandle`; an exercise adds it).

pub mod reactor;
pub mod task;
pub mod time;

pub use task::{Runtime, yield_now};
pub use time::{First, race};
