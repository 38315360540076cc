//! The stream server and its client: the exchange, and clients that misbehave.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use harness::folder::tempdir;
use harness::limits::descriptors;
use harness::missing::Missing;
use harness::private::settings;
use harness::process::{Process, command, installed, not_checked};
use nix::sys::signal::Signal;
use nix::unistd::{getgid, getuid};
use support::*;

#[test]
fn the_transcript_of_an_exchange() {
    let folder = tempdir().unwrap();
    let server = server(folder.path(), "part-three.sock");
    let client = run(folder.path(), CLIENT, &[] as &[&str]);
    assert_eq!((client.status.code(), client.errors.as_str()), (Some(0), ""));
    let dump = common::Dump(b"Hello from KungfuDev").to_string();
    let said = [
        "Socket file descriptor: 3",
        "Connected to part-three.sock",
        "Sent 20 bytes to server",
        "received 20 bytes",
        &dump,
        "Server closed the connection",
    ];
    assert_eq!(client.lines.join("\n"), said.join("\n"));

    let (uid, gid) = (getuid(), getgid());
    let server = stop(server);
    let pid = server.lines[3].split([' ', ',']).nth(3).unwrap().parse::<u32>();
    assert!(pid.is_ok(), "{:?}", server.lines[3]);
    let said = [
        "Socket file descriptor: 3",
        "Socket bound to address: part-three.sock",
        "Listening for incoming connections...",
        &format!("Client connected: pid {}, uid {uid}, gid {gid}", pid.unwrap()),
        "received 20 bytes",
        &dump,
        "Sent 20 bytes back to client",
        "received 0 bytes",
        "Stopped after 1 clients",
        "Removed part-three.sock",
    ];
    assert_eq!(server.lines.join("\n"), said.join("\n"));
}

#[test]
fn one_client_after_another_and_long_messages_whole() {
    let folder = tempdir().unwrap();
    let server = server(folder.path(), "s");
    let path = folder.path().join("s");
    for length in [1, 1023, 1024, 1025, 4096, 1_000_000] {
        // Of period 251, so that a lost, repeated or swapped kilobyte is seen.
        let message: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        assert!(exchange(&path, &message) == message, "{length} bytes came back changed");
    }
    let every_byte: Vec<u8> = (0..=255).collect();
    assert_eq!(exchange(&path, &every_byte), every_byte);
    assert_eq!(exchange(&path, b""), b"");
    assert!(said(&stop(server), "Stopped after 8 clients"));
}

#[test]
fn it_says_who_connected() {
    let folder = tempdir().unwrap();
    let mut server = server(folder.path(), "s");
    let _client = UnixStream::connect(folder.path().join("s")).unwrap();
    let peer = server.wait_for("Client connected: ").unwrap();
    assert_eq!(peer, format!("pid {}, uid {}, gid {}", std::process::id(), getuid(), getgid()));
}

#[cfg(target_os = "linux")]
#[test]
fn another_user_is_known_as_such() {
    const NOBODY: u32 = 65534;
    // Without a file: one of ours would not let another user in.
    let folder = tempdir().unwrap();
    let name = format!("@part-three-{}", std::process::id());
    let mut server = server(folder.path(), &name);
    // Where the program itself lies, nobody may have no way to it. The copy is another process's work: one that we
    // start meanwhile would inherit it open for writing, and then nobody may run it (ETXTBSY).
    let copy = folder.path().join("unix-client");
    assert!(Command::new("cp").arg(CLIENT).arg(&copy).status().unwrap().success());
    for path in [folder.path(), &copy] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }
    let mut client = command(copy.to_str().unwrap());
    client.arg(&name).uid(NOBODY).gid(NOBODY);
    match Process::spawn(client) {
        Ok(client) => {
            let client = client.end().unwrap();
            assert_eq!(client.status.code(), Some(0), "{client:?}");
            let peer = server.wait_for("Client connected: ").unwrap();
            assert!(peer.ends_with(&format!("uid {NOBODY}, gid {NOBODY}")), "{peer}");
        }
        // Not to be had by installing anything: the same tests run as root of a whole machine see it.
        Err(error) => {
            let missing = Missing { what: format!("we cannot be somebody else: {error}"), remedy: None };
            let _ = not_checked("that unix-server tells another user", missing);
        }
    }
}

#[test]
fn a_message_in_pieces_is_echoed_piece_by_piece() {
    let folder = tempdir().unwrap();
    let _server = server(folder.path(), "s");
    let mut client = UnixStream::connect(folder.path().join("s")).unwrap();
    bounded(&client);
    let mut echo = [0; 5];
    for _ in 0..100 {
        client.write_all(b"piece").unwrap();
        client.read_exact(&mut echo).unwrap();
        assert_eq!(&echo, b"piece");
    }
}

