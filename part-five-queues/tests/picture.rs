//! The picture of the states on part five's page shows the run that the page shows, which the laboratory replays.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fs;
use std::path::Path;

fn docs(name: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).unwrap();
    // git may have checked it out with the line ends of another system.
    text.replace("\r\n", "\n")
}

/// The connection of the section "ESTABLISHED" and of those behind it.
fn section(page: &str) -> &str {
    page.split_once("\n## ESTABLISHED\n").unwrap().1
}

/// What stands between `start` and `end`, each time.
fn between<'a>(text: &'a str, start: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).map(move |rest| rest.split(end).next().unwrap())
}

#[test]
fn the_packets_in_the_picture_are_those_of_the_page() {
    let (page, picture) = (docs("part-five.md"), docs("part-five-states.svg"));
    let shown: Vec<(bool, String)> = between(section(&page), "```text packets\n", "```")
        .flat_map(str::lines)
        .map(|line| {
            let (way, packet) = line.split_once(" TCP ").unwrap();
            (way.ends_with(":6797"), packet.to_owned())
        })
        .collect();
    let drawn: Vec<(bool, String)> = between(&picture, "<path class=\"", "</text>")
        .map(|arrow| {
            let packet = arrow.rsplit_once('>').unwrap().1;
            (arrow.starts_with("go"), packet.replace("&quot;", "\""))
        })
        .collect();
    assert!(shown.len() > 10, "{shown:?}");
    assert_eq!(drawn, shown);
}

#[test]
fn every_state_that_the_page_shows_is_in_the_picture() {
    let (page, picture) = (docs("part-five.md"), docs("part-five-states.svg"));
    let mut states: Vec<&str> = between(&page, "$ look ", "```")
        .flat_map(|rows| rows.lines().skip(1))
        .map(|row| row.split(' ').next().unwrap())
        .collect();
    states.sort_unstable();
    states.dedup();
    assert_eq!(states, ["CLOSE-WAIT", "ESTAB", "FIN-WAIT-2", "LISTEN", "SYN-RECV", "TIME-WAIT"]);
    for state in states {
        let state = state.replace("ESTAB", "ESTABLISHED");
        assert!(picture.contains(&format!(">{state}</text>")), "{state}");
    }
    let port = between(section(&page), "Connected from 127.0.0.1:", " ").next().unwrap();
    assert!(picture.contains(&format!(">127.0.0.1:{port}</text>")), "{port}");
}
