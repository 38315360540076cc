//! Plays the whole book: README.md and docs/*.md.
//!
//! Without the test harness, so that what this machine could not check is read even when everything else passes.
//! `LAB_UPDATE=1` rewrites the pages, `LAB_REQUIRE=all` makes a gap a failure: both pass through.

use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let listed = arguments.iter().any(|argument| argument == "--list");
    if listed || filter.is_some_and(|filter| !"book".contains(filter.as_str())) {
        return ExitCode::SUCCESS;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let lab = Command::new(env!("CARGO_BIN_EXE_lab"))
        .arg("check")
        .current_dir(root.unwrap_or(Path::new(".")))
        .status();
    match lab {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            use std::io::Write as _;
            // Nothing is left to tell it to if this fails as well.
            let _ = writeln!(std::io::stderr(), "run lab check: {error}");
            ExitCode::FAILURE
        }
    }
}
