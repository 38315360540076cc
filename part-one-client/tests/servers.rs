//! The servers that a reader has: part one's own, `nc -l`, socat, python3.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

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
    let (host, port) = ("127.67.97.5", "6797");
    if !installed("nc", "part-one-client with nc -l").unwrap() {
        return;
    }
    let mut server = command("nc");
    server.args(["-l", host, port]).stdin(Stdio::piped());
    let mut server = Process::spawn(server).unwrap();
    let mut keyboard = server.child().stdin.take().unwrap();
    keyboard.write_all(b"HELLO").unwrap();
    let ended = client("127.67.97.5:6797");
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
    let words = ["TCP-LISTEN:6797,bind=127.67.97.6,reuseaddr", "EXEC:cat"];
    let server = Process::start("socat", &words).unwrap();
    let ended = client("127.67.97.6:6797");
    assert_eq!(ended.lines[6], "str repr: \"Hello\"");
    assert_eq!((ended.errors.as_str(), ended.status.code()), ("", Some(0)));
    server.end().unwrap();
}

#[test]
fn python3_closes_with_a_shorter_answer() {
    if !installed("python3", "part-one-client with python3").unwrap() {
        return;
    }
    let program = "import socket\n\
                   s = socket.create_server(('127.67.97.7', 6797))\n\
                   c, _ = s.accept()\n\
                   c.sendall(c.recv(1024)[:2])\n\
                   c.close()";
    let server = Process::start("python3", &["-c", program]).unwrap();
    let ended = client("127.67.97.7:6797");
    assert_eq!(ended.errors, "part-one-client: recv from 127.67.97.7:6797: end of file after 2 of 5 bytes\n");
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(server.end().unwrap().status.code(), Some(0));
}
