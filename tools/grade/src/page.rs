//! Where a lesson stands in the book.

use std::fmt;

/// A heading on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The file, from the root of the repository: `docs/part-one.md`.
    pub file: &'static str,
    /// The heading's words: `Who closes`.
    pub heading: &'static str,
}

/// The heading of this page.
#[must_use]
pub const fn page(file: &'static str, heading: &'static str) -> Page {
    Page { file, heading }
}

impl Page {
    /// What stands behind the `#` of a link to it: `who-closes`.
    #[must_use]
    pub fn anchor(&self) -> String {
        let words = self.heading.to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    }
}

/// As a link leads to it.
impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.file, self.anchor())
    }
}
