//! The programs as processes in a folder of their own, for every test beside this folder.

#![allow(dead_code, reason = "every test file uses its own share of this")]

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use harness::ordinary::without_privileges;
use harness::process::{BOUND, Ended, Process, command};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

pub const SERVER: &str = env!("CARGO_BIN_EXE_unix-server");
pub const CLIENT: &str = env!("CARGO_BIN_EXE_unix-client");
pub const DATAGRAM_SERVER: &str = env!("CARGO_BIN_EXE_unix-datagram-server");
pub const DATAGRAM_CLIENT: &str = env!("CARGO_BIN_EXE_unix-datagram-client");
pub const SEQPACKET_SERVER: &str = env!("CARGO_BIN_EXE_unix-seqpacket-server");
pub const SEQPACKET_CLIENT: &str = env!("CARGO_BIN_EXE_unix-seqpacket-client");
pub const GIVE: &str = env!("CARGO_BIN_EXE_unix-give");
pub const TAKE: &str = env!("CARGO_BIN_EXE_unix-take");
pub const SOCKETPAIR: &str = env!("CARGO_BIN_EXE_unix-socketpair");

/// A server of this part, what it is called with before its path, and what it says when it is there.
pub type Program = (&'static str, &'static [&'static str], &'static str);

pub const SERVERS: [Program; 4] = [
    (SERVER, &[], "Listening for incoming connections..."),
    (DATAGRAM_SERVER, &[], "Waiting for datagrams..."),
    (SEQPACKET_SERVER, &[], "Listening on "),
    (GIVE, &["/dev/null"], "Listening on "),
];

/// The server `program` at `path`, which may refuse to start.
pub fn start_at(folder: &Path, (program, arguments, _): Program, path: &str) -> Process {
    start(folder, program, &[arguments, &[path]].concat())
}

/// The server `program` at `path`, which clients can reach.
pub fn serving(folder: &Path, program: Program, path: &str) -> Process {
    let mut server = start_at(folder, program, path);
    server.wait_for(program.2).unwrap();
    server
}

/// `program` with `arguments`, started in `folder`.
pub fn start<A: AsRef<OsStr>>(folder: &Path, program: &str, arguments: &[A]) -> Process {
    let mut command = command(program);
    command.current_dir(folder).args(arguments);
    Process::spawn(command).unwrap()
}

/// `program` with `arguments`, run in `folder` to its end.
pub fn run<A: AsRef<OsStr>>(folder: &Path, program: &str, arguments: &[A]) -> Ended {
    start(folder, program, arguments).end().unwrap()
}

/// The stream server at `path`, listening.
pub fn server<A: AsRef<OsStr>>(folder: &Path, path: A) -> Process {
    listening(start(folder, SERVER, &[path]))
}

/// Waits until the stream server listens.
pub fn listening(mut server: Process) -> Process {
    server.wait_for("Listening for incoming connections...").unwrap();
    server
}

/// Sends `message`, half-closes, reads to the end.
pub fn exchange(path: impl AsRef<Path>, message: &[u8]) -> Vec<u8> {
    let mut client = UnixStream::connect(path).unwrap();
    bounded(&client);
    let (mut reader, length) = (client.try_clone().unwrap(), message.len());
    let echo = std::thread::spawn(move || {
        let mut echo = Vec::with_capacity(length);
        reader.read_to_end(&mut echo).unwrap();
        echo
    });
    client.write_all(message).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    echo.join().unwrap()
}

/// Makes every wait of `client` an error after [`BOUND`].
pub fn bounded(client: &UnixStream) {
    client.set_read_timeout(Some(BOUND)).unwrap();
    client.set_write_timeout(Some(BOUND)).unwrap();
}

/// Sends `signal` and gives what the process has left.
pub fn end_with(process: Process, signal: Signal) -> Ended {
    send_signal(&process, signal);
    process.end().unwrap()
}

/// Asks the server to stop, and sees that it ends well.
pub fn stop(server: Process) -> Ended {
    let ended = end_with(server, Signal::SIGTERM);
    assert_eq!((ended.status.code(), ended.errors.as_str()), (Some(0), ""), "{ended:?}");
    ended
}

pub fn send_signal(process: &Process, signal: Signal) {
    kill(pid(process), signal).unwrap();
}

pub fn pid(process: &Process) -> Pid {
    Pid::from_raw(i32::try_from(process.id()).unwrap())
}

/// Sends SIGSTOP and waits until the process has stopped.
pub fn freeze(process: &Process) {
    send_signal(process, Signal::SIGSTOP);
    let status = waitpid(pid(process), Some(WaitPidFlag::WUNTRACED)).unwrap();
    assert!(matches!(status, WaitStatus::Stopped(..)), "{status:?}");
}

pub fn thaw(process: &Process) {
    send_signal(process, Signal::SIGCONT);
}

/// Waits until `done`, with a bound.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < BOUND, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How many descriptors a process has open.
pub fn descriptors_of(process: &Process) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", process.id())).unwrap().count()
}

/// The bits of `path` that say who may do what, in octal.
pub fn mode(path: impl AsRef<Path>) -> String {
    format!("{:o}", std::fs::symlink_metadata(path).unwrap().mode() & 0o7777)
}

/// Whether the process said `line`.
pub fn said(ended: &Ended, line: &str) -> bool {
    ended.lines.iter().any(|it| it == line)
}

/// `program` in `folder`, without root's privileges.
pub fn unprivileged(folder: &Path, program: &str) -> Command {
    let mut command = command(program);
    command.current_dir(folder);
    without_privileges(&mut command);
    command
}

/// As [`run`], without root's privileges.
pub fn run_unprivileged(folder: &Path, program: &str, arguments: &[&str]) -> Ended {
    let mut command = unprivileged(folder, program);
    command.args(arguments);
    Process::spawn(command).unwrap().end().unwrap()
}
