//! The site in a browser, as a reader has it before them.

mod support;

use support::Site;
use support::browser::{Browser, Result};

const WHAT: &str = "the site in a browser";

#[test]
fn no_page_complains_or_asks_another_machine() -> Result<()> {
    let Some(site) = Site::build(WHAT)? else { return Ok(()) };
    let Some(browser) = Browser::start(WHAT)? else { return Ok(()) };
    let page = browser.page(1280, "light")?;
    let mut complaints = Vec::new();
    for path in site.pages()? {
        page.open(&path, "")?;
        for complaint in page.complaints()? {
            complaints.push(format!("{}: {complaint}", path.display()));
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
    Ok(())
}
