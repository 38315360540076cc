//! Regions of a source file, named by what stands in them, so that a lesson carries no marks for the book.
//!
//! - `#accept` is the step under a numbered comment `// 4. accept: ...`: from there to the next numbered comment, or to
//!   the end of its block. A comment may name several calls: `// 2. bind, listen: ...`.
//! - `#serve()` is a function, from its signature to its closing brace.
//! - `#[section]` is a section of a TOML file.
//! - No fragment is the whole file.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::replay::compare::Row;

/// A numbered step of a lesson.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The calls that its comment names.
    pub names: Vec<String>,
    /// Its lines, as indices from 0.
    pub lines: Range<usize>,
}

static NUMBERED: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the pattern is a constant; every test compiles it")]
    Regex::new(r"^\s*// \d+\. *([\w, ]*)").expect("a constant pattern")
});

/// The numbered steps of a file, in order.
#[must_use]
pub fn steps(source: &str) -> Vec<Step> {
    let lines: Vec<&str> = source.lines().collect();
    let starts: Vec<(usize, Vec<String>)> = lines
        .iter()
        .enumerate()
        .filter_map(|(index, line)| {
            let names = NUMBERED.captures(line)?.get(1)?.as_str();
            Some((index, names.split(',').map(|name| name.trim().to_owned()).collect()))
        })
        .collect();
    starts
        .iter()
        .enumerate()
        .map(|(nth, (start, names))| {
            let next = starts.get(nth + 1).map_or(lines.len(), |(next, _)| *next);
            let depth = lines.get(*start).map_or(0, |line| indentation(line));
            let ends = (*start + 1..next).find(|index| {
                lines.get(*index).is_some_and(|line| !line.trim().is_empty() && indentation(line) < depth)
            });
            Step { names: names.clone(), lines: trimmed(&lines, *start..ends.unwrap_or(next)) }
        })
        .collect()
}

/// The lines of a region, as indices from 0.
///
/// # Errors
/// A sentence that says why `region` names nothing or more than one thing.
pub fn find(source: &str, region: Option<&str>) -> Result<Range<usize>, String> {
    let lines: Vec<&str> = source.lines().collect();
    let Some(region) = region else {
        return Ok(trimmed(&lines, 0..lines.len()));
    };
    if region.starts_with('[') {
        let start = lines.iter().position(|line| line.trim_end() == region);
        let start = start.ok_or_else(|| format!("no section {region}"))?;
        let end = (start + 1..lines.len())
            .find(|index| lines.get(*index).is_some_and(|line| line.starts_with('[')));
        return Ok(trimmed(&lines, start..end.unwrap_or(lines.len())));
    }
    let function = region.strip_suffix("()");
    let found = match function {
        Some(name) => functions(&lines, name),
        None => steps(source)
            .into_iter()
            .filter(|step| step.names.iter().any(|name| name == region))
            .map(|step| step.lines)
            .collect(),
    };
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] if function.is_some() => Err("no such function".into()),
        [] => Err("no numbered comment names it".into()),
        many => {
            let at: Vec<String> = many.iter().map(|lines| (lines.start + 1).to_string()).collect();
            Err(format!("named more than once, in lines {}", at.join(", ")))
        }
    }
}

/// The region's lines without their common indentation.
#[must_use]
pub fn dedented(source: &str, region: Range<usize>) -> Vec<String> {
    let lines: Vec<&str> = source.lines().skip(region.start).take(region.len()).collect();
    let indent =
        lines.iter().filter(|line| !line.trim().is_empty()).map(|line| indentation(line)).min().unwrap_or(0);
    lines.iter().map(|line| line.get(indent..).unwrap_or_default().trim_end().to_owned()).collect()
}

