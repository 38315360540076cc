//! One block as HTML: its label, and its lines. What is typed is told from what appears.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use lab::book::block::{Console, Input, Kind, Unchecked};
use lab::book::excerpt;
use lab::book::label::{Label, Role};
use pulldown_cmark_escape::{escape_html, escape_html_body_text};

use crate::files::Files;
use crate::{columns, words};

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
        Kind::Console(console) => listing(&terminal(console, lines)),
        // What has its own shape keeps it.
        Kind::Unchecked(Unchecked::Figure) => code("nohighlight", lines),
        _ => listing(&Line::all(lines)),
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

/// A line of a listing.
struct Line {
    text: String,
    /// As many bytes of its beginning as somebody typed; none if all of it appeared.
    typed: Option<usize>,
}

impl Line {
    /// Lines in which what stands behind a prompt is typed.
    fn all(lines: &[String]) -> Vec<Self> {
        let line = |text: &String| Self {
            text: text.clone(),
            typed: text.starts_with(PROMPT).then_some(text.len()),
        };
        lines.iter().map(line).collect()
    }
}

/// The lines of a terminal. A command is typed, and so is the echo of what is typed into a program. A key such as `^C`
/// has no line of its own: what the program says stands right behind it. What a terminal does not echo is shown as well.
fn terminal(console: &Console, lines: &[String]) -> Vec<Line> {
    let mut shown = Line::all(&columns::narrow(console, lines));
    // From the last one, so that a line that is put in moves none of those to come.
    for step in console.steps.iter().rev() {
        let (echo, is_key) = match &step.input {
            Input::Text(text) => (text.clone(), false),
            Input::Control(key) => (format!("^{}", char::from(key | 0x40)), true),
            Input::Nothing | Input::Command(_) => continue,
        };
        let is_echo = |line: &String| *line == echo || is_key && line.starts_with(&echo);
        let first = step.expected.clone().find(|index| lines.get(*index).is_some_and(is_echo));
        let typed = Some(echo.len());
        match first.and_then(|index| shown.get_mut(index)) {
            Some(line) => line.typed = typed,
            None if is_key => shown.insert(step.expected.start.min(shown.len()), Line { text: echo, typed }),
            None => {}
        }
    }
    shown
}

/// The lines one by one: a long one goes on below itself, further to the right. Those of a table stay in their columns.
fn listing(lines: &[Line]) -> String {
    let texts: Vec<&str> =
        lines.iter().map(|line| if line.typed.is_some() { "" } else { &line.text }).collect();
    let tables = columns::tables(&texts);
    let mut html = String::from("<pre><code class=\"nohighlight\">");
    for (index, line) in lines.iter().enumerate() {
        if tables.iter().any(|table| table.start == index) {
            html.push_str("<span class=\"columns\">");
        }
        html.push_str(&one(line));
        if tables.iter().any(|table| table.end == index + 1) {
            html.push_str("</span>");
        }
    }
    html.push_str("</code></pre>");
    html
}

/// One line. What is typed is told from what appears.
fn one(Line { text: line, typed }: &Line) -> String {
    let (keys, shown) = line.split_at_checked(typed.unwrap_or(0)).unwrap_or(("", line));
    let (prompt, keys) = keys.strip_prefix(PROMPT).map_or(("", keys), |command| (PROMPT, command));
    let class = if typed.is_some() { "line typed" } else { "line" };
    let hang = columns::hang(shown).map(|column| format!(" style=\"--hang:{column}ch\"")).unwrap_or_default();
    let mut html = format!("<span class=\"{class}\"{hang}>");
    if !prompt.is_empty() {
        let _ = write!(html, "<span class=\"prompt\">{prompt}</span>"); // a String takes everything
    }
    if typed.is_some() {
        let key = if keys.starts_with('^') && keys.len() == 2 { " class=\"key\"" } else { "" };
        let _ = write!(html, "<kbd{key}>{}</kbd>", words::whole(keys, text));
    }
    html.push_str(&text(shown));
    html.push_str("\n</span>");
    html
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
