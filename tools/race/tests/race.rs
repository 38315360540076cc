//! A short race, as a process: that everyone takes part, that the figures are there, and what bad arguments get.

use std::fs;

use harness::process::{Process, command, installed};
use serde_json::Value;

const RACE: &str = env!("CARGO_BIN_EXE_race");

#[test]
fn a_short_race() {
    if !installed("cc", "a short race").unwrap() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (json, svg) = (folder.path().join("race.json"), folder.path().join("race.svg"));
    let mut race = command(RACE);
    // The build of the servers is part of it.
    race.args(["--connections", "1,3", "--rounds", "1", "--turn", "50", "--size", "100", "--json"])
        .arg(&json);
    race.arg("--svg").arg(&svg);
    let output = race.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));

    let report: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    for (index, connections, expected) in [
        (0, 1, &["C, epoll", "C, epoll, again", "many-iterative", "many-epoll --edge", "unix-server"][..]),
        (
            1,
            3,
            &["C, epoll", "C, epoll, again", "many-threads", "many-pool", "many-poll", "recv and send alone"],
        ),
    ] {
        let field = &report["fields"][index];
        assert_eq!(field["connections"], connections);
        assert_eq!(field["absent"], Value::Array(Vec::new()));
        let standings = field["standings"].as_array().unwrap();
        for name in expected {
            let standing = standings.iter().find(|standing| standing["name"] == *name);
            let ratio =
                standing.unwrap_or_else(|| panic!("{name} is not in {field}"))["ratio"]["middle"].as_f64();
            assert!(ratio.unwrap() > 0.0, "{name}: {ratio:?}");
            assert!(text.contains(name), "{name} is not in {text}");
        }
    }
    let svg = fs::read_to_string(&svg).unwrap();
    assert!(
        svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("many-epoll --edge"),
        "{svg}"
    );
}

#[test]
fn arguments() {
    for wrong in
        [&["--connections", "1,many"][..], &["--turn", "0"], &["--size", "5000"], &["--fast"], &["x"]]
    {
        let ended = Process::start(RACE, wrong).unwrap().end().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{wrong:?}: {ended:?}");
        assert!(ended.errors.contains("--help"), "{}", ended.errors);
    }
}

#[test]
fn too_few_descriptors() {
    if !installed("cc", "a race without descriptors").unwrap() {
        return;
    }
    let mut shell = command("sh");
    shell.args(["-c", "ulimit -n 100 && exec \"$0\" --connections 50", RACE]);
    let ended = Process::spawn(shell).unwrap().end().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.errors.contains("ulimit -Hn") && ended.errors.contains("--only"), "{}", ended.errors);
}
