//! A folder for each page: what its programs make there is gone with it, and what lies about in the checkout is in
//! nobody's way. The checkout itself may be read-only.

use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::{fs, io};

use tempfile::TempDir;

use super::toolchain::Toolchain;
use crate::error::{Error, Result};
use crate::{environment, tools};

/// The commands of cargo that look for a workspace.
const OF_A_WORKSPACE: &str = "bench|build|check|clippy|doc|metadata|run|test|tree";

/// What a file of cargo's configuration would decide otherwise.
const QUIET: &str = "--config term.verbose=false --config term.quiet=true --config term.color='\"never\"'";

/// While it lives, the folder is there.
#[derive(Debug)]
pub struct Scratch {
    // Removes itself with all that is in it.
    _folder: TempDir,
    page: PathBuf,
    words: Vec<OsString>,
}

impl Scratch {
    /// Makes the folder. The page finds in it what lies in `root`, and a `target` of its own.
    ///
    /// # Errors
    /// When there is no place for it.
    pub fn new(root: &Path) -> Result<Self> {
        let folder =
            harness::folder::tempdir().map_err(|error| Error::of("make a folder for the page", error))?;
        let made = |error: io::Error| Error::of(format!("fill {}", folder.path().display()), error);
        let [page, home, programs] = ["page", "home", "bin"].map(|name| folder.path().join(name));
        for part in [&page, &home, &programs] {
            fs::create_dir(part).map_err(made)?;
        }
        link_all(root, &page).map_err(made)?;
        let mut settings = vec![setting("HOME", &home)];
        if let Some(cargo) = tools::find("cargo") {
            let path = programs.join("cargo");
            let toolchain = Toolchain::behind(&cargo, root);
            fs::write(&path, script(&cargo, root, toolchain.as_ref())).map_err(made)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(made)?;
            let others = std::env::var_os("PATH").unwrap_or_default();
            let all = std::iter::once(programs).chain(std::env::split_paths(&others));
            let all = std::env::join_paths(all).map_err(|error| Error::of("extend PATH", error))?;
            settings.push(setting("PATH", Path::new(&all)));
        }
        if let Some(target) = target_of_cargo(root) {
            settings.push(setting("CARGO_TARGET_DIR", &target));
        }
        let set = format!("export {}; exec \"$@\"", settings.join(" "));
        let words = ["sh", "-c", &set, "sh"].map(OsString::from).to_vec();
        Ok(Self { _folder: folder, page, words })
    }

    /// Where the page's commands run.
    #[must_use]
    pub fn page(&self) -> &Path {
        &self.page
    }

    /// The words to put before a command, so that it runs with a home, and a cargo, that fit this folder.
    #[must_use]
    pub fn words(&self) -> Vec<OsString> {
        self.words.clone()
    }
}

fn setting(name: &str, value: &Path) -> String {
    format!("{name}={}", quoted(value))
}

pub(super) fn quoted(path: &Path) -> String {
    shell_words::quote(&path.to_string_lossy()).into_owned()
}

/// Links to what lies in `root`. Hidden files and cargo's own are left out, and `target` is new but for what is built.
fn link_all(root: &Path, page: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        if !text.starts_with('.') && !text.starts_with("Cargo.") && text != "target" {
            symlink(root.join(&name), page.join(&name))?;
        }
    }
    let target = page.join("target");
    fs::create_dir(&target)?;
    let built = target_of_cargo(root).unwrap_or_else(|| root.join("target"));
    for profile in ["debug", "release"] {
        symlink(built.join(profile), target.join(profile))?;
    }
    Ok(())
}

/// Where the reader has cargo build, if not in the workspace.
fn target_of_cargo(root: &Path) -> Option<PathBuf> {
    let variables = environment::variables();
    let (_, target) = variables.into_iter().find(|(name, _)| name == "CARGO_TARGET_DIR")?;
    Some(root.join(target))
}