/// Compares the lines of a page with those of the file, as they are.
#[must_use]
pub fn rows(page: &[String], file: &[String]) -> Vec<Row> {
    let page: Vec<&str> = page.iter().map(|line| line.trim_end()).collect();
    let file: Vec<&str> = file.iter().map(|line| line.trim_end()).collect();
    let changes = similar::TextDiff::from_slices(&page, &file);
    let rows = changes.iter_all_changes().filter_map(|change| {
        Some(match change.tag() {
            similar::ChangeTag::Equal => Row::Same(change.old_index()?),
            similar::ChangeTag::Delete => Row::Gone(change.old_index()?),
            similar::ChangeTag::Insert => Row::New(change.new_index()?),
        })
    });
    rows.collect()
}

fn functions(lines: &[&str], name: &str) -> Vec<Range<usize>> {
    let is_signature = |line: &str| {
        let Some((before, after)) = line.split_once("fn ") else {
            return false;
        };
        let rest = after.strip_prefix(name);
        let before = before.trim();
        (before.is_empty()
            || before
                .split(' ')
                .all(|word| ["async", "const", "unsafe"].contains(&word) || word.starts_with("pub")))
            && rest.is_some_and(|rest| rest.starts_with(['(', '<']))
    };
    let at = |index: usize| lines.get(index).copied().unwrap_or_default();
    (0..lines.len())
        .filter(|start| is_signature(at(*start)))
        .filter_map(|start| {
            let depth = indentation(at(start));
            let end = (start..lines.len()).find(|index| {
                indentation(at(*index)) == depth
                    && (at(*index).trim_end() == format!("{}}}", " ".repeat(depth))
                        || (*index == start && at(start).trim_end().ends_with('}')))
            })?;
            Some(start..end + 1)
        })
        .collect()
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn trimmed(lines: &[&str], mut range: Range<usize>) -> Range<usize> {
    while range.len() > 1 && lines.get(range.end - 1).is_some_and(|line| line.trim().is_empty()) {
        range.end -= 1;
    }
    range
}

#[cfg(test)]
mod tests {
    use super::*;

    const LESSON: &str = "\
//! A lesson.

fn main() -> Result<()> {
    serve()
}

pub fn serve() -> Result<()> {
    // 1. socket: a descriptor.
    // It is not bound.
    let fd = socket()?;

    // 2. bind, listen: an address
    bind(&fd)?;
    loop {
        // 3. accept
        accept()?;

        // not numbered
        again();
    }
    done()
}

[not toml]
";

    fn region(name: &str) -> Vec<String> {
        dedented(LESSON, find(LESSON, Some(name)).expect("a region"))
    }

    #[test]
    fn a_step_ends_at_the_next_number_or_with_its_block() {
        assert_eq!(
            region("socket"),
            ["// 1. socket: a descriptor.", "// It is not bound.", "let fd = socket()?;"]
        );
        assert_eq!(region("listen"), ["// 2. bind, listen: an address", "bind(&fd)?;", "loop {"]);
        assert_eq!(region("accept"), ["// 3. accept", "accept()?;", "", "// not numbered", "again();"]);
    }

    #[test]
    fn a_function_is_whole() {
        assert_eq!(region("main()"), ["fn main() -> Result<()> {", "    serve()", "}"]);
        assert_eq!(region("serve()").len(), 16);
        assert_eq!(find(LESSON, Some("serv()")), Err("no such function".into()));
    }

    #[test]
    fn a_name_must_name_one_thing() {
        assert_eq!(find(LESSON, Some("send")), Err("no numbered comment names it".into()));
        let twice = "// 1. recv: a\nx\n// 2. recv: b\ny\n";
        assert_eq!(find(twice, Some("recv")), Err("named more than once, in lines 1, 3".into()));
    }

    #[test]
    fn sections_and_whole_files() {
        let toml = "[a]\nx = 1\n\n[b]\ny = 2\n";
        assert_eq!(find(toml, Some("[a]")), Ok(0..2));
        assert_eq!(find(toml, None), Ok(0..5));
    }
}
