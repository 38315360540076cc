//! Clients that others have written.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use harness::process::{Process, installed};
use support::server;

/// Runs `script` with the server's host and port as `$0` and `$1`; what it prints.
fn printed(shell: &str, script: &str) -> (Process, Vec<String>) {
    let (server, address) = server(&[]);
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let ended = Process::start(shell, &["-c", script, &host, &port]).unwrap().end().unwrap();
    assert!(ended.status.success(), "{}", ended.errors);
    (server, ended.lines)
}

#[test]
fn socat() {
    if installed("socat", "part two with socat").unwrap() {
        let (mut server, lines) = printed("sh", "printf 'from socat' | socat -t 2 - UDP4:$0:$1");
        assert_eq!(lines, ["from socat"]);
        server.wait_for(r#"str repr: "from socat""#).unwrap();
    }
}

#[test]
fn nc() {
    if installed("nc", "part two with nc").unwrap() {
        let (mut server, lines) = printed("sh", "echo from nc | nc -u -w 1 $0 $1");
        assert_eq!(lines, ["from nc"]);
        server.wait_for(r#"str repr: "from nc\n""#).unwrap();
    }
}

#[test]
fn python() {
    if installed("python3", "part two with python3").unwrap() {
        let script = r"
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.settimeout(30)
    for message in b'from python', b'', b'\xff':
        s.sendto(message, (sys.argv[1], int(sys.argv[2])))
        print(s.recvfrom(65535)[0])
";
        let script = format!("python3 -c '{}' $0 $1", script.replace('\'', "\""));
        let (_server, lines) = printed("sh", &script);
        assert_eq!(lines, ["b'from python'", "b''", r"b'\xff'"]);
    }
}

#[test]
fn bash() {
    if installed("bash", "part two with bash").unwrap() {
        let script = "exec 3<>/dev/udp/$0/$1; echo one >&3; echo two >&3; head -c 4 <&3; head -c 4 <&3";
        let (server, lines) = printed("bash", script);
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(
            server.interrupt().unwrap().lines.pop().unwrap(),
            "Stopped: 2 datagrams received, 2 answered"
        );
    }
}
