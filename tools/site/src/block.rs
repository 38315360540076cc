//! One block as HTML: its label, and its lines. What is typed is told from what appears.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use lab::book::block::{Console, Input, Kind, Unchecked};
use lab::book::excerpt;
use lab::book::label::{Label, Role};
use pulldown_cmark_escape::{escape_html, escape_html_body_text};

use crate::columns;
use crate::files::Files;

/// What stands before a command.
const PROMPT: &str = "$ ";

/// The block with these lines.
///
/// # Errors
/// It quotes a file that is not there, or a region that the file does not have.
pub fn html(files: &mut Files, language: &str, kind: &Kind, lines: &[String]) -> Result<String> {
    let label = Label::of(kind);
    let caption = match kind {
        Kind::Excerpt { file, region } => excerpt(files, file, region.as_deref())?,
        _ => format!("<span class=\"words\">{}</span>", text(&label.words)),
    };
    let whose = match kind {
        Kind::Calls(terminal) => format!(" of-{}", Role::of_terminal(terminal).name()),
        _ => String::new(),
    };
    let body = match kind {
        Kind::Excerpt { .. } | Kind::Unchecked(Unchecked::Language(_)) => code(language, lines),
        Kind::Console(console) => listing(&columns::narrow(console, lines), &typed(console, lines)),
        // What has its own shape keeps it.
        Kind::Unchecked(Unchecked::Figure) => code("nohighlight", lines),
        _ => listing(lines, &commands(lines)),
    };
    // Two pieces of HTML with an empty line between them: `<pre>` may then have empty lines in it.
    Ok(format!(
        "<figure class=\"block {}{whose}\"><figcaption><span class=\"mark\" aria-hidden=\"true\">{}</span> {caption}</figcaption>\n\n\
         {body}\n\n</figure>\n",
        label.role.name(),
        label.role.mark(),
    ))
}

/// The name of the quoted file, and its lines, with a link to them.
fn excerpt(files: &mut Files, file: &str, region: Option<&str>) -> Result<String> {
    let path = Path::new(file);
    let source = files.read(path)?;
    let lines = excerpt::find(&source, region)
        .map_err(|fault| anyhow!("{file}#{}: {fault}", region.unwrap_or_default()))?;
    let (first, last) = (lines.start + 1, lines.end);
    let address = files.address(path, Some((first, last))).with_context(|| format!("quote {file}"))?;
    let which = if first == last { format!("line {first}") } else { format!("lines {first}–{last}") };
    // A link of Markdown would be none in here: mdBook's own, from .md to .html, is made by hand.
    let address = address.replacen(".md#", ".html#", 1);
    Ok(format!(
        "<a class=\"words\" href=\"{}\">{}</a> <span class=\"lines\">{which}</span>",
        attribute(&address),
        text(file)
    ))
}

/// The lines as a program, to be coloured by its language.
fn code(language: &str, lines: &[String]) -> String {
    let class = if language == "nohighlight" { language.to_owned() } else { format!("language-{language}") };
    format!(
        "<pre class=\"wide\"><code class=\"{}\">{}\n</code></pre>",
        attribute(&class),
        text(&lines.join("\n"))
    )
}

/// The lines one by one: a long one goes on further to the right, below itself. Of each, as many bytes as `typed` says
/// are what somebody typed.
fn listing(lines: &[String], typed: &[usize]) -> String {
    let mut html = String::from("<pre><code class=\"nohighlight\">");
    for (line, typed) in lines.iter().zip(typed) {
        let (keys, shown) = line.split_at_checked(*typed).unwrap_or(("", line));
        let (prompt, keys) = keys.strip_prefix(PROMPT).map_or(("", keys), |command| (PROMPT, command));
        html.push_str(if *typed > 0 { "<span class=\"line typed\">" } else { "<span class=\"line\">" });
        let key = if keys.starts_with('^') && keys.len() == 2 { " class=\"key\"" } else { "" };
        for (tag, class, piece) in [("span", " class=\"prompt\"", prompt), ("kbd", key, keys)] {
            if !piece.is_empty() {
                let _ = write!(html, "<{tag}{class}>{}</{tag}>", text(piece)); // a String takes everything
            }
        }
        html.push_str(&text(shown));
        html.push_str("\n</span>");
    }
    html.push_str("</code></pre>");
    html
}

/// How much of each line of a terminal is typed: a command, or the echo of what is typed into a program. A key such as
/// `^C` has no line of its own: what the program says stands right behind it.
fn typed(console: &Console, lines: &[String]) -> Vec<usize> {
    let mut typed = commands(lines);
    for step in &console.steps {
        let (echo, is_key) = match &step.input {
            Input::Text(text) => (text.clone(), false),
            Input::Control(key) => (format!("^{}", char::from(key | 0x40)), true),
            Input::Nothing | Input::Command(_) => continue,
        };
        let is_echo = |line: &String| *line == echo || is_key && line.starts_with(&echo);
        let first = step.expected.clone().find(|index| lines.get(*index).is_some_and(is_echo));
        if let Some(typed) = first.and_then(|index| typed.get_mut(index)) {
            *typed = echo.len();
        }
    }
    typed
}

fn commands(lines: &[String]) -> Vec<usize> {
    lines.iter().map(|line| if line.starts_with(PROMPT) { line.len() } else { 0 }).collect()
}

fn text(plain: &str) -> String {
    let mut html = String::new();
    let _ = escape_html_body_text(&mut html, plain);
    html
}

fn attribute(plain: &str) -> String {
    let mut html = String::new();
    let _ = escape_html(&mut html, plain);
    html
}
