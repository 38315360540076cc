//! A folder of one's own, for sockets and programs.

use std::io;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::{FsFlags, statvfs};
use tempfile::{Builder, TempDir};

/// How long the path of the folder may be, in bytes. What a socket's address holds is 108 with its NUL (unix(7)); the
/// rest is for names in it.
const LONGEST: usize = 64;

/// A new folder that goes when it is dropped: beneath `TMPDIR` if that leaves room for the names of sockets and lets
/// programs run, else where a machine has room for all.
///
/// # Errors
/// None of these places will do; each is named with its reason.
pub fn tempdir() -> io::Result<TempDir> {
    let mut reasons = Vec::new();
    for place in [std::env::temp_dir(), "/tmp".into(), "/var/tmp".into(), "/dev/shm".into()] {
        match within(&place) {
            Ok(folder) => return Ok(folder),
            Err(error) => reasons.push(format!("{}: {error}", place.display())),
        }
    }
    Err(io::Error::other(format!("no place for a folder of sockets and programs: {}", reasons.join("; "))))
}

fn within(place: &Path) -> io::Result<TempDir> {
    // Names on a page, and of tests, are relative or short: the folder's own path is what differs between machines.
    let place: PathBuf = std::path::absolute(place)?;
    if statvfs(&place)?.flags().contains(FsFlags::ST_NOEXEC) {
        return Err(io::Error::other("no program runs there (noexec)"));
    }
    let folder = Builder::new().prefix("part-").tempdir_in(place)?;
    match folder.path().as_os_str().len() {
        0..=LONGEST => Ok(folder),
        length => Err(io::Error::other(format!("{length} bytes are too long for a socket's address"))),
    }
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn a_path_that_leaves_no_room_is_refused() {
        let short = super::tempdir().expect("a folder");
        assert!(within(short.path()).is_ok());
        let long = short.path().join("x".repeat(100));
        std::fs::create_dir(&long).expect("a folder");
        let error = within(&long).expect_err("too long").to_string();
        assert!(error.ends_with("bytes are too long for a socket's address"), "{error}");
        assert_eq!(std::fs::read_dir(long).expect("the folder").count(), 0, "nothing is left");
    }
}
