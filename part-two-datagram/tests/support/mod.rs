//! The programs of part two as processes, and their peers, for every test beside this folder.
#![allow(dead_code, reason = "each file of tests uses its own share of this")]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use harness::datagrams::peer;
use harness::process::{BOUND, Process, command};

pub const SERVER: &str = env!("CARGO_BIN_EXE_datagram-server");
pub const CLIENT: &str = env!("CARGO_BIN_EXE_datagram-client");

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
