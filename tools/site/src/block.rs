//! One block as HTML: its label, and its lines. What is typed is told from what appears.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use lab::book::block::{Console, Input, Kind, Unchecked};
use lab::book::excerpt;
use lab::book::label::{Label, Role};
use pulldown_cmark_escape::{escape_html, escape_html_body_text};

use crate::columns;
use crate::files::Files;

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

/// The lines one by one: a long one goes on further to the right, below itself.
fn listing(lines: &[String], typed: &[bool]) -> String {
    let mut html = String::from("<pre><code class=\"nohighlight\">");
    for (index, line) in lines.iter().enumerate() {
        let shown = match (typed.get(index), line.strip_prefix("$ ")) {
            (Some(true), Some(command)) => {
                format!(
                    "<span class=\"line typed\"><span class=\"prompt\">$ </span><kbd>{}</kbd>\n</span>",
                    text(command)
                )
            }
            (Some(true), None) => format!("<span class=\"line typed\"><kbd>{}</kbd>\n</span>", text(line)),
            _ => format!("<span class=\"line\">{}\n</span>", text(line)),
        };
        html.push_str(&shown);
    }
    html.push_str("</code></pre>");
    html
}

/// Which lines of a terminal are typed: commands, and the echo of what is typed into a program.
fn typed(console: &Console, lines: &[String]) -> Vec<bool> {
    let mut typed = commands(lines);
    for step in &console.steps {
        let echo = match &step.input {
            Input::Text(text) => text.clone(),
            Input::Control(key) => format!("^{}", char::from(key | 0x40)),
            Input::Nothing | Input::Command(_) => continue,
        };
        let first = step.expected.clone().find(|index| lines.get(*index) == Some(&echo));
        if let Some(typed) = first.and_then(|index| typed.get_mut(index)) {
            *typed = true;
        }
    }
    typed
}

fn commands(lines: &[String]) -> Vec<bool> {
    lines.iter().map(|line| line.starts_with("$ ")).collect()
}

fn text(plain: &str) -> String {
    let mut html = String::new();
    let _ = escape_html_body_text(&mut html, plain); // a String takes everything
    html
}

fn attribute(plain: &str) -> String {
    let mut html = String::new();
    let _ = escape_html(&mut html, plain);
    html
}
