//! A picture on a page: the image of a recording becomes a player, every other one stays as it is.

use anyhow::Result;

use crate::files::Files;

/// The HTML that stands for the picture `target` with this description, if it is more than a picture.
///
/// # Errors
/// What it shows cannot be read.
pub fn html(_files: &Files, _target: &str, _description: &str) -> Result<Option<String>> {
    Ok(None)
}
