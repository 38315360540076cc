//! Every link between the pages leads somewhere: the file is there, and so is the heading in it. On a forge, where the
//! pages are read as they are, and on the site that mdBook makes of them, where some have another name.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use harness::missing::Missing;
use harness::process::not_checked;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// README.md, CONTRIBUTING.md and everything in docs/.
fn pages() -> Vec<PathBuf> {
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .chain([root().join("README.md"), root().join("CONTRIBUTING.md")])
        .collect()
}

/// The targets of a page's links and pictures.
fn targets(text: &str) -> Vec<String> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
        .filter_map(|event| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                Some(dest_url.into_string())
            }
            _ => None,
        })
        .collect()
}

/// The names under which forges and mdBook know a page's headings: lower case, dashes for spaces, no punctuation.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let text = heading.take().unwrap_or_default().to_lowercase();
                let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
                anchors.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            _ => {}
        }
    }
    anchors
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    let mut followed = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for target in targets(&text) {
            if target.contains("://") {
                continue; // somebody else's
            }
            followed += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let leads = match std::fs::read_to_string(&file) {
                _ if anchor.is_empty() => file.exists(),
                Ok(text) => anchors(&text).contains(anchor),
                Err(_) => false,
            };
            if !leads {
                broken.push(format!("{}: {target}", page.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(followed > 20, "only {followed} links were found");
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

/// The values of an attribute, in the HTML that mdBook writes.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let begin = format!(" {name}=\"");
    html.split(begin.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
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

/// Where a link on the page `page` of the site in `site` leads: the path from the site, if it exists and has the anchor.
fn leads(site: &Path, page: &Path, link: &str) -> bool {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let beside = page.parent().unwrap().join(file);
    let Some(file) = (if file.is_empty() { Some(page.to_owned()) } else { inside(&beside) }) else {
        // A source file: it is no part of the site, and read on the forge.
        return root().join("docs").join(&beside).exists();
    };
    let file = if site.join(&file).is_dir() { file.join("index.html") } else { file };
    match std::fs::read_to_string(site.join(&file)) {
        _ if anchor.is_empty() => site.join(&file).exists(),
        Ok(html) => attributes(&html, "id").contains(&anchor),
        Err(_) => false,
    }
}

#[test]
fn every_link_of_the_site_leads_somewhere() {
    let site = tempfile::tempdir().unwrap();
    let mdbook =
        Command::new("mdbook").arg("build").arg(root().join("docs")).arg("-d").arg(site.path()).output();
    let built = match mdbook {
        Ok(built) => built,
        Err(error) => {
            let missing = Missing {
                what: format!("mdbook is not installed: {error}"),
                remedy: Some("cargo install mdbook".to_owned()),
            };
            return not_checked("the links of the built site", missing).unwrap();
        }
    };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let mut broken = BTreeSet::new();
    let mut followed = 0;
    for entry in std::fs::read_dir(site.path()).unwrap() {
        let path = entry.unwrap().path();
        let page = path.strip_prefix(site.path()).unwrap();
        // What a server shows instead of a page that is not there begins every link at the root.
        if page.extension() != Some(OsStr::new("html")) || page == Path::new("404.html") {
            continue;
        }
        let html = std::fs::read_to_string(&path).unwrap();
        for link in ["href", "src"].into_iter().flat_map(|name| attributes(&html, name)) {
            if link.contains("://") {
                continue; // somebody else's
            }
            followed += 1;
            if !leads(site.path(), page, link) {
                broken.insert(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(followed > 20, "only {followed} links were found");
    assert!(broken.is_empty(), "broken links:\n{}", Vec::from_iter(broken).join("\n"));
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let docs = root().join("docs");
    let listed = targets(&std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap());
    for page in pages().iter().filter(|page| page.starts_with(&docs)) {
        let name = page.file_name().unwrap().to_str().unwrap();
        assert!(name == "SUMMARY.md" || listed.iter().any(|target| target == name), "{name} is not listed");
    }
}
