//! Where the programs of a page, or of `lab observe`, live: in a process namespace of their own
//! (`pid_namespaces(7)`), with a /proc of their own. They see nobody but each other, and none of them outlives us: when
//! the first process of the namespace ends, the kernel ends all of them, whatever session they made for themselves.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::error::{Error, Result};
use crate::privilege::{self, Capability};
use crate::threads::Threads;

/// The word after which the laboratory's own program is the first process of such a namespace.
pub const FIRST: &str = "--first-process";

/// How long the kernel may take to end who is killed.
const BOUND: Duration = Duration::from_secs(2);

/// The programs' processes; dropping it ends them all.
#[derive(Debug)]
pub struct Processes(Kind);

#[derive(Debug)]
enum Kind {
    /// In a namespace.
    Private {
        /// Its first process.
        first: Child,
        processes: File,
        mounts: File,
    },
    /// Among all others, where no namespace is to be had. Who loses its parent becomes our child, so that we find it.
    Adopted,
}

impl Processes {
    /// Makes a place for processes. The calling process should have no children but those that it starts in here.
    ///
    /// # Errors
    /// When not even the second best is to be had.
    pub fn start() -> Result<Self> {
        if let Ok(kind) = private() {
            return Ok(Self(kind));
        }
        prctl::set_child_subreaper(true)
            .map_err(|errno| Error::of("prctl(PR_SET_CHILD_SUBREAPER)", errno))?;
        Ok(Self(Kind::Adopted))
    }

    /// Whether they are in a namespace.
    #[must_use]
    pub fn is_private(&self) -> bool {
        matches!(self.0, Kind::Private { .. })
    }

    /// How many programs live in here, of no session that one of `leaders` began, and but for those who watch. Nobody
    /// is counted among all others.
    #[must_use]
    pub fn living(&self, leaders: &[u32]) -> usize {
        self.pids().into_iter().filter(|pid| is_program(*pid, leaders)).count()
    }

    /// The threads in here, of those who watch as well; none of them are known among all others.
    #[must_use]
    pub fn threads(&self) -> Threads {
        Threads::of(self.pids().into_iter().map(u32::cast_signed))
    }

    /// Every process in here but the first; none where they live among all others.
    fn pids(&self) -> Vec<u32> {
        let Kind::Private { first, .. } = &self.0 else { return Vec::new() };
        let ours = namespace_of(first.id());
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        pids.filter(|pid| *pid != first.id() && ours.is_some() && namespace_of(*pid) == ours).collect()
    }

    /// Does `work`, which starts a program, so that the program lives in here. It runs on a thread of its own, since
    /// no thread that has entered comes back.
    ///
    /// # Errors
    /// When it cannot be entered, or what `work` gives.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let Kind::Private { processes, mounts, .. } = &self.0 else {
            return work();
        };
        on_a_thread(|| {
            let failed = |errno| Error::of("setns to the programs' processes", errno);
            // Only who shares directory and root with no other thread may change its mounts (setns(2)).
            unshare(CloneFlags::CLONE_FS).map_err(failed)?;
            setns(mounts.as_fd(), CloneFlags::CLONE_NEWNS).map_err(failed)?;
            setns(processes.as_fd(), CloneFlags::CLONE_NEWPID).map_err(failed)?;
            work()
        })
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        match &mut self.0 {
            Kind::Private { first, .. } => {
                let _ = first.kill(); // it may have ended by itself
                let _ = first.wait();
            }
            Kind::Adopted => end_descendants(),
        }
    }
}

/// The process namespace that a process is in.
fn namespace_of(pid: u32) -> Option<std::path::PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

/// Whether the process runs, is no tracer of ours, and is in no session of `leaders`.
fn is_program(pid: u32, leaders: &[u32]) -> bool {
    // proc_pid_stat(5): pid (comm) state ppid pgrp session; comm may hold spaces and parentheses.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((name, rest)) = stat.rsplit_once(')') else { return false };
    let mut fields = rest.split_whitespace();
    let runs = !matches!(fields.next(), None | Some("Z" | "X"));
    let session = fields.nth(2).and_then(|session| session.parse().ok());
    runs && !name.ends_with("(strace") && session.is_some_and(|session: u32| !leaders.contains(&session))
}

/// A namespace and its first process, which is the laboratory's own program.
fn private() -> Result<Kind> {
    let program =
        std::env::current_exe().map_err(|error| Error::of("find the laboratory's own program", error))?;
    let mut first = on_a_thread(|| {
        // Its children will be in the new namespaces.
        unshare(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS)
            .map_err(|errno| Error::of("unshare(CLONE_NEWPID | CLONE_NEWNS)", errno))?;
        privilege::with(&[Capability::CAP_SYS_ADMIN], || {
            Command::new(&program)
                .arg(FIRST)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .map_err(|error| Error::of(format!("run {} {FIRST}", program.display()), error))
        })
    })?;
    // It says one byte when all is there; where it could not, it has ended.
    let said = first.stdout.take().map_or(0, |mut said| said.read(&mut [0]).unwrap_or(0));
    let open = |namespace: &str| {
        let path = format!("/proc/{}/ns/{namespace}", first.id());
        File::open(&path).map_err(|error| Error::of(format!("open {path}"), error))
    };
    if let (1, Ok(processes), Ok(mounts)) = (said, open("pid"), open("mnt")) {
        return Ok(Kind::Private { first, processes, mounts });
    }
    let _ = first.kill();
    let _ = first.wait();
    Err(Error::new("no process namespace"))
}

/// What the program does after [`FIRST`]: it shows its namespace in /proc, and lives until its parent closes its standard
/// input, which it does in any case when it ends.
///
/// # Errors
/// When /proc cannot be mounted, as in a container that hides a part of its own.
pub fn be_first() -> Result<()> {
    let proc = |errno| Error::of("mount /proc", errno);
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>).map_err(proc)?;
    // Who has no parent left becomes our child; a signal that is ignored needs no wait (wait(2)).
    // SAFETY: to ignore a signal runs no code of ours.
    #[expect(unsafe_code, reason = "nix cannot know that the handler is none")]
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) }
        .map_err(|errno| Error::of("ignore SIGCHLD", errno))?;
    let said = |error| Error::of("say that all is there", error);
    io::stdout().write_all(b"!").and_then(|()| io::stdout().flush()).map_err(said)?;
    let mut input = [0; 16];
    while io::stdin().read(&mut input).is_ok_and(|length| length > 0) {}
    Ok(())
}

fn on_a_thread<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("programs".to_owned()).spawn_scoped(scope, work);
        let thread = thread.map_err(|error| Error::of("start a thread for the programs", error))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Ends all children, and those that become our children when their parents end.
fn end_descendants() {
    let deadline = Instant::now() + BOUND;
    loop {
        let children = children();
        for child in &children {
            let _ = kill(*child, Signal::SIGKILL);
        }
        if children.is_empty() || Instant::now() > deadline {
            return;
        }
        for child in children {
            while waitpid(child, None) == Err(Errno::EINTR) {}
        }
    }
}

/// The children of this process, whichever thread started them (`proc_tid_children(5)`).
fn children() -> Vec<Pid> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok())
        .flat_map(|pids| pids.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>())
        .map(Pid::from_raw)
        .collect()
}
