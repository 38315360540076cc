//! A server as a process: started, found, its clock read, stopped.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::time::ClockId;
use nix::unistd::Pid;
use tempfile::TempDir;

/// Where a server listens.
#[derive(Debug, Clone)]
pub enum Place {
    /// A TCP port of loopback.
    Tcp(SocketAddr),
    /// A Unix-domain socket's file.
    Unix(PathBuf),
}

impl Place {
    /// A connection to it.
    ///
    /// # Errors
    /// It is refused.
    pub fn connect(&self) -> std::io::Result<OwnedFd> {
        match self {
            Self::Tcp(address) => TcpStream::connect(address).map(OwnedFd::from),
            Self::Unix(path) => UnixStream::connect(path).map(OwnedFd::from),
        }
    }
}

/// A port of loopback that nobody has now.
///
/// # Errors
/// There is none.
pub fn free_port() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("bind 127.0.0.1:0")?;
    listener.local_addr().context("getsockname")
}

/// A server that runs. Dropped, it is killed.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub place: Place,
    /// What it says goes into a file here: a pipe might fill up and stop it.
    folder: TempDir,
}

impl Server {
    /// Starts `command` on the first processor and waits until it listens at `place`.
    ///
    /// # Errors
    /// It does not start, ends, or does not listen within ten seconds.
    pub fn start(mut command: Command, place: Place, processors: &Processors) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let folder = tempfile::tempdir().context("make a folder")?;
        let output = File::create(folder.path().join("output")).context("create a file")?;
        command.stdin(Stdio::null()).stdout(output.try_clone().context("dup")?).stderr(output);
        processors.as_server()?;
        let child = command.spawn().with_context(|| format!("start {name}"));
        processors.as_generator()?;
        let mut server = Self { child: child?, place, folder };
        let begun = Instant::now();
        while server.place.connect().is_err() {
            if let Some(status) = server.child.try_wait().context("wait")? {
                bail!("{name} ended, {status}: {}", server.said().trim_end());
            }
            if begun.elapsed() > Duration::from_secs(10) {
                bail!("{name} does not listen after ten seconds: {}", server.said().trim_end());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap_or_default())
    }

    /// It and the processes that it has started.
    #[must_use]
    pub fn processes(&self) -> Vec<Pid> {
        let mut all = vec![self.pid()];
        let mut next = 0;
        while let Some(&pid) = all.get(next) {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw));
            next += 1;
        }
        all
    }

    /// Asks it to stop, waits, and gives what it said.
    ///
    /// # Errors
    /// It does not end within ten seconds.
    pub fn stop(mut self) -> Result<String> {
        kill(self.pid(), Signal::SIGTERM).context("kill")?;
        let begun = Instant::now();
        while self.child.try_wait().context("wait")?.is_none() {
            if begun.elapsed() > Duration::from_secs(10) {
                bail!("process {} does not end ten seconds after SIGTERM", self.pid());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(self.said())
    }

    fn said(&self) -> String {
        fs::read(self.folder.path().join("output"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long processors have worked for these processes, all threads included: the kernel's own clock of each process
/// (`clock_getcpuclockid(3)`), in nanoseconds and not in ticks.
#[must_use]
pub fn worked(processes: &[Pid]) -> Duration {
    let clock = |&pid: &Pid| ClockId::pid_cpu_clock_id(pid).and_then(ClockId::now).ok();
    processes.iter().filter_map(clock).map(Duration::from).sum()
}

/// Servers on one processor, the generator on another: neither moves, and neither takes the other's.
#[derive(Debug)]
pub struct Processors {
    server: CpuSet,
    generator: CpuSet,
    /// Whether there are two.
    pub apart: bool,
}

impl Processors {
    /// The first two that this process may use; with one, both share it.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn choose() -> Result<Self> {
        let all = sched_getaffinity(Pid::from_raw(0)).context("sched_getaffinity")?;
        let mut usable = (0..CpuSet::count()).filter(|&cpu| all.is_set(cpu).unwrap_or(false));
        let first = usable.next().context("no processor")?;
        let second = usable.next();
        let only = |cpu| -> Result<CpuSet> {
            let mut set = CpuSet::new();
            set.set(cpu)?;
            Ok(set)
        };
        Ok(Self { server: only(first)?, generator: only(second.unwrap_or(first))?, apart: second.is_some() })
    }

    fn as_server(&self) -> Result<()> {
        sched_setaffinity(Pid::from_raw(0), &self.server).context("sched_setaffinity")
    }

    /// From here on this thread runs where the generator runs.
    ///
    /// # Errors
    /// The system refuses.
    pub fn as_generator(&self) -> Result<()> {
        sched_setaffinity(Pid::from_raw(0), &self.generator).context("sched_setaffinity")
    }
}
