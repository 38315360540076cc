//! Says what was found, by page and line.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::book::block::Block;
use crate::book::page::Page;
use crate::missing::Missing;
use crate::replay::compare::{self, Row};
use crate::replay::renaming::Renaming;
use crate::replay::{Comparison, Outcome, Run};

/// How many equal lines are shown around one that differs.
const CONTEXT: usize = 3;

/// Something to say about a line of a file.
#[derive(Debug)]
pub struct Finding {
    /// The file, relative to the root of the workspace.
    pub path: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// What it is about.
    pub kind: FindingKind,
}

/// What a finding says.
#[derive(Debug)]
pub enum FindingKind {
    /// The page shows something else than what came; rewriting the page repairs it. The text may have several lines.
    Differs(String),
    /// Wrong in another way.
    Wrong(String),
    /// This machine lacks what it takes.
    NotChecked(Missing),
}

/// What a check came to.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order in which they are printed.
    pub findings: Vec<Finding>,
    /// How many pages were read.
    pub pages: usize,
    /// How many blocks agree with what came.
    pub agreed: usize,
    /// How many blocks were rewritten.
    pub rewritten: usize,
}

impl Report {
    /// How many findings are failures.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.findings.len() - self.gaps()
    }

    /// How many blocks this machine could not check.
    #[must_use]
    pub fn gaps(&self) -> usize {
        self.findings.iter().filter(|finding| matches!(finding.kind, FindingKind::NotChecked(_))).count()
    }

    /// Adds what is wrong with the file at `line`.
    pub fn wrong(&mut self, path: &Path, line: usize, what: impl Into<String>) {
        self.add(path, line, FindingKind::Wrong(what.into()));
    }

    /// Adds a block of which the page shows something else than what came: `page` and `came` as `rows` compare them,
    /// the block's first line of the body being line `first` of the page.
    pub fn differs(
        &mut self,
        path: &Path,
        first: usize,
        name: &str,
        page: &[String],
        came: &[String],
        rows: &[Row],
    ) {
        let (line, diff) = diff(first, page, came, rows);
        self.add(
            path,
            line,
            FindingKind::Differs(format!("{name}: the page differs from what came\n{diff}")),
        );
    }

    fn add(&mut self, path: &Path, line: usize, kind: FindingKind) {
        self.findings.push(Finding { path: path.to_owned(), line, kind });
    }

    /// Adds what playing the page came to. In an update, a block that is rewritten is no failure.
    pub fn run(&mut self, page: &Page, run: &Run, update: bool) {
        let mut not_reached: Vec<&Block> = Vec::new();
        for (block, outcome) in page.blocks.iter().zip(&run.outcomes) {
            match outcome {
                Outcome::NotPlayed => {}
                Outcome::NotReached => not_reached.push(block),
                Outcome::NotChecked(missing) => {
                    self.add(&page.path, block.line, FindingKind::NotChecked(missing.clone()));
                }
                Outcome::Played(played) => {
                    for (line, sentence) in &played.complaints {
                        self.wrong(&page.path, *line, format!("{}: {sentence}", block.name()));
                    }
                    if update && played.is_rewritten() {
                        self.rewritten += 1;
                    } else {
                        for step in played.steps.iter().filter(|step| !step.agrees()) {
                            self.step(page, block, step, &run.renaming);
                        }
                    }
                    self.agreed += usize::from(played.agrees() && played.complaints.is_empty());
                }
            }
        }
        for (line, sentence) in &run.complaints {
            self.wrong(&page.path, *line, sentence.as_str());
        }
        if let Some((first, others)) = not_reached.split_first() {
            let others = match others.len() {
                0 => String::new(),
                1 => ", nor the one after it".into(),
                others => format!(", nor the {others} after it"),
            };
            let what = format!("{} not played{others}: the page could not go on", first.name());
            self.wrong(&page.path, first.line, what);
        }
    }

    fn step(&mut self, page: &Page, block: &Block, step: &Comparison, renaming: &Renaming) {
        let raw: Vec<&str> = step.came.iter().map(|came| came.text.as_str()).collect();
        let came: Vec<String> = raw.iter().map(|text| renaming.to_page(text)).collect();
        let (_, mut diff) = diff(block.line + 1, &block.lines, &came, &step.rows);
        // A step that came out empty-handed has no row before the first: its lines begin where the step does.
        let line =
            first_difference(block.line + 1, &step.rows).unwrap_or(block.line + 1 + step.expected.start);
        for sentence in compare::explanations(&step.rows, &raw, renaming) {
            let _ = writeln!(diff, "    {sentence}"); // a String takes everything
        }
        let why = step.stuck.as_deref().unwrap_or("the page differs from what came");
        let text = format!("{}: {why}\n{diff}", block.name());
        self.add(&page.path, line, FindingKind::Differs(text));
    }

    /// Prints every finding and a summary.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        for Finding { path, line, kind } in &self.findings {
            let path = path.display();
            match kind {
                FindingKind::Differs(what) => write!(out, "{path}:{line}: {what}")?,
                FindingKind::Wrong(what) => writeln!(out, "{path}:{line}: {what}")?,
                FindingKind::NotChecked(missing) => writeln!(out, "NOT CHECKED {path}:{line}: {missing}")?,
            }
        }
        let rewritten = match self.rewritten {
            0 => String::new(),
            rewritten => format!(", {rewritten} rewritten"),
        };
        writeln!(
            out,
            "{}: {} as shown{rewritten}, {} not checked, {}",
            count(self.pages, "page"),
            count(self.agreed, "block"),
            self.gaps(),
            count(self.failures(), "failure"),
        )?;
        let mut differing: Vec<&Path> = self
            .findings
            .iter()
            .filter(|finding| matches!(finding.kind, FindingKind::Differs(_)))
            .map(|finding| finding.path.as_path())
            .collect();
        differing.dedup();
        if !differing.is_empty() {
            write!(out, "If what came is right, let the pages say so: cargo run -p lab -- check --update")?;
            for path in differing {
                write!(out, " {}", path.display())?;
            }
            writeln!(out)?;
        }
        out.flush()
    }
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    }
}

