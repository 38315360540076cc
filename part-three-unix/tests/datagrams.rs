//! Datagrams: boundaries kept, nothing lost or reordered, and nobody waits for a client that does not read.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use harness::folder::tempdir;
use harness::limits::descriptors;
use harness::private::settings;
use harness::process::{BOUND, Process, installed};
use nix::sys::signal::Signal;
use nix::sys::socket::{UnixAddr, bind, getsockopt, setsockopt, sockopt};
use support::*;

fn datagram_server(folder: &Path) -> Process {
    let mut server = start(folder, DATAGRAM_SERVER, &["s"]);
    server.wait_for("Waiting for datagrams...").unwrap();
    server
}

/// A socket named `name`, with the server as its peer.
fn client(folder: &Path, name: &str) -> UnixDatagram {
    let client = UnixDatagram::bind(folder.join(name)).unwrap();
    client.connect(folder.join("s")).unwrap();
    client.set_read_timeout(Some(BOUND)).unwrap();
    client.set_write_timeout(Some(BOUND)).unwrap();
    client
}

fn echoed(client: &UnixDatagram, message: &[u8]) {
    client.send(message).unwrap();
    let mut buffer = vec![0; message.len() + 1];
    let received = client.recv(&mut buffer).unwrap();
    assert!(
        buffer.starts_with(message) && received == message.len(),
        "{} bytes came back as {received}",
        message.len()
    );
}

#[test]
fn the_transcript_of_an_exchange() {
    let folder = tempdir().unwrap();
    let server = datagram_server(folder.path());
    let client = run(folder.path(), DATAGRAM_CLIENT, &["--name", "me", "s", "one", "two"]);
    let (one, two) = (common::Dump(b"one").to_string(), common::Dump(b"two").to_string());
    let said = [
        "Socket file descriptor: 3",
        "Our address: me",
        "Sent 3 bytes to server",
        "received 3 bytes",
        &one,
        "Sent 3 bytes to server",
        "received 3 bytes",
        &two,
        "Removed me",
    ];
    assert_eq!((client.status.code(), client.errors.as_str()), (Some(0), ""));
    assert_eq!(client.lines.join("\n"), said.join("\n"));
    let said = [
        "Socket file descriptor: 3",
        "Socket bound to address: s",
        "Waiting for datagrams...",
        "received 3 bytes from me",
        &one,
        "Sent 3 bytes back to me",
        "received 3 bytes from me",
        &two,
        "Sent 3 bytes back to me",
        "Stopped after 2 datagrams",
        "Removed s",
    ];
    assert_eq!(stop(server).lines.join("\n"), said.join("\n"));
}

#[test]
fn every_size_is_echoed_whole() {
    let folder = tempdir().unwrap();
    let server = datagram_server(folder.path());
    let client = client(folder.path(), "me");
    for length in [0, 1, 1024, 65_507, 65_508, 150_000] {
        let message: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        echoed(&client, &message);
    }
    echoed(&client, b"\xff\xfe\x00 not UTF-8");
    stop(server);
}

#[test]
fn a_datagram_that_is_too_large_is_said_and_never_shortened() {
    let folder = tempdir().unwrap();
    let mut server = datagram_server(folder.path());
    let client = client(folder.path(), "me");
    // Where the system allows it at all.
    setsockopt(&client, sockopt::SndBuf, &1_000_000).unwrap();
    let message = vec![b'x'; 256 * 1024 + 1];
    match client.send(&message) {
        Ok(_) => {
            let warning = server.wait_for("warning: ").unwrap();
            assert_eq!(warning, "more than 262144 bytes: the datagram was cut, and is passed over");
            // This one is whole, but the server's own buffer cannot send so much.
            client.send(&message[1..]).unwrap();
            let warning = server.wait_for("warning: ").unwrap();
            assert!(warning.ends_with("EMSGSIZE: Message too long: 262144 bytes are dropped"), "{warning}");
        }
        Err(error) => assert_eq!(error.raw_os_error(), Some(nix::libc::EMSGSIZE), "{error}"),
    }
    echoed(&client, b"next");
    stop(server);
}

