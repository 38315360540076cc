//! What the examples take from the command line.

use common::arguments::{Arguments, Error, text};

/// Whether the one `word` that an example knows is there.
///
/// # Errors
/// Another word is there.
pub fn whether(words: &mut Arguments, word: &str) -> Result<bool, Error> {
    match words.operand()? {
        None => Ok(false),
        Some(given) if given == word => Ok(true),
        Some(given) => Err(Error::Unusable(format!("{:?}: write {word}, or nothing", text(given)?))),
    }
}
