//! The clients that a reader has: socat, `nc -U`, python3.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use harness::folder::tempdir;
use harness::process::{Process, command, installed};
use support::*;

/// Runs `program` in `folder` with `input`, and gives what it wrote.
fn output(folder: &Path, program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = command(program);
    command.current_dir(folder).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut typed = child.stdin.take().unwrap();
    let input = input.to_vec();
    let typing = std::thread::spawn(move || typed.write_all(&input));
    let output = child.wait_with_output().unwrap();
    typing.join().unwrap().unwrap();
    assert!(output.status.success(), "{program}: {}", output.status);
    output.stdout
}

fn serving(folder: &Path, program: &str, arguments: &[&str], ready: &str) -> Process {
    let mut server = start(folder, program, arguments);
    server.wait_for(ready).unwrap();
    server
}

#[test]
fn nc_talks_to_the_stream_server() {
    if !installed("nc", "unix-server with nc -U").unwrap() {
        return;
    }
    let folder = tempdir().unwrap();
    let server = server(folder.path(), "s");
    // -N half-closes at the end of the input.
    assert_eq!(output(folder.path(), "nc", &["-N", "-U", "s"], b"Hello\n"), b"Hello\n");
    let long = vec![b'l'; 300_000];
    assert!(output(folder.path(), "nc", &["-N", "-U", "s"], &long) == long);
    stop(server);
}

#[test]
fn socat_talks_to_every_server() {
    if !installed("socat", "the servers of part three with socat").unwrap() {
        return;
    }
    let folder = tempdir().unwrap();
    let stream = server(folder.path(), "stream");
    let long: Vec<u8> = (0..300_000).map(|at| u8::try_from(at % 251).unwrap()).collect();
    assert!(output(folder.path(), "socat", &["-t20", "-", "UNIX-CONNECT:stream"], &long) == long);
    stop(stream);

    if cfg!(target_os = "linux") {
        let name = format!("part-three-socat-{}", std::process::id());
        let stream = server(folder.path(), format!("@{name}"));
        let address = format!("ABSTRACT-CONNECT:{name}");
        assert_eq!(output(folder.path(), "socat", &["-t20", "-", &address], b"no file"), b"no file");
        stop(stream);
    }

    let datagram = serving(folder.path(), DATAGRAM_SERVER, &["datagram"], "Waiting");
    let address = "UNIX-SENDTO:datagram,bind=me";
    // It has no end of file to see; it waits a second for the answer behind its last datagram.
    assert_eq!(output(folder.path(), "socat", &["-t1", "-", address], b"Hello"), b"Hello");
    assert_eq!(output(folder.path(), "socat", &["-t0.1", "-", "UNIX-SENDTO:datagram"], b"nobody"), b"");
    let ended = stop(datagram);
    assert!(said(&ended, "received 5 bytes from me"), "{ended:?}");
    assert!(said(&ended, "received 6 bytes from nobody"), "{ended:?}");

    let seqpacket = serving(folder.path(), SEQPACKET_SERVER, &["seqpacket"], "Listening");
    let address = "UNIX-CONNECT:seqpacket,type=5";
    assert_eq!(output(folder.path(), "socat", &["-t20", "-", address], b"Hello"), b"Hello");
    stop(seqpacket);
}

#[test]
fn python_talks_to_every_server() {
    if !installed("python3", "the servers of part three with python3").unwrap() {
        return;
    }
    let folder = tempdir().unwrap();
    let python = |script: &str| {
        let said = output(folder.path(), "python3", &["-c", &format!("import os, socket\n{script}")], b"");
        String::from_utf8(said).unwrap()
    };
    let stream = server(folder.path(), "stream");
    let said = python(
        "\
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
s.connect('stream')
s.sendall(b'Hello' * 10000)
s.shutdown(socket.SHUT_WR)
echo = b''
while piece := s.recv(65536): echo += piece
print(echo == b'Hello' * 10000)",
    );
    assert_eq!(said, "True\n");
    stop(stream);

    let datagram = serving(folder.path(), DATAGRAM_SERVER, &["datagram"], "Waiting");
    let said = python(
        "\
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.settimeout(20)
s.bind('me')
for message in b'one', b'', b'three': s.sendto(message, 'datagram')
print([s.recvfrom(100) for _ in range(3)])",
    );
    assert_eq!(said, "[(b'one', 'datagram'), (b'', 'datagram'), (b'three', 'datagram')]\n");
    stop(datagram);

    let seqpacket = serving(folder.path(), SEQPACKET_SERVER, &["seqpacket"], "Listening");
    let said = python(
        "\
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(20)
s.connect('seqpacket')
for message in b'one', b'two': s.send(message)
print(s.recv(100), s.recv(100))",
    );
    assert_eq!(said, "b'one' b'two'\n");
    stop(seqpacket);

    std::fs::write(folder.path().join("secret.txt"), "top secret\n").unwrap();
    let giver = serving(folder.path(), GIVE, &["secret.txt", "pass"], "Listening");
    let said = python(
        "\
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
s.connect('pass')
name, descriptors, flags, _ = socket.recv_fds(s, 100, 4)
print(name, flags & socket.MSG_CTRUNC, [os.read(fd, 100) for fd in descriptors])",
    );
    assert_eq!(said, "b'secret.txt' 0 [b'top secret\\n']\n");
    stop(giver);
}

#[test]
fn our_clients_talk_to_a_real_server() {
    if !installed("socat", "unix-client with socat as its server").unwrap() {
        return;
    }
    let folder = tempdir().unwrap();
    let mut socat = start(folder.path(), "socat", &["-d", "-d", "UNIX-LISTEN:s", "PIPE"]);
    until("socat listens", || folder.path().join("s").exists());
    // Between its bind and its listen it refuses.
    let mut said = run(folder.path(), CLIENT, &["s", "Hello"]);
    until("socat accepts", || {
        if said.errors.contains("ECONNREFUSED") {
            said = run(folder.path(), CLIENT, &["s", "Hello"]);
        }
        !said.errors.contains("ECONNREFUSED")
    });
    assert_eq!((said.status.code(), said.errors.as_str()), (Some(0), ""), "{said:?}");
    until("socat ends", || socat.child().try_wait().unwrap().is_some());
}
