//! What this machine lacks, so that a gap is named and never reads as a pass.

use std::fmt;

/// A tool or a permission that this machine does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What is the case, as a clause: `strace is not installed`.
    pub what: String,
    /// What brings it, where that is known: `Debian: strace`.
    pub remedy: Option<String>,
}

impl Missing {
    /// The program `name` is not installed; `package` is the Debian package that brings it.
    #[must_use]
    pub fn program(name: &str, package: &str) -> Self {
        Self { what: format!("{name} is not installed"), remedy: Some(format!("Debian: {package}")) }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.remedy {
            Some(remedy) => write!(f, " ({remedy})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Missing {}
