//! What a program takes from its command line.

use std::ffi::OsString;
use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;

pub use lexopt::Arg;

use crate::dump::Text;

/// The address of the series: `127.0.0.1:6797`.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 6797);

/// The words behind a program's name, taken from left to right.
pub struct Arguments(lexopt::Parser);

/// Why a program does not begin its lesson.
#[derive(Debug)]
pub enum Error {
    /// `--help` was asked for.
    Help,
    /// `--version` was asked for.
    Version,
    /// A word that cannot be used; the sentence says which and what to write.
    Unusable(String),
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Help => f.write_str("help was asked for"),
            Self::Version => f.write_str("the version was asked for"),
            Self::Unusable(sentence) => f.write_str(sentence),
        }
    }
}

impl std::error::Error for Error {}

impl From<lexopt::Error> for Error {
    fn from(error: lexopt::Error) -> Self {
        Self::Unusable(error.to_string())
    }
}

impl Arguments {
    /// The arguments of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self(lexopt::Parser::from_env())
    }

    /// The next word, an option or an operand; nothing at the end.
    ///
    /// # Errors
    /// `--help` and `--version` (`-h`, `-V`) stop here, so that every program answers them.
    pub fn word(&mut self) -> Result<Option<Arg<'_>>, Error> {
        match self.0.next()? {
            Some(Arg::Long("help") | Arg::Short('h')) => Err(Error::Help),
            Some(Arg::Long("version") | Arg::Short('V')) => Err(Error::Version),
            word => Ok(word),
        }
    }

    /// The value of the option that [`word`](Self::word) has just given: `--buffer 512` or `--buffer=512`.
    ///
    /// # Errors
    /// The option stands without a value.
    pub fn value(&mut self) -> Result<OsString, Error> {
        Ok(self.0.value()?)
    }

    /// The next word as an operand; nothing at the end.
    ///
    /// # Errors
    /// The word is an option.
    pub fn operand(&mut self) -> Result<Option<OsString>, Error> {
        match self.word()? {
            Some(Arg::Value(word)) => Ok(Some(word)),
            Some(option) => Err(option.unexpected().into()),
            None => Ok(None),
        }
    }

    /// The next word as IP:PORT, or [`DEFAULT_ADDRESS`] at the end.
    ///
    /// # Errors
    /// The word is an option, or [`address`] refuses it.
    pub fn address(&mut self) -> Result<SocketAddr, Error> {
        self.operand()?.map_or(Ok(DEFAULT_ADDRESS), address)
    }

    /// The end: every word was used.
    ///
    /// # Errors
    /// One was not.
    pub fn end(&mut self) -> Result<(), Error> {
        match self.word()? {
            Some(word) => Err(word.unexpected().into()),
            None => Ok(()),
        }
    }
}

/// A word as IP:PORT, such as `127.0.0.1:6797` or `[::1]:6797`.
///
/// A name (`localhost:6797`) is not an address: to turn one into the other takes a resolver, files and perhaps
/// packets, before the first call of a lesson.
///
/// # Errors
/// The word is anything else.
pub fn address(word: OsString) -> Result<SocketAddr, Error> {
    let word = text(word)?;
    word.parse().map_err(|_| {
        Error::Unusable(format!(
            "{word:?} is not an address: write IP:PORT, such as 127.0.0.1:6797 or '[::1]:6797'"
        ))
    })
}

/// The value of `option` as a whole number within `allowed`.
///
/// # Errors
/// The word is anything else.
pub fn number<N>(option: &str, word: OsString, allowed: RangeInclusive<N>) -> Result<N, Error>
where
    N: FromStr + PartialOrd + Display,
{
    let word = text(word)?;
    word.parse().ok().filter(|number| allowed.contains(number)).ok_or_else(|| {
        let (least, most) = allowed.into_inner();
        Error::Unusable(format!("{option} {word:?}: write a whole number from {least} to {most}"))
    })
}

/// A word as text.
///
/// # Errors
/// The word is not UTF-8.
pub fn text(word: OsString) -> Result<String, Error> {
    word.into_string()
        .map_err(|word| Error::Unusable(format!("{} is not UTF-8 text", Text(word.as_encoded_bytes()))))
}
