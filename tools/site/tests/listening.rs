//! The player as a screen reader has it: the browser's tree of names and roles.

mod support;

use lab::record::recording::Recording;
use lab::show::scene::Scene;
use serde_json::{Value, json};
use support::browser::{Browser, Result};
use support::{Site, root};

const WHAT: &str = "the player for a screen reader";

/// What can be worked, or is a place to go to.
const CONTROLS: [&str; 7] = ["button", "slider", "link", "checkbox", "log", "region", "dialog"];

fn name(node: &Value) -> &str {
    node["name"]["value"].as_str().unwrap_or_default()
}

fn has(node: &Value, property: &str, value: &Value) -> bool {
    let mut properties = node["properties"].as_array().into_iter().flatten();
    properties.any(|known| known["name"] == property && known["value"]["value"] == *value)
}

/// The text of a node and of all below it.
fn spoken(all: &[Value], node: &Value) -> String {
    if node["role"]["value"] == "StaticText" {
        return name(node).to_owned();
    }
    let below = node["childIds"].as_array().into_iter().flatten();
    below
        .filter_map(|id| all.iter().find(|node| node["nodeId"] == *id))
        .map(|node| spoken(all, node))
        .collect()
}

#[test]
fn a_screen_reader_is_told_every_step() -> Result<()> {
    let Some(site) = Site::build(WHAT)? else { return Ok(()) };
    let Some(browser) = Browser::start(WHAT)? else { return Ok(()) };
    let rows = Scene::of(&Recording::read(&root().join("docs/recordings/part-one.json"))?).rows;
    for (width, scheme) in [(390, "light"), (1280, "dark")] {
        let page = browser.page(width, scheme)?;
        page.open(&site.path().join("part-one.html"), "#run-part-one-step-1")?;
        page.evaluate("document.querySelector('.run .row[tabindex=\"0\"]').focus()")?;
        for (key, step) in [("Home", 1), ("ArrowRight", 2), ("ArrowRight", 3), ("End", rows.len())] {
            page.key(key)?;
            let tree = page.call("Accessibility.getFullAXTree", &json!({}))?;
            let all = tree["nodes"].as_array().ok_or("no tree")?;
            let told = || all.iter().filter(|node| node["ignored"] == false);
            let unnamed = told().filter(|node| {
                CONTROLS.iter().any(|role| node["role"]["value"] == *role) && name(node).is_empty()
            });
            let unnamed: Vec<String> = unnamed.map(ToString::to_string).collect();
            assert_eq!(unnamed, [""; 0], "without a name");
            // The focus is on the step, whose name says its number and what it is.
            let focused = told().rfind(|node| has(node, "focused", &true.into())).ok_or("no focus")?;
            let row = &rows[step - 1];
            assert!(name(focused).starts_with(&format!("Step {step}, ")), "{focused}");
            assert!(name(focused).contains(&*row.label), "{focused}");
            // What is said by itself, as a polite live region, is the step's sentence.
            let live: String = told()
                .filter(|node| has(node, "live", &"polite".into()))
                .map(|node| spoken(all, node))
                .collect();
            assert!(live.contains(&*row.say), "{live}");
        }
    }
    Ok(())
}