/// Cargo, told where the workspace is and how it is configured: the page's folder is not in it.
fn script(cargo: &Path, root: &Path, toolchain: Option<&Toolchain>) -> String {
    let (cargo, manifest) = (quoted(cargo), quoted(&root.join("Cargo.toml")));
    let (exports, chosen) = toolchain.map_or_else(|| (String::new(), cargo.clone()), Toolchain::cargo);
    // Those that cargo finds from the workspace upwards; the nearest has the last word, but for the terminal.
    let files: Vec<PathBuf> = root.ancestors().map(|place| place.join(".cargo/config.toml")).collect();
    let files = files.iter().rev().filter(|file| file.is_file());
    let files: Vec<String> = files.map(|file| format!("--config {} ", quoted(file))).collect();
    let files = files.concat();
    format!(
        "#!/bin/sh\ncase ${{1-}} in\n{OF_A_WORKSPACE})\n  command=$1\n  shift\n{exports}  \
         exec {chosen} \"$command\" --manifest-path {manifest} {files}{QUIET} \"$@\" ;;\nesac\n\
         exec {cargo} \"$@\"\n"
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_page_sees_the_checkout_and_writes_beside_it() {
        let root = tempfile::tempdir().expect("a folder");
        fs::write(root.path().join("README.md"), "read me").expect("written");
        fs::write(root.path().join("Cargo.toml"), "[workspace]\n").expect("written");
        fs::create_dir(root.path().join("target")).expect("made");
        fs::write(root.path().join("target/stale.sock"), "").expect("written");
        let scratch = Scratch::new(root.path()).expect("a scratch folder");
        let page = scratch.page();
        assert_eq!(fs::read_to_string(page.join("README.md")).expect("a link"), "read me");
        assert!(!page.join("Cargo.toml").exists() && !page.join("target/stale.sock").exists());
        fs::write(page.join("target/new"), "").expect("a target to write to");
        let path = page.to_owned();
        drop(scratch);
        assert!(!path.exists() && root.path().join("README.md").exists());
        assert!(!root.path().join("target/new").exists());
    }

    #[test]
    fn rustups_cargo_is_run_without_rustup_and_another_as_it_is() {
        let root = tempfile::tempdir().expect("a folder");
        let place = |name: &str| root.path().join(name);
        fs::create_dir_all(place("tools/my own/bin")).expect("made");
        let program = |name: &str, text: &str| {
            fs::write(place(name), text).expect("written");
            fs::set_permissions(place(name), fs::Permissions::from_mode(0o755)).expect("set");
        };
        let real = place("tools/my own/bin/cargo");
        program("tools/my own/bin/cargo", "#!/bin/sh\necho \"$RUSTUP_TOOLCHAIN, $LD_LIBRARY_PATH: $*\"\n");
        program("rustup", &format!("#!/bin/sh\necho '{}'\n", real.display()));
        symlink("rustup", place("cargo")).expect("linked");
        program("other", "#!/bin/sh\necho \"$RUSTUP_TOOLCHAIN, $LD_LIBRARY_PATH: $*\"\n");

        let said = |cargo: &Path, word: &str| {
            let toolchain = Toolchain::behind(cargo, &place(word));
            let mut run = Command::new("sh");
            run.args(["-c", &script(cargo, root.path(), toolchain.as_ref()), "cargo", word, "-p", "a b"]);
            let output = run.env_clear().env("LD_LIBRARY_PATH", "/x").output().expect("it runs");
            String::from_utf8(output.stdout).expect("text")
        };
        for word in ["run", "build"] {
            fs::create_dir(place(word)).expect("made");
        }
        let libraries = place("tools/my own/lib");
        let run = said(&place("cargo"), "run");
        assert!(
            run.starts_with(&format!("my own, {}:/x: run --manifest-path", libraries.display())),
            "{run}"
        );
        assert!(run.ends_with("-p a b\n"), "{run}");
        assert!(said(&place("other"), "build").starts_with(", /x: build --manifest-path"));
    }
}
