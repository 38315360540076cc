//! A terminal: a pseudoterminal with a shell in it, in a session of its own, so that `cd`, pipes and ^C do what they
//! do under a reader's fingers.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pty_process::blocking::{Command, Pty};
use rustix::termios::{LocalModes, tcgetattr, tcgetpgrp};

use crate::environment;
use crate::error::{Error, Result};
use crate::location::Location;
use crate::observe::watch::{Source, Watch};
use crate::ordinary;
use crate::record::event::{Event, Lane, What};
use crate::tools;

mod splitter;

use splitter::{AFTER_STATUS, BEFORE_STATUS, Splitter};

/// Rows and columns: as wide as a page; programs that lay out columns, such as ss, ask for it.
const SIZE: (u16, u16) = (50, 100);

/// How many bytes are read in one round: as many as the kernel keeps for a terminal, or more.
const AT_ONCE: usize = 1 << 16;

/// How long a program may leave what is typed unread, when the terminal is full of it.
const TAKES: Duration = Duration::from_secs(2);

/// How a terminal takes what is typed, as its program has set it (termios(3)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Takes {
    /// Line by line, and shows each letter: the terminal itself edits the line.
    #[default]
    Lines,
    /// Line by line, and shows nothing: a password.
    Secrets,
    /// Key by key: the program itself edits its lines, and shows them.
    Keys,
}

/// An open terminal. What appears in it is sent as events; dropping it ends its programs.
pub struct Terminal {
    name: String,
    pty: Arc<Pty>,
    shell: Child,
}

impl Terminal {
    /// Opens a terminal and starts its shell at `location`, in the directory `root`; `prefix` is what stands before the shell in the
    /// command, such as a tracer with its arguments. `kind` tells its programs what the terminal can do, as `TERM` does.
    /// The first event of interest is the shell's prompt.
    ///
    /// # Errors
    /// When there is no pseudoterminal left or the shell cannot be started.
    pub fn open(
        name: &str,
        prefix: &[OsString],
        root: &Path,
        kind: &str,
        location: &Location<'_>,
        watch: &Watch,
    ) -> Result<Self> {
        let shell: &[&str] = match tools::find("bash") {
            Some(_) => &["bash", "--norc", "--noediting", "-i"],
            None => &["sh", "-i"],
        };
        let mut words = prefix.iter().map(OsString::as_os_str).chain(shell.iter().map(OsStr::new));
        let prompt = [&[BEFORE_STATUS], b"$?".as_slice(), &[AFTER_STATUS]].concat();
        let command = Command::new(words.next().unwrap_or_default())
            .args(words)
            .env_clear()
            .envs(environment::variables())
            .env("TERM", kind)
            // The lab prepares every build before; a terminal has no network to fetch anything from.
            .env("CARGO_NET_OFFLINE", "true")
            .env("PS1", String::from_utf8_lossy(&prompt).as_ref())
            .env("PS2", "> ")
            .current_dir(root);
        let is_ordinary = location.capabilities.is_empty();
        // SAFETY: between fork and exec only system calls are made.
        #[expect(unsafe_code, reason = "what the shell inherits from whoever runs the laboratory")]
        let command = unsafe {
            command.pre_exec(move || {
                ordinary::forget_habits()?;
                if is_ordinary { ordinary::give_up_privileges() } else { Ok(()) }
            })
        };
        Self::start(name, command, location, watch)
    }

    /// Opens a terminal in which one program runs instead of a shell, with the environment of this process; `kind` tells
    /// the program what the terminal can do, as `TERM` does.
    ///
    /// # Errors
    /// When there is no pseudoterminal left or the program cannot be started.
    pub fn run(
        name: &str,
        command: &[OsString],
        here: &Path,
        kind: &str,
        location: &Location<'_>,
        watch: &Watch,
    ) -> Result<Self> {
        let mut words = command.iter();
        let command = Command::new(words.next().map_or(OsStr::new(""), OsString::as_os_str))
            .args(words)
            .env("TERM", kind)
            .current_dir(here);
        Self::start(name, command, location, watch)
    }

    fn start(name: &str, command: Command, location: &Location<'_>, watch: &Watch) -> Result<Self> {
        let doing = || format!("open terminal \"{name}\"");
        let (pty, pts) = pty_process::blocking::open().map_err(|error| Error::of(doing(), error))?;
        let (rows, columns) = SIZE;
        pty.resize(pty_process::Size::new(rows, columns)).map_err(|error| Error::of(doing(), error))?;
        let shell = location.start(|| command.spawn(pts).map_err(|error| Error::of(doing(), error)))?;

        let flags = fcntl(&pty, FcntlArg::F_GETFL).map_err(|errno| Error::of(doing(), errno))?;
        fcntl(&pty, FcntlArg::F_SETFL(OFlag::from_bits_retain(flags) | OFlag::O_NONBLOCK))
            .map_err(|errno| Error::of(doing(), errno))?;
        let pty = Arc::new(pty);
        watch.add(Box::new(Screen {
            pty: Arc::clone(&pty),
            lane: Lane::Terminal(name.to_owned()),
            splitter: Splitter::default(),
        }));
        Ok(Self { name: name.to_owned(), pty, shell })
    }

    /// Types `text` and Return.
    ///
    /// # Errors
    /// When the terminal does not take it.
    pub fn enter(&self, text: &str) -> Result<()> {
        self.write(format!("{text}\r").as_bytes())
    }

