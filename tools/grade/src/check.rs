//! A check, an exercise, and the list of all exercises.

use crate::bench::Bench;
use crate::fault::Judged;
use crate::page::Page;
use crate::program::Place;

/// One thing that a program must do right.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Its name, the same for ever: `half-close`.
    pub id: &'static str,
    /// The level to which it belongs, from 1 on.
    pub level: usize,
    /// What a right program does, as a clause: `the end of the stream is no end of the answer`.
    pub title: &'static str,
    /// What to read when it fails.
    pub page: Page,
    /// Judges the program.
    pub judge: fn(&mut Bench<'_>) -> Judged,
}

/// Checks for one kind of program.
#[derive(Debug, Clone, Copy)]
pub struct Exercise {
    /// Its name on the command line.
    pub name: &'static str,
    /// What the program has to be, as a clause.
    pub about: &'static str,
    /// What kind of socket the program is to have.
    pub transport: Transport,
    /// Whether the program waits for clients; otherwise it is a client.
    pub serves: bool,
    /// Looks whether the program can be spoken to.
    pub ready: fn(&Place) -> lab::error::Result<Ready>,
    /// The names of its levels.
    pub levels: &'static [&'static str],
    /// Its checks, level by level.
    pub checks: &'static [Check],
}

/// A kind of socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// A stream in the Unix domain.
    Unix,
    /// Datagrams in the Unix domain.
    UnixDatagram,
}

/// Whether a program that was started can be spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// It can.
    Yes,
    /// Not yet.
    NotYet,
    /// It waits somewhere else, and where.
    Elsewhere(String),
}

impl Exercise {
    /// The exercise of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        crate::exercise::ALL.iter().copied().find(|exercise| exercise.name == name)
    }

    /// The number of the level that is given as number or name.
    #[must_use]
    pub fn level(&self, wanted: &str) -> Option<usize> {
        let named = self.levels.iter().position(|name| *name == wanted).map(|at| at + 1);
        named.or_else(|| wanted.parse().ok().filter(|level| (1..=self.levels.len()).contains(level)))
    }

    /// The name of a level.
    #[must_use]
    pub fn level_name(&self, level: usize) -> &'static str {
        level.checked_sub(1).and_then(|at| self.levels.get(at)).copied().unwrap_or_default()
    }
}
