//! The delimiter: whole lines, in whatever pieces they come.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};

use harness::process::Process;
use support::*;

fn server() -> (Process, SocketAddr) {
    listening(Process::start(LINES, &["127.0.0.1:0"]).unwrap())
}

#[test]
fn a_line_in_one_piece() {
    let (mut server, address) = server();
    let mut peer = connect(address);
    peer.write_all(b"Hello\n").unwrap();
    let mut echo = [0; 6];
    peer.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"Hello\n");
    assert_eq!(server.wait_for("line of ").unwrap(), "5 bytes in 1 pieces: \"Hello\"");
    drop(peer);
    server.wait_for("end of file").unwrap();
    stop(server);
}

#[test]
fn a_line_in_three_pieces_and_two_in_one() {
    let (mut server, address) = server();
    let mut peer = connect(address);
    peer.set_nodelay(true).unwrap();
    // The echo of the line before tells that the piece behind it was read too, alone.
    peer.write_all(b"one\nHe").unwrap();
    peer.read_exact(&mut [0; 4]).unwrap();
    peer.write_all(b"llo\n\ntwo\n").unwrap();
    let mut echo = [0; 11];
    peer.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"Hello\n\ntwo\n");
    for line in [
        "3 bytes in 1 pieces: \"one\"",
        "5 bytes in 2 pieces: \"Hello\"",
        "0 bytes in 1 pieces: \"\"",
        "3 bytes in 1 pieces: \"two\"",
    ] {
        assert_eq!(server.wait_for("line of ").unwrap(), line);
    }
    // A piece that ends with a line is no piece of the next one.
    peer.write_all(b"x\n").unwrap();
    assert_eq!(server.wait_for("line of ").unwrap(), "1 bytes in 1 pieces: \"x\"");
}

#[test]
fn a_byte_at_a_time() {
    let (mut server, address) = server();
    let mut peer = connect(address);
    peer.set_nodelay(true).unwrap();
    for byte in b"slowly\r\n" {
        peer.write_all(&[*byte]).unwrap();
    }
    let mut echo = [0; 8];
    peer.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"slowly\r\n");
    let said = server.wait_for("line of 7 bytes in ").unwrap();
    assert!(said.ends_with(r#" pieces: "slowly\r""#), "{said}");
}

#[test]
fn the_bound() {
    let (mut server, address) = server();
    let longest = [&[b'x'; 1024][..], b"\n"].concat();
    let mut peer = connect(address);
    peer.write_all(&[longest.as_slice(), &longest].concat()).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let mut echo = Vec::new();
    peer.read_to_end(&mut echo).unwrap();
    assert_eq!(echo.len(), 2050);

    for length in [1025, 100_000] {
        let mut peer = connect(address);
        peer.write_all(&[b"first\n", vec![b'x'; length].as_slice(), b"\n"].concat()).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        // What came before is echoed, and the close does not reset it away.
        let mut echo = Vec::new();
        peer.read_to_end(&mut echo).unwrap();
        assert_eq!(echo, b"first\n");
        assert_eq!(server.wait_for("warning: ").unwrap(), "a line of more than 1024 bytes: closing");
    }
    stop(server);
}

#[test]
fn an_end_inside_a_line() {
    let (mut server, address) = server();
    let mut peer = connect(address);
    peer.write_all(b"whole\nhal").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let mut echo = Vec::new();
    peer.read_to_end(&mut echo).unwrap();
    assert_eq!(echo, b"whole\n");
    assert_eq!(server.wait_for("warning: ").unwrap(), "ended inside a line, after 3 bytes: end of file");
    assert_eq!(stop(server).lines.last().unwrap(), "Stopped after 1 clients");
}

#[test]
fn ten_thousand_lines_through_small_buffers() {
    let (_server, address) = server();
    let sent: Vec<u8> = (0..10_000).flat_map(|number| format!("{number}\n").into_bytes()).collect();
    let mut peer = connect(address);
    let (mut writer, lines) = (peer.try_clone().unwrap(), sent.clone());
    let writing = std::thread::spawn(move || {
        writer.write_all(&lines).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut echo = Vec::new();
    peer.read_to_end(&mut echo).unwrap();
    writing.join().unwrap();
    assert!(echo == sent);
}

#[test]
fn a_client_that_never_reads_does_not_hold_back_a_signal() {
    let (mut server, address) = server();
    let peer = connect(address);
    server.wait_for("Client connected").unwrap();
    peer.set_nonblocking(true).unwrap();
    // Until both directions are full.
    let mut last = std::time::Instant::now();
    while last.elapsed() < std::time::Duration::from_millis(300) {
        match (&peer).write(&[b'\n'; 4096]) {
            Ok(_) => last = std::time::Instant::now(),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
        std::thread::yield_now();
    }
    stop(server);
}
