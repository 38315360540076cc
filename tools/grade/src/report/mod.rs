//! What the learner gets to read, and what programs get.

pub mod json;
pub mod junit;
pub mod show;
pub mod text;
