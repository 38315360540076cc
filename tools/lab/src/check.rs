//! Checks pages: their excerpts against the files, their blocks against a real run.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use crate::book::block::Kind;
use crate::book::excerpt;
use crate::book::page::Page;
use crate::build::build;
use crate::error::{self, Error, Result};
use crate::network::Network;
use crate::plays;
use crate::replay::compare;
use crate::replay::{Sees, Stage};
use crate::show::report::Report;
use crate::show::update;
use crate::signals::Signals;

/// What to check.
#[derive(Debug)]
pub struct Check {
    /// The root of the workspace: where pages, files and commands are.
    pub root: PathBuf,
    /// Relative to the root; none for the whole book.
    pub pages: Vec<PathBuf>,
    /// Rewrite the pages from what came.
    pub update: bool,
    /// How many pages play at once; three for each processor if nobody says.
    pub jobs: Option<NonZero<usize>>,
}

impl Check {
    /// Reads, builds, plays and compares; says on `progress` what it is at. Call it before there is any thread.
    ///
    /// # Errors
    /// When a file cannot be read or written, a build fails, a signal has come, or the laboratory itself fails. What
    /// differs is not an error but in the report.
    pub fn run(&self, progress: &mut dyn Write, signals: &Signals) -> Result<Report> {
        let book = book(&self.root)?;
        let chosen = if self.pages.is_empty() { &book } else { &self.pages };
        if chosen.is_empty() {
            return Err(Error::new(format!(
                "no page: neither README.md nor docs/*.md in {}",
                self.root.display()
            )));
        }
        let pages = chosen.iter().map(|path| Page::read(&self.root, path)).collect::<Result<Vec<_>>>()?;
        let others = book.iter().filter(|path| !chosen.contains(path));
        let others = others.map(|path| Page::read(&self.root, path)).collect::<Result<Vec<_>>>()?;

        let mut report = Report { pages: pages.len(), ..Report::default() };
        let mut bodies: Vec<Vec<(usize, Vec<String>)>> = Vec::new();
        let mut excerpts = Excerpts::new(&self.root);
        for page in &pages {
            for (line, fault) in &page.faults {
                report.wrong(&page.path, *line, fault);
            }
            bodies.push(excerpts.compare(page, self.update, &mut report)?);
        }
        excerpts.not_shown(&pages, &others, &mut report)?;

        build(&self.root, pages.iter().flat_map(Page::commands), progress)?;
        let network = Network::enter()?;
        let stage =
            Stage { root: self.root.clone(), network: &network, update: self.update, sees: Sees::Shown };
        let begun = |page: &Page| say(progress, &format!("playing {}", page.path.display()));
        let runs = plays::play(&pages, &stage, self.jobs, signals, begun)?;
        for ((page, mut bodies), run) in pages.iter().zip(bodies).zip(runs) {
            if let Some(mut run) = run {
                report.run(page, &run, self.update);
                if self.update {
                    bodies.extend(update::replayed(page, &mut run));
                }
            }
            if !bodies.is_empty() {
                bodies.sort_by_key(|(index, _)| *index);
                let path = self.root.join(&page.path);
                std::fs::write(&path, update::rewrite(page, &bodies))
                    .map_err(|error| Error::of(format!("write {}", path.display()), error))?;
            }
        }
        report.findings.sort_by(|a, b| {
            let nth = |path: &Path| pages.iter().position(|page| page.path == path).unwrap_or(usize::MAX);
            (nth(&a.path), &a.path, a.line).cmp(&(nth(&b.path), &b.path, b.line))
        });
        Ok(report)
    }
}

pub(crate) fn say(progress: &mut dyn Write, what: &str) -> Result<()> {
    writeln!(progress, "{what}").map_err(|error| Error::of("say what is going on", error))
}

