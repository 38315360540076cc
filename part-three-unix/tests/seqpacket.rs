//! Sequenced packets: a connection with boundaries.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]
#![cfg(not(target_vendor = "apple"))]

mod support;

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use harness::folder::tempdir;
use harness::process::Process;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, send, socket};
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use support::*;

fn seqpacket_server(folder: &Path) -> Process {
    let mut server = start(folder, SEQPACKET_SERVER, &["s"]);
    server.wait_for("Listening on s").unwrap();
    server
}

fn client(folder: &Path, kind: SockType) -> Result<OwnedFd, Errno> {
    let client = socket(AddressFamily::Unix, kind, SockFlag::SOCK_CLOEXEC, None).unwrap();
    setsockopt(&client, sockopt::ReceiveTimeout, &TimeVal::seconds(20)).unwrap();
    connect(client.as_raw_fd(), &UnixAddr::new(&folder.join("s")).unwrap()).map(|()| client)
}

fn give(client: &OwnedFd, message: &[u8]) {
    assert_eq!(send(client.as_raw_fd(), message, MsgFlags::empty()), Ok(message.len()));
}

fn take(client: &OwnedFd) -> Vec<u8> {
    let mut buffer = vec![0; 300_000];
    let received = recv(client.as_raw_fd(), &mut buffer, MsgFlags::empty()).unwrap();
    buffer.truncate(received);
    buffer
}

#[test]
fn the_transcript_of_an_exchange() {
    let folder = tempdir().unwrap();
    let mut server = seqpacket_server(folder.path());
    let client = run(folder.path(), SEQPACKET_CLIENT, &["s", "one", "two"]);
    // The stop goes first: asked for now, it might come before the client's end of file.
    server.wait_for("received 0 bytes").unwrap();
    let (one, two) = (common::Dump(b"one").to_string(), common::Dump(b"two").to_string());
    assert_eq!((client.status.code(), client.errors.as_str()), (Some(0), ""));
    let said = [
        "Connected to s",
        "Sent 3 bytes to server",
        "Sent 3 bytes to server",
        "received 3 bytes",
        &one,
        "received 3 bytes",
        &two,
    ];
    assert_eq!(client.lines.join("\n"), said.join("\n"));
    let said = [
        "Listening on s",
        "Client connected",
        "received 3 bytes",
        &one,
        "Sent 3 bytes back to client",
        "received 3 bytes",
        &two,
        "Sent 3 bytes back to client",
        "received 0 bytes",
        "Stopped",
        "Removed s",
    ];
    assert_eq!(stop(server).lines.join("\n"), said.join("\n"));
}

#[test]
fn boundaries_are_kept_whatever_the_size() {
    let folder = tempdir().unwrap();
    let server = seqpacket_server(folder.path());
    let client = client(folder.path(), SockType::SeqPacket).unwrap();
    let messages: Vec<Vec<u8>> = [1, 1024, 1025, 65_536, 150_000].map(|length| vec![b'm'; length]).into();
    for message in &messages {
        give(&client, message);
        assert!(take(&client) == *message);
    }
    // All at once.
    for number in 0..50_u8 {
        give(&client, &vec![number; usize::from(number) + 1]);
    }
    for number in 0..50_u8 {
        assert_eq!(take(&client), vec![number; usize::from(number) + 1]);
    }
    drop(client);
    stop(server);
}

#[test]
fn an_empty_message_reads_as_the_end() {
    let folder = tempdir().unwrap();
    let server = seqpacket_server(folder.path());
    let connection = client(folder.path(), SockType::SeqPacket).unwrap();
    give(&connection, b"");
    assert_eq!(take(&connection), b"", "the server has closed");
    let refused = run(folder.path(), SEQPACKET_CLIENT, &["s", "one", ""]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.errors.contains("an empty message cannot be sent"), "{}", refused.errors);
    stop(server);
}

#[test]
fn a_stream_is_another_type() {
    let folder = tempdir().unwrap();
    let server = seqpacket_server(folder.path());
    assert_eq!(client(folder.path(), SockType::Stream).unwrap_err(), Errno::EPROTOTYPE);
    let stream = run(folder.path(), CLIENT, &["s"]);
    assert_eq!(stream.errors, "unix-client: connect s: EPROTOTYPE: Protocol wrong type for socket\n");
    stop(server);
}

#[test]
fn a_client_that_leaves_costs_nobody_else_anything() {
    let folder = tempdir().unwrap();
    let mut server = seqpacket_server(folder.path());
    for _ in 0..10 {
        drop(client(folder.path(), SockType::SeqPacket).unwrap());
        give(&client(folder.path(), SockType::SeqPacket).unwrap(), b"gone");
    }
    server.wait_for("warning: ").unwrap();
    let last = client(folder.path(), SockType::SeqPacket).unwrap();
    give(&last, b"still there?");
    assert_eq!(take(&last), b"still there?");
    drop(last);
    stop(server);
}

#[test]
fn a_signal_ends_the_server_while_a_client_is_connected() {
    let folder = tempdir().unwrap();
    let mut server = seqpacket_server(folder.path());
    let client = client(folder.path(), SockType::SeqPacket).unwrap();
    server.wait_for("Client connected").unwrap();
    stop(server);
    assert_eq!(take(&client), b"");
}

#[test]
fn the_client_is_not_deceived() {
    let folder = tempdir().unwrap();
    for path in ["nothing", "stale"] {
        let _ = std::os::unix::net::UnixListener::bind(folder.path().join("stale"));
        let client = run(folder.path(), SEQPACKET_CLIENT, &[path]);
        assert_eq!(client.status.code(), Some(1));
        assert!(
            client.errors.starts_with(&format!("unix-seqpacket-client: connect {path}: E")),
            "{}",
            client.errors
        );
    }
}

#[test]
fn a_thousand_messages_do_not_wait_for_each_other() {
    let folder = tempdir().unwrap();
    let server = seqpacket_server(folder.path());
    let numbers: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    let words: Vec<&str> = ["s"].into_iter().chain(numbers.iter().map(String::as_str)).collect();
    let client = run(folder.path(), SEQPACKET_CLIENT, &words);
    assert_eq!((client.status.code(), client.errors.as_str()), (Some(0), ""));
    assert_eq!(client.lines.iter().filter(|line| line.starts_with("received ")).count(), 1000);
    stop(server);
}
