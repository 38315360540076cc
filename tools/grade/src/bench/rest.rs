//! Coming to rest: when nothing that has happened can bring anything about any more.

use std::time::{Duration, Instant};

use lab::record::call::Call;

use super::Bench;
use crate::calls::Calls;
use crate::fault::Judged;
use crate::kernel;
use crate::program::Program;

/// So many looks in a row must find everybody asleep, and nobody woken between two of them.
const LOOKS: u32 = 3;
/// Between two looks, at first.
const TICK: Duration = Duration::from_millis(1);
/// A program that has worked for so long without coming to rest is one that never sleeps.
const PATIENCE: Duration = Duration::from_millis(250);
/// The same once that is known.
const IMPATIENCE: Duration = Duration::from_millis(25);
/// So often it is looked whether a program runs although nobody speaks, a hundred times a second.
const GLANCES: u32 = 50;

impl Bench<'_> {
    /// Waits until everything that has happened has had its effect: every thread of the program sleeps, whatever of it was
    /// about to end has ended, and all that it said and called was heard. However busy the machine is: only time in which
    /// the program itself works counts. One that never sleeps is judged by a check of its own, and not waited for.
    ///
    /// # Errors
    /// The grader has to stop.
    pub fn settle(&mut self) -> Judged {
        let begun = Instant::now();
        let (mut before, mut still, mut worked) = (None, 0, None);
        while still < LOOKS {
            self.go_on()?;
            let Some(program) = &mut self.program else { break };
            let now = program.at_rest();
            still = if now.is_some() && now == before { still + 1 } else { 0 };
            if now.is_none() {
                let by_now = program.worked();
                let since = by_now.saturating_sub(*worked.get_or_insert(by_now));
                let patience = if self.restless { IMPATIENCE } else { PATIENCE };
                if since > patience || begun.elapsed() > self.subject.limits.wait * 2 {
                    self.restless = true;
                    break;
                }
            }
            before = now;
            std::thread::sleep((begun.elapsed() / 20).clamp(TICK, 10 * TICK));
        }
        Ok(())
    }

    /// Looks for half a second whether the program runs although nobody speaks. Where it does most of the time, in how many
    /// looks of how many: `48 of 50`.
    ///
    /// # Errors
    /// The grader has to stop.
    pub fn looks_awake(&mut self) -> Judged<Option<String>> {
        let mut found = 0;
        for _ in 0..GLANCES {
            self.go_on()?;
            std::thread::sleep(Duration::from_millis(10));
            found += u32::from(self.program.as_mut().is_some_and(|program| kernel::runs(&program.members())));
        }
        Ok((found * 2 > GLANCES).then(|| format!("{found} of {GLANCES}")))
    }

    /// Does `work` while the program stands still: everything that clients send meanwhile is there when it goes on.
    ///
    /// # Errors
    /// It does not stand still, or what `work` gives.
    pub fn frozen<T>(&mut self, work: impl FnOnce(&mut Self) -> Judged<T>) -> Judged<T> {
        if let Some(program) = &mut self.program {
            program.freeze(self.subject.limits.busy)?;
        }
        let result = work(self);
        if let Some(program) = &mut self.program {
            program.thaw();
        }
        result
    }

    /// What the program has said on standard error.
    pub fn said(&mut self) -> String {
        // That the grader has to stop is found by its next wait.
        let _ = self.settle();
        self.program.as_ref().map(|program| program.stderr.text()).unwrap_or_default()
    }

    /// What it has said on standard output and standard error.
    pub fn printed(&mut self) -> String {
        let _ = self.settle(); // as above
        let printed = |program: &Program| program.stdout.text() + &program.stderr.text();
        self.program.as_ref().map(printed).unwrap_or_default()
    }

    /// Its calls, where they are seen.
    pub fn called(&mut self) -> Option<Vec<Call>> {
        let _ = self.settle(); // as above
        self.program.as_ref().and_then(|program| program.calls.as_ref().map(Calls::all))
    }
}
