//! A real program as a child process, for the tests of the parts.
//!
//! A test waits for the lines that it expects; every wait has a bound, after which the error tells what had come.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::environment;
use crate::missing::Missing;
use crate::ordinary::usual;
use crate::tools;

/// How long a wait may take before it is an error; far more than any program here needs.
pub const BOUND: Duration = Duration::from_secs(60);

/// A program that runs. Dropped while it still runs, it is killed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    errors: Option<JoinHandle<String>>,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// Every line of its standard output, from the first.
    pub lines: Vec<String>,
    /// Its standard error.
    pub errors: String,
}

impl Process {
    /// Starts `program` as [`command`] makes it.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start<A: AsRef<OsStr>>(program: &str, arguments: &[A]) -> io::Result<Self> {
        let mut command = command(program);
        command.args(arguments);
        Self::spawn(command)
    }

    /// Starts `command`, as [`command`] made it or otherwise; its output is read by this `Process`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| {
            io::Error::other(format!("start {}: {error}", command.get_program().display()))
        })?;
        let lines = child.stdout.take().map_or_else(|| channel().1, lines);
        let errors = child.stderr.take().map(|mut errors| {
            thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = errors.read_to_end(&mut bytes);
                String::from_utf8_lossy(&bytes).into_owned()
            })
        });
        Ok(Self { child, lines, seen: Vec::new(), errors })
    }

    /// The process, to type into its standard input or to send it a signal.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Starts `command` in a terminal of its own, as under a reader's fingers; gives the terminal, to type into. What
    /// appears there is read by this `Process`, the echo of what is typed included.
    ///
    /// # Errors
    /// There is no pseudoterminal, or `command` cannot be started.
    pub fn on_terminal(program: &str, arguments: &[&str]) -> io::Result<(Self, File)> {
        let (pty, pts) = pty_process::blocking::open().map_err(io::Error::other)?;
        let child = pty_process::blocking::Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(environment::variables())
            .spawn(pts)
            .map_err(|error| io::Error::other(format!("start {program}: {error}")))?;
        let screen = File::from(OwnedFd::from(pty));
        let keyboard = screen.try_clone()?;
        Ok((Self { child, lines: lines(screen), seen: Vec::new(), errors: None }, keyboard))
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// It has ended.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.id()).map_err(io::Error::other)?;
        Ok(kill(Pid::from_raw(pid), signal)?)
    }

    /// Asks it to stop, as Ctrl-C asks, and waits until it has ended.
    ///
    /// # Errors
    /// As [`end`](Self::end).
    pub fn interrupt(self) -> io::Result<Ended> {
        self.signal(Signal::SIGINT)?;
        self.end()
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line of standard output.
    ///
    /// # Errors
    /// The output has ended, or nothing comes within [`BOUND`].
    pub fn line(&mut self) -> io::Result<String> {
        self.line_until(Instant::now() + BOUND)
    }

    fn line_until(&mut self, deadline: Instant) -> io::Result<String> {
        self.next(deadline).map_err(|error| match error {
            RecvTimeoutError::Timeout => self.complain("no further line came in time"),
            RecvTimeoutError::Disconnected => self.complain("the output has ended"),
        })
    }

    fn next(&mut self, deadline: Instant) -> Result<String, RecvTimeoutError> {
        let left = deadline.saturating_duration_since(Instant::now());
        // Lines that come without end are no reason to wait without end.
        if left.is_zero() {
            return Err(RecvTimeoutError::Timeout);
        }
        let line = self.lines.recv_timeout(left)?;
        self.seen.push(line.clone());
        Ok(line)
    }

    /// Reads lines up to the one that begins with `start`, and gives what stands behind it.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub fn wait_for(&mut self, start: &str) -> io::Result<String> {
        let deadline = Instant::now() + BOUND;
        loop {
            if let Some(rest) = self.line_until(deadline)?.strip_prefix(start) {
                return Ok(rest.to_owned());
            }
        }
    }

    /// Reads lines up to the one that begins with `start` and goes on with an IP:PORT.
    ///
    /// # Errors
    /// As [`line`](Self::line), or no address stands there.
    pub fn wait_for_address(&mut self, start: &str) -> io::Result<SocketAddr> {
        let rest = self.wait_for(start)?;
        rest.parse().map_err(|_| self.complain(&format!("{rest:?} is not an address")))
    }

    /// Waits until the program ends.
    ///
    /// # Errors
    /// It does not within [`BOUND`].
    pub fn end(self) -> io::Result<Ended> {
        self.end_within(BOUND)
    }

    /// Waits until the program ends, for a program that may take longer.
    ///
    /// # Errors
    /// It does not within `bound`.
    pub fn end_within(mut self, bound: Duration) -> io::Result<Ended> {
        let deadline = Instant::now() + bound;
        loop {
            match self.next(deadline) {
                Ok(_) => {}
                // Its output is closed; a program does that by ending.
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return Err(self.complain("it did not end in time")),
            }
        }
        let status = self.child.wait()?;
        Ok(Ended { status, lines: std::mem::take(&mut self.seen), errors: self.errors() })
    }

    fn errors(&mut self) -> String {
        self.errors.take().and_then(|reader| reader.join().ok()).unwrap_or_default()
    }

    /// An error that tells what the program had said. It is killed, so that its standard error is whole.
    fn complain(&mut self, what: &str) -> io::Error {
        let _ = self.child.kill();
        let mut text = format!("{what}; the last that it said:");
        for line in self.seen.iter().skip(self.seen.len().saturating_sub(40)) {
            let _ = write!(text, "\n  {line}");
        }
        io::Error::other(text + "\nand on standard error:\n" + &self.errors())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of `output`, read by a thread of their own.
fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while matches!(output.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
            if sender.send(text).is_err() {
                break;
            }
            line.clear();
        }
    });
    lines
}

