//! The site under a reader's fingers: searched, used by keyboard alone, in the colours that one chooses, and without its
//! script.

mod support;

use serde_json::json;
use support::Site;
use support::browser::{Browser, Result};

const WHAT: &str = "the use of the site in a browser";

fn site_and_browser() -> Result<Option<(Site, Browser)>> {
    let Some(site) = Site::build(WHAT)? else { return Ok(None) };
    Ok(Browser::start(WHAT)?.map(|browser| (site, browser)))
}

#[test]
fn search_finds_a_word() -> Result<()> {
    let Some((site, browser)) = site_and_browser()? else { return Ok(()) };
    let page = browser.page(1280, "light")?;
    page.open(&site.path().join("index.html"), "")?;
    page.key("/")?;
    page.until("document.activeElement.id === 'mdbook-searchbar'")?;
    page.enter("handshake")?;
    page.key("End")?;
    page.until("document.querySelectorAll('#mdbook-searchresults a').length > 3")?;
    let found = page.evaluate(
        "Array.from(document.querySelectorAll('#mdbook-searchresults a'), link => link.getAttribute('href')).join(' ')",
    )?;
    let found = found.as_str().unwrap_or_default();
    assert!(found.contains("part-one.html"), "{found}");
    // The files are no part of the text.
    assert!(!found.contains("source/"), "{found}");
    // A word of a block, which is HTML when mdBook reads it.
    page.evaluate("document.getElementById('mdbook-searchbar').select()")?;
    page.enter("IPPROTO_TCP")?;
    page.key("End")?; // it searches when a key is released
    page.until(
        "/^[1-9].*IPPROTO_TCP/.test(document.getElementById('mdbook-searchresults-header').textContent)",
    )?;
    assert_eq!(page.complaints()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_keyboard_is_enough() -> Result<()> {
    let Some((site, browser)) = site_and_browser()? else { return Ok(()) };
    let page = browser.page(1280, "light")?;
    page.open(&site.path().join("part-one.html"), "")?;
    let focus =
        "document.activeElement.id || document.activeElement.className || document.activeElement.tagName";
    page.key("Tab")?;
    assert_eq!(page.evaluate(focus)?, "skip");
    // It is to be seen now, and leads past the table of contents.
    page.until("document.querySelector('.skip').getBoundingClientRect().top >= 0")?;
    page.key("Enter")?;
    page.until("document.activeElement.id === 'mdbook-content'")?;
    page.key("Tab")?;
    let inside = page.evaluate("document.querySelector('main').contains(document.activeElement)")?;
    assert_eq!(inside, true, "{}", page.evaluate(focus)?);

    // Every stop can be seen, and the table of contents opens and closes.
    page.evaluate("document.getElementById('mdbook-sidebar-toggle').focus()")?;
    for shown in [false, true] {
        page.key("Enter")?;
        page.until(&format!("document.documentElement.classList.contains('sidebar-visible') === {shown}"))?;
    }
    let outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")?;
    assert_eq!(outline, "solid");

    // The colours, chosen by keys.
    page.key("Tab")?;
    assert_eq!(page.evaluate(focus)?, "mdbook-theme-toggle");
    page.key("Enter")?;
    page.until("document.activeElement.closest('#mdbook-theme-list')")?;
    page.evaluate("document.getElementById('mdbook-theme-navy').focus()")?;
    page.key("Enter")?;
    page.until("document.documentElement.classList.contains('navy')")?;
    Ok(())
}

#[test]
fn colours_are_those_of_the_system_until_one_chooses() -> Result<()> {
    let Some((site, browser)) = site_and_browser()? else { return Ok(()) };
    let page = browser.page(1280, "light")?;
    let paper = "getComputedStyle(document.documentElement).backgroundColor";
    let picture = "getComputedStyle(document.querySelector('main img')).colorScheme";
    let front = site.path().join("index.html");
    for (scheme, colour) in [("light", "rgb(251, 250, 246)"), ("dark", "rgb(21, 23, 26)")] {
        page.look(1280, scheme)?;
        page.open(&front, "")?;
        assert_eq!(page.evaluate(paper)?, colour);
        assert_eq!(page.evaluate(picture)?, scheme, "the picture follows");
    }
    let themes = page
        .evaluate("Array.from(document.querySelectorAll('#mdbook-theme-list button'), b => b.textContent)")?;
    assert_eq!(themes, json!(["As the system", "Light", "Dark"]));
    page.evaluate("document.getElementById('mdbook-theme-light').click()")?;
    page.open(&front, "")?;
    assert_eq!(page.evaluate(paper)?, "rgb(251, 250, 246)", "on a dark system, too");
    assert_eq!(page.evaluate(picture)?, "light");
    Ok(())
}

#[test]
fn nothing_moves_for_who_wants_none() -> Result<()> {
    let Some((site, browser)) = site_and_browser()? else { return Ok(()) };
    let page = browser.page(1280, "light")?;
    let features = json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
    page.call("Emulation.setEmulatedMedia", &features)?;
    page.open(&site.path().join("part-one.html"), "")?;
    let moving = page.evaluate(
        "Array.from(document.querySelectorAll('*'))
            .filter(e => getComputedStyle(e).transitionProperty !== 'none' && getComputedStyle(e).transitionDuration !== '0s')
            .map(e => e.id + e.className)",
    )?;
    assert_eq!(moving, json!([]));
    Ok(())
}

#[test]
fn it_reads_without_script_and_on_paper() -> Result<()> {
    let Some((site, browser)) = site_and_browser()? else { return Ok(()) };
    let page = browser.page(390, "light")?;
    page.call("Emulation.setScriptExecutionDisabled", &json!({ "value": true }))?;
    page.open(&site.path().join("part-one.html"), "")?;
    let words = page.evaluate("document.querySelector('figure.server figcaption').innerText")?;
    assert_eq!(words, "■ server");
    assert_eq!(page.evaluate("document.documentElement.scrollWidth")?, 390);
    page.call("Emulation.setEmulatedMedia", &json!({ "media": "print" }))?;
    let shown = page.evaluate("getComputedStyle(document.getElementById('mdbook-menu-bar')).display")?;
    assert_eq!(shown, "none");
    // Chosen for the screen, dark is not what is printed.
    page.call("Emulation.setScriptExecutionDisabled", &json!({ "value": false }))?;
    page.open(&site.path().join("part-one.html"), "")?;
    page.evaluate("document.getElementById('mdbook-theme-navy').click()")?;
    let sheet = page.evaluate("getComputedStyle(document.querySelector('figure.server')).backgroundColor")?;
    assert_eq!(sheet, "rgb(255, 255, 255)");
    assert_eq!(page.evaluate("document.documentElement.lang")?, "en");
    Ok(())
}

#[test]
fn script_and_style_stay_small() -> Result<()> {
    let folder = support::root().join("docs/theme");
    let mut bytes = 0;
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "js" || extension == "css") {
            bytes += std::fs::metadata(path)?.len();
        }
    }
    // Compressed it is a third of that; 40 kB are what all of it may take.
    assert!(bytes < 120_000, "{bytes} bytes of script and style");
    Ok(())
}
