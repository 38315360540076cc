//! Which descriptors the server has, and that it closes them itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use harness::process::{Process, installed};
use support::{SERVER, server_on};

#[test]
fn the_first_socket_is_3_and_the_connection_4() {
    let (mut server, address) = server_on("127.0.0.1:0");
    let mut client = TcpStream::connect(address).unwrap();
    let fds = format!("/proc/{}/fd", server.child().id());
    if std::path::Path::new(&fds).exists() {
        // accept comes some time after the handshake, which is the kernel's.
        let socket = |fd| std::fs::read_link(format!("{fds}/{fd}")).unwrap_or_default();
        let begun = std::time::Instant::now();
        while !socket(4).to_string_lossy().starts_with("socket:[") {
            assert!(begun.elapsed() < harness::process::BOUND, "descriptor 4 is {:?}", socket(4));
            std::thread::yield_now();
        }
        assert!(socket(3).to_string_lossy().starts_with("socket:["), "{:?}", socket(3));
        assert_ne!(socket(3), socket(4));
    }
    client.write_all(b"x").unwrap();
    client.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(server.end().unwrap().status.code(), Some(0));
}

/// With nix's own accept nobody would close descriptor 4: the kernel would, at the end of the process.
#[test]
fn both_are_closed_by_the_program() {
    if !installed("strace", "that part-one-server closes its descriptors").unwrap() {
        return;
    }
    let folder = harness::folder::tempdir().unwrap();
    let trace = folder.path().join("calls");
    let arguments = ["-o", trace.to_str().unwrap(), "-e", "trace=socket,accept,close", SERVER, "127.0.0.1:0"];
    let mut server = Process::start("strace", &arguments).unwrap();
    let address = server.wait_for_address("Socket bound to address: ").unwrap();
    server.wait_for("Listening").unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"x").unwrap();
    client.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(server.end().unwrap().status.code(), Some(0));

    let calls = std::fs::read_to_string(&trace).unwrap();
    let ours = calls.get(calls.find("socket(").unwrap()..).unwrap();
    let ours: Vec<String> = ours
        .lines()
        .filter_map(|call| Some((call.split_once('(')?, call.rsplit_once("= ")?)))
        .map(|((name, arguments), (_, result))| match name {
            "close" => format!("close {}", arguments.split(')').next().unwrap_or_default()),
            _ => format!("{name} gives {result}"),
        })
        .collect();
    assert_eq!(ours, ["socket gives 3", "accept gives 4", "close 4", "close 3"], "{calls}");
}
