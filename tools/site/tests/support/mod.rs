//! The site, built for a test, and a browser to look at it.

#![allow(dead_code, reason = "each test uses its own part of this")]

pub mod browser;
pub mod checks;

use std::path::{Path, PathBuf};

use harness::missing::Missing;
use harness::process::not_checked;
use tempfile::TempDir;

use browser::Result;

/// The workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."))
}

/// The site in a folder of its own, which goes when this is dropped.
pub struct Site(TempDir);

impl Site {
    /// Builds it from the book; none, with a line that names the check `what`, where there is no mdbook.
    pub fn build(what: &str) -> Result<Option<Self>> {
        Self::of(&root().join("docs"), what)
    }

    /// Builds it from the book in `docs`.
    pub fn of(docs: &Path, what: &str) -> Result<Option<Self>> {
        let folder = harness::folder::tempdir()?;
        let mut command = harness::process::command("mdbook");
        command.arg("build").arg(docs).arg("-d").arg(folder.path());
        // The program that these tests were built with, instead of one that cargo makes now.
        command.env("MDBOOK_PREPROCESSOR__SITE__COMMAND", env!("CARGO_BIN_EXE_site"));
        let built = match command.output() {
            Ok(built) => built,
            Err(error) => {
                let missing = Missing {
                    what: format!("mdbook is not installed: {error}"),
                    remedy: Some(".ci/prepare installs it".to_owned()),
                };
                not_checked(what, missing)?;
                return Ok(None);
            }
        };
        let said = String::from_utf8_lossy(&built.stderr);
        if built.status.success() { Ok(Some(Self(folder))) } else { Err(said.into_owned().into()) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Its pages, without those that show a file, and without the page of all pages for the printer.
    pub fn pages(&self) -> Result<Vec<PathBuf>> {
        let mut pages = Vec::new();
        for entry in self.path().read_dir()? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.ends_with(".html") && !["print.html", "404.html", "toc.html"].contains(&&*name) {
                pages.push(path);
            }
        }
        pages.sort();
        Ok(pages)
    }
}

/// A workspace whose book has this one page, with the settings of our own.
pub fn book(page: &str) -> Result<TempDir> {
    let folder = harness::folder::tempdir()?;
    let docs = folder.path().join("docs");
    std::fs::create_dir_all(docs.join("theme"))?;
    std::fs::copy(root().join("docs/book.toml"), docs.join("book.toml"))?;
    for entry in root().join("docs/theme").read_dir()? {
        let path = entry?.path();
        if path.is_file() {
            std::fs::copy(&path, docs.join("theme").join(path.file_name().unwrap_or_default()))?;
        }
    }
    std::fs::write(docs.join("SUMMARY.md"), "# Summary\n\n- [A page](a.md)\n")?;
    std::fs::write(docs.join("a.md"), page)?;
    Ok(folder)
}
