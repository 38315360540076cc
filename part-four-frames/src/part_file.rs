//! A file that has its name only when it is whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tracing::warn;

use crate::frame::{Answer, NAME_LIMIT, PART, Status};

/// `NAME.part`, as long as `NAME` is not whole. What is not kept is removed when this ends.
#[derive(Debug)]
pub struct PartFile {
    /// Locked, so that a second receiver that writes to this folder leaves it alone.
    file: Flock<File>,
    part: PathBuf,
    whole: PathBuf,
    kept: bool,
}

impl PartFile {
    /// Begins the file `name` in `folder`. One that an earlier run left half is begun again, which is said. What is
    /// left out: an earlier run's link is followed; the folder is ours.
    ///
    /// # Errors
    /// The call that failed, with its object, as an answer.
    pub fn begin(folder: &Path, name: &str) -> Result<Self, Answer> {
        let part = folder.join(format!("{}{PART}", shortened(name)));
        loop {
            // 1. open: makes the file, or finds the one of an earlier run. It is not cut to 0 bytes before it is ours.
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&part)
                .map_err(|error| refused("open", &part, &error))?;
            // 2. flock: of two receivers that are sent the same name at once, one gets the file.
            let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => file,
                Err((_, Errno::EINTR)) => continue,
                Err((_, errno)) => return Err(refused("flock", &part, &errno.into())),
            };
            // The other one may have finished between our two calls: then the file that we hold has its real name by
            // now, and is not ours to write to.
            let held = file.metadata().map_err(|error| refused("fstat", &part, &error))?;
            match fs::metadata(&part) {
                Ok(found) if (found.dev(), found.ino()) == (held.dev(), held.ino()) => {}
                Ok(_) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(refused("stat", &part, &error)),
            }
            if held.len() > 0 {
                warn!("{} was left by an earlier run: it begins again", part.display());
                file.set_len(0).map_err(|error| refused("ftruncate", &part, &error))?;
            }
            return Ok(Self { file, part, whole: folder.join(name), kept: false });
        }
    }

    /// Writes all of it behind what is there.
    ///
    /// # Errors
    /// What `write(2)` lists, as an answer: `ENOSPC` where the disk is full.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Answer> {
        // 3. write: the kernel may take less than we give, as with send; write_all goes on with the rest.
        self.file.write_all(bytes).map_err(|error| refused("write", &self.part, &error))
    }

    /// Gives the file its name. True where another had that name until now and is replaced.
    ///
    /// # Errors
    /// What `rename(2)` lists, as an answer: `EISDIR` where a folder has that name.
    pub fn keep(mut self) -> Result<bool, Answer> {
        let replaced = fs::symlink_metadata(&self.whole).is_ok();
        // 4. rename: one step for whoever looks: the name leads to the old file, or to the whole new one. What is left
        //    out: fsync, which would wait until the disk has it, in case of a power failure.
        fs::rename(&self.part, &self.whole).map_err(|error| refused("rename", &self.part, &error))?;
        self.kept = true;
        Ok(replaced)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_file(&self.part)
        {
            warn!("unlink {}: {}", self.part.display(), errno(&error));
        }
    }
}

/// The beginning of `name`, so that `.part` fits behind it.
fn shortened(name: &str) -> &str {
    let mut end = name.len().min(NAME_LIMIT - PART.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or(name)
}

/// An answer names the file and not the folder: where our folders are is not the sender's business.
fn refused(call: &str, path: &Path, error: &io::Error) -> Answer {
    let name = path.file_name().unwrap_or_default().display();
    Answer { status: Status::Refused, text: format!("{call} {name}: {}", errno(error)) }
}

/// The number in an error of std, which is shown with its name, as everywhere else.
#[must_use]
pub fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}
