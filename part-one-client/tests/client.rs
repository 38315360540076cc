//! Drives the real client as a process, with servers of `std::net` that behave, and that do not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::thread;

use harness::process::{Ended, Process};
use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};

const CLIENT: &str = env!("CARGO_BIN_EXE_part-one-client");
const DEFAULT: &[u8] = b"Hello from KungfuDev";

/// Runs the client with `message` against a server that serves one connection; gives how the client ended, where the
/// server listened, and what `serve` gives.
fn against<T: Send + 'static>(
    message: &[&str],
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (Ended, SocketAddr, T) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || serve(listener.accept().unwrap().0));
    let word = address.to_string();
    let words = [&[word.as_str()], message].concat();
    let client = Process::start(CLIENT, &words).unwrap();
    (client.end().unwrap(), address, server.join().unwrap())
}

fn read(connection: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut message = vec![0; length];
    connection.read_exact(&mut message).unwrap();
    message
}

/// The client must end with 1 and this on standard error.
fn fails(ended: &Ended, complaint: &str) {
    assert_eq!(ended.errors, format!("part-one-client: {complaint}\n"));
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
fn an_exchange_line_by_line() {
    let (ended, server, client) = against(&[], |mut connection| {
        let message = read(&mut connection, DEFAULT.len());
        connection.write_all(&message).unwrap();
        connection.peer_addr().unwrap()
    });
    assert_eq!(
        ended.lines,
        [
            "Socket file descriptor: 3",
            &format!("Connected from {client} to {server}"),
            "Sent 20 bytes to server",
            "received 20 bytes",
            "bytes: [72, 101, 108, 108, 111, 32, 102, 114, 111, 109, 32, 75, 117, 110, 103, 102, 117, 68, 101, 118]",
            "hex repr: [\"0x48\", \"0x65\", \"0x6c\", \"0x6c\", \"0x6f\", \"0x20\", \"0x66\", \"0x72\", \"0x6f\", \"0x6d\", \"0x20\", \"0x4b\", \"0x75\", \"0x6e\", \"0x67\", \"0x66\", \"0x75\", \"0x44\", \"0x65\", \"0x76\"]",
            "str repr: \"Hello from KungfuDev\"",
            "Server closed the connection",
        ]
    );
    assert_eq!((ended.errors.as_str(), ended.status.code()), ("", Some(0)));
}

#[test]
fn a_long_message_is_sent_whole_and_its_echo_read_in_pieces() {
    let message = "x".repeat(100_000);
    let (ended, _, ()) = against(&[&message], |mut connection| {
        let message = read(&mut connection, 100_000);
        assert!(message.iter().all(|&byte| byte == b'x'));
        connection.write_all(&message).unwrap();
    });
    let echoed: usize = ended
        .lines
        .iter()
        .filter_map(|line| line.strip_prefix("received ")?.strip_suffix(" bytes")?.parse::<usize>().ok())
        .sum();
    assert_eq!(echoed, 100_000);
    assert_eq!(ended.lines[2], "Sent 100000 bytes to server");
    assert_eq!((ended.errors.as_str(), ended.status.code()), ("", Some(0)));
}

#[test]
fn no_server_says_what_to_start() {
    // An address on loopback that no other test uses.
    let address = SocketAddr::from(([127, 67, 97, 4], 6797));
    let ended = Process::start(CLIENT, &[address.to_string()]).unwrap().end().unwrap();
    fails(
        &ended,
        &format!(
            "connect {address}: ECONNREFUSED: Connection refused: nobody listens there; start \
             `cargo run -p part-one-server` first, once for every client: it serves one and ends"
        ),
    );
}

#[test]
fn a_server_that_closes_without_a_word_is_an_error() {
    let (ended, server, _) = against(&[], |mut connection| read(&mut connection, DEFAULT.len()));
    assert_eq!(ended.lines[3..], ["Server closed the connection"]);
    fails(&ended, &format!("recv from {server}: end of file after 0 of 20 bytes"));
}

#[test]
fn a_server_that_answers_less_than_was_sent_is_an_error() {
    let (ended, server, ()) = against(&[], |mut connection| {
        let message = read(&mut connection, DEFAULT.len());
        connection.write_all(&message[..5]).unwrap();
    });
    assert_eq!(ended.lines[6], "str repr: \"Hello\"");
    fails(&ended, &format!("recv from {server}: end of file after 5 of 20 bytes"));
}

#[test]
fn a_server_that_resets_is_an_error() {
    let (ended, server, ()) = against(&[], |mut connection| {
        read(&mut connection, DEFAULT.len());
        setsockopt(&connection.as_fd(), sockopt::Linger, &linger { l_onoff: 1, l_linger: 0 }).unwrap();
    });
    fails(&ended, &format!("recv from {server} after 0 of 20 bytes: ECONNRESET: Connection reset by peer"));
}

#[test]
fn a_server_that_keeps_the_connection_open_is_left_after_a_second_of_silence() {
    let (ended, _, end) = against(&[], |mut connection| {
        let message = read(&mut connection, DEFAULT.len());
        connection.write_all(&message).unwrap();
        connection.read(&mut [0]).unwrap()
    });
    assert_eq!(end, 0, "the client closes first");
    assert_eq!(ended.lines[7..], ["Server keeps the connection open: closing first"]);
    assert_eq!((ended.errors.as_str(), ended.status.code()), ("", Some(0)));
}

#[test]
fn a_server_that_takes_its_time_is_waited_for() {
    let (ended, _, ()) = against(&[], |mut connection| {
        let message = read(&mut connection, DEFAULT.len());
        // Longer than the second after which recv wakes up: the one sleep here is the case itself.
        thread::sleep(std::time::Duration::from_millis(1300));
        connection.write_all(&message).unwrap();
        connection.shutdown(Shutdown::Write).unwrap();
    });
    assert_eq!((ended.errors.as_str(), ended.status.code()), ("", Some(0)));
}

#[test]
fn a_server_that_floods_is_left_at_once() {
    let (ended, server, sent) = against(&[], |mut connection| {
        let mut sent = 0;
        // Bounded by itself; the client must end it long before.
        while sent < 1 << 30 && connection.write_all(&[b'x'; 4096]).is_ok() {
            sent += 4096;
        }
        sent
    });
    assert!(sent < 1 << 30, "the client read on");
    let echoed = ended.errors.split(' ').nth(4).unwrap().parse::<usize>().unwrap();
    assert!((21..=20 + 1024).contains(&echoed), "{echoed}");
    fails(&ended, &format!("recv from {server}: {echoed} bytes for 20: this is no echo"));
}

#[test]
fn an_empty_message_is_nothing_to_wait_for() {
    let (ended, _, end) = against(&[""], |mut connection| connection.read(&mut [0]).unwrap());
    assert_eq!(end, 0);
    assert_eq!(
        ended.lines[2..],
        ["Sent 0 bytes to server", "Server keeps the connection open: closing first"]
    );
    assert_eq!(ended.status.code(), Some(0));
}

#[test]
fn a_message_may_begin_with_a_dash_behind_two_of_them() {
    let (ended, _, message) = against(&["--", "-n"], |mut connection| {
        let message = read(&mut connection, 2);
        connection.write_all(&message).unwrap();
        message
    });
    assert_eq!(message, b"-n");
    assert_eq!(ended.status.code(), Some(0));
}

#[test]
fn words_that_cannot_be_used_are_named() {
    let hint = "Try 'part-one-client --help'.\n";
    for (words, complaint) in [
        (vec!["6797"], "\"6797\" is not an address: write IP:PORT, such as 127.0.0.1:6797 or '[::1]:6797'"),
        (vec!["127.0.0.1:6797", "message", "more"], "unexpected argument \"more\""),
        (vec!["--loud"], "invalid option '--loud'"),
    ] {
        let ended = Process::start(CLIENT, &words).unwrap().end().unwrap();
        assert_eq!(ended.errors, format!("part-one-client: {complaint}\n{hint}"));
        assert_eq!(ended.status.code(), Some(2));
    }
}

#[test]
fn help_names_the_defaults() {
    let ended = Process::start(CLIENT, &["--help"]).unwrap().end().unwrap();
    let help = ended.lines.join("\n");
    assert!(help.contains("Usage: part-one-client [ADDR] [MESSAGE]"), "{help}");
    assert!(help.contains(&format!("[default: {}]", common::arguments::DEFAULT_ADDRESS)), "{help}");
    assert!(help.contains("[default: Hello from KungfuDev]"), "{help}");
    assert_eq!(ended.status.code(), Some(0));
}
