//! A picture on a page: the image of a recording becomes a player, every other one stays as it is.

use std::path::Path;

use anyhow::{Context, Result};
use lab::record::recording::Recording;
use lab::show::scene::Scene;
use pulldown_cmark_escape::escape_html;

use crate::files::Files;

/// The HTML that stands for the picture `target` with this description, if it is more than a picture: for
/// `recordings/NAME.svg`, the same image, and beside it what the player shows, as JSON that is part of the page. Without
/// script, and on paper, the image remains.
///
/// # Errors
/// What it shows cannot be read.
pub fn html(files: &Files, target: &str, description: &str) -> Result<Option<String>> {
    let Some(name) = target.strip_prefix("recordings/").and_then(|name| name.strip_suffix(".svg")) else {
        return Ok(None);
    };
    let file = Path::new("docs").join(target).with_extension("json");
    let text = files.read(&file)?;
    let recording: Recording =
        serde_json::from_str(&text).with_context(|| format!("read the recording {}", file.display()))?;
    let scene = Scene::of(&recording).to_json()?;
    let mut words = String::new();
    escape_html(&mut words, &description.split_whitespace().collect::<Vec<_>>().join(" "))?;
    Ok(Some(format!(
        "<figure class=\"run\" id=\"run-{name}\" data-run=\"{name}\"><img src=\"{target}\" alt=\"{words}\">\n\
         <script type=\"application/json\">{scene}</script></figure>"
    )))
}
