//! The servers that a reader has: part one's own, `nc -l`, socat, python3.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use harness::network::own_loopback;
use harness::process::{BOUND, Ended, Process, command, installed};

const CLIENT: &str = env!("CARGO_BIN_EXE_part-one-client");

/// Runs the client against `address`, again as long as nobody listens there yet.
fn client(address: &str) -> Ended {
    let begun = Instant::now();
    loop {
        let ended = Process::start(CLIENT, &[address, "Hello"]).unwrap().end().unwrap();
        if !ended.errors.contains("ECONNREFUSED") || begun.elapsed() > BOUND {
            return ended;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn nc_answers_by_hand() {
    let (host, port) = (own_loopback().to_string(), "6797");
    if !installed("nc", "part-one-client with nc -l").unwrap() {
        return;
    }
    let mut server = command("nc");
    server.args(["-l", &host, port]).stdin(Stdio::piped());
    let mut server = Process::spawn(server).unwrap();
    let mut keyboard = server.child().stdin.take().unwrap();
    keyboard.write_all(b"HELLO").unwrap();
    let ended = client(&format!("{host}:{port}"));
    assert_eq!(ended.lines[6..], ["str repr: \"HELLO\"", "Server keeps the connection open: closing first"]);
    assert_eq!((ended.errors.as_str(), ended.status.code()), ("", Some(0)));
    drop(keyboard);
    assert_eq!(server.end().unwrap().lines, ["Hello"]);
}

#[test]
fn socat_echoes_by_cat() {
    if !installed("socat", "part-one-client with socat").unwrap() {
        return;
    }
    let host = own_loopback();
    let listen = format!("TCP-LISTEN:6798,bind={host},reuseaddr");
    let server = Process::start("socat", &[listen.as_str(), "EXEC:cat"]).unwrap();
    let ended = client(&format!("{host}:6798"));
    assert_eq!(ended.lines[6], "str repr: \"Hello\"");
    assert_eq!((ended.errors.as_str(), ended.status.code()), ("", Some(0)));
    server.end().unwrap();
}

#[test]
fn python3_closes_with_a_shorter_answer() {
    if !installed("python3", "part-one-client with python3").unwrap() {
        return;
    }
    let host = own_loopback().to_string();
    let program = "import socket, sys\n\
                   s = socket.create_server((sys.argv[1], 6799))\n\
                   c, _ = s.accept()\n\
                   c.sendall(c.recv(1024)[:2])\n\
                   c.close()";
    let server = Process::start("python3", &["-c", program, &host]).unwrap();
    let ended = client(&format!("{host}:6799"));
    let expected = format!("part-one-client: recv from {host}:6799: end of file after 2 of 5 bytes\n");
    assert_eq!(ended.errors, expected);
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(server.end().unwrap().status.code(), Some(0));
}
