//! The environment of the programs: of our making, with what it takes to build and to find things. What a reader has
//! set for other programs, and files in their home, change no word here.

use std::ffi::OsString;
use std::path::PathBuf;

/// What is taken over from the reader: variables with these names, or with names that begin so where there is a `*`.
const KEPT: [&str; 31] = [
    "PATH",
    "TMPDIR",
    // Where libraries are, on systems that have them elsewhere.
    "LD_LIBRARY_PATH",
    "NIX_*",
    // How Rust is built here; what differs between two builds is built twice.
    "RUSTUP_*",
    "RUSTC",
    "RUSTC_*",
    "RUSTFLAGS",
    "RUSTDOCFLAGS",
    "CC",
    "CC_*",
    "CFLAGS",
    "CFLAGS_*",
    "AR",
    "AR_*",
    "LLVM_PROFILE_FILE",
    "CARGO_HOME",
    "CARGO_BUILD_*",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_HTTP_*",
    "CARGO_INCREMENTAL",
    "CARGO_NET_*",
    "CARGO_PROFILE_*",
    "CARGO_REGISTRIES_*",
    "CARGO_REGISTRY_*",
    "CARGO_SOURCE_*",
    "CARGO_TARGET_*",
    "CARGO_UNSTABLE_*",
    "HTTPS_PROXY",
    "https_proxy",
    "SSL_CERT_*",
];

/// What we set: the words of a program are the same everywhere. Cargo's own configuration has the last word only where
/// nothing is set, so these hold whatever stands there.
const SET: [(&str, &str); 9] = [
    ("LANG", "C.UTF-8"),
    ("TERM", "dumb"),
    // A folder that is not there, as Debian gives it to users without one.
    ("HOME", "/nonexistent"),
    // An interactive shell writes no history of what a page types.
    ("HISTFILE", ""),
    // Without it cargo's own lines (Finished, Running) would stand between those of the program.
    ("CARGO_TERM_QUIET", "true"),
    ("CARGO_TERM_VERBOSE", "false"),
    ("CARGO_TERM_COLOR", "never"),
    // As if they were not set; and cargo's `[env]` table sets nothing that is.
    ("RUST_LOG", ""),
    ("RUST_BACKTRACE", "0"),
];

/// The environment of the builds before a page is played, of the terminals on it, and of the programs that tests start.
#[must_use]
pub fn variables() -> Vec<(OsString, OsString)> {
    let kept = std::env::vars_os().filter(|(name, _)| is_kept(&name.to_string_lossy()));
    let set = SET.map(|(name, value)| (name.into(), value.into()));
    toolchain().into_iter().chain(kept).chain(set).collect()
}

/// Where cargo and rustup keep their things, which they would look for in the home that programs do not get.
fn toolchain() -> Vec<(OsString, OsString)> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let places = [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")];
    let at_home = |(name, place): (&str, &str)| Some((name.into(), home.as_ref()?.join(place).into()));
    places.into_iter().filter_map(at_home).collect()
}

fn is_kept(name: &str) -> bool {
    KEPT.iter().any(|kept| match kept.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *kept,
    })
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
        for name in [
            "RUST_LOG",
            "CARGO_PKG_NAME",
            "CARGO_MANIFEST_DIR",
            "CARGO",
            "LC_ALL",
            "ENV",
            "PYTHONPATH",
            "CCX",
        ] {
            assert!(!is_kept(name), "{name}");
        }
    }
}
