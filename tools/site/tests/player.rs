//! The player of recorded runs in a browser: every control by mouse, keyboard and touch, and what it shows.

mod support;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use lab::record::recording::Recording;
use lab::show::scene::{Kind, Scene};
use serde_json::json;
use support::browser::{Browser, Page, Result};
use support::checks::{CUT_OFF, FAINT};
use support::{Site, root};

const WHAT: &str = "the player in a browser";

fn browser() -> Result<Option<(Site, Browser)>> {
    let Some(site) = Site::build(WHAT)? else { return Ok(None) };
    Ok(Browser::start(WHAT)?.map(|browser| (site, browser)))
}

fn scene(name: &str) -> Result<Scene> {
    Ok(Scene::of(&Recording::read(&root().join("docs/recordings").join(name).with_extension("json"))?))
}

/// Every kept recording, and the page of the site on which it stands.
fn players(site: &Site) -> Result<Vec<(String, PathBuf)>> {
    let mut players = Vec::new();
    for page in site.pages()? {
        let html = std::fs::read_to_string(&page)?;
        for piece in html.split("<figure class=\"run\" id=\"run-").skip(1) {
            let name = piece.split('"').next().unwrap_or_default();
            players.push((name.to_owned(), page.clone()));
        }
    }
    Ok(players)
}

/// The step that the player shows, from 1, and that the address names.
fn step(page: &Page<'_>) -> Result<u64> {
    let shown = page.evaluate("Number(document.querySelector('.run output b').textContent)")?;
    shown.as_u64().ok_or_else(|| format!("no step: {shown}").into())
}

fn at(page: &Page<'_>, expected: u64) -> Result<()> {
    assert_eq!(step(page)?, expected);
    let hash = page.evaluate("location.hash")?;
    assert!(hash.as_str().is_some_and(|hash| hash.ends_with(&format!("-step-{expected}"))), "{hash}");
    let current = page.evaluate(
        "[...document.querySelectorAll('.run .row')].findIndex(row => row.ariaCurrent === 'step') + 1",
    )?;
    assert_eq!(current, expected, "the row");
    Ok(())
}

fn silent(page: &Page<'_>) -> Result<()> {
    assert_eq!(page.complaints()?, [""; 0]);
    Ok(())
}

#[test]
fn every_recording_is_played_to_its_end_everywhere() -> Result<()> {
    let Some((site, browser)) = browser()? else { return Ok(()) };
    let players = players(&site)?;
    let mut kept: Vec<String> = Vec::new();
    for entry in root().join("docs/recordings").read_dir()? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            kept.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    kept.retain(|name| !players.iter().any(|(player, _)| player == name));
    assert_eq!(kept, [""; 0], "recordings that no page shows");
    for (width, scheme) in [(1280, "light"), (390, "dark")] {
        let page = browser.page(width, scheme)?;
        for (name, path) in &players {
            let rows = scene(name)?.rows;
            page.open(path, &format!("#run-{name}-step-1"))?;
            // Each step shows its own sentence, in a page that is no wider than the window.
            let seen = page.evaluate(&format!(
                "(() => {{
                    const figure = document.getElementById('run-{name}'), on = figure.querySelector('[data-do=on]'), seen = [];
                    for (let step = 0; step < {}; step++) {{
                        const say = figure.querySelector('.say').cloneNode(true);
                        say.querySelectorAll('.tag, .jump').forEach(node => node.remove());
                        const wide = [...figure.querySelectorAll('.now > div, .body, .lanes')].filter(box => box.scrollWidth > box.clientWidth + 1);
                        const faults = [...wide.map(box => box.className + ' is too narrow'), ...{CUT_OFF}(figure), ...step % 4 ? [] : {FAINT}(figure)];
                        seen.push([say.textContent.trim(), document.documentElement.scrollWidth, faults]);
                        on.click();
                    }}
                    return seen;
                }})()",
                rows.len()
            ))?;
            for (at, row) in rows.iter().enumerate() {
                assert_eq!(seen[at][0], *row.say, "{name} at {width}, step {}", at + 1);
                assert_eq!(seen[at][1], width, "{name}, step {}: the page is too wide", at + 1);
                assert_eq!(seen[at][2], json!([]), "{name} at {width}, step {}", at + 1);
            }
            let unnamed = page.evaluate(&format!(
                "[...document.querySelectorAll('#run-{name} button')].filter(button => !(button.ariaLabel || button.textContent.trim())).length"
            ))?;
            assert_eq!(unnamed, 0, "{name}: buttons without a name");
            page.shot(&format!("player-{name}-{width}-{scheme}"))?;
            silent(&page)?;
        }
    }
    Ok(())
}