/// The binary `name` of the workspace's package `package`, built first where need be: for tests of another package, to
/// which cargo does not tell `CARGO_BIN_EXE_...`.
///
/// # Errors
/// The build fails.
pub fn built(package: &str, name: &str) -> io::Result<PathBuf> {
    build(package, "--bin", name)
        .map(|place| place.join(name).with_extension(std::env::consts::EXE_EXTENSION))
}

/// The example `name` of the workspace's package `package`, built first where need be.
///
/// # Errors
/// The build fails.
pub fn example(package: &str, name: &str) -> io::Result<PathBuf> {
    let place = build(package, "--example", name)?.join("examples").join(name);
    Ok(place.with_extension(std::env::consts::EXE_EXTENSION))
}

/// Builds it; gives the folder in which the workspace's programs lie.
fn build(package: &str, kind: &str, name: &str) -> io::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--package", package, kind, name]);
    // A test lies in target/debug/deps, or in target/release/deps: the program beside that folder.
    let tests = std::env::current_exe()?;
    let place = tests.ancestors().nth(2).unwrap_or(&tests);
    if place.ends_with("release") {
        build.arg("--release");
    }
    let output = build.stdin(Stdio::null()).output()?;
    if output.status.success() {
        Ok(place.to_owned())
    } else {
        Err(io::Error::other(format!("build {name}:\n{}", String::from_utf8_lossy(&output.stderr))))
    }
}

/// `program` with an empty standard input, and with the environment and the habits of every machine: whoever runs the
/// tests may have set others, which would change what it says.
#[must_use]
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).env_clear().envs(environment::variables());
    usual(&mut command);
    command
}

/// Whether `program` is installed; where it is not, the check `what` is named as [`not_checked`].
///
/// # Errors
/// It is missing, and `LAB_REQUIRE=all` is set.
pub fn installed(program: &str, what: &str) -> Result<bool, Missing> {
    match tools::missing(program) {
        None => Ok(true),
        Some(missing) => not_checked(what, missing).map(|()| false),
    }
}

/// Whether this process is root, as the check `what` needs; for anybody else it is named as not made. That is no gap of
/// the machine, so that `LAB_REQUIRE=all` does not turn it into a failure: it is for a run as root to demand it.
#[must_use]
pub fn is_root(what: &str) -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        let _ = writeln!(io::stderr().lock(), "NOT CHECKED {what}: it takes root");
    }
    is_root
}

/// Says that the check `what` was not made on this machine, on standard error, past the test runner's capture.
///
/// # Errors
/// `LAB_REQUIRE=all` is set: then a gap is a failure.
pub fn not_checked(what: &str, missing: Missing) -> Result<(), Missing> {
    if std::env::var_os("LAB_REQUIRE").is_some_and(|wish| wish == "all") {
        return Err(missing);
    }
    // In one piece and on a line of its own, whatever the test runner is writing meanwhile.
    let _ = io::stderr().write_all(format!("\nNOT CHECKED {what}: {missing}\n").as_bytes());
    Ok(())
}
