//! `lab record PAGE`: one replay of a page, written as JSON.

use std::io;
use std::path::Path;

use crate::book::page::Page;
use crate::build::build;
use crate::error::{Error, Result};
use crate::network::Network;
use crate::record::recording::Recording;
use crate::replay::{self, Sees, Stage, Watcher};
use crate::show::report::Report;

/// Plays the page `path` beneath `root`, with every terminal traced, and gives its recording. Call it before there is
/// any thread.
///
/// # Errors
/// The page cannot be read or has no such heading, a build fails, something came otherwise than the page shows it, this
/// machine cannot show it all, or the laboratory itself fails.
pub fn record(root: &Path, path: &Path, sections: &[String], watcher: &mut dyn Watcher) -> Result<Recording> {
    let page = Page::read(root, path)?;
    build(root, page.commands(), &mut io::stderr())?;
    let network = Network::enter()?;
    let stage = Stage { root: root.to_owned(), network: &network, update: false, sees: Sees::All };
    let run = replay::play(&page, &stage, watcher)?;
    let mut report = Report::default();
    report.run(&page, &run, false);
    if !report.findings.is_empty() {
        let mut text = Vec::new();
        report.print(&mut text).map_err(|error| Error::of("write the report", error))?;
        return Err(Error::new(format!(
            "not everything came as the page shows it, or can be seen here:\n{}",
            String::from_utf8_lossy(&text)
        )));
    }
    Recording::of(&page, sections, &run)
}
