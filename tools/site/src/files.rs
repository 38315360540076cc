//! The repository's files that the pages quote or link: where each is read. At the repository's address, if
//! `git-repository-url` in `docs/book.toml` names one; otherwise on pages of the site itself.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pulldown_cmark_escape::escape_html_body_text;

/// The languages in which files are coloured, by how their names end.
const LANGUAGES: [(&str, &str); 9] = [
    ("rs", "rust"),
    ("toml", "toml"),
    ("md", "markdown"),
    ("py", "python"),
    ("c", "c"),
    ("go", "go"),
    ("js", "javascript"),
    ("sh", "bash"),
    ("conf", "nohighlight"),
];

/// The files that pages refer to.
#[derive(Debug)]
pub struct Files {
    root: PathBuf,
    repository: Option<String>,
    shown: BTreeSet<PathBuf>,
}

impl Files {
    /// Of the workspace in `root`, with the address of its repository where it has one.
    #[must_use]
    pub fn new(root: &Path, repository: Option<String>) -> Self {
        Self { root: root.to_owned(), repository, shown: BTreeSet::new() }
    }

    /// Whether there is a text of a known language, or a folder, at `file`.
    #[must_use]
    pub fn is_text(&self, file: &Path) -> bool {
        language(file).is_some() || self.root.join(file).is_dir()
    }

    /// The text of `file`, as its path from the workspace's root names it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, file: &Path) -> Result<String> {
        std::fs::read_to_string(self.root.join(file)).with_context(|| format!("read {}", file.display()))
    }

    /// Where `file`, or a folder, is read, and in it these lines (from 1, the last one included), as a link from a page
    /// of the book. From now on it is among those that [are shown](Self::shown).
    ///
    /// # Errors
    /// It is not there.
    pub fn address(&mut self, file: &Path, lines: Option<(usize, usize)>) -> Result<String> {
        let path = self.root.join(file);
        let is_folder = path.metadata().with_context(|| format!("open {}", file.display()))?.is_dir();
        if !is_folder {
            self.shown.insert(file.to_owned());
        }
        if let Some(repository) = &self.repository {
            let anchor = lines.map(|(first, last)| format!("#L{first}-L{last}")).unwrap_or_default();
            let kind = if is_folder { "tree" } else { "blob" };
            return Ok(format!(
                "{}/{kind}/main/{}{anchor}",
                repository.trim_end_matches('/'),
                file.display()
            ));
        }
        if is_folder {
            for entry in path.read_dir().with_context(|| format!("read {}", file.display()))? {
                let inside = file.join(entry?.file_name());
                if self.is_text(&inside) {
                    self.address(&inside, None)?;
                }
            }
            return Ok(format!("source/index.md#{}", slug(file)));
        }
        let anchor = lines.map(|(first, _)| format!("#L{first}")).unwrap_or_default();
        Ok(format!("{}{anchor}", page_of(file).display()))
    }

    /// Whether the files are read on pages of the site.
    #[must_use]
    pub fn are_here(&self) -> bool {
        self.repository.is_none()
    }

    /// The files that pages refer to, in order.
    pub fn shown(&self) -> impl Iterator<Item = &Path> {
        self.shown.iter().map(PathBuf::as_path)
    }

    /// The list of these files, folder by folder.
    ///
    /// # Errors
    /// One is not there.
    pub fn list(&mut self) -> Result<String> {
        let mut list =
            String::from("# The files\n\nThe files of this repository that the pages quote or link.\n");
        let mut folder = None;
        for file in &self.shown.clone() {
            if folder != Some(file.parent()) {
                folder = Some(file.parent());
                let name = file.parent().filter(|parent| *parent != Path::new(""));
                let name =
                    name.map_or_else(|| "The root".to_owned(), |parent| format!("{}/", parent.display()));
                let id = slug(file.parent().unwrap_or(file));
                let _ = write!(list, "\n## {name} {{#{id}}}\n\n");
            }
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let address = self.address(file, None)?;
            let _ = writeln!(list, "- [{name}]({})", address.strip_prefix("source/").unwrap_or(&address));
        }
        Ok(list)
    }

    /// The page of one of these files: its lines, each with its number to link to.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn render(&self, file: &Path) -> Result<String> {
        let source = self.read(file)?;
        let mut numbers = String::new();
        for number in 1..=source.lines().count() {
            let _ = write!(numbers, "<a id=\"L{number}\" href=\"#L{number}\">{number}</a>");
        }
        let mut text = String::new();
        escape_html_body_text(&mut text, &source)?;
        let class = match language(file) {
            Some("nohighlight") | None => "nohighlight".to_owned(),
            Some(language) => format!("language-{language}"),
        };
        Ok(format!(
            "<section class=\"file\">\n\n# {}\n\n<div class=\"source\">\n<div class=\"numbers\">{numbers}</div>\n\n\
             <pre><code class=\"{class}\">{text}</code></pre>\n\n</div>\n\n</section>\n",
            file.display()
        ))
    }
}

/// The page of the site that shows `file`.
#[must_use]
pub fn page_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".md");
    Path::new("source").join(name)
}

fn language(file: &Path) -> Option<&'static str> {
    let extension = file.extension()?;
    LANGUAGES.iter().find(|(end, _)| *end == extension).map(|(_, language)| *language)
}

/// The name of a folder as an anchor.
fn slug(folder: &Path) -> String {
    folder.to_string_lossy().replace('/', "-")
}
