//! Every link of the built site leads somewhere: the file is there, and so is the anchor in it.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use support::Site;
use support::browser::Result;

/// The values of an attribute, in the HTML that mdBook writes.
fn attributes<'a>(html: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let begin = format!(" {name}=\"");
    let mut rest = html;
    std::iter::from_fn(move || {
        rest = rest.split_once(begin.as_str())?.1;
        rest.split('"').next()
    })
}

/// The path without `..`; none if it leaves the folder in which it begins.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut inside = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => inside.push(name),
            Component::ParentDir if !inside.pop() => return None,
            _ => {}
        }
    }
    Some(inside)
}

/// Every file of the site, by its path in it; with its anchors, if it is a page.
fn files(site: &Path) -> Result<BTreeMap<PathBuf, BTreeSet<String>>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![site.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir()? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mut anchors = BTreeSet::new();
            if path.extension().is_some_and(|extension| extension == "html") {
                anchors = attributes(&std::fs::read_to_string(&path)?, "id").map(str::to_owned).collect();
            }
            files.insert(path.strip_prefix(site)?.to_owned(), anchors);
        }
    }
    Ok(files)
}

/// The links of the site that lead nowhere, and how many were followed.
fn broken(site: &Path) -> Result<(BTreeSet<String>, usize)> {
    let files = files(site)?;
    let leads = |page: &Path, link: &str| {
        let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
        let file = if path.is_empty() { Some(page.to_owned()) } else { inside(&page.with_file_name(path)) };
        let anchors = file.and_then(|file| files.get(&file));
        anchors.is_some_and(|anchors| anchor.is_empty() || anchors.contains(anchor))
    };
    let mut broken = BTreeSet::new();
    let mut followed = 0;
    for page in files.keys().filter(|page| page.extension().is_some_and(|extension| extension == "html")) {
        // What a server shows instead of a page that is not there begins every link at the root.
        if page == Path::new("404.html") {
            continue;
        }
        let html = std::fs::read_to_string(site.join(page))?;
        let card = attributes(&html, "content").filter(|value| value.contains("card."));
        for link in attributes(&html, "href").chain(attributes(&html, "src")).chain(card) {
            if link.contains("://") || link.starts_with("data:") {
                continue; // somebody else's, or here itself
            }
            followed += 1;
            if !leads(page, link) {
                broken.insert(format!("{}: {link}", page.display()));
            }
        }
    }
    Ok((broken, followed))
}

#[test]
fn every_link_of_the_site_leads_somewhere() -> Result<()> {
    let Some(site) = Site::build("the links of the built site")? else { return Ok(()) };
    let (broken, followed) = broken(site.path())?;
    assert!(followed > 1000, "only {followed} links were found");
    assert!(broken.is_empty(), "broken links:\n{}", Vec::from_iter(broken).join("\n"));
    Ok(())
}

#[test]
fn a_dead_link_is_found() -> Result<()> {
    let book = support::book("# A\n\n[there](b.md) [here](#a) [nowhere](#b) [p](https://example.org)\n")?;
    let Some(site) = Site::of(&book.path().join("docs"), "a dead link")? else { return Ok(()) };
    let (broken, _) = broken(site.path())?;
    // The first page is there under its own name and as the first one; and once more on the page of all.
    let pages: BTreeSet<&str> = broken.iter().filter_map(|fault| Some(fault.split_once(": ")?.1)).collect();
    assert_eq!(pages, BTreeSet::from(["#b", "b.html"]), "{broken:?}");
    Ok(())
}
