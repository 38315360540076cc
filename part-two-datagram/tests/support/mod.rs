//! The programs of part two as processes, and their peers, for every test beside this folder.
#![allow(dead_code, reason = "each file of tests uses its own share of this")]

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use lab::missing::Missing;
use lab::process::{BOUND, Ended, Process, command, not_checked};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub const SERVER: &str = env!("CARGO_BIN_EXE_datagram-server");
pub const CLIENT: &str = env!("CARGO_BIN_EXE_datagram-client");
pub const RELAY: &str = env!("CARGO_BIN_EXE_datagram-relay");

/// A server on a port of the kernel's choice, and where it is.
pub fn server(options: &[&str]) -> (Process, SocketAddr) {
    server_on("127.0.0.1:0", options)
}

pub fn server_on(address: &str, options: &[&str]) -> (Process, SocketAddr) {
    let mut server = command(SERVER);
    server.arg(address).args(options);
    listening(server)
}

pub fn listening(server: Command) -> (Process, SocketAddr) {
    let mut server = Process::spawn(server).unwrap();
    let address = server.wait_for_address("Socket bound to address: ").unwrap();
    server.wait_for("Waiting for datagrams...").unwrap();
    (server, address)
}

/// A server that says nothing but its warnings: what it prints of a datagram is ten times as long as the datagram.
///
/// Nor does it say its port, so it gets an address of its own in 127.0.0.0/8, and is there once it echoes.
pub fn quiet_server() -> (Process, SocketAddr) {
    static SERVERS: AtomicU8 = AtomicU8::new(2);
    let [.., high, low] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, high, low, SERVERS.fetch_add(1, Ordering::Relaxed));
    let address = SocketAddr::from((address, 6797));
    let mut server = command(SERVER);
    server.arg(address.to_string()).env("RUST_LOG", "warn");
    let server = Process::spawn(server).unwrap();

    let visitor = peer("127.0.0.1:0");
    visitor.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let begun = Instant::now();
    while visitor.send_to(b"?", address).and_then(|_| visitor.recv(&mut [0; 1])).is_err() {
        assert!(begun.elapsed() < BOUND, "no server at {address}");
    }
    (server, address)
}

pub fn signal(process: &mut Process, signal: Signal) {
    kill(Pid::from_raw(process.child().id().try_into().unwrap()), signal).unwrap();
}

/// What the process leaves behind when it is asked to stop, as Ctrl-C asks.
pub fn interrupted(mut process: Process) -> Ended {
    signal(&mut process, Signal::SIGINT);
    process.end().unwrap()
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

/// What comes to `peer`, which must be from `server`.
pub fn received(peer: &UdpSocket, server: SocketAddr) -> Vec<u8> {
    let (datagram, sender) = take(peer);
    assert_eq!(sender, server, "a stranger");
    datagram
}

/// The next datagram and its sender.
pub fn take(peer: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_535];
    loop {
        match peer.recv_from(&mut buffer) {
            // A receive with a timeout is interrupted whenever the process is stopped and goes on (signal(7)).
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            received => {
                let (length, sender) = received.unwrap();
                buffer.truncate(length);
                return (buffer, sender);
            }
        }
    }
}

/// Whether this machine has `::1`; where it has not, the gap is named.
pub fn have_ipv6(what: &str) -> bool {
    let have = UdpSocket::bind("[::1]:0").is_ok();
    if !have {
        not_checked(what, Missing { what: "this machine has no ::1".into(), remedy: None }).unwrap();
    }
    have
}
