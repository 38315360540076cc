//! What every server with a path is asked, whether it serves streams or datagrams: what it does about a file that is
//! there, and what it leaves behind.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;

use lab::error::{Error, Result};

use super::datagrams::ended_by_sigterm;
use crate::bench::Bench;
use crate::check::Ready;
use crate::fault::{Judged, fault};
use crate::kernel;
use crate::program::{Place, ending};

/// What stands in the file that must not be removed.
const PRECIOUS: &str = "somebody's notes\n";

/// Whether a listener has the path.
///
/// # Errors
/// There is no /proc.
pub(super) fn listens(place: &Place) -> Result<Ready> {
    ready(place, false)
}

/// Whether a socket for datagrams has the path.
///
/// # Errors
/// There is no /proc.
pub(super) fn takes_datagrams(place: &Place) -> Result<Ready> {
    ready(place, true)
}

fn ready(place: &Place, datagrams: bool) -> Result<Ready> {
    let rows: Vec<_> = kernel::unix()?
        .into_iter()
        .filter(|row| row.datagrams == datagrams && row.listens != datagrams)
        .collect();
    Ok(match rows.first() {
        _ if rows.iter().any(|row| row.is_at(&place.path)) => Ready::Yes,
        Some(other) => Ready::Elsewhere(other.path.display().to_string()),
        None => Ready::NotYet,
    })
}

/// Not everybody may connect.
pub(super) fn mode(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    let path = bench.place.path.clone();
    let mode = fs::metadata(&path).map_err(|error| Error::of(format!("stat {}", path.display()), error))?;
    let mode = mode.permissions().mode() & 0o777;
    if mode & 0o002 == 0 {
        return Ok(());
    }
    fault(format!(
        "The file of your socket has mode {mode:04o}: to connect takes the right to write, and that has every user of the machine. \
         Set umask before bind, which gives the file its mode; a chmod after it comes too late."
    ))
}

/// A file that an earlier run has left is replaced.
pub(super) fn stale(bench: &mut Bench<'_>) -> Judged {
    bench.fresh_network()?;
    let path = bench.place.path.clone();
    occupy(bench, &path)?;
    bench.launch_here()?;
    bench.moment = "where an earlier run has left its file";
    bench.wait_ready()
}

/// A socket that nobody has any more, as a killed server leaves it.
fn occupy(bench: &Bench<'_>, path: &Path) -> Result<()> {
    let doing = |error| Error::of(format!("bind {}", path.display()), error);
    // Its owner is closed at once; the file stays.
    match bench.subject.exercise.transport {
        crate::check::Transport::UnixDatagram => UnixDatagram::bind(path).map(drop).map_err(doing),
        _ => UnixListener::bind(path).map(drop).map_err(doing),
    }
}

/// A server that is alive keeps its path.
pub(super) fn live(bench: &mut Bench<'_>) -> Judged {
    bench.fresh_network()?;
    let path = bench.place.path.clone();
    let doing = |error| Error::of(format!("bind {}", path.display()), error);
    let datagrams = bench.subject.exercise.transport == crate::check::Transport::UnixDatagram;
    // Whichever it is, it lives until the end of this function.
    let (_one, _other) = if datagrams {
        (None, Some(UnixDatagram::bind(&path).map_err(doing)?))
    } else {
        (Some(UnixListener::bind(&path).map_err(doing)?), None)
    };
    let before = identity(&path)?;
    bench.launch_here()?;
    refuses(
        bench,
        "Another server lives at",
        "its path must stay its own: connect to it before unlink, and end if it answers",
        |path| identity(path).is_ok_and(|now| now == before),
    )
}

/// What is no socket is nobody's to remove.
pub(super) fn regular_file(bench: &mut Bench<'_>) -> Judged {
    bench.fresh_network()?;
    let path = bench.place.path.clone();
    fs::write(&path, PRECIOUS).map_err(|error| Error::of(format!("write {}", path.display()), error))?;
    bench.launch_here()?;
    refuses(
        bench,
        "A regular file stands at",
        "it may be somebody's: look with lstat whether it is a socket before unlink",
        |path| fs::read(path).is_ok_and(|content| content == PRECIOUS.as_bytes()),
    )
}

/// The program, just started, must end with words and a bad status, and `intact` must say that the path was not touched.
fn refuses(bench: &mut Bench<'_>, what: &str, why: &str, intact: impl Fn(&Path) -> bool) -> Judged {
    let path = bench.place.path.clone();
    // A start takes long on a busy machine; one that rests before is given up at once.
    let limit = bench.limits().compile;
    let took = |bench: &mut Bench<'_>| Ok(!intact(&bench.place.path));
    bench.until_within(limit, took)?;
    let shown = "your program's path (SOCKET_PATH)";
    if !intact(&path) {
        return fault(format!("{what} {shown}, and your program has removed it: {why}."));
    }
    let Some(status) = bench.ends_within(bench.limits().wait)? else {
        return fault(format!(
            "{what} {shown}, and your program goes on running, although nobody can reach it. Say why on standard error, and \
             end with another status than 0."
        ));
    };
    let how = ending(status);
    if status.success() {
        return fault(format!(
            "{what} {shown}, and your program ended with {how}, which means success. End with another status."
        ));
    }
    if bench.said().trim().is_empty() {
        return fault(format!(
            "{what} {shown}, and your program ended with {how} without a word on standard error. Say what stands there."
        ));
    }
    Ok(())
}

/// Which file it is: by the number of its inode.
fn identity(path: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::symlink_metadata(path);
    found.map(|found| found.ino()).map_err(|error| Error::of(format!("lstat {}", path.display()), error))
}

/// SIGTERM ends it, and its file goes with it.
pub(super) fn sigterm(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    bench.settle()?;
    ended_by_sigterm(bench)?;
    let path = bench.place.path.clone();
    let is_socket = fs::symlink_metadata(&path).is_ok_and(|found| found.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    fault(
        "SIGTERM has ended your program, and the file of its socket is still there: the next client finds a name and nobody \
         behind it. Catch the signal, and unlink before you end.",
    )
}