#[test]
fn the_mouse_works_every_control() -> Result<()> {
    let Some((site, browser)) = browser()? else { return Ok(()) };
    let page = browser.page(1280, "light")?;
    page.open(&site.path().join("part-one.html"), "")?;
    let last = scene("part-one")?.rows.len() as u64;
    assert_eq!((step(&page)?, page.evaluate("location.hash")?), (1, "".into()), "nobody has touched it");
    page.click(".run [data-do=on]")?;
    at(&page, 2)?;
    page.click(".run [data-do=on]")?;
    page.click(".run [data-do=back]")?;
    at(&page, 2)?;
    // The middle of the slider is the middle of the run.
    page.click(".run input[type=range]")?;
    assert!(step(&page)?.abs_diff(last / 2) <= 1);
    page.evaluate("document.querySelector('.run [data-do=back]').click()")?;
    let before = step(&page)?;
    page.click(".run [data-do=play]")?;
    assert_eq!(page.evaluate("document.querySelector('.run .play').ariaPressed")?, "true");
    page.until(&format!("document.querySelector('.run output b').textContent > {before}"))?;
    page.click(".run [data-do=play]")?;
    assert_eq!(page.evaluate("document.querySelector('.run .play').textContent")?, "Play");
    // A row, and from it to what made it happen.
    page.evaluate("document.querySelectorAll('.run .row')[20].click()")?;
    at(&page, 21)?;
    let scene = scene("part-one")?;
    let woken = scene.rows.iter().position(|row| row.kind == Kind::Return && row.cause.is_some());
    let woken = woken.ok_or("nothing was woken")?;
    page.evaluate(&format!("document.querySelectorAll('.run .row')[{woken}].click()"))?;
    page.click(".run .jump")?;
    at(&page, scene.rows[woken].cause.ok_or("no cause")? as u64 + 1)?;
    // The whole window, and back.
    page.click(".run [data-do=full]")?;
    page.until("document.querySelector('.run-window .player')?.offsetWidth === 1280")?;
    page.click(".run [data-do=full]")?;
    assert_eq!(page.evaluate("document.querySelector('.run-window').open")?, false);
    assert_eq!(page.evaluate("document.querySelectorAll('figure.run > .player').length")?, 1);
    page.click(".run [data-do=help]")?;
    page.click(".run .help button")?;
    assert_eq!(page.evaluate("document.querySelector('.run .help').open")?, false);
    // To the end, where playing stops.
    page.evaluate(&format!("document.querySelectorAll('.run .row')[{}].click()", last - 2))?;
    page.click(".run [data-do=play]")?;
    page.until("document.querySelector('.run .play').ariaPressed === 'false'")?;
    at(&page, last)?;
    silent(&page)
}