/// The sender goes as fast as it is let: a full queue makes it sleep, and drops nothing.
#[test]
fn ten_thousand_come_in_order_and_none_is_lost() {
    let folder = tempdir().unwrap();
    let server = datagram_server(folder.path());
    let client = client(folder.path(), "me");
    let sender = client.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        for number in 0..10_000_u32 {
            sender.send(&number.to_be_bytes()).unwrap();
        }
    });
    // Answers that find our own queue full are dropped; so the order is looked at here, the loss at the server.
    let mut last = None;
    let mut buffer = [0; 5];
    client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut answers = 0;
    while !sending.is_finished() || answers == 0 {
        match client.recv(&mut buffer) {
            Ok(received) => {
                let number = u32::from_be_bytes(buffer[..received].try_into().unwrap());
                assert!(last < Some(number), "{number} behind {last:?}");
                last = Some(number);
                answers += 1;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        }
    }
    sending.join().unwrap();
    // One more makes sure that the server has taken all before it.
    client.set_read_timeout(Some(BOUND)).unwrap();
    client.send(b"last").unwrap();
    while client.recv(&mut buffer).unwrap() != 4 || &buffer[..4] != b"last" {}

    let ended = stop(server);
    assert!(said(&ended, "Stopped after 10001 datagrams"));
    let taken: Vec<u32> = ended
        .lines
        .iter()
        .filter_map(|line| line.strip_prefix("bytes: [")?.strip_suffix(']'))
        .map(|list| list.split(", ").fold(0, |number, byte| number << 8 | byte.parse::<u32>().unwrap()))
        .collect();
    assert!(taken[..10_000].iter().copied().eq(0..10_000), "lost or reordered");
}

#[test]
fn a_client_without_a_name_is_passed_over() {
    let folder = tempdir().unwrap();
    let mut server = datagram_server(folder.path());
    let nobody = UnixDatagram::unbound().unwrap();
    nobody.send_to(b"who am I?", folder.path().join("s")).unwrap();
    server.wait_for("received 9 bytes from nobody").unwrap();
    assert_eq!(
        server.wait_for("warning: ").unwrap(),
        "the client has no name that an answer could go to: it is passed over"
    );
    let ours = run(folder.path(), DATAGRAM_CLIENT, &["--unnamed", "s", "nor I"]);
    assert_eq!(
        (ours.status.code(), ours.lines.last().map(String::as_str)),
        (Some(0), Some("Sent 5 bytes to server"))
    );
    assert!(said(&ours, "Our address: (no name)"));
    echoed(&client(folder.path(), "me"), b"but I have one");
    stop(server);
}

#[test]
fn a_client_that_never_reads_blocks_nobody() {
    if !settings("a_client_that_never_reads_blocks_nobody", &["net.unix.max_dgram_qlen=10"]) {
        return;
    }
    let folder = tempdir().unwrap();
    let mut server = datagram_server(folder.path());
    let deaf = UnixDatagram::bind(folder.path().join("deaf")).unwrap();
    deaf.set_write_timeout(Some(BOUND)).unwrap();
    for _ in 0..100 {
        deaf.send_to(b"and not listening", folder.path().join("s")).unwrap();
    }
    echoed(&client(folder.path(), "me"), b"meanwhile");
    assert_eq!(
        server.wait_for("warning: ").unwrap(),
        format!(
            "sendto {}: EAGAIN: Try again: the queue is full, 17 bytes are dropped",
            folder.path().join("deaf").display()
        )
    );
    let ended = stop(server);
    let kept = ended.lines.iter().filter(|line| line.starts_with("Sent 17 bytes back to ")).count();
    // net.unix.max_dgram_qlen, and one more that is let in.
    assert_eq!(kept, 10 + 1);
}

