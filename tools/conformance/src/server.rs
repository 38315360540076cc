//! A server of some design as a process, and clients of it.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use harness::process::{BOUND, Ended, Process, command};
use nix::libc::linger;
use nix::sys::signal::Signal;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::time::ClockId;
use nix::unistd::Pid;

/// What is tested.
#[derive(Debug, Clone, Copy)]
pub struct Design {
    /// The path of the program.
    pub program: &'static str,
    /// What stands before the list's own arguments.
    pub arguments: &'static [&'static str],
    /// How many clients it serves at a time, without `--most`.
    pub at_once: usize,
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    /// The process.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Design {
    /// Starts the server with `arguments` more, at a free port.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> Server {
        Server::of(Process::start(self.program, &self.with(arguments)).unwrap())
    }

    /// As [`start`](Self::start), by a shell that has first run `limit`, such as `ulimit -n 20`.
    #[must_use]
    pub fn start_under(&self, limit: &str, arguments: &[&str]) -> Server {
        let mut shell = command("sh");
        shell.args(["-c", &format!("{limit} && exec \"$0\" \"$@\""), self.program]);
        shell.args(self.with(arguments));
        Server::of(Process::spawn(shell).unwrap())
    }

    /// As [`start`](Self::start), with `RUST_LOG`.
    #[must_use]
    pub fn start_speaking(&self, level: &str) -> Server {
        let mut program = command(self.program);
        program.args(self.with(&[])).env("RUST_LOG", level);
        Server::of(Process::spawn(program).unwrap())
    }

    fn with<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let mut all = self.arguments.to_vec();
        all.extend_from_slice(arguments);
        all.push("127.0.0.1:0");
        all
    }
}

impl Server {
    fn of(mut process: Process) -> Self {
        let address = process.wait_for_address("Socket bound to address: ").unwrap();
        process.wait_for("Listening for incoming connections...").unwrap();
        Self { process, address }
    }

    /// A client, connected. Every wait of it is an error after [`BOUND`].
    #[must_use]
    #[track_caller]
    pub fn client(&self) -> TcpStream {
        let client = TcpStream::connect_timeout(&self.address, BOUND).unwrap();
        client.set_read_timeout(Some(BOUND)).unwrap();
        client.set_write_timeout(Some(BOUND)).unwrap();
        client
    }

    /// A client that has had one echo: the server has it, and not just the kernel.
    #[must_use]
    #[track_caller]
    pub fn served(&self) -> TcpStream {
        let mut client = self.client();
        exchange(&mut client, b"served?");
        client
    }

    /// Asks it to stop, and sees that it ends well; gives the numbers of its last line, clients and bytes.
    #[must_use]
    #[track_caller]
    pub fn stop(self) -> (u64, u64) {
        self.process.signal(Signal::SIGTERM).unwrap();
        sum(&self.process.end().unwrap())
    }

    /// Stops it as SIGSTOP does, and waits until it has stopped.
    pub fn freeze(&self) {
        self.process.signal(Signal::SIGSTOP).unwrap();
        let status = waitpid(self.pid(), Some(WaitPidFlag::WUNTRACED)).unwrap();
        assert!(matches!(status, WaitStatus::Stopped(..)), "{status:?}");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.process.signal(Signal::SIGCONT).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.process.id()).unwrap())
    }

    /// How many descriptors it has open. While it works some may be open for a moment only.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }

    /// The number that its next descriptor will have: the smallest that is free.
    #[must_use]
    pub fn next_descriptor(&self) -> usize {
        let taken = |fd: usize| fs::symlink_metadata(format!("/proc/{}/fd/{fd}", self.process.id())).is_ok();
        (0..100_000).find(|&fd| !taken(fd)).unwrap()
    }

    /// Waits until it sleeps: it has not worked from one look to the next, three times.
    #[track_caller]
    pub fn settle(&self) {
        let (mut still, mut worked) = (0, self.cpu());
        until("it sleeps", || {
            thread::sleep(Duration::from_millis(20));
            let now = self.cpu();
            still = if now == worked { still + 1 } else { 0 };
            worked = now;
            still == 3
        });
    }

    /// How much memory it occupies, in bytes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.process.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// How long processors have worked for it.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        ClockId::pid_cpu_clock_id(self.pid()).unwrap().now().unwrap().into()
    }
}

/// Sees that the process ended well, and gives the numbers of its last line.
#[must_use]
#[track_caller]
pub fn sum(ended: &Ended) -> (u64, u64) {
    assert_eq!((ended.status.code(), ended.errors.as_str()), (Some(0), ""), "{ended:?}");
    let last = ended.lines.last().unwrap();
    let numbers = last.strip_prefix("Stopped: ").and_then(|sum| sum.strip_suffix(" bytes echoed"));
    let (clients, bytes) = numbers.and_then(|sum| sum.split_once(" clients, ")).unwrap_or_else(|| {
        panic!("the last line is {last:?}");
    });
    (clients.parse().unwrap(), bytes.parse().unwrap())
}

/// Sends `message` and reads its echo; the connection stays.
#[track_caller]
pub fn exchange(client: &mut TcpStream, message: &[u8]) {
    client.write_all(message).unwrap();
    let mut echo = vec![0; message.len()];
    client.read_exact(&mut echo).unwrap();
    assert_eq!(echo, message);
}

/// Sends `message` while it reads, closes its side, and gives all that came until the server's end of file.
#[must_use]
#[track_caller]
pub fn whole(mut client: TcpStream, message: &[u8]) -> Vec<u8> {
    let mut writer = client.try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            writer.write_all(message).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        read_to_end(&mut client)
    })
}

/// All that comes until the server's end of file.
#[must_use]
#[track_caller]
pub fn read_to_end(client: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();
    all
}

/// Sends without reading until nothing moves any more, and gives what was sent: the server sleeps, and the client's
/// kernel takes not one byte more.
#[must_use]
#[track_caller]
pub fn fill(server: &Server, client: &mut TcpStream) -> Vec<u8> {
    client.set_nonblocking(true).unwrap();
    let piece: Vec<u8> = (0..=u8::MAX).cycle().take(65_536).collect();
    let (mut sent, mut full, begun) = (Vec::new(), false, Instant::now());
    loop {
        assert!(begun.elapsed() < BOUND, "it takes bytes without end");
        let from = sent.len() % 256;
        match client.write(&piece[from..]) {
            Ok(count) => {
                sent.extend_from_slice(&piece[from..from + count]);
                full = false;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock && full => break,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                server.settle();
                full = true;
            }
            Err(error) => panic!("send: {error}"),
        }
    }
    client.set_nonblocking(false).unwrap();
    sent
}

/// Closes with RST instead of FIN: the socket has no time to linger.
pub fn reset(client: TcpStream) {
    setsockopt(&client.as_fd(), sockopt::Linger, &linger { l_onoff: 1, l_linger: 0 }).unwrap();
    drop(client);
}

/// Waits until `done`.
#[track_caller]
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < BOUND, "{what}: not in time");
        thread::sleep(Duration::from_millis(1));
    }
}
