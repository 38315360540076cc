//! What all five servers take from the command line.

use std::net::SocketAddr;
use std::time::Duration;

use common::arguments::{Arg, Arguments, DEFAULT_ADDRESS, Error, address, number};

/// Where a server listens, and what it allows its clients.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Where to listen.
    pub address: SocketAddr,
    /// How many clients at a time, if `--most` says so.
    pub most: Option<usize>,
    /// How long a client may be silent, if `--idle` says so.
    pub idle: Option<Duration>,
}

impl Options {
    /// `[--most N] [--idle SECONDS] [ADDR]`; `other` is asked about every further option and takes its value from the
    /// words if it has one. It gives false for an option that it does not know.
    ///
    /// # Errors
    /// A word that cannot be used.
    pub fn from_words(
        words: &mut Arguments,
        mut other: impl FnMut(&str, &mut Arguments) -> Result<bool, Error>,
    ) -> Result<Self, Error> {
        let (mut place, mut most, mut idle) = (None, None, None);
        while let Some(word) = words.word()? {
            match word {
                Arg::Long("most") => most = Some(number("--most", words.value()?, 1..=1_000_000)?),
                Arg::Long("idle") => {
                    idle = Some(Duration::from_secs(number("--idle", words.value()?, 1..=86_400)?));
                }
                Arg::Value(word) if place.is_none() => place = Some(address(word)?),
                Arg::Long(name) => {
                    let name = name.to_owned();
                    if !other(&name, words)? {
                        return Err(Arg::Long(&name).unexpected().into());
                    }
                }
                word => return Err(word.unexpected().into()),
            }
        }
        Ok(Self { address: place.unwrap_or(DEFAULT_ADDRESS), most, idle })
    }

    /// As [`from_words`](Self::from_words), for a server without options of its own.
    ///
    /// # Errors
    /// A word that cannot be used.
    pub fn alone(words: &mut Arguments) -> Result<Self, Error> {
        Self::from_words(words, |_, _| Ok(false))
    }
}
