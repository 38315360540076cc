//! The reports that are kept, and how one of another machine is compared with them.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Where they are.
pub fn reports() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports")
}

/// Compares a report with the one that is kept in `file`; `LAB_UPDATE=1` writes that anew.
pub fn as_kept(file: &Path, text: &str) -> Result<(), String> {
    let came = steady(text);
    if std::env::var_os("LAB_UPDATE").is_some_and(|wish| wish == "1") {
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, came).expect("a report is kept");
        return Ok(());
    }
    let page = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    // A checkout may have carriage returns.
    let page = page.replace("\r\n", "\n");
    if page == came {
        return Ok(());
    }
    let diff = similar::TextDiff::from_lines(&page, &came);
    Err(format!("another report than {}:\n{}", file.display(), diff.unified_diff()))
}

/// The report without what another kernel, another machine or another version of a language has otherwise: how much
/// the kernel takes at once, how much a busy machine gets done, the calls and the words of an interpreter or a library.
/// A number is renamed, the same one to the same name.
fn steady(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut left_out = false;
    for line in text.lines() {
        if left_out && line.starts_with("    ") {
            continue;
        }
        left_out = line.starts_with("  your program's calls")
            || line.starts_with("  your program said on standard error");
        if left_out {
            // Whether it had come to that by then is left to chance; the line before is empty.
            lines.pop();
            continue;
        }
        lines.push(line);
    }
    // Bytes around an offset that the kernel has chosen.
    let far = Regex::new(r#"(?m)^( *(?:sent|came back) +)\.\.\. ".*$"#).expect("a pattern");
    let caret = Regex::new(r"(?m)^ +\^ byte (\d{4,})$").expect("a pattern");
    let counted = Regex::new(
        r"\b\d+ (descriptors|children|of 50 looks|of 10 answers|datagrams came for two|segments)|has \d+ now",
    )
    .expect("a pattern");
    // Which of several sends took only a part.
    let half = Regex::new(r"was given \d+ bytes and took \d+").expect("a pattern");
    let text = unwrapped(&(lines.join("\n") + "\n"));
    // What a library says of its own error is another text in another version; which error it is, is not.
    let words =
        Regex::new(r"(?m)(\b\w+(?:Error|Exception)|a thread panicked): .*?( \(exit status|\. [A-Z]|\.$)");
    let text = words.expect("a pattern").replace_all(&text, "$1: (...)$2").into_owned();
    let text = half.replace_all(&text, "was given N bytes and took N");
    let text = far.replace_all(&text, "${1}(...)");
    let text = caret.replace_all(&text, "(...) ^ byte $1");
    let text = counted.replace_all(&text, |found: &regex::Captures<'_>| match found.get(1) {
        Some(what) => format!("N {}", what.as_str()),
        None => "has N now".to_owned(),
    });
    renamed(&text)
}

/// The sentences in one line each: where a line ends depends on how long the numbers in it are.
pub fn unwrapped(text: &str) -> String {
    let mut is_headline = false;
    let paragraphs = text.split("\n\n").enumerate().map(|(at, paragraph)| {
        let is_sentence = is_headline;
        is_headline = at > 0 && paragraph.lines().count() == 1 && !paragraph.starts_with(' ');
        match paragraph {
            sentence if is_sentence => sentence.replace("\n  ", " "),
            others if others.starts_with("also:") => others.replace("\n    ", " "),
            lines => lines.to_owned(),
        }
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// Numbers of four digits and more that are not ours: the kernel chose them.
fn renamed(text: &str) -> String {
    const OURS: [&str; 10] =
        ["1024", "2000", "6797", "8080", "65536", "600000", "1000000", "4096", "40001", "40002"];
    let number = Regex::new(r"\d{4,}").expect("a pattern");
    let mut names: Vec<String> = Vec::new();
    let is_client = |digits: &str| digits.len() == 5 && digits.starts_with("400");
    let name = |found: &regex::Captures<'_>| {
        let digits = &found[0];
        if OURS.contains(&digits) || is_client(digits) {
            return digits.to_owned();
        }
        let at = names.iter().position(|known| known == digits).unwrap_or_else(|| {
            names.push(digits.to_owned());
            names.len() - 1
        });
        format!("N{}", at + 1)
    };
    number.replace_all(text, name).into_owned()
}
