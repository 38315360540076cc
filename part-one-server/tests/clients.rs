//! The clients that a reader has: telnet, nc, socat, python3. Each types one line and must see it again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::Write;
use std::process::Stdio;

use harness::process::{Ended, Process, command, installed};
use support::server_on;

/// Types `typed` into `client HOST PORT`, or says that `client` is not installed.
fn session(client: &str, words: &[&str], typed: &str) -> Option<(Ended, Ended)> {
    if !installed(client, &format!("part-one-server with {client}")).unwrap() {
        return None;
    }
    let (server, address) = server_on("127.0.0.1:0");
    let mut words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    for word in &mut words {
        *word = word.replace("HOST", &address.ip().to_string()).replace("PORT", &address.port().to_string());
    }
    let mut client = command(client);
    client.args(words).stdin(Stdio::piped());
    let mut client = Process::spawn(client).unwrap();
    // Its standard input stays open, as a terminal's does, until the server has closed.
    let mut keyboard = client.child().stdin.take().unwrap();
    keyboard.write_all(typed.as_bytes()).unwrap();
    let server = server.end().unwrap();
    drop(keyboard);
    Some((client.end().unwrap(), server))
}

#[test]
fn telnet_sends_carriage_return_and_line_feed() {
    if !installed("telnet", "part-one-server with telnet").unwrap() {
        return;
    }
    let (server, address) = server_on("127.0.0.1:0");
    // Into a pipe telnet ends its lines otherwise: it must have a terminal.
    let words = [address.ip().to_string(), address.port().to_string()];
    let (mut telnet, mut keyboard) =
        Process::on_terminal("telnet", &[words[0].as_str(), words[1].as_str()]).unwrap();
    telnet.wait_for("Escape character is '^]'.").unwrap();
    keyboard.write_all(b"Hello from KungfuDev\r").unwrap();
    let typed_and_echoed = [telnet.line().unwrap(), telnet.line().unwrap()];
    assert_eq!(typed_and_echoed, ["Hello from KungfuDev"; 2]);
    assert_eq!(telnet.line().unwrap(), "Connection closed by foreign host.");
    let server = server.end().unwrap();
    assert_eq!(server.lines[3], "received 22 bytes");
    assert_eq!(server.lines[6], r#"str repr: "Hello from KungfuDev\r\n""#);
    assert_eq!(server.status.code(), Some(0));
}

#[test]
fn nc_sends_line_feed() {
    let words = ["HOST", "PORT"];
    let Some((client, server)) = session("nc", &words, "Hello from KungfuDev\n") else {
        return;
    };
    assert_eq!(client.lines, ["Hello from KungfuDev"]);
    assert_eq!(server.lines[3], "received 21 bytes");
    assert_eq!(server.status.code(), Some(0));
}

#[test]
fn socat_sends_what_it_reads() {
    let words = ["-", "TCP:HOST:PORT"];
    let Some((client, server)) = session("socat", &words, "Hello\n") else { return };
    assert_eq!(client.lines, ["Hello"]);
    assert_eq!(server.lines[3], "received 6 bytes");
    assert_eq!(server.status.code(), Some(0));
}

#[test]
fn python3_sends_bytes() {
    let program = "import socket, sys\n\
                   s = socket.create_connection(('HOST', PORT))\n\
                   s.sendall(sys.stdin.readline().encode())\n\
                   print(s.makefile('rb').read())";
    let Some((client, server)) = session("python3", &["-c", program], "Hello\n") else { return };
    assert_eq!(client.lines, [r"b'Hello\n'"]);
    assert_eq!(server.lines[3], "received 6 bytes");
    assert_eq!(server.status.code(), Some(0));
}
