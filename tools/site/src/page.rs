//! One page: its blocks, links and pictures, as the site shows them. Everything else stays as it was written.

use std::ffi::OsStr;
use std::fmt::Write;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use lab::book::info::kind_of;
use lab::book::page::LineNumbers;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::files::Files;
use crate::{block, picture, reference, words};

/// The page `page`, relative to the folder of the book.
///
/// # Errors
/// It has a block that the laboratory does not understand, or quotes what is not there.
pub fn rewrite(files: &mut Files, page: &Path, source: &str) -> Result<String> {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let numbers = LineNumbers::of(source);
    let mut fence: Option<(Range<usize>, String, String)> = None;
    // A heading makes an anchor of its words, and a picture's description is no place for HTML.
    let mut plain = 0..0;
    for (event, range) in Parser::new_ext(source, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                fence = Some((range, info.into_string(), String::new()));
            }
            Event::Text(text) => {
                if let Some((_, _, body)) = &mut fence {
                    body.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some((range, info, body)) = fence.take() {
                    let line = numbers.at(range.start);
                    let html = block(files, &info, &body).with_context(|| format!("line {line}"))?;
                    edits.push((range.clone(), indented(source, range.start, &html)));
                }
            }
            Event::Start(Tag::Heading { .. }) => plain = range,
            Event::Code(words) if words::any(&words) && !plain.contains(&range.start) => {
                edits.push((range, format!("<code>{}</code>", words::whole(&words, entities))));
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                plain = range.clone();
                let markdown = source.get(range.clone()).unwrap_or_default();
                let description =
                    markdown.strip_prefix("![").and_then(|rest| rest.split_once("](")).unwrap_or_default().0;
                if let Some(html) = picture::html(files, &dest_url, description)? {
                    edits.push((range.clone(), indented(source, range.start, &html)));
                }
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                let line = numbers.at(range.start);
                if let Some(target) = link(files, page, &dest_url).with_context(|| format!("line {line}"))? {
                    let markdown = source.get(range.clone()).unwrap_or_default();
                    let at = markdown
                        .rfind(&*dest_url)
                        .with_context(|| format!("line {line}: a link {dest_url} that is not written out"))?;
                    let start = range.start + at;
                    edits.push((start..start + dest_url.len(), target));
                }
            }
            _ => {}
        }
    }
    let mut rewritten = source.to_owned();
    edits.sort_by_key(|(range, _)| range.start);
    for (range, html) in edits.into_iter().rev() {
        rewritten.replace_range(range, &html);
    }
    if reference::is_list(page) {
        rewritten = format!("<div class=\"rows\">\n\n{rewritten}\n\n</div>\n");
    }
    rewritten.push_str(&footer(files, page)?);
    Ok(rewritten)
}

fn block(files: &mut Files, info: &str, body: &str) -> Result<String> {
    let lines: Vec<String> = body.lines().map(str::to_owned).collect();
    let kind = kind_of(info, &lines).map_err(|fault| anyhow!("{fault}"))?;
    let language = info.split_whitespace().next().unwrap_or("text");
    block::html(files, language, &kind, &lines)
}

/// Text in which nothing is Markdown: every mark as the number of its character.
fn entities(text: &str) -> String {
    let mut html = String::new();
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            let _ = write!(html, "&#{};", u32::from(c)); // a String takes everything
        } else {
            html.push(c);
        }
    }
    html
}

/// What stands in a list stays in it: the lines after the first begin as far to the right as that one.
fn indented(source: &str, start: usize, html: &str) -> String {
    let line = source.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let indent: String = source.get(line..start).unwrap_or_default().chars().map(|_| ' ').collect();
    html.replace('\n', &format!("\n{indent}"))
}

/// Where a link of the page leads on the site, if not where it is written to lead.
fn link(files: &mut Files, page: &Path, target: &str) -> Result<Option<String>> {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    if path.is_empty() || target.contains("://") {
        return Ok(None);
    }
    if path == "SUMMARY.md" {
        // On the site the table of contents stands beside every page; the first one tells more.
        return Ok(Some("index.html#the-parts".to_owned()));
    }
    let from_root = plain(&Path::new("docs").join(page).with_file_name(path))
        .with_context(|| format!("the link {target} leaves the repository"))?;
    let is_page =
        from_root.parent() == Some(Path::new("docs")) && from_root.extension() == Some(OsStr::new("md"));
    if is_page || !files.is_text(&from_root) {
        return Ok(None);
    }
    let address = files.address(&from_root, None)?;
    Ok(Some(if anchor.is_empty() { address } else { format!("{address}#{anchor}") }))
}

/// The path without `.` and `..`; none if it leaves the folder in which it begins.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::ParentDir => plain.pop().then_some(())?,
            _ => {}
        }
    }
    Some(plain)
}

/// What stands beneath every page: the way to its own text.
fn footer(files: &mut Files, page: &Path) -> Result<String> {
    let path = Path::new("docs").join(page);
    let address = files.address(&path, None)?;
    let name = path.display();
    Ok(format!("\n\n<div class=\"page-source\">\n\nThis page is [{name}]({address}).\n\n</div>\n"))
}
