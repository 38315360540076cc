//! Waiting for something to happen, for as long as something still may.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::fault::{How, Judged};
use crate::kernel::Quiet;

/// Between two looks: long after `begun` nobody minds whether it is seen a few milliseconds later.
pub fn pause(begun: Instant) {
    std::thread::sleep((begun.elapsed() / 50).clamp(Duration::from_millis(2), Duration::from_millis(20)));
}

impl Bench<'_> {
    /// Waits until `done`, which looks at whatever it likes, and gives [`How::Open`]. Gives up when the program has ended,
    /// when nothing in it moves any more, or when it has moved for too long, and says which of these it was.
    ///
    /// # Errors
    /// The grader has to stop, or what `done` gives.
    pub fn until(&mut self, done: impl FnMut(&mut Self) -> Judged<bool>) -> Judged<How> {
        let limit = self.limits().busy;
        self.until_within(limit, done)
    }

    /// As [`Self::until`], for something that may take longer.
    ///
    /// # Errors
    /// As [`Self::until`].
    pub fn until_within(
        &mut self,
        limit: Duration,
        mut done: impl FnMut(&mut Self) -> Judged<bool>,
    ) -> Judged<How> {
        let begun = Instant::now();
        let mut quiet = Quiet::from_now();
        loop {
            self.go_on()?;
            // Looked at first: what has happened by then is there when `done` looks.
            let ended = self.program().is_none_or(|program| program.ended().is_some());
            let stood = self.program().map_or(Duration::MAX, |program| program.quiet(&mut quiet));
            let stands = stood > self.limits().quiet;
            let late = begun.elapsed() > limit;
            if done(self)? {
                return Ok(How::Open);
            }
            if ended {
                return Ok(How::Exit);
            }
            if late || stands {
                return Ok(if stands { How::Silent } else { How::Slow });
            }
            pause(begun);
        }
    }

    /// Waits until `done`, by the clock alone: for a program that may sleep for a while and then go on. Whether it is done.
    ///
    /// # Errors
    /// The grader has to stop, or what `done` gives.
    pub fn by_the_clock(
        &mut self,
        limit: Duration,
        mut done: impl FnMut(&mut Self) -> Judged<bool>,
    ) -> Judged<bool> {
        let begun = Instant::now();
        while !done(self)? {
            self.go_on()?;
            if begun.elapsed() > limit {
                return Ok(false);
            }
            pause(begun);
        }
        Ok(true)
    }

    /// Waits until the program has ended; `None` if it has not within `limit`. While it moves it has more time: on a busy
    /// machine it may be on its way.
    ///
    /// # Errors
    /// The grader has to stop.
    pub fn ends_within(&mut self, limit: Duration) -> Judged<Option<ExitStatus>> {
        let begun = Instant::now();
        let mut quiet = Quiet::from_now();
        loop {
            self.go_on()?;
            let limits = self.limits();
            let Some(program) = self.program() else { return Ok(None) };
            if let Some(status) = program.ended() {
                return Ok(Some(status));
            }
            let rests = program.quiet(&mut quiet) > limits.quiet;
            if begun.elapsed() > if rests { limit } else { limit + limits.busy } {
                return Ok(None);
            }
            pause(begun);
        }
    }
}