    /// Presses keys, given as their bytes: 3 for ^C.
    ///
    /// # Errors
    /// When the terminal does not take them.
    pub fn press(&self, keys: &[u8]) -> Result<()> {
        self.write(keys)
    }

    /// How it takes what is typed, at this moment. (The kernel tells it at our side of the pseudoterminal, too.)
    #[must_use]
    pub fn takes(&self) -> Takes {
        let modes = tcgetattr(&*self.pty).map(|settings| settings.local_modes);
        match modes {
            Ok(modes) if !modes.contains(LocalModes::ICANON) => Takes::Keys,
            Ok(modes) if !modes.contains(LocalModes::ECHO) => Takes::Secrets,
            _ => Takes::Lines,
        }
    }

    /// The process group in the foreground, which ^C and ^Z reach; none where the kernel does not tell.
    #[must_use]
    pub fn foreground(&self) -> Option<i32> {
        tcgetpgrp(&*self.pty).ok().map(|group| group.as_raw_nonzero().get())
    }

    /// Whether the command that the process group `shell` was given has begun, and waits: it has the terminal, and all
    /// of its processes sleep, and so does the shell (proc(5)). True where the kernel does not tell.
    #[must_use]
    pub fn rests(&self, shell: i32) -> bool {
        let Some(foreground) = self.foreground() else { return true };
        let Ok(processes) = std::fs::read_dir("/proc") else { return true };
        let is_up = |process: io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(process.ok()?.path().join("stat")).ok()?;
            // After the name, which may hold anything: state, parent, group.
            let mut words = stat.rsplit_once(')')?.1.split_whitespace();
            let (state, group) = (words.next()?, words.nth(1)?.parse::<i32>().ok()?);
            Some([foreground, shell].contains(&group) && !["S", "Z"].contains(&state))
        };
        foreground != shell && !processes.into_iter().any(|process| is_up(process).unwrap_or(false))
    }

    /// Gives the terminal another size, and tells its programs so.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn resize(&self, (rows, columns): (u16, u16)) -> Result<()> {
        self.pty
            .resize(pty_process::Size::new(rows, columns))
            .map_err(|error| Error::of(format!("resize terminal \"{}\"", self.name), error))
    }

    /// The process that leads the terminal's session: its shell or program.
    #[must_use]
    pub fn leader(&self) -> u32 {
        self.shell.id()
    }

    /// The exit status of the shell, or of the program that [`Self::run`] started, once it has ended.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn status(&mut self) -> Result<Option<ExitStatus>> {
        self.shell
            .try_wait()
            .map_err(|error| Error::of(format!("wait for terminal \"{}\"", self.name), error))
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        let failed = |error: io::Error| Error::of(format!("type into terminal \"{}\"", self.name), error);
        let mut rest = bytes;
        while !rest.is_empty() {
            match (&*self.pty).write(rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut room = [PollFd::new(self.pty.as_fd(), PollFlags::POLLOUT)];
                    let timeout = PollTimeout::try_from(TAKES).unwrap_or(PollTimeout::MAX);
                    if poll(&mut room, timeout) == Ok(0) {
                        return Err(failed(io::Error::other("nobody reads what is typed")));
                    }
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }

    /// Everything that still runs in the terminal's session. The shell, or its tracer, leads it.
    fn session(&self) -> Vec<Pid> {
        let leader = self.shell.id().to_string();
        let Ok(processes) = std::fs::read_dir("/proc") else {
            return Vec::new();
        };
        processes
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
            .filter(|pid| {
                let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
                    return false;
                };
                // proc_pid_stat(5): pid (comm) state ppid pgrp session; comm may hold spaces and parentheses.
                let Some((_, rest)) = stat.rsplit_once(')') else {
                    return false;
                };
                let mut fields = rest.split_whitespace();
                let state = fields.next();
                state != Some("Z") && fields.nth(2) == Some(&leader)
            })
            .map(Pid::from_raw)
            .collect()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(2);
        loop {
            let session = self.session();
            for pid in &session {
                let _ = kill(*pid, Signal::SIGKILL); // it may have ended by itself
            }
            if session.is_empty() || Instant::now() > deadline {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        // The reader is not joined: it ends with the last program that holds the terminal, and one that made a session
        // of its own does so until its processes are ended.
    }
}

/// What appears in a terminal.
struct Screen {
    pty: Arc<Pty>,
    lane: Lane,
    splitter: Splitter,
}

impl Source for Screen {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.pty.as_fd()
    }

    fn rank(&self) -> u8 {
        0
    }

    fn is_awaited(&self) -> bool {
        true
    }

    fn take(&mut self, events: &mut Vec<Event>) -> bool {
        let mut buffer = vec![0; AT_ONCE];
        let mut left = AT_ONCE;
        let mut is_open = true;
        while left > 0 && is_open {
            let mut from = &*self.pty;
            match from.read(buffer.get_mut(..left).unwrap_or_default()) {
                Ok(read) if read > 0 => {
                    left -= read;
                    let at = SystemTime::now();
                    let whats = self.splitter.feed(buffer.get(..read).unwrap_or_default());
                    events.extend(whats.into_iter().map(|what| Event { at, lane: self.lane.clone(), what }));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // pty(7): EIO once no process has the other side open.
                Ok(_) | Err(_) => is_open = false,
            }
        }
        if !is_open {
            events.push(Event { at: SystemTime::now(), lane: self.lane.clone(), what: What::Closed });
        }
        is_open
    }
}
