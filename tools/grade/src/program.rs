//! The learner's program as it runs: its processes, its words, its calls, and its end.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use lab::error::{Error, Result};
use lab::ordinary;
use lab::processes::Processes;
use lab::threads::Threads;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::calls::Calls;
use crate::hosts::Hosts;
use crate::kernel::{self, Census, Inhabitants, Member, Quiet};
use crate::output::Said;

/// Where the learner's server is to listen.
#[derive(Debug, Clone)]
pub struct Place {
    /// Of TCP and UDP.
    pub address: SocketAddr,
    /// Of a Unix-domain socket.
    pub path: PathBuf,
    /// Where it puts the files that it receives.
    pub folder: PathBuf,
    /// What a client is to send.
    pub message: String,
    /// The same as a file, for a client that sends files.
    pub file: PathBuf,
    /// A name that stands in place of the address.
    pub hosts: Option<Hosts>,
}

/// So many looks in a row must find nobody before nobody is there.
const LOOKS: u32 = 3;

/// What runs.
#[derive(Debug)]
pub struct Program {
    child: Child,
    status: Option<ExitStatus>,
    processes: Option<Processes>,
    census: Census,
    /// The processes of it that were seen.
    known: BTreeSet<i32>,
    /// Nothing of it lives any more.
    is_over: bool,
    /// Its system calls, where they can be seen.
    pub calls: Option<Calls>,
    /// Its standard output.
    pub stdout: Said,
    /// Its standard error.
    pub stderr: Said,
}

impl Place {
    /// The command with `{addr}`, `{host}`, `{port}`, `{path}`, `{folder}`, `{message}` and `{file}` in its words replaced.
    #[must_use]
    pub fn fill(&self, command: &[OsString]) -> Vec<OsString> {
        let values: [(&str, Vec<u8>); 7] = [
            ("{addr}", self.addr().into_bytes()),
            ("{host}", self.host().into_bytes()),
            ("{port}", self.address.port().to_string().into_bytes()),
            ("{path}", self.path.as_os_str().as_bytes().to_vec()),
            ("{folder}", self.folder.as_os_str().as_bytes().to_vec()),
            ("{message}", self.message.clone().into_bytes()),
            ("{file}", self.file.as_os_str().as_bytes().to_vec()),
        ];
        let fill = |word: &OsString| {
            let bytes = values.iter().fold(word.as_bytes().to_vec(), |word, (name, value)| {
                replaced(&word, name.as_bytes(), value)
            });
            OsString::from_vec(bytes)
        };
        command.iter().map(fill).collect()
    }

    fn host(&self) -> String {
        self.hosts.as_ref().map_or_else(|| self.address.ip().to_string(), |hosts| hosts.name.to_owned())
    }

    fn addr(&self) -> String {
        match &self.hosts {
            Some(hosts) => format!("{}:{}", hosts.name, self.address.port()),
            None => self.address.to_string(),
        }
    }

    /// The same as variables of the environment.
    fn variables(&self) -> [(&'static str, OsString); 7] {
        [
            ("ADDR", self.addr().into()),
            ("HOST", self.host().into()),
            ("PORT", self.address.port().to_string().into()),
            ("SOCKET_PATH", self.path.clone().into()),
            ("FOLDER", self.folder.clone().into()),
            ("MESSAGE", self.message.clone().into()),
            ("FILE", self.file.clone().into()),
        ]
    }
}

fn replaced(word: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut made = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, behind)) = rest.split_first() {
        if let Some(behind) = rest.strip_prefix(name) {
            made.extend(value);
            rest = behind;
        } else {
            made.push(*first);
            rest = behind;
        }
    }
    made
}

