//! An error of the laboratory: what it was doing, to what, and why that failed.

use std::fmt;
use std::path::Path;

/// What was being done, with its object, and the cause beneath where there is one.
#[derive(Debug)]
pub struct Error {
    doing: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result of what the laboratory does.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without a deeper cause.
    pub fn new(what: impl Into<String>) -> Self {
        Self { doing: what.into(), source: None }
    }

    /// `doing` names the call and its object: `open docs/part-one.md`.
    pub fn of(doing: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { doing: doing.into(), source: Some(source.into()) }
    }

    /// The error with all its causes, on one line.
    #[must_use]
    pub fn whole(&self) -> String {
        let causes = std::iter::successors(std::error::Error::source(self), |cause| cause.source());
        causes.fold(self.doing.clone(), |text, cause| format!("{text}: {cause}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The text of a file; the error names it.
///
/// # Errors
/// When the file cannot be read or is not UTF-8.
pub fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| Error::of(format!("read {}", path.display()), error))
}
