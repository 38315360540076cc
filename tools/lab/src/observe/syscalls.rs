//! The system calls of the programs in a terminal, seen by strace.
//!
//! The terminal's shell runs under strace; everything that the shell starts is seen with it. Of what strace says, a
//! page shows the network calls of the programs themselves, and every call on a socket, whatever its name.
//! Not shown: the shell, cargo and the compiler; the dynamic linker's calls; what the C library does on its own to look
//! up a user or a service name.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::missing::Missing;
use crate::observe::trace::{DATA_CALLS, PROCESS_CALLS, Trace};
use crate::observe::watch::{Source, Watch};
use crate::record::event::{Event, Lane, What};

/// How many bytes are read in one round: as many as a pipe holds, or more (pipe(7)).
const AT_ONCE: usize = 1 << 16;

/// A line of strace that is longer is cut: the strings in it are.
const LONGEST_LINE: usize = 1 << 20;

/// Whether strace is there and allowed to trace (containers often forbid it); asked once, then remembered.
///
/// # Errors
///
/// What is missing and what brings it.
pub fn available() -> Result<(), Missing> {
    static AVAILABLE: OnceLock<Result<(), Missing>> = OnceLock::new();
    AVAILABLE.get_or_init(try_strace).clone()
}

/// Prepares to watch the terminal called `terminal`: each call that begins and takes its time, and each that has
/// returned, becomes an [`Event`] in [`Lane::Calls`]. `also` names further calls to show, as strace knows them (`poll`,
/// `epoll_wait`).
///
/// Gives the words to put before the shell's command. The shell keeps its place as the direct child of whoever spawns
/// it; strace stands aside, and ends with the last program in the terminal.
///
/// # Errors
///
/// `mkfifo` in `dir`, or its opening, with their error.
pub fn trace(terminal: &str, dir: &Path, also: &[String], watch: &Watch) -> io::Result<Vec<OsString>> {
    let path = dir.join(format!("{terminal}.strace"));
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)
        .map_err(|errno| io::Error::other(format!("mkfifo {}: {errno}", path.display())))?;
    // Not waiting for strace, which opens its end later (fifo(7)).
    let fifo = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path)?;
    let mut command: Vec<OsString> = strace(&also.join(","));
    command.extend(["-o".into(), path.clone().into(), "--".into()]);
    watch.add(Box::new(Strace {
        fifo,
        path,
        lane: Lane::Calls(terminal.to_owned()),
        trace: Trace::new(also),
        line: Vec::new(),
        has_come: false,
    }));
    Ok(command)
}

/// What a strace writes.
struct Strace {
    fifo: File,
    path: PathBuf,
    lane: Lane,
    trace: Trace,
    /// What stands after the last line end.
    line: Vec<u8>,
    /// strace has opened its end.
    has_come: bool,
}

impl Source for Strace {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.fifo.as_fd()
    }

    fn rank(&self) -> u8 {
        1
    }

    fn is_awaited(&self) -> bool {
        self.has_come
    }

    fn take(&mut self, events: &mut Vec<Event>) -> bool {
        let mut buffer = vec![0; AT_ONCE];
        let mut left = AT_ONCE;
        while left > 0 {
            match self.fifo.read(buffer.get_mut(..left).unwrap_or_default()) {
                Ok(0) => {
                    events.push(Event { at: SystemTime::now(), lane: self.lane.clone(), what: What::Closed });
                    return false;
                }
                Ok(read) => {
                    self.has_come = true;
                    left -= read;
                    self.feed(buffer.get(..read).unwrap_or_default(), events);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        if let Some(call) = self.trace.unended(&String::from_utf8_lossy(&self.line)) {
            events.push(Event { at: call.began, lane: self.lane.clone(), what: What::Call(Box::new(call)) });
        }
        true
    }
}

impl Strace {
    fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() < LONGEST_LINE {
                self.line.extend_from_slice(part);
            }
            if part.ends_with(b"\n") {
                let calls = self.trace.line(&String::from_utf8_lossy(&self.line));
                self.line.clear();
                events.extend(calls.into_iter().map(|call| {
                    let at = call.began;
                    Event { at, lane: self.lane.clone(), what: What::Call(Box::new(call)) }
                }));
            }
        }
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path); // the folder goes as well
    }
}

/// strace with the options that [`Trace`] reads.
fn strace(also: &str) -> Vec<OsString> {
    let separator = if also.is_empty() { "" } else { "," };
    let calls =
        format!("trace=%network,close,{},{}{separator}{also}", DATA_CALLS.join(","), PROCESS_CALLS.join(","));
    [
        "strace",
        // The tracer stands beside the shell, not between it and its terminal, out of reach of ^C.
        "-DD",
        "-f",
        // Seconds since the epoch; how long each call took.
        "-ttt",
        "-T",
        // Behind each descriptor what it stands for, sockets with their addresses.
        "-yy",
        // Calls that are not asked for do not stop the program at all.
        "--seccomp-bpf",
        "-e",
        &calls,
        "-e",
        "signal=none",
        // As many bytes of a string; a sentence shows fewer.
        "-s",
        "1024",
    ]
    .map(OsString::from)
    .to_vec()
}

fn try_strace() -> Result<(), Missing> {
    let words = strace("");
    let mut words = words.iter();
    let Some(program) = words.next() else {
        return Ok(());
    };
    let tried = Command::new(program)
        .args(words.filter(|word| *word != "-DD"))
        .args(["-o", "/dev/null", "--", "true"])
        .stdin(Stdio::null())
        .output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().next().unwrap_or("it says nothing").to_owned();
            Err(Missing {
                what: format!("strace does not work here: {said}"),
                remedy: Some("strace 5.6 or later; ptrace(2) must be allowed".to_owned()),
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Missing::program("strace", "strace")),
        Err(error) => Err(Missing { what: format!("strace cannot be started: {error}"), remedy: None }),
    }
}