#[test]
fn clients_that_leave_cost_nobody_else_anything() {
    let folder = tempdir().unwrap();
    let server = server(folder.path(), "s");
    let path = folder.path().join("s");
    let before = descriptors_of(&server);
    for _ in 0..50 {
        // At once; with bytes of ours unread, which is this family's reset; with its echo unread.
        drop(UnixStream::connect(&path).unwrap());
        UnixStream::connect(&path).unwrap().write_all(b"gone before the answer").unwrap();
        let mut client = UnixStream::connect(&path).unwrap();
        bounded(&client);
        client.write_all(&[b'x'; 3000]).unwrap();
        client.read_exact(&mut [0; 1]).unwrap();
    }
    assert_eq!(exchange(&path, b"still there"), b"still there");
    until("every connection is closed", || descriptors_of(&server) == before);
    assert!(said(&stop(server), "Stopped after 151 clients"));
}

#[test]
fn a_reset_is_said_and_the_next_client_is_served() {
    let folder = tempdir().unwrap();
    let mut server = server(folder.path(), "s");
    let path = folder.path().join("s");
    let mut client = UnixStream::connect(&path).unwrap();
    bounded(&client);
    client.write_all(b"one").unwrap();
    server.wait_for("Sent 3 bytes").unwrap();
    // Its end closes with our echo unread: ECONNRESET here.
    drop(client);
    assert_eq!(
        server.wait_for("warning: ").unwrap(),
        "recv from descriptor 5: ECONNRESET: Connection reset by peer: on to the next client"
    );
    assert_eq!(exchange(&path, b"two"), b"two");
}

#[test]
fn a_send_to_a_client_that_is_gone_is_epipe_and_no_end() {
    let folder = tempdir().unwrap();
    let mut server = server(folder.path(), "s");
    let path = folder.path().join("s");
    let mut client = UnixStream::connect(&path).unwrap();
    server.wait_for("Client connected").unwrap();
    freeze(&server);
    client.write_all(b"and gone").unwrap();
    drop(client);
    thaw(&server);
    assert_eq!(
        server.wait_for("warning: ").unwrap(),
        "send to descriptor 5: EPIPE: Broken pipe: on to the next client"
    );
    assert_eq!(exchange(&path, b"next"), b"next");
}

#[test]
fn a_silent_client_gives_way_when_another_waits() {
    let folder = tempdir().unwrap();
    let mut server = server(folder.path(), "s");
    let path = folder.path().join("s");
    let _silent = UnixStream::connect(&path).unwrap();
    server.wait_for("Client connected").unwrap();
    let begun = Instant::now();
    assert_eq!(exchange(&path, b"my turn"), b"my turn");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert!(said(
        &stop(server),
        "warning: no sign of the client for 5s while others wait: on to the next client"
    ));
}

#[test]
fn a_client_that_never_reads_gives_way_too() {
    let folder = tempdir().unwrap();
    let mut server = server(folder.path(), "s");
    let path = folder.path().join("s");
    let mut greedy = UnixStream::connect(&path).unwrap();
    server.wait_for("Client connected").unwrap();
    greedy.set_nonblocking(true).unwrap();
    // Until both directions are full: nothing more is taken for a while.
    let mut last = Instant::now();
    while last.elapsed() < Duration::from_millis(500) {
        match greedy.write(&[b'x'; 16_384]) {
            Ok(_) => last = Instant::now(),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(exchange(&path, b"my turn"), b"my turn");
    stop(server);
}

#[test]
fn a_signal_ends_the_server_wherever_it_waits() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("s");
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        // In accept.
        let ended = end_with(server(folder.path(), "s"), signal);
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");

        // In recv.
        let mut in_recv = server(folder.path(), "s");
        let mut client = UnixStream::connect(&path).unwrap();
        in_recv.wait_for("Client connected").unwrap();
        let ended = end_with(in_recv, signal);
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        bounded(&client);
        assert_eq!(client.read(&mut [0]).unwrap(), 0);

        // In send, for a client that never reads.
        let in_send = server(folder.path(), "s");
        let mut client = UnixStream::connect(&path).unwrap();
        client.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        while client.write(&[b'x'; 16_384]).is_ok() {}
        let ended = end_with(in_send, signal);
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert!(!path.exists());
    }
}

