//! How the view plays by itself: how long a row stands, and how long reading takes.

use std::time::{Duration, Instant};

/// At speed 1 a row stands for so long.
const STEP: Duration = Duration::from_millis(700);
/// At speed 1 a reader reads so many words a second.
const WORDS_PER_SECOND: f64 = 4.0;
/// The longest pause.
const LONGEST: f64 = 600.0;
/// The speeds that can be chosen.
const SPEEDS: [f64; 6] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0];
/// The usual one.
const USUAL: usize = 2;

/// A pace.
#[derive(Debug)]
pub struct Pace {
    /// It plays.
    pub plays: bool,
    speed: usize,
    /// When what is to be seen now came.
    since: Instant,
}

impl Default for Pace {
    fn default() -> Self {
        Self { plays: false, speed: USUAL, since: Instant::now() }
    }
}

impl Pace {
    /// It plays, at the speed that is nearest to this one.
    #[must_use]
    pub fn at(wanted: f64) -> Self {
        let distance =
            |at: &usize| SPEEDS.get(*at).map_or(f64::MAX, |speed| (speed.ln() - wanted.ln()).abs());
        let nearest = (0..SPEEDS.len()).min_by(|one, other| distance(one).total_cmp(&distance(other)));
        Self { plays: true, speed: nearest.unwrap_or(USUAL), since: Instant::now() }
    }

    /// As a multiple of the usual one.
    #[must_use]
    pub fn speed(&self) -> f64 {
        SPEEDS.get(self.speed).copied().unwrap_or(1.0)
    }

    /// Faster or slower.
    pub fn change(&mut self, faster: bool) {
        let last = SPEEDS.len() - 1;
        self.speed = if faster { (self.speed + 1).min(last) } else { self.speed.saturating_sub(1) };
    }

    /// What is to be seen now has come.
    pub fn begin(&mut self) {
        self.since = Instant::now();
    }

    /// When it goes on, if there are so many words to read; `None` while it does not play.
    #[must_use]
    pub fn due(&self, words: usize) -> Option<Instant> {
        let words = f64::from(u32::try_from(words).unwrap_or(u32::MAX));
        let reading = Duration::from_secs_f64((words / WORDS_PER_SECOND).min(LONGEST));
        self.plays.then(|| self.since + (STEP + reading).div_f64(self.speed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_speed() {
        let speeds = [0.01, 0.5, 0.9, 3.0, 20.0].map(|wanted| Pace::at(wanted).speed().to_string());
        assert_eq!(speeds, ["0.25", "0.5", "1", "4", "8"]);
    }
}
