//! How long things may take.

use std::time::Duration;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until a program listens.
    pub start: Duration,
    /// The same while a compiler runs.
    pub compile: Duration,
    /// Every other wait for something that a program does at once.
    pub wait: Duration,
    /// The same while the program moves: on a busy machine it gets to it later.
    pub busy: Duration,
    /// A program that does not move for so long will not move.
    pub quiet: Duration,
}

impl Limits {
    /// Those for a program that is `slow` times as slow as usual.
    #[must_use]
    pub fn times(slow: f64) -> Self {
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds * slow).unwrap_or(Duration::MAX / 4);
        Self {
            start: seconds(10.0),
            compile: seconds(60.0),
            wait: seconds(5.0),
            busy: seconds(20.0),
            quiet: seconds(1.0),
        }
    }
}
