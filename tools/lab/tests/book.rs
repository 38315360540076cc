//! Plays the whole book: README.md and docs/*.md.
//!
//! What the laboratory says goes past the test runner's capture, so that what this machine could not check is read even
//! when everything else passes. `LAB_UPDATE=1` rewrites the pages, `LAB_REQUIRE=all` makes a gap a failure: both pass
//! through.

use std::path::Path;
use std::process::Command;

#[test]
fn every_page_is_as_shown() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    let status = lab.arg("check").current_dir(root).status().expect("lab starts");
    assert!(status.success(), "lab check: {status}");
}