/// The line of the page where the first difference is.
fn first_difference(first: usize, rows: &[Row]) -> Option<usize> {
    let mut next = None;
    for row in rows {
        match row {
            Row::Same(line) => next = Some(first + line + 1),
            Row::Gone(line) => return Some(first + line),
            Row::New(_) => break,
        }
    }
    // Something more came: that is after the last line that did, if there was one.
    let gone = rows.iter().find_map(|row| match row {
        Row::Gone(line) => Some(first + line),
        _ => None,
    });
    next.map(|next| next - 1).or(gone)
}

/// The differing lines with some before and after: `-` is on the page, `+` came. Also the line of the first difference.
fn diff(first: usize, page: &[String], came: &[String], rows: &[Row]) -> (usize, String) {
    let changed: Vec<usize> =
        rows.iter().enumerate().filter(|(_, row)| !matches!(row, Row::Same(_))).map(|(at, _)| at).collect();
    let mut text = String::new();
    let mut skipped = false;
    for (at, row) in rows.iter().enumerate() {
        if !changed.iter().any(|change| change.abs_diff(at) <= CONTEXT) {
            skipped = true;
            continue;
        }
        if std::mem::take(&mut skipped) {
            text.push_str("         ...\n");
        }
        let (sign, number, line) = match row {
            Row::Same(line) => (' ', (first + line).to_string(), page.get(*line)),
            Row::Gone(line) => ('-', (first + line).to_string(), page.get(*line)),
            Row::New(line) => ('+', String::new(), came.get(*line)),
        };
        let row = format!("  {sign} {number:>4}  {}", line.map_or("", |line| line.trim_end()));
        text.push_str(row.trim_end());
        text.push('\n');
    }
    (first_difference(first, rows).unwrap_or(first), text)
}
