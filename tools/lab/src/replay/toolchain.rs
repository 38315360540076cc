//! Whose cargo a page runs. Where it is rustup's, rustup finds out each time which toolchain is meant, and takes a quarter
//! of a `cargo run` for it. It is the same for the whole book, so it is asked once.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::scratch::quoted;
use crate::environment;

/// The toolchain that rustup's cargo would choose.
#[derive(Debug, Clone)]
pub(super) struct Toolchain {
    name: String,
    place: PathBuf,
}

impl Toolchain {
    /// Asks rustup, once for each root; none where this cargo is not rustup's.
    pub(super) fn behind(cargo: &Path, root: &Path) -> Option<Self> {
        static ASKED: Mutex<BTreeMap<PathBuf, Option<Toolchain>>> = Mutex::new(BTreeMap::new());
        let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
        asked.entry(root.to_owned()).or_insert_with(|| Self::asked(cargo, root)).clone()
    }

    fn asked(cargo: &Path, root: &Path) -> Option<Self> {
        // One program under many names, by links of either kind.
        let rustup = cargo.with_file_name("rustup");
        let file = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
        if file(&rustup).is_none() || file(&rustup) != file(cargo) {
            return None;
        }
        let mut which = Command::new(rustup);
        which.args(["which", "cargo"]).env_clear().envs(environment::variables()).current_dir(root);
        let output = which.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        let said = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
        Self::of(Path::new(said.trim_end()))
    }

    /// Of `toolchains/NAME/bin/cargo`.
    fn of(cargo: &Path) -> Option<Self> {
        let place = cargo.parent()?.parent().filter(|_| cargo.is_file())?;
        Some(Self { name: place.file_name()?.to_str()?.to_owned(), place: place.to_owned() })
    }

    /// Its cargo, and what rustup exports for it: so the compiler is of the same toolchain.
    pub(super) fn cargo(&self) -> (String, String) {
        let (name, libraries) = (shell_words::quote(&self.name), quoted(&self.place.join("lib")));
        let more = "${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}";
        let exports = format!("  export RUSTUP_TOOLCHAIN={name} LD_LIBRARY_PATH={libraries}\"{more}\"\n");
        (exports, quoted(&self.place.join("bin/cargo")))
    }
}
