//! The programs of part four as processes, and frames made by hand, for every test beside this folder.

#![allow(dead_code, reason = "every test file uses its own share of this")]

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Instant;

use harness::process::{BOUND, Ended, Process, command};

pub const ADDRESS: &str = env!("CARGO_BIN_EXE_frames-address");
pub const LINES: &str = env!("CARGO_BIN_EXE_frames-lines");
pub const RECEIVER: &str = env!("CARGO_BIN_EXE_frames-receiver");
pub const SENDER: &str = env!("CARGO_BIN_EXE_frames-sender");
pub const SENDFILE: &str = env!("CARGO_BIN_EXE_frames-sendfile");

/// The same protocol in Python.
pub const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/frames.py");

/// `program` run to its end.
pub fn run<A: AsRef<OsStr>>(program: &str, arguments: &[A]) -> Ended {
    Process::start(program, arguments).unwrap().end().unwrap()
}

/// A receiver that keeps files in `folder`, on a port of the kernel's choice, and where it is.
pub fn receiver(folder: &Path, options: &[&str]) -> (Process, SocketAddr) {
    receiver_on("127.0.0.1:0", folder, options)
}

pub fn receiver_on(address: &str, folder: &Path, options: &[&str]) -> (Process, SocketAddr) {
    let mut receiver = command(RECEIVER);
    receiver.args(options).arg(address).arg(folder);
    listening(Process::spawn(receiver).unwrap())
}

/// Waits until the server listens, and gives where.
pub fn listening(mut server: Process) -> (Process, SocketAddr) {
    let address = server.wait_for_address("Socket bound to address: ").unwrap();
    server.wait_for("Listening").unwrap();
    (server, address)
}

/// Asks the server to stop, and sees that it ends well.
pub fn stop(server: Process) -> Ended {
    let ended = server.interrupt().unwrap();
    assert_eq!((ended.status.code(), ended.errors.as_str()), (Some(0), ""), "{ended:?}");
    ended
}

/// What stands before the content.
pub fn header(name: &[u8], content_length: u64) -> Vec<u8> {
    let name_length = u32::try_from(name.len()).unwrap();
    [&name_length.to_be_bytes()[..], name, &content_length.to_be_bytes()].concat()
}

pub fn frame(name: &[u8], content: &[u8]) -> Vec<u8> {
    let checksum = crc32fast::hash(content).to_be_bytes();
    [&header(name, content.len() as u64)[..], content, &checksum].concat()
}

/// A connection whose waits are bounded.
pub fn connect(address: SocketAddr) -> TcpStream {
    let peer = TcpStream::connect(address).unwrap();
    bounded(&peer);
    peer
}

pub fn bounded(peer: &TcpStream) {
    peer.set_read_timeout(Some(BOUND)).unwrap();
    peer.set_write_timeout(Some(BOUND)).unwrap();
}

/// Sends `bytes`, half-closes, reads the answer to the end: its status and its text.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> (u8, String) {
    let mut peer = connect(address);
    peer.write_all(bytes).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    answer(&mut peer)
}

/// Reads the answer to the end of the stream.
pub fn answer(peer: &mut TcpStream) -> (u8, String) {
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).unwrap();
    assert!(answer.len() >= 3, "an answer of {} bytes", answer.len());
    let text = answer.split_off(3);
    assert_eq!(usize::from(u16::from_be_bytes([answer[1], answer[2]])), text.len());
    (answer[0], String::from_utf8(text).unwrap())
}

/// The names in `folder`, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Of period 251, so that a lost, repeated or swapped kilobyte is seen.
pub fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

/// Waits until `done`, with a bound.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < BOUND, "{what}: not in time");
        std::thread::yield_now();
    }
}

/// How many descriptors a process has open.
pub fn descriptors_of(process: &Process) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", process.id())).unwrap().count()
}

/// The most memory that a process ever had, in KiB.
pub fn peak_memory_of(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