impl Program {
    /// Starts `command` in the directory `here`, on the network of the calling thread, among processes of its own.
    /// `scratch` is a folder that it may use for temporary files, and `traced` whether its calls are watched.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(
        command: &[OsString],
        place: &Place,
        here: &Path,
        scratch: &Path,
        traced: bool,
    ) -> Result<Self> {
        let (calls, mut words) = if traced {
            let (calls, words) = Calls::watch(scratch)?;
            (Some(calls), words)
        } else {
            (None, Vec::new())
        };
        words.extend(place.fill(command));
        let census = Census::of(kernel::network()?);
        let processes = Processes::start()?;
        let mut child = processes.within(|| {
            if let Some(hosts) = &place.hosts {
                hosts.mount(scratch)?;
            }
            let (name, arguments) = words
                .split_first()
                .map_or((OsStr::new(""), &[][..]), |(name, rest)| (name.as_os_str(), rest));
            let mut command = Command::new(name);
            command
                .args(arguments)
                .envs(place.variables())
                .env("TMPDIR", scratch)
                // What cargo would fetch was fetched before, and its own lines are not the program's.
                .env("CARGO_NET_OFFLINE", "true")
                .env("CARGO_TERM_QUIET", "true")
                // Python keeps what it says to a pipe until much has come together.
                .env("PYTHONUNBUFFERED", "1")
                .current_dir(here)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                // ^C on the learner's terminal is for the grader.
                .process_group(0);
            ordinary::usual(&mut command)
                .spawn()
                .map_err(|error| Error::of(format!("run {}", name.display()), error))
        })?;
        let stdout = child.stdout.take().map(Said::listen).unwrap_or_default();
        let stderr = child.stderr.take().map(Said::listen).unwrap_or_default();
        let (processes, known) = (Some(processes), BTreeSet::new());
        Ok(Self { child, status: None, processes, census, known, is_over: false, calls, stdout, stderr })
    }

    /// Its processes that live.
    pub fn members(&mut self) -> Vec<Member> {
        self.census.inhabitants().members
    }

    /// Everything that could still bring something about, if all of it sleeps: its threads, those of its tracer, and ours
    /// that read what it says and calls. `None` while one of them runs, or a process of it is about to end.
    pub fn at_rest(&mut self) -> Option<Threads> {
        let Inhabitants { members, tracers } = self.census.inhabitants();
        let lives = |pid: &i32| members.iter().any(|member| member.pid == *pid);
        self.known.retain(|pid| lives(pid) || kernel::is_exiting(*pid));
        let leaves = self.known.iter().any(|pid| !lives(pid));
        self.known.extend(members.iter().map(|member| member.pid));
        if leaves || members.is_empty() && self.status().is_none() {
            return None;
        }
        let threads = kernel::threads(&members).and(kernel::threads(&tracers)).and(Threads::own());
        (!threads.run()).then_some(threads)
    }

    /// For how long nothing of it has moved.
    pub fn quiet(&mut self, quiet: &mut Quiet) -> Duration {
        let members = self.members();
        // It has left its network, and nobody has said yet how it ended: that is on its way.
        if members.is_empty() && self.status().is_none() {
            quiet.moved();
        }
        quiet.look(&members)
    }

    /// How long its threads and its tracer have worked. Waiting for a processor does not count.
    pub fn worked(&mut self) -> Duration {
        let Inhabitants { members, tracers } = self.census.inhabitants();
        kernel::worked(&members) + kernel::worked(&tracers)
    }

    /// How the command itself ended, once it has. What it has started may live on, as that of a daemon does.
    pub fn status(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// How it ended, once nothing of it lives.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.status()?;
        // One look can miss a process: its parent forks it behind the look, and ends before it is looked at.
        self.is_over = self.is_over || (0..LOOKS).all(|_| self.members().is_empty());
        self.is_over.then_some(status)
    }

    /// Sends every process of it a signal.
    pub fn signal(&mut self, signal: Signal) {
        for member in self.members() {
            // It may have ended meanwhile.
            let _ = kill(Pid::from_raw(member.pid), signal);
        }
    }

    /// Stops all its processes where they are, until [`Self::thaw`]. Meanwhile the kernel takes what clients send.
    ///
    /// # Errors
    /// They do not stand still within `limit`.
    pub fn freeze(&mut self, limit: Duration) -> Result<()> {
        let begun = Instant::now();
        let mut still = 0;
        while still < 3 {
            if begun.elapsed() > limit {
                return Err(Error::new("stop the program's processes (SIGSTOP): they do not stand still"));
            }
            let members = self.members();
            for member in members.iter().filter(|member| !matches!(member.state, 'T' | 't')) {
                let _ = kill(Pid::from_raw(member.pid), Signal::SIGSTOP); // it may have ended meanwhile
            }
            let stands = members.iter().all(|member| matches!(member.state, 'T' | 't'));
            still = if stands { still + 1 } else { 0 };
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Lets them go on.
    pub fn thaw(&mut self) {
        self.signal(Signal::SIGCONT);
    }
}

/// Ends all its processes, whatever they have made of themselves.
impl Drop for Program {
    fn drop(&mut self) {
        // Its own first: as long as nobody has waited for it, its namespace does not end.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.processes = None;
    }
}

/// How a program ended, as words: `exit status 1`, `SIGPIPE`.
#[must_use]
pub fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal().map(Signal::try_from)) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(Ok(signal))) => signal.as_str().to_owned(),
        _ => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_words_are_replaced() {
        let mut place = Place {
            address: "127.0.0.1:6797".parse().expect("an address"),
            path: "/tmp/x".into(),
            folder: "/tmp/f".into(),
            message: "a b".into(),
            file: "/tmp/h".into(),
            hosts: None,
        };
        let words = ["{addr}", "--port={port}", "{path}", "{folder}", "{message}", "{file}", "{}", "{other}"]
            .map(OsString::from);
        let filled = ["127.0.0.1:6797", "--port=6797", "/tmp/x", "/tmp/f", "a b", "/tmp/h", "{}", "{other}"];
        assert_eq!(place.fill(&words), filled);
        place.hosts = Some(Hosts { name: "both.test", addresses: vec![place.address.ip()] });
        assert_eq!(place.fill(&["{addr} {host}".into()]), ["both.test:6797 both.test"]);
    }
}