/// A client that has connected its socket to the server's has no limit of its own: it can fill the server's send
/// buffer. Then answers to everybody are dropped, and said, until it reads or ends.
#[test]
fn a_connected_client_that_never_reads_is_survived() {
    let folder = tempdir().unwrap();
    let mut server = datagram_server(folder.path());
    let deaf = client(folder.path(), "deaf");
    // Ours is as large as the server's: net.core.wmem_default.
    let send_buffer = getsockopt(&deaf, sockopt::SndBuf).unwrap();
    for _ in 0..=send_buffer / 1000 {
        deaf.send(&[b'x'; 1000]).unwrap();
    }
    let warning = server.wait_for("warning: ").unwrap();
    assert!(warning.contains("EAGAIN"), "{warning}");
    drop(deaf);
    // A child that another test starts just now has the deaf client's socket open, too, until its exec.
    let client = client(folder.path(), "me");
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    until("there is room again", || {
        client.send(b"room again").unwrap();
        client.recv(&mut [0; 16]).is_ok_and(|received| received == b"room again".len())
    });
    stop(server);
}

#[test]
fn a_client_that_is_gone_costs_nobody_else_anything() {
    let folder = tempdir().unwrap();
    let mut server = datagram_server(folder.path());
    freeze(&server);
    client(folder.path(), "gone").send(b"farewell").unwrap();
    let removed = client(folder.path(), "removed");
    removed.send(b"no way back").unwrap();
    std::fs::remove_file(folder.path().join("removed")).unwrap();
    thaw(&server);
    for complaint in [
        "gone: ECONNREFUSED: Connection refused: 8 bytes are dropped",
        "removed: ENOENT: No such file or directory: 11 bytes are dropped",
    ] {
        let warning = server.wait_for("warning: sendto ").unwrap();
        assert!(warning.ends_with(complaint), "{warning}");
    }
    echoed(&client(folder.path(), "me"), b"still there?");
    stop(server);
}

#[test]
fn a_hundred_clients_at_once() {
    if !descriptors("a_hundred_clients_at_once", 120) {
        return;
    }
    let folder = tempdir().unwrap();
    let server = datagram_server(folder.path());
    let before = descriptors_of(&server);
    let clients: Vec<_> = (0..100).map(|number| client(folder.path(), &format!("client-{number}"))).collect();
    for round in 0..3 {
        for (number, client) in clients.iter().enumerate() {
            client.send(format!("{number} in {round}").as_bytes()).unwrap();
        }
        for (number, client) in clients.iter().enumerate() {
            let mut buffer = [0; 32];
            let received = client.recv(&mut buffer).unwrap();
            assert_eq!(buffer[..received], *format!("{number} in {round}").as_bytes());
        }
    }
    assert_eq!(descriptors_of(&server), before);
    stop(server);
}

/// C programs can fill `sun_path` to its last byte, without the NUL; the kernel then tells 111 bytes of address.
#[test]
fn a_name_without_room_for_its_nul_does_no_harm() {
    if !installed("python3", "a datagram from a name of 108 bytes").unwrap() {
        return;
    }
    let folder = tempdir().unwrap();
    let mut server = datagram_server(folder.path());
    let script = "\
import ctypes, socket, struct
client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
address = struct.pack('@H', socket.AF_UNIX) + b'n' * 108
assert ctypes.CDLL(None).bind(client.fileno(), address, len(address)) == 0
client.sendto(b'boo', 's')";
    let python = run(folder.path(), "python3", &["-c", script]);
    assert_eq!(python.errors, "");
    assert_eq!(server.wait_for("received ").unwrap(), "3 bytes from nobody");
    server.wait_for("warning: the client has no name").unwrap();
    echoed(&client(folder.path(), "me"), b"unharmed");
    stop(server);
}