/// The pages of the book: README.md, then docs/*.md in the order of docs/SUMMARY.md; what the summary does not name
/// follows by name.
///
/// # Errors
/// When docs cannot be read.
pub fn book(root: &Path) -> Result<Vec<PathBuf>> {
    let docs = root.join("docs");
    let summary = docs.join("SUMMARY.md");
    let order = if summary.is_file() { error::read(&summary)? } else { String::new() };
    let mut pages = Vec::new();
    if docs.is_dir() {
        let entries =
            std::fs::read_dir(&docs).map_err(|error| Error::of(format!("read {}", docs.display()), error))?;
        for entry in entries.filter_map(std::result::Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if Path::new(&name).extension() == Some(OsStr::new("md")) && name != "SUMMARY.md" {
                let at = order.find(&format!("({name})")).or_else(|| order.find(&format!("(./{name})")));
                pages.push((at.unwrap_or(usize::MAX), name));
            }
        }
    }
    pages.sort();
    let readme = root.join("README.md").is_file().then(|| PathBuf::from("README.md"));
    Ok(readme.into_iter().chain(pages.into_iter().map(|(_, name)| Path::new("docs").join(name))).collect())
}

/// Excerpts, compared both ways: a page shows what stands in the file, and what a lesson numbers is on a page.
struct Excerpts<'a> {
    root: &'a Path,
    files: BTreeMap<String, Option<String>>,
}

impl<'a> Excerpts<'a> {
    fn new(root: &'a Path) -> Self {
        Self { root, files: BTreeMap::new() }
    }

    /// The text of the file, if there is such a file.
    fn file(&mut self, name: &str) -> Result<Option<&str>> {
        if !self.files.contains_key(name) {
            let path = self.root.join(name);
            let text = if path.is_file() { Some(error::read(&path)?) } else { None };
            self.files.insert(name.to_owned(), text);
        }
        Ok(self.files.get(name).and_then(Option::as_deref))
    }

    /// Compares the excerpts of the page; in an update, gives the new bodies of those that differ.
    fn compare(
        &mut self,
        page: &Page,
        update: bool,
        report: &mut Report,
    ) -> Result<Vec<(usize, Vec<String>)>> {
        let mut bodies = Vec::new();
        for (index, block) in page.blocks.iter().enumerate() {
            let Kind::Excerpt { file, region } = &block.kind else {
                continue;
            };
            let name = block.name();
            let Some(text) = self.file(file)? else {
                report.wrong(&page.path, block.line, format!("{name}: no such file"));
                continue;
            };
            let lines = match excerpt::find(text, region.as_deref()) {
                Ok(lines) => excerpt::dedented(text, lines),
                Err(why) => {
                    report.wrong(&page.path, block.line, format!("{name}: {why}"));
                    continue;
                }
            };
            // Nothing in a file is chosen by the kernel: equal means equal.
            let rows = excerpt::rows(&block.lines, &lines);
            if compare::equal(&rows) {
                report.agreed += 1;
            } else if update {
                report.rewritten += 1;
                bodies.push((index, lines));
            } else {
                report.differs(&page.path, block.line + 1, &name, &block.lines, &lines, &rows);
            }
        }
        Ok(bodies)
    }

    /// Numbered steps of the files that `pages` quote and that neither these pages nor `others` show.
    fn not_shown(&mut self, pages: &[Page], others: &[Page], report: &mut Report) -> Result<()> {
        let mut shown: BTreeMap<&str, Vec<std::ops::Range<usize>>> = BTreeMap::new();
        for (nth, page) in pages.iter().chain(others).enumerate() {
            for block in &page.blocks {
                let Kind::Excerpt { file, region } = &block.kind else {
                    continue;
                };
                if nth >= pages.len() && !shown.contains_key(file.as_str()) {
                    continue; // no chosen page quotes it
                }
                let ranges = shown.entry(file).or_default();
                if let Some(text) = self.file(file)? {
                    ranges.extend(excerpt::find(text, region.as_deref()));
                }
            }
        }
        for (file, ranges) in shown {
            let Some(text) = self.file(file)? else {
                continue;
            };
            for step in excerpt::steps(text) {
                let whole = |range: &std::ops::Range<usize>| {
                    range.start <= step.lines.start && step.lines.end <= range.end
                };
                if !ranges.iter().any(whole) {
                    let what = format!("no page shows the step \"{}\" of this file", step.names.join(", "));
                    report.wrong(Path::new(file), step.lines.start + 1, what);
                }
            }
        }
        Ok(())
    }
}
