//! The site in a browser, as a reader has it before them: on a wide screen and on a phone, in light and in dark.

mod support;

use harness::missing::Missing;
use harness::process::not_checked;
use support::Site;
use support::browser::{Browser, Page, Result};
use support::checks::{CUT_OFF, FAINT};

const WHAT: &str = "the site in a browser";

/// Each width that a reader may have, in each colour scheme.
const LOOKS: [(u32, &str); 4] = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")];

/// Where `.ci/prepare` puts axe-core.
const AXE: &str = "/usr/local/lib/node_modules/axe-core/axe.min.js";

/// On a wide screen only this may be wider than its place: drawings, and files on pages of their own.
const SCROLLS: &str = r"Array.from(document.querySelectorAll('main .block pre, main .table-wrapper, main .columns, main p'))
    .filter(box => !box.closest('.figure') && box.scrollWidth > box.clientWidth + 1)
    .map(box => box.textContent.slice(0, 100))";

/// The edge of a block says what it is, so all of one kind have the same: what stands before one does not matter.
const EDGES: &str = r"(() => {
    const edges = new Map(), other = [];
    for (const block of document.querySelectorAll('main .block')) {
        const { borderInlineStartStyle, borderInlineStartWidth, display } = getComputedStyle(block);
        const edge = `${borderInlineStartStyle} ${borderInlineStartWidth} ${display}`;
        const first = edges.get(block.className) ?? edge;
        edges.set(block.className, first);
        if (edge !== first) other.push(`${block.className}: ${edge}, and ${first} before: ${block.textContent.slice(0, 40)}`);
    }
    return other;
})()";

/// What axe-core finds against WCAG 2.1 AA, sentence by sentence. Contrast takes it long, so it is asked about that on a
/// few pages that have all colours; on every page, our own check looks for what is faint.
const VIOLATIONS: &str = r"axe.run({
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'],
        resultTypes: ['violations'],
        rules: { 'color-contrast': { enabled: CONTRAST } },
    })
    .then(found => found.violations.flatMap(violation => violation.nodes.slice(0, 3).map(node =>
        `${violation.id}: ${node.target.join(' ')}: ${node.failureSummary}`)))";

#[test]
fn no_page_complains_asks_another_machine_or_hides_what_it_says() -> Result<()> {
    let Some((site, browser)) = site_and_browser()? else { return Ok(()) };
    let page = browser.page(1280, "light")?;
    let mut faults = Vec::new();
    for path in site.pages()? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        page.open(&path, "")?;
        page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")?;
        for (width, scheme) in LOOKS {
            page.look(width, scheme)?;
            // The page has heard of it, and is laid out anew.
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")?;
            let mut found = list(&page, &format!("{CUT_OFF}(document.querySelector('main'))"))?;
            found.extend(list(&page, &format!("{FAINT}(document.body)"))?);
            found.extend(list(&page, EDGES)?);
            if width == 1280 {
                found.extend(list(&page, SCROLLS)?);
            }
            found.extend(page.complaints()?);
            faults.extend(found.into_iter().map(|fault| format!("{name}, {width}, {scheme}: {fault}")));
            page.shot(&format!("{name}-{width}-{scheme}"))?;
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    Ok(())
}

#[test]
fn axe_finds_nothing_against_wcag_aa() -> Result<()> {
    let Ok(axe) = std::fs::read_to_string(AXE) else {
        let missing =
            Missing { what: format!("no {AXE}"), remedy: Some(".ci/prepare installs it".to_owned()) };
        return Ok(not_checked("the site with axe-core", missing)?);
    };
    let Some((site, browser)) = site_and_browser()? else { return Ok(()) };
    let page = browser.page(1280, "light")?;
    let mut faults = Vec::new();
    let mut pages = site.pages()?;
    pages.extend(
        ["source/index.html", "source/part-one-server/src/main.rs.html"].map(|file| site.path().join(file)),
    );
    for path in pages {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let all = ["index.html", "main.rs.html", "part-five-time.html", "part-eight.html", "errors.html"]
            .contains(&&*name);
        for (width, scheme) in LOOKS.into_iter().take(if all { LOOKS.len() } else { 1 }) {
            page.look(width, scheme)?;
            page.open(&path, "")?;
            page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")?;
            page.evaluate(&axe)?;
            let found = list(&page, &VIOLATIONS.replace("CONTRAST", if all { "true" } else { "false" }))?;
            faults.extend(found.into_iter().map(|fault| format!("{name}, {width}, {scheme}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    Ok(())
}

/// The checks must be able to fail.
#[test]
fn what_is_faint_or_cut_off_is_found() -> Result<()> {
    let Some((site, browser)) = site_and_browser()? else { return Ok(()) };
    let page = browser.page(1280, "light")?;
    page.open(&site.path().join("next.html"), "")?;
    page.evaluate(
        "document.querySelector('main').innerHTML = `<p style='color: #7a7a7a'>grey <b style='color: #555; opacity: .6'>veiled</b></p>
            <p style='background: rgb(0 0 0 / .8)'>dark</p><p style='color: #767676; background: #fff'>enough</p>
            <div style='overflow: hidden; width: 3em; white-space: nowrap'>longer than its box</div>`",
    )?;
    let faint = list(&page, &format!("{FAINT}(document.querySelector('main'))"))?;
    let words: Vec<&str> = faint.iter().filter_map(|fault| fault.split('\u{201d}').next()).collect();
    assert_eq!(words, ["faint: \u{201c}grey", "faint: \u{201c}veiled", "faint: \u{201c}dark"], "{faint:?}");
    let cut = list(&page, &format!("{CUT_OFF}(document.querySelector('main'))"))?;
    assert_eq!(cut, ["DIV  hidden: longer than its box"]);
    Ok(())
}

fn site_and_browser() -> Result<Option<(Site, Browser)>> {
    let Some(site) = Site::build(WHAT)? else { return Ok(None) };
    Ok(Browser::start(WHAT)?.map(|browser| (site, browser)))
}

/// The strings that a JavaScript expression gives.
fn list(page: &Page<'_>, expression: &str) -> Result<Vec<String>> {
    let value = page.evaluate(expression)?;
    let strings = value.as_array().ok_or("not a list")?.iter();
    Ok(strings.map(|string| string.as_str().unwrap_or_default().to_owned()).collect())
}
