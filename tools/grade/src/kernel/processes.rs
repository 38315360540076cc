//! The program's processes.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use lab::error::{Error, Result};

use super::small;

/// A process of the learner's program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its number, as this process sees it.
    pub pid: i32,
    /// What it is called: the first 15 bytes of its program's name.
    pub name: String,
    /// `S` sleeps, `R` runs, `T` is stopped, ... (`proc_pid_stat(5)`).
    pub state: char,
    /// Its parent.
    pub parent: i32,
}

/// The network namespace of the calling thread, as the kernel names it.
///
/// # Errors
/// There is no /proc.
pub fn network() -> Result<PathBuf> {
    let path = "/proc/thread-self/ns/net";
    fs::read_link(path).map_err(|error| Error::of(format!("read {path}"), error))
}

/// Who lives in a network.
#[derive(Debug, Default)]
pub struct Inhabitants {
    /// The learner's program: its processes.
    pub members: Vec<Member>,
    /// Who watches its calls, and holds it up for that.
    pub tracers: Vec<Member>,
}

/// Who counts them: every process that lives in a network, whoever its parent is. A process cannot leave it as it can leave
/// a process group.
#[derive(Debug)]
pub struct Census {
    network: PathBuf,
    /// Processes that live elsewhere, and since when that is known. A number that is free again is given out anew only
    /// when all others have had their turn.
    strangers: BTreeSet<i32>,
    since: Instant,
}

/// So long a stranger stays one without a look.
const STRANGE: Duration = Duration::from_millis(500);

impl Census {
    /// Of this network.
    #[must_use]
    pub fn of(network: PathBuf) -> Self {
        Self { network, strangers: BTreeSet::new(), since: Instant::now() }
    }

    /// Who lives there now. Left out are the grader itself and its helper. A process that is about to end lives nowhere: see
    /// [`is_exiting`] and [`zombies`].
    pub fn inhabitants(&mut self) -> Inhabitants {
        if self.since.elapsed() > STRANGE {
            self.strangers.clear();
            self.since = Instant::now();
        }
        let mut all = Vec::new();
        for pid in pids() {
            if self.strangers.contains(&pid) {
                continue;
            }
            // One that is only just leaving or coming is nobody's.
            match fs::read_link(format!("/proc/{pid}/ns/net")) {
                Ok(network) if network == self.network && !is_helper(pid) => all.extend(member(pid)),
                Ok(_) => drop(self.strangers.insert(pid)),
                // Somebody else's process, or one of the kernel's.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    self.strangers.insert(pid);
                }
                Err(_) => {}
            }
        }
        let (tracers, members) = all.into_iter().partition(|member| member.name == "strace");
        Inhabitants { members, tracers }
    }
}

/// Whether the process is on its way out: it has left its network, closes what it had open, and is no zombie yet. This
/// is asked of one that was a member and is none any more.
#[must_use]
pub fn is_exiting(pid: i32) -> bool {
    member(pid).is_some_and(|member| !matches!(member.state, 'Z' | 'X'))
}

/// The children of `members` that have ended and for which nobody has waited.
#[must_use]
pub fn zombies(members: &[Member]) -> Vec<Member> {
    let is_ours = |parent: i32| members.iter().any(|member| member.pid == parent);
    pids().filter_map(member).filter(|child| child.state == 'Z' && is_ours(child.parent)).collect()
}

fn pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// `pid (comm) state ppid ...`; comm may hold spaces and parentheses.
pub(super) fn member(pid: i32) -> Option<Member> {
    let stat = small(format!("/proc/{pid}/stat")).ok()?;
    let (before, after) = stat.rsplit_once(") ")?;
    let mut words = after.split_whitespace();
    Some(Member {
        pid,
        name: before.split_once('(')?.1.to_owned(),
        state: words.next()?.chars().next()?,
        parent: words.next()?.parse().ok()?,
    })
}

/// Whether the process is the grader: itself, or the first one of the program's namespace.
fn is_helper(pid: i32) -> bool {
    if pid == std::process::id().cast_signed() {
        return true;
    }
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    words.split(|byte| *byte == 0).nth(1) == Some(lab::processes::FIRST.as_bytes())
}

/// How many descriptors these processes have open together.
#[must_use]
pub fn descriptors(members: &[Member]) -> usize {
    let of = |member: &Member| fs::read_dir(format!("/proc/{}/fd", member.pid)).map_or(0, Iterator::count);
    members.iter().map(of).sum()
}

/// The processes among these that have the socket of this inode open.
#[must_use]
pub fn owners(members: &[Member], inode: u64) -> Vec<Member> {
    let wanted = PathBuf::from(format!("socket:[{inode}]"));
    let has = |member: &&Member| {
        let open = fs::read_dir(format!("/proc/{}/fd", member.pid)).into_iter().flatten();
        open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).any(|to| to == wanted)
    };
    members.iter().filter(has).cloned().collect()
}
