//! The system calls of the programs in a terminal, seen by strace.
//!
//! The terminal's shell runs under strace; everything that the shell starts is seen with it. Of what strace says, a
//! page shows the network calls of the programs themselves, and the `close` of each descriptor that such a call gave.
//! Not shown: the shell, cargo and the compiler; the dynamic linker's calls; what the C library does on its own to look
//! up a user or a service name.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::SystemTime;

use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::missing::Missing;
use crate::observe::trace::{PROCESS_CALLS, Trace};
use crate::record::event::{Event, Lane, What};

/// A terminal's strace; the events end when the last program in the terminal has ended.
#[derive(Debug)]
pub struct Syscalls {
    fifo: PathBuf,
    thread: Option<JoinHandle<()>>,
}

impl Syscalls {
    /// Whether strace is there and allowed to trace (containers often forbid it); asked once, then remembered.
    ///
    /// # Errors
    ///
    /// What is missing and what brings it.
    pub fn available() -> Result<(), Missing> {
        static AVAILABLE: OnceLock<Result<(), Missing>> = OnceLock::new();
        AVAILABLE.get_or_init(try_strace).clone()
    }

    /// Prepares to watch the terminal called `terminal`; each call becomes an [`Event`] in [`Lane::Calls`], when it has
    /// returned. `also` names further calls to show, as strace knows them (`read`, `poll`).
    ///
    /// Gives the words to put before the shell's command. The shell keeps its place as the direct child of whoever
    /// spawns it; strace stands aside.
    ///
    /// # Errors
    ///
    /// `mkfifo` in `dir`, or the thread, with their error.
    pub fn start(
        terminal: &str,
        dir: &Path,
        also: &[String],
        events: Sender<Event>,
    ) -> io::Result<(Self, Vec<OsString>)> {
        let fifo = dir.join(format!("{terminal}.strace"));
        mkfifo(&fifo, Mode::S_IRUSR | Mode::S_IWUSR)
            .map_err(|errno| io::Error::other(format!("mkfifo {}: {errno}", fifo.display())))?;
        let mut command: Vec<OsString> = strace(&also.join(","));
        command.extend(["-o".into(), fifo.clone().into(), "--".into()]);

        let lane = Lane::Calls(terminal.to_owned());
        let mut trace = Trace::new(also);
        let path = fifo.clone();
        let thread = std::thread::Builder::new().name(format!("strace {terminal}")).spawn(move || {
            // Opening waits until strace opens its end; reading ends when strace has.
            let Ok(fifo) = File::open(&path) else { return };
            for said in BufReader::new(fifo).split(b'\n') {
                let Ok(said) = said else { return };
                for call in trace.line(&String::from_utf8_lossy(&said), SystemTime::now()) {
                    let event = Event { at: call.at, lane: lane.clone(), what: What::Line(call.text) };
                    if events.send(event).is_err() {
                        return;
                    }
                }
            }
        })?;
        let thread = Some(thread);
        Ok((Self { fifo, thread }, command))
    }

    /// Whether everything was seen: all programs in the terminal have ended, and strace with them.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Syscalls {
    fn drop(&mut self) {
        // A strace that never came leaves the thread waiting for it: come in its place, and leave at once.
        let _ = OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(&self.fifo);
        let _ = std::fs::remove_file(&self.fifo);
        // Not joined: a program that the caller has left running keeps strace, and the thread, alive.
        drop(self.thread.take());
    }
}

/// strace with the options that [`Trace`] reads.
fn strace(also: &str) -> Vec<OsString> {
    let separator = if also.is_empty() { "" } else { "," };
    let calls = format!("trace=%network,close,{}{separator}{also}", PROCESS_CALLS.join(","));
    [
        "strace",
        // The tracer stands beside the shell, not between it and its terminal, out of reach of ^C.
        "-DD",
        "-f",
        // Seconds since the epoch; how long each call took.
        "-ttt",
        "-T",
        // Calls that are not asked for do not stop the program at all.
        "--seccomp-bpf",
        "-e",
        &calls,
        "-e",
        "signal=none",
        "-s",
        "64",
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
