//! The grader: it runs the learner's own program in a private network, judges what it does, and explains.
//!
//! * [`check`]: what a check and an exercise are; [`exercise`]: all of them.
//! * [`run`]: level after level.
//! * [`mod@bench`]: where a check works: the [`program`] and its [`client`]s, with every wait.
//! * [`kernel`], [`calls`], [`output`]: what is seen of the program from outside.
//! * [`explain`]: from what was seen to a sentence, a [`fault`].
//! * [`report`], [`progress`]: what the learner reads.

pub mod arguments;
pub mod bench;
pub mod calls;
pub mod check;
pub mod client;
pub mod exercise;
pub mod explain;
pub mod fault;
pub mod hosts;
pub mod kernel;
pub mod output;
pub mod page;
pub mod payload;
pub mod peer;
pub mod program;
pub mod progress;
pub mod report;
pub mod run;
pub mod silent;
pub mod wait;
pub mod words;
