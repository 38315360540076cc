//! When poll's and epoll's server ask for new clients, and when they do not.
//!
//! A listener with somebody in its queue is ready, and stays ready. A server that is told so again and again, and
//! cannot accept, spins. The cure is not to ask.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use tracing::{info, warn};

use crate::PAUSE;

/// Whether the listener is asked about.
#[derive(Debug)]
pub struct Gate {
    most: usize,
    /// Whether the line about `--most` has been said since there was room.
    said: bool,
    /// No descriptor was left: closed until then, or until fewer clients are here than these.
    paused: Option<(Instant, usize)>,
    /// With how many clients that was said last.
    told: Option<usize>,
}

impl Gate {
    /// Open for `most` clients, or for as many as there are descriptors.
    #[must_use]
    pub fn new(most: Option<usize>) -> Self {
        Self { most: most.unwrap_or(usize::MAX), said: false, paused: None, told: None }
    }

    /// Whether there is room for one more beside those who are `present`.
    pub fn is_open(&mut self, present: usize) -> bool {
        if self.paused.is_some_and(|(until, then)| present < then || until <= Instant::now()) {
            self.paused = None;
        }
        self.told = self.told.filter(|&told| present >= told);
        let full = present >= self.most;
        if full && !self.said {
            info!("{} clients at a time: the next ones wait in the queue", self.most);
        }
        self.said = full;
        !full && self.paused.is_none()
    }

    /// `accept` found no descriptor for the next client, which stays in the queue.
    pub fn pause(&mut self, errno: Errno, present: usize) {
        if self.told.replace(present).is_none() {
            warn!("accept: {errno}: no new clients until one leaves; they wait in the queue");
        }
        self.paused = Some((Instant::now() + PAUSE, present));
    }

    /// How long until the pause ends by itself, if there is one.
    #[must_use]
    pub fn opens_in(&self) -> Option<Duration> {
        self.paused.map(|(until, _)| until.saturating_duration_since(Instant::now()))
    }
}
