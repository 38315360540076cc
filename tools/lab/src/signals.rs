//! How the laboratory is told to stop: ^C (SIGINT), SIGTERM, or a terminal that was closed (SIGHUP). Whatever it has
//! started and made must end with it, so that no signal ends it on the spot.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::register;

use crate::book::block::Block;
use crate::error::{Error, Result};
use crate::replay::Watcher;

/// The exit status of a program that ^C ended, as a shell tells it: 128 and the signal's number.
pub const INTERRUPTED: u8 = 130;
/// The same for SIGTERM; a terminal that was closed counts as well.
pub const ENDED: u8 = 143;

/// Signals that have come and wait to be asked for.
#[derive(Debug)]
pub struct Signals {
    interrupt: Arc<AtomicBool>,
    end: Arc<AtomicBool>,
    /// The exit status of the first that was asked for; 0 as long as there is none.
    status: AtomicU8,
}

impl Signals {
    /// From here on the three signals no longer end the process; those that it starts they do. (A blocked signal, as for
    /// signalfd(2), would be blocked in a program that we start, too.)
    ///
    /// # Errors
    /// When the kernel refuses a handler.
    pub fn catch() -> Result<Self> {
        let signals = Self::none();
        let flags = [(SIGINT, &signals.interrupt), (SIGTERM, &signals.end), (SIGHUP, &signals.end)];
        flags
            .into_iter()
            .try_for_each(|(signal, flag)| register(signal, Arc::clone(flag)).map(drop))
            .map_err(|error: io::Error| Error::of("catch signals", error))?;
        Ok(signals)
    }

    /// None ever comes: somebody else asks for them.
    #[must_use]
    pub fn none() -> Self {
        Self { interrupt: Arc::default(), end: Arc::default(), status: AtomicU8::new(0) }
    }

    /// The exit status of a signal that has come since this was asked last.
    #[must_use]
    pub fn next(&self) -> Option<u8> {
        let has_come = |flag: &AtomicBool| flag.swap(false, Ordering::Relaxed);
        if has_come(&self.end) {
            return Some(ENDED);
        }
        has_come(&self.interrupt).then_some(INTERRUPTED)
    }

    /// The exit status of the first signal, once one has come.
    #[must_use]
    pub fn status(&self) -> Option<u8> {
        if let Some(status) = self.next() {
            let _ = self.status.compare_exchange(0, status, Ordering::Relaxed, Ordering::Relaxed);
        }
        Some(self.status.load(Ordering::Relaxed)).filter(|status| *status != 0)
    }

    /// # Errors
    /// A signal has come.
    pub fn go_on(&self) -> Result<()> {
        self.status().map_or(Ok(()), |_| Err(Error::new("interrupted")))
    }
}

/// A replay that nobody looks at goes on until a signal comes.
impl Watcher for &Signals {
    fn is_ready(&mut self, _block: &Block) -> Result<bool> {
        self.go_on().map(|()| true)
    }

    fn goes_on(&mut self) -> bool {
        self.status().is_none()
    }
}
