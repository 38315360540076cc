//! What a report tells the learner to read is there.

use std::collections::BTreeSet;
use std::path::Path;

use grade::exercise::ALL;
use grade::explain::PAGES;
use grade::page::Page;

#[test]
fn every_heading_is_on_its_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
    let checks = ALL.iter().flat_map(|exercise| exercise.checks.iter().map(|check| check.page));
    for Page { file, heading } in checks.chain(PAGES) {
        let text = std::fs::read_to_string(root.join(file)).expect(file);
        let is_it = |line: &str| line.trim_start_matches('#').trim() == heading && line.starts_with('#');
        assert!(text.lines().any(is_it), "{file} has no heading \"{heading}\"");
    }
}

#[test]
fn ids_and_levels_are_in_order() {
    for exercise in ALL {
        let ids: BTreeSet<&str> = exercise.checks.iter().map(|check| check.id).collect();
        assert_eq!(ids.len(), exercise.checks.len(), "{}: an id stands twice", exercise.name);
        assert!(exercise.checks.is_sorted_by_key(|check| check.level), "{}", exercise.name);
        let highest = exercise.checks.iter().map(|check| check.level).max();
        assert_eq!(highest, Some(exercise.levels.len()), "{}: a level without a check", exercise.name);
    }
}
