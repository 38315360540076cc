//! A program under test, as a process: started, listened to, signalled, and ended even when the test fails.
#![allow(dead_code, reason = "each file of tests uses its own share of this")]

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long anything may take.
pub const BOUND: Duration = Duration::from_secs(30);

pub const SERVER: &str = env!("CARGO_BIN_EXE_datagram-server");
pub const CLIENT: &str = env!("CARGO_BIN_EXE_datagram-client");
pub const RELAY: &str = env!("CARGO_BIN_EXE_datagram-relay");

/// `program` with `arguments`, untouched by the environment of the tests.
pub fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RUST_") || name.to_string_lossy().starts_with("CARGO") {
            command.env_remove(name);
        }
    }
    command
}

pub struct Program {
    child: Child,
    lines: Receiver<String>,
}

/// What a program left behind.
pub struct Ended {
    pub status: ExitStatus,
    /// The lines that nobody had waited for.
    pub lines: Vec<String>,
    pub stderr: String,
}

impl Program {
    pub fn start(mut command: Command) -> Self {
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                if sender.send(text).is_err() {
                    break;
                }
                line.clear();
            }
        });
        Self { child, lines }
    }

    /// The next line; none when the program has closed its output.
    pub fn next(&self) -> Option<String> {
        match self.lines.recv_timeout(BOUND) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no further line within {BOUND:?}"),
        }
    }

    pub fn line(&self) -> String {
        self.next().expect("the program has ended its output")
    }

    /// The rest of the next line that begins with `start`.
    pub fn after(&self, start: &str) -> String {
        loop {
            if let Some(rest) = self.line().strip_prefix(start) {
                return rest.to_owned();
            }
        }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Waits for the program's own end.
    pub fn end(mut self) -> Ended {
        let stderr = self.child.stderr.take().unwrap();
        let stderr = thread::spawn(move || read(stderr));
        let lines = std::iter::from_fn(|| self.next()).collect();
        let status = self.child.wait().unwrap();
        Ended { status, lines, stderr: stderr.join().unwrap() }
    }

    pub fn interrupted(self) -> Ended {
        self.signal(Signal::SIGINT);
        self.end()
    }
}

fn read(mut from: ChildStderr) -> String {
    let mut bytes = Vec::new();
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server on a port of the kernel's choice, and where it is.
pub fn server(arguments: &[&str]) -> (Program, SocketAddr) {
    server_at("127.0.0.1:0", arguments)
}

pub fn server_at(address: &str, arguments: &[&str]) -> (Program, SocketAddr) {
    listening(command(SERVER, &[&[address], arguments].concat()))
}

/// A server that says nothing but its warnings: what it prints of a datagram is ten times as long as the datagram.
///
/// Nor does it say its port, so it gets an address of its own in 127.0.0.0/8, and is there once it echoes.
pub fn quiet_server() -> (Program, SocketAddr) {
    static SERVERS: AtomicU8 = AtomicU8::new(2);
    let [.., high, low] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, high, low, SERVERS.fetch_add(1, Ordering::Relaxed));
    let address = SocketAddr::from((address, 6797));
    let mut command = command(SERVER, &[&address.to_string()]);
    command.env("RUST_LOG", "warn");
    let program = Program::start(command);

    let visitor = peer("127.0.0.1:0");
    visitor.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let begun = Instant::now();
    while visitor.send_to(b"?", address).and_then(|_| visitor.recv(&mut [0; 1])).is_err() {
        assert!(begun.elapsed() < BOUND, "no server at {address}");
    }
    (program, address)
}

pub fn listening(command: Command) -> (Program, SocketAddr) {
    let program = Program::start(command);
    let address = program.after("Socket bound to address: ").parse().unwrap();
    program.after("Waiting for datagrams...");
    (program, address)
}

/// A peer of the standard library, with a bound on its patience.
pub fn peer(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(BOUND)).unwrap();
    socket
}

/// What `peer` gets back for `message`.
pub fn echo(peer: &UdpSocket, server: SocketAddr, message: &[u8]) -> Vec<u8> {
    peer.send_to(message, server).unwrap();
    received(peer, server)
}

pub fn received(peer: &UdpSocket, server: SocketAddr) -> Vec<u8> {
    let mut buffer = vec![0; 65_535];
    let (length, sender) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!(sender, server, "a stranger");
    buffer.truncate(length);
    buffer
}

/// Whether `tool` is here. Where it is not, the gap is named, and with `LAB_REQUIRE=all` it is a failure.
pub fn have(tool: &str, package: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let have = std::env::split_paths(&paths).any(|dir| dir.join(tool).is_file());
    have || not_checked(&format!("{tool} is not installed (Debian: {package})"))
}

/// Names a gap; always false.
pub fn not_checked(why: &str) -> bool {
    println!("NOT CHECKED: {why}");
    assert!(std::env::var_os("LAB_REQUIRE").is_none_or(|wish| wish != "all"), "NOT CHECKED: {why}");
    false
}

/// Whether this machine has `::1`.
pub fn have_ipv6() -> bool {
    Path::new("/proc/net/if_inet6").exists() && UdpSocket::bind("[::1]:0").is_ok()
        || not_checked("this machine has no IPv6 loopback")
}