#[test]
fn the_keyboard_alone_is_enough() -> Result<()> {
    let Some((site, browser)) = browser()? else { return Ok(()) };
    let page = browser.page(1280, "dark")?;
    page.open(&site.path().join("part-one.html"), "#run-part-one")?;
    let last = scene("part-one")?.rows.len() as u64;
    let here = page.evaluate("location.pathname")?;
    // From the address of the run the next stop is inside of it.
    for _ in 0..40 {
        if page.evaluate("document.activeElement.closest('.player') !== null")? == true {
            break;
        }
        page.key("Tab")?;
    }
    assert_eq!(page.evaluate("document.activeElement.closest('.player') !== null")?, true);
    for (key, expected) in
        [("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2), ("End", last), ("Home", 1)]
    {
        page.key(key)?;
        at(&page, expected)?;
    }
    // Along the buttons and the slider too: the arrows never turn the page of the book.
    for _ in 0..6 {
        page.key("Tab")?;
        let before = step(&page)?;
        page.key("ArrowRight")?;
        at(&page, before + 1)?;
    }
    page.evaluate("document.querySelector('.run .row[tabindex=\"0\"]').focus()")?;
    page.key("ArrowRight")?;
    assert_eq!(page.evaluate("document.activeElement.ariaCurrent")?, "step", "the focus goes with the step");
    page.key(" ")?;
    assert_eq!(page.evaluate("document.querySelector('.run .play').textContent")?, "Pause");
    page.key(" ")?;
    page.key("?")?;
    assert_eq!(page.evaluate("document.querySelector('.run .help').open")?, true);
    page.key("Escape")?;
    assert_eq!(page.evaluate("document.querySelector('.run .help').open")?, false);
    page.key("f")?;
    assert_eq!(page.evaluate("document.querySelector('.run-window').open")?, true);
    page.key("ArrowRight")?;
    page.key("Escape")?;
    page.until("document.querySelectorAll('figure.run > .player').length === 1")?;
    assert_eq!(page.evaluate("location.pathname")?, here);
    silent(&page)
}

#[test]
fn a_finger_is_enough() -> Result<()> {
    let Some((site, browser)) = browser()? else { return Ok(()) };
    let page = browser.page(390, "light")?;
    page.call("Emulation.setTouchEmulationEnabled", &json!({ "enabled": true }))?;
    page.open(&site.path().join("part-one.html"), "#run-part-one-step-8")?;
    at(&page, 8)?;
    page.tap(".run [data-do=on]")?;
    page.until("location.hash.endsWith('-step-9')")?;
    page.tap(".run [data-do=back]")?;
    page.until("location.hash.endsWith('-step-8')")?;
    page.tap(".run input[type=range]")?;
    page.until("!location.hash.endsWith('-step-8')")?;
    // Of the terminals there is room for one.
    page.tap(".run .tabs button:nth-child(2)")?;
    page.until("document.querySelector('.run .tabs button:nth-child(2)').ariaPressed === 'true'")?;
    assert_eq!(
        page.evaluate(
            "[...document.querySelectorAll('.run .terminal')].filter(box => box.offsetParent).length"
        )?,
        1
    );
    // And of the lanes for one program's words.
    page.open(&site.path().join("part-six.html"), "#run-part-six-step-1")?;
    for which in [3, 1] {
        page.tap(&format!(".run .tabs button:nth-child({which})"))?;
        page.until(&format!(
            "document.querySelector('.run .tabs button:nth-child({which})').ariaPressed === 'true'"
        ))?;
        let open = page.evaluate(
            "[...document.querySelectorAll('.run .name.left, .run .name.right')].filter(name => name.querySelector('b').offsetParent).map(name => name.querySelector('b').textContent)",
        )?;
        let tab = page.evaluate(&format!(
            "document.querySelector('.run .tabs button:nth-child({which})').textContent"
        ))?;
        assert_eq!(open, json!([tab]));
    }
    page.tap(".run [data-do=play]")?;
    page.until("document.querySelector('.run .play').textContent === 'Pause'")?;
    page.tap(".run [data-do=play]")?;
    let small = page.evaluate(
        "[...document.querySelectorAll('.run .controls button, .run .tabs button')].filter(button => button.offsetHeight < 36).map(button => button.textContent)",
    )?;
    assert_eq!(small, json!([]), "too small for a finger");
    silent(&page)
}

#[test]
fn a_byte_is_marked_everywhere() -> Result<()> {
    let Some((site, browser)) = browser()? else { return Ok(()) };
    let page = browser.page(1280, "light")?;
    let scene = scene("part-one")?;
    let data = scene.rows.iter().position(|row| row.kind == Kind::Packet && row.payload.is_some());
    let data = data.ok_or("no packet with data")?;
    let (offset, length) = scene.rows[data].payload.ok_or("no payload")?;
    page.open(&site.path().join("part-one.html"), &format!("#run-part-one-step-{}", data + 1))?;
    let lit = |where_: &str| {
        page.evaluate(&format!(
            "[...document.querySelectorAll('.run {where_}')].map(node => node.textContent)"
        ))
    };
    assert_eq!(lit(".hex .on")?.as_array().map(Vec::len), Some(length), "the whole payload, at first");
    // The H of "Hello", by its button.
    page.evaluate("document.querySelector('.run .three button').focus()")?;
    assert_eq!(lit(".hex .on")?, json!(["48"]));
    assert_eq!(lit(".three .on")?, json!(["72", "48", "H"]));
    assert_eq!(lit(".fields .on td:first-child")?, json!([format!("{offset}–{}", offset + 7)]));
    // The mouse on a byte of a header marks its field.
    page.evaluate("document.querySelectorAll('.run .hex span:not(.offset)')[47].dispatchEvent(new MouseEvent('mouseenter'))")?;
    assert_eq!(lit(".fields .on td:last-child")?, json!(["flags: PSH ACK"]));
    assert_eq!(lit(".three .on")?, json!([]));
    // A field marks all of its bytes.
    page.evaluate("[...document.querySelectorAll('.run .fields button')].find(field => field.textContent.startsWith('sequence number')).focus()")?;
    assert_eq!(lit(".hex .on")?.as_array().map(Vec::len), Some(4));
    silent(&page)
}

#[test]
fn a_step_says_what_the_sockets_and_descriptors_are() -> Result<()> {
    let Some((site, browser)) = browser()? else { return Ok(()) };
    let page = browser.page(1280, "light")?;
    let scene = scene("part-one")?;
    let data = scene.rows.iter().position(|row| row.kind == Kind::Packet && row.payload.is_some());
    page.open(
        &site.path().join("part-one.html"),
        &format!("#run-part-one-step-{}", data.ok_or("no data")? + 1),
    )?;
    let tables = page.evaluate(
        "[...document.querySelectorAll('.run .now table')].map(table => [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent)))",
    )?;
    let sockets = tables[0].as_array().ok_or("no sockets")?;
    // Received and not yet taken at the server; sent and not yet acknowledged at the client.
    let row = |of: &str, state: &str| {
        sockets.iter().find(|row| row[0] == of && row[2] == state).cloned().unwrap_or_default()
    };
    assert_eq!(
        (&row("server", "ESTAB")[3], &row("client", "ESTAB")[4]),
        (&"22".into(), &"22".into()),
        "{sockets:?}"
    );
    assert_eq!(row("server", "LISTEN")[4], "1", "the backlog");
    assert_eq!(tables[1].as_array().map(Vec::len), Some(3), "{tables}");
    silent(&page)
}

#[test]
fn a_router_passes_a_packet_on() -> Result<()> {
    let Some((site, browser)) = browser()? else { return Ok(()) };
    let scene = scene("part-eight")?;
    let data = scene.rows.iter().rposition(|row| row.kind == Kind::Packet && row.payload.is_some());
    let data = data.ok_or("no packet with data")?;
    for width in [1280, 390] {
        let page = browser.page(width, "light")?;
        page.open(&site.path().join("part-eight.html"), &format!("#run-part-eight-step-{}", data + 1))?;
        let heads = page.evaluate(
            "[...document.querySelectorAll('.run .names .name')].map(name => [...name.querySelectorAll('b, .sub')].filter(part => part.offsetParent).map(part => part.textContent).join(' '))",
        )?;
        let heads = heads.as_array().ok_or("no heads")?.clone();
        assert_eq!(heads.iter().filter(|head| **head == "link").count(), 2, "{heads:?}");
        assert_eq!(heads.iter().filter(|head| **head == "middle router").count(), 1, "{heads:?}");
        // Its way leads through the band of the router, from one arrow to the other.
        let way = page.evaluate(
            "(() => {
                const box = name => document.querySelector('.run ' + name).getBoundingClientRect();
                const through = box('.through'), band = box('.band.router');
                return [Math.abs(through.left - band.left) < 1, Math.abs(through.right - band.right) < 1];
            })()",
        )?;
        assert_eq!(way, json!([true, true]));
        page.click(".run .jump")?;
        at(&page, scene.rows[data].cause.ok_or("no cause")? as u64 + 1)?;
        silent(&page)?;
    }
    Ok(())
}

