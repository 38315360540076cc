//! The tables of the reference say what is on the pages, all of it and nothing else. `LAB_UPDATE=1` writes them anew.

use std::error::Error;
use std::path::Path;

use site::reference::{Book, TABLES, Thing};
use site::stress::{emphasised, unsaid};

#[test]
fn every_table_is_as_the_pages_are() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).ok_or("no workspace")?;
    let book = Book::read(root)?;
    let update = std::env::var_os("LAB_UPDATE").is_some_and(|value| value == "1");
    let mut gaps = Vec::new();
    for table in TABLES {
        let path = root.join("docs").join(table.page);
        let source = std::fs::read_to_string(&path)?;
        let rewritten = table.rewritten(&book, &source)?;
        if update {
            std::fs::write(&path, &rewritten)?;
        } else {
            let stale: Vec<&str> = rewritten.lines().filter(|line| !source.contains(line)).collect();
            assert!(
                source == rewritten,
                "docs/{} is not what the pages say; `LAB_UPDATE=1 cargo test -p site --test reference` writes:\n{}",
                table.page,
                stale.join("\n")
            );
        }
        gaps.extend(table.gaps(&rewritten).into_iter().map(|row| format!("docs/{}: {row}", table.page)));
    }
    assert!(gaps.is_empty(), "say what it means:\n{}", gaps.join("\n"));
    Ok(())
}

#[test]
fn every_emphasised_word_is_explained_or_only_stressed() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).ok_or("no workspace")?;
    let table = TABLES.iter().find(|table| table.of == Thing::Word).ok_or("no glossary")?;
    let page = std::fs::read_to_string(root.join("docs").join(table.page))?;
    let glossary = table.keys(&page).into_iter().map(str::to_lowercase).collect();
    let emphasised = Book::read(root)?.texts().flat_map(emphasised).collect();
    let (unsaid, gone) = unsaid(&emphasised, &glossary);
    assert!(
        unsaid.is_empty(),
        "terms belong into docs/glossary.md, stress into tools/site/src/stress.rs: {unsaid:#?}"
    );
    assert!(gone.is_empty(), "tools/site/src/stress.rs has what no page emphasises: {gone:#?}");
    Ok(())
}
