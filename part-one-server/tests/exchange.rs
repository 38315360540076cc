//! What the server says and sends back, with `std::net` at the other end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use harness::private::{IPV6, settings};
use harness::process::Ended;
use support::server_on;

/// Sends `message`, reads to the end of the stream, gives the echo and how the server ended.
fn exchange(message: &[u8]) -> (Vec<u8>, Ended) {
    let (server, address) = server_on("127.0.0.1:0");
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(message).unwrap();
    let mut echo = Vec::new();
    client.read_to_end(&mut echo).unwrap();
    (echo, server.end().unwrap())
}

#[test]
fn the_transcript_is_exact() {
    let (echo, ended) = exchange(b"Hello from KungfuDev\r\n");
    assert_eq!(echo, b"Hello from KungfuDev\r\n");
    let address = ended.lines[1].strip_prefix("Socket bound to address: 127.0.0.1:").unwrap();
    assert_ne!(address.parse::<u16>().unwrap(), 0, "port 0 is a question, not an address");
    assert_eq!(
        ended.lines,
        [
            "Socket file descriptor: 3",
            &format!("Socket bound to address: 127.0.0.1:{address}"),
            "Listening for incoming connections...",
            "received 22 bytes",
            "bytes: [72, 101, 108, 108, 111, 32, 102, 114, 111, 109, 32, 75, 117, 110, 103, 102, 117, 68, 101, 118, 13, 10]",
            "hex repr: [\"0x48\", \"0x65\", \"0x6c\", \"0x6c\", \"0x6f\", \"0x20\", \"0x66\", \"0x72\", \"0x6f\", \"0x6d\", \"0x20\", \"0x4b\", \"0x75\", \"0x6e\", \"0x67\", \"0x66\", \"0x75\", \"0x44\", \"0x65\", \"0x76\", \"0x0d\", \"0x0a\"]",
            "str repr: \"Hello from KungfuDev\\r\\n\"",
            "Sent 22 bytes back to client",
        ]
    );
    assert_eq!(ended.errors, "");
    assert_eq!(ended.status.code(), Some(0));
}

#[test]
fn a_second_run_takes_the_port_that_rests_in_time_wait() {
    let (server, address) = server_on("127.0.0.1:0");
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"first").unwrap();
    // To the end of the stream: the server has closed first, and TIME-WAIT is on its side.
    client.read_to_end(&mut Vec::new()).unwrap();
    drop(client);
    assert_eq!(server.end().unwrap().status.code(), Some(0));

    let (server, again) = server_on(&address.to_string());
    assert_eq!(again, address);
    let mut client = TcpStream::connect(again).unwrap();
    client.write_all(b"second").unwrap();
    let mut echo = Vec::new();
    client.read_to_end(&mut echo).unwrap();
    assert_eq!(echo, b"second");
    assert_eq!(server.end().unwrap().status.code(), Some(0));
}

#[test]
fn the_family_follows_the_address() {
    if !settings("the_family_follows_the_address", &IPV6) {
        return;
    }
    for (address, client) in [("[::1]:0", "::1"), ("[::]:0", "::1"), ("[::]:0", "127.0.0.1")] {
        let (server, bound) = server_on(address);
        assert!(bound.is_ipv6());
        let mut client = TcpStream::connect((client, bound.port())).unwrap();
        client.write_all(b"six").unwrap();
        let mut echo = Vec::new();
        client.read_to_end(&mut echo).unwrap();
        assert_eq!(echo, b"six");
        assert_eq!(server.end().unwrap().status.code(), Some(0));
    }
}

#[test]
fn a_client_that_leaves_without_a_word_is_0_bytes() {
    let (server, address) = server_on("127.0.0.1:0");
    drop(TcpStream::connect(address).unwrap());
    let ended = server.end().unwrap();
    assert_eq!(ended.lines[3..], ["received 0 bytes"]);
    assert_eq!((ended.errors.as_str(), ended.status.code()), ("", Some(0)));
}

#[test]
fn bytes_that_are_not_utf_8_come_back_unchanged() {
    let every_byte: Vec<u8> = (0..=255).collect();
    let (echo, ended) = exchange(&every_byte);
    assert_eq!(echo, every_byte);
    assert!(ended.lines[6].starts_with(r#"str repr: "\0\u{1}\u{2}"#), "{}", ended.lines[6]);
    assert!(ended.lines[6].ends_with(r#"\xfd\xfe\xff""#), "{}", ended.lines[6]);
    assert_eq!(ended.status.code(), Some(0));
}

#[test]
fn exactly_1024_bytes_come_back_whole() {
    let message = [b'x'; 1024];
    let (echo, ended) = exchange(&message);
    assert_eq!(echo, message);
    assert_eq!(ended.lines[3], "received 1024 bytes");
    assert_eq!(ended.lines[7], "Sent 1024 bytes back to client");
}

#[test]
fn of_more_than_1024_bytes_the_first_1024_are_logged_and_echoed() {
    let (server, address) = server_on("127.0.0.1:0");
    let mut client = TcpStream::connect(address).unwrap();
    // One write, one segment on loopback: all of it has come when recv takes the first 1024.
    client.write_all(&[b'x'; 3000]).unwrap();
    let mut echo = Vec::new();
    // The rest was never read, so the kernel closes with RST. It may even overtake the echo.
    let end = client.read_to_end(&mut echo);
    let ended = server.end().unwrap();
    assert_eq!(ended.lines[3], "received 1024 bytes");
    assert_eq!(ended.lines[7], "Sent 1024 bytes back to client");
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert!(echo.is_empty() || echo == [b'x'; 1024], "{} bytes", echo.len());
}