#[test]
fn at_the_limit_of_descriptors_it_pauses_and_goes_on() {
    if !installed("prlimit", "what unix-server does at its limit of descriptors").unwrap() {
        return;
    }
    let folder = tempdir().unwrap();
    let mut server = server(folder.path(), "s");
    let path = folder.path().join("s");
    let server_id = server.id().to_string();
    let limit = |descriptors: &str| {
        let arguments = ["--pid", &server_id, &format!("--nofile={descriptors}:")];
        assert!(Command::new("prlimit").args(arguments).status().unwrap().success());
    };
    // The socket is 3; a connection would be 4, which is one too many.
    limit("4");
    let mut client = UnixStream::connect(&path).unwrap();
    bounded(&client);
    client.write_all(b"patience").unwrap();
    let expected = "accept on s: EMFILE: Too many open files: trying again in a second";
    assert_eq!(server.wait_for("warning: ").unwrap(), expected);
    let begun = Instant::now();
    assert_eq!(server.wait_for("warning: ").unwrap(), expected);
    assert!(begun.elapsed() > Duration::from_millis(800), "it does not pause: {:?}", begun.elapsed());
    limit("64");
    let mut echo = [0; 8];
    client.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"patience");
    drop(client);
    stop(server);
}

#[test]
fn the_client_sends_any_bytes_and_every_length() {
    let folder = tempdir().unwrap();
    let server = server(folder.path(), "part-three.sock");
    let not_utf8 = run(
        folder.path(),
        CLIENT,
        &[OsStr::new("part-three.sock"), OsStr::from_bytes(b"\xff\x00"[..1].as_ref())],
    );
    assert_eq!(not_utf8.status.code(), Some(0), "{}", not_utf8.errors);
    assert!(said(&not_utf8, r#"str repr: "\xff""#), "{not_utf8:?}");
    // The longest argument that Linux takes.
    for length in [0, 1, 1024, 1025, 131_071] {
        let message = "m".repeat(length);
        let client = run(folder.path(), CLIENT, &["part-three.sock", &message]);
        assert_eq!((client.status.code(), client.errors.as_str()), (Some(0), ""), "{length}");
        assert_eq!(client.lines.last().unwrap(), "Server closed the connection");
    }
    stop(server);
}

#[test]
fn the_client_names_what_it_cannot_reach() {
    let folder = tempdir().unwrap();
    let fails = |path: &str, expected: &str| {
        let client = run(folder.path(), CLIENT, &[path]);
        assert_eq!(client.status.code(), Some(1));
        assert!(
            client.errors.starts_with(&format!("unix-client: connect {path}: {expected}")),
            "{}",
            client.errors
        );
    };
    fails("nothing", "ENOENT: ");
    drop(UnixListener::bind(folder.path().join("stale")).unwrap());
    fails("stale", "ECONNREFUSED: ");
    std::fs::write(folder.path().join("file"), "").unwrap();
    fails("file", "ECONNREFUSED: ");
    let _datagram = std::os::unix::net::UnixDatagram::bind(folder.path().join("datagram")).unwrap();
    fails("datagram", "EPROTOTYPE: ");
    if cfg!(target_os = "linux") {
        fails("@part-three-nobody", "ECONNREFUSED: ");
    }
}

#[test]
fn the_client_is_not_deceived() {
    let folder = tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("s")).unwrap();
    for (answer, complaint) in [
        (&b"Hel"[..], "recv from s: end of file after 3 of 5 bytes"),
        (b"", "recv from s: end of file after 0 of 5 bytes"),
        (b"Hello, you", "recv from s: 10 bytes for 5: this is no echo"),
    ] {
        let client = start(folder.path(), CLIENT, &["s", "Hello"]);
        let (mut connection, _) = listener.accept().unwrap();
        bounded(&connection);
        // To the end: the half-close is what ends it.
        assert_eq!(std::io::read_to_string(&connection).unwrap(), "Hello");
        connection.write_all(answer).unwrap();
        drop(connection);
        let ended = client.end().unwrap();
        assert_eq!((ended.status.code(), ended.errors), (Some(1), format!("unix-client: {complaint}\n")));
    }
}

/// A queue that is full is no error: a connect sleeps until there is room, and one that must not sleep says EAGAIN.
#[cfg(target_os = "linux")]
#[test]
fn a_full_queue_makes_a_client_wait() {
    use nix::errno::Errno;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};

    if !descriptors("a_full_queue_makes_a_client_wait", 150) {
        return;
    }
    if !settings("a_full_queue_makes_a_client_wait", &["net.core.somaxconn=4096"]) {
        return;
    }
    let folder = tempdir().unwrap();
    let server = server(folder.path(), "s");
    freeze(&server);
    let address = UnixAddr::new(&folder.path().join("s")).unwrap();
    let mut waiting = Vec::new();
    let refused = loop {
        let client = socket(
            AddressFamily::Unix,
            SockType::Stream,
            SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
            None,
        )
        .unwrap();
        match connect(client.as_raw_fd(), &address) {
            Ok(()) => waiting.push(client),
            Err(errno) => break errno,
        }
    };
    assert_eq!((waiting.len(), refused), (129, Errno::EAGAIN));
    drop(waiting);
    thaw(&server);
    assert_eq!(exchange(folder.path().join("s"), b"room again"), b"room again");
    stop(server);
}