#[test]
fn the_client_takes_answers_from_the_server_alone() {
    let folder = tempdir().unwrap();
    let silent = UnixDatagram::bind(folder.path().join("s")).unwrap();
    silent.set_read_timeout(Some(BOUND)).unwrap();
    let client = start(folder.path(), DATAGRAM_CLIENT, &["--name", "me", "s", "hello"]);
    let mut buffer = [0; 16];
    let (received, from) = silent.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..received], from.as_pathname()), (&b"hello"[..], Some(Path::new("me"))));
    let stranger = UnixDatagram::bind(folder.path().join("stranger")).unwrap();
    let error = stranger.send_to(b"hello", folder.path().join("me")).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(nix::libc::EPERM));
    silent.send_to(b"hello", folder.path().join("me")).unwrap();
    assert_eq!(client.end().unwrap().status.code(), Some(0));

    for (answer, complaint) in [("hellO", true), ("hello, you", true), ("", true), ("hello", false)] {
        let client = start(folder.path(), DATAGRAM_CLIENT, &["--name", "me", "s", "hello"]);
        silent.recv_from(&mut buffer).unwrap();
        silent.send_to(answer.as_bytes(), folder.path().join("me")).unwrap();
        let ended = client.end().unwrap();
        assert_eq!(ended.status.code(), Some(i32::from(complaint)), "{ended:?}");
        assert_eq!(ended.errors.contains("this is no echo"), complaint);
        assert!(!folder.path().join("me").exists());
    }
}

#[test]
fn the_client_does_not_wait_for_ever() {
    if !settings("the_client_does_not_wait_for_ever", &["net.unix.max_dgram_qlen=10"]) {
        return;
    }
    let folder = tempdir().unwrap();
    let silent = UnixDatagram::bind(folder.path().join("s")).unwrap();
    let client = run(folder.path(), DATAGRAM_CLIENT, &["--name", "me", "s", "hello"]);
    assert_eq!(client.errors, "unix-datagram-client: recv from s: no answer for 5s\n");
    // With nobody who reads, its queue fills: 11 unread, and the next finds no room.
    let messages = vec!["x"; 20];
    let client = run(folder.path(), DATAGRAM_CLIENT, &[&["--unnamed", "s"], &messages[..]].concat());
    assert_eq!(client.errors, "unix-datagram-client: send to s: no room in its queue for 5s\n");
    assert_eq!(client.status.code(), Some(1));
    drop(silent);

    for path in ["s", "nothing"] {
        let client = run(folder.path(), DATAGRAM_CLIENT, &["--name", "me", path]);
        assert_eq!(client.status.code(), Some(1));
        assert!(client.errors.contains("nobody answers there"), "{}", client.errors);
        assert!(!folder.path().join("me").exists());
    }
}

#[test]
fn a_signal_ends_the_client_and_its_name() {
    let folder = tempdir().unwrap();
    let silent = UnixDatagram::bind(folder.path().join("s")).unwrap();
    silent.set_read_timeout(Some(BOUND)).unwrap();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let client = start(folder.path(), DATAGRAM_CLIENT, &["--name", "me", "s", "hello"]);
        silent.recv(&mut [0; 16]).unwrap();
        end_with(client, signal);
        assert!(!folder.path().join("me").exists());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_kernel_can_choose_a_name() {
    let folder = tempdir().unwrap();
    let server = datagram_server(folder.path());
    let client = run(folder.path(), DATAGRAM_CLIENT, &["s", "hello"]);
    assert_eq!(client.status.code(), Some(0), "{client:?}");
    let name = client.lines[1].strip_prefix("Our address: @").unwrap();
    assert!(name.len() == 5 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    assert!(said(&stop(server), &format!("Sent 5 bytes back to @{name}")));

    // The same from outside of our programs.
    let autobound = UnixDatagram::unbound().unwrap();
    bind(autobound.as_raw_fd(), &UnixAddr::new_unnamed()).unwrap();
    assert!(autobound.local_addr().unwrap().as_pathname().is_none());
    assert!(!autobound.local_addr().unwrap().is_unnamed());
}