#[test]
fn themes_follow_and_without_script_the_picture_remains() -> Result<()> {
    let Some((site, browser)) = browser()? else { return Ok(()) };
    let path = site.path().join("part-one.html");
    let mut papers = Vec::new();
    for scheme in ["light", "dark"] {
        let page = browser.page(1280, scheme)?;
        page.open(&path, "")?;
        assert_eq!(page.evaluate("getComputedStyle(document.querySelector('.run > img')).display")?, "none");
        papers.push(page.evaluate("getComputedStyle(document.querySelector('.player')).backgroundColor")?);
        // On paper the whole picture is worth more than one step.
        page.call("Emulation.setEmulatedMedia", &json!({ "media": "print" }))?;
        assert_eq!(page.evaluate("getComputedStyle(document.querySelector('.run > img')).display")?, "block");
        assert_eq!(page.evaluate("getComputedStyle(document.querySelector('.player')).display")?, "none");
        silent(&page)?;
    }
    assert_ne!(papers[0], papers[1]);
    let page = browser.page(390, "light")?;
    page.call("Emulation.setScriptExecutionDisabled", &json!({ "value": true }))?;
    page.open(&path, "")?;
    let picture = page.evaluate("(() => { const image = document.querySelector('.run > img'); return [image.naturalWidth > 0, image.offsetHeight > 100, image.alt.length > 40, document.querySelectorAll('.player').length]; })()")?;
    assert_eq!(picture, json!([true, true, true, 0]));
    Ok(())
}

/// Script and style of the player, as a web server sends them.
#[test]
fn it_is_small() -> Result<()> {
    if !harness::process::installed("gzip", "the size of the player")? {
        return Ok(());
    }
    let mut size = 0;
    let mut files = Vec::new();
    for entry in root().join("docs/theme").read_dir()? {
        let file = entry?.file_name();
        files.extend(file.to_str().filter(|name| name.starts_with("player")).map(str::to_owned));
    }
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        let mut gzip = std::process::Command::new("gzip");
        let mut gzip = gzip.arg("-9c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let text = std::fs::read(root().join("docs/theme").join(file))?;
        let mut input = gzip.stdin.take().ok_or("no pipe")?;
        let writer = std::thread::spawn(move || input.write_all(&text));
        size += gzip.wait_with_output()?.stdout.len();
        writer.join().map_err(|_| "the writer")??;
    }
    assert!((1000..20_000).contains(&size), "{size} bytes compressed");
    Ok(())
}
