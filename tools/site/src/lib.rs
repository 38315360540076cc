//! The site that mdBook makes of the book: every block says what it is, every quoted file can be read, and a picture of
//! a recording becomes a player. All of it is added when the site is built; on a forge the pages are as they are.

pub mod block;
pub mod columns;
pub mod files;
pub mod page;
pub mod picture;
pub mod reference;
pub mod sections;
pub mod stress;
pub mod words;

use std::path::Path;

use anyhow::{Context, Result};
use mdbook_preprocessor::PreprocessorContext;
use mdbook_preprocessor::book::{Book, BookItem, Chapter};

use crate::files::Files;

/// The book as the site shows it.
///
/// # Errors
/// A page has a block that the laboratory does not understand, or quotes what is not there.
pub fn rewrite(from: &PreprocessorContext, mut book: Book) -> Result<Book> {
    let docs = from.root.join(&from.config.book.src);
    let docs = docs.canonicalize().with_context(|| format!("open {}", docs.display()))?;
    let repository = from.config.html_config().and_then(|html| html.git_repository_url);
    let root = docs.parent().context("the book is no folder of a workspace")?;
    let mut files = Files::new(root, repository);
    let mut faults = Vec::new();
    book.for_each_chapter_mut(|chapter| {
        let Some(source) = chapter.source_path.clone() else { return };
        match page::rewrite(&mut files, &source, &chapter.content) {
            Ok(content) => chapter.content = content,
            Err(error) => faults.push(error.context(format!("docs/{}", source.display()))),
        }
    });
    if let Some(fault) = faults.into_iter().next() {
        return Err(fault);
    }
    book.items.push(BookItem::Chapter(sources(&mut files)?));
    Ok(book)
}

/// The page that lists the files, above a page for each if they are shown here.
fn sources(files: &mut Files) -> Result<Chapter> {
    let title = "The files";
    let mut list = Chapter::new(title, files.list()?, Path::new("source/index.md"), Vec::new());
    for file in files.shown().filter(|_| files.are_here()) {
        let name = file.to_string_lossy();
        let page = files::page_of(file);
        let shown = Chapter::new(&name, files.render(file)?, page, vec![title.to_owned()]);
        list.sub_items.push(BookItem::Chapter(shown));
    }
    Ok(list)
}
