//! The environment of a command on a page: the reader's own, without what would change a program's words.

use std::ffi::OsString;

/// Settings of cargo that a build needs; every other `CARGO_*` variable tells of the cargo that runs the tests.
const CARGO_KEPT: [&str; 9] = [
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_PROFILE_",
    "CARGO_REGISTR",
    "CARGO_SOURCE_",
    "CARGO_TARGET_",
];

/// Variables, or beginnings of them, that shells, cargo and our own programs listen to.
const DROPPED: [&str; 17] = [
    "RUST_",
    "CARGO",
    "LAB_",
    "LC_",
    "LANG",
    "TERM",
    "COLORTERM",
    "CLICOLOR",
    "NO_COLOR",
    "COLUMNS",
    "LINES",
    "BASH",
    "ENV",
    "PS1",
    "PROMPT_COMMAND",
    "HIST",
    "TMOUT",
];

/// The environment of the builds before a page is played and of the terminals on it.
#[must_use]
pub fn variables() -> Vec<(OsString, OsString)> {
    let kept = std::env::vars_os().filter(|(name, _)| is_kept(&name.to_string_lossy()));
    let set = [
        ("LANG", "C.UTF-8"),
        ("TERM", "dumb"),
        // Without it cargo's own lines (Finished, Running) would stand between those of the program.
        ("CARGO_TERM_QUIET", "true"),
        // An interactive shell writes no history of what a page types.
        ("HISTFILE", ""),
    ];
    kept.chain(set.map(|(name, value)| (name.into(), value.into()))).collect()
}

/// Whether a variable of this name changes no word of a program.
#[must_use]
pub fn is_kept(name: &str) -> bool {
    CARGO_KEPT.iter().any(|kept| name.starts_with(kept))
        || !DROPPED.iter().any(|dropped| name.starts_with(dropped))
}

#[cfg(test)]
mod tests {
    use super::is_kept;

    #[test]
    fn only_what_builds_survives() {
        for name in
            ["PATH", "CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_NET_OFFLINE", "RUSTUP_TOOLCHAIN", "RUSTFLAGS"]
        {
            assert!(is_kept(name), "{name}");
        }
        for name in
            ["RUST_LOG", "RUST_BACKTRACE", "CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO", "LC_ALL", "ENV"]
        {
            assert!(!is_kept(name), "{name}");
        }
    }
}
