//! What a well-behaved client gets, and that the others do not matter.

#![expect(missing_docs, reason = "the names say what is tested")]

use std::io::Write;
use std::net::Shutdown;
use std::thread;

use crate::server::{Design, exchange, read_to_end, until, whole};

pub fn message_after_message(design: &Design) {
    let server = design.start(&[]);
    let mut client = server.client();
    for message in [&b"one"[..], b"two\r\n", b"\0"] {
        exchange(&mut client, message);
    }
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut client), b"");
    assert_eq!(whole(server.client(), b"the next"), b"the next");
    assert_eq!(server.stop(), (2, 17));
}

pub fn every_byte(design: &Design) {
    let server = design.start(&[]);
    let all: Vec<u8> = (0..=u8::MAX).collect();
    assert_eq!(whole(server.client(), &all), all);
    assert_eq!(server.stop(), (1, 256));
}

pub fn a_megabyte(design: &Design) {
    let server = design.start(&[]);
    let message: Vec<u8> = (0..=250).cycle().take(1 << 20).collect();
    assert!(whole(server.client(), &message) == message);
    assert_eq!(server.stop(), (1, 1 << 20));
}

pub fn byte_by_byte(design: &Design) {
    let server = design.start(&[]);
    let mut client = server.client();
    client.set_nodelay(true).unwrap();
    for byte in 0..100 {
        exchange(&mut client, &[byte]);
    }
    drop(client);
    assert_eq!(server.stop().1, 100);
}

/// The client is done sending; its answer has not even begun.
pub fn after_the_half_close(design: &Design) {
    let server = design.start(&[]);
    let mut client = server.client();
    server.freeze();
    let message: Vec<u8> = (0..=u8::MAX).cycle().take(50_000).collect();
    client.write_all(&message).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    server.thaw();
    assert!(read_to_end(&mut client) == message);
    assert_eq!(server.stop(), (1, 50_000));
}

/// All have connected before the first is done: nobody is refused, and nobody is forgotten in the queue.
pub fn five_hundred_at_once(design: &Design) {
    let server = design.start(&[]);
    let mut clients: Vec<_> = (0..500).map(|_| server.client()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.write_all(format!("client {number}").as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(read_to_end(client), format!("client {number}").as_bytes());
    }
    assert_eq!(server.stop().0, 500);
}

pub fn one_after_another_without_a_leak(design: &Design) {
    let server = design.start(&[]);
    assert_eq!(whole(server.client(), b"first"), b"first");
    server.settle();
    let before = server.descriptors();
    for _ in 0..50 {
        assert_eq!(whole(server.client(), b"next"), b"next");
    }
    // The last one may be about to be closed.
    until("every connection is closed", || server.descriptors() <= before);
    assert_eq!(server.stop().0, 51);
}

/// As many silent clients as leave room for one who speaks.
pub fn beside_silent_clients(design: &Design) {
    let server = design.start(&[]);
    let silent: Vec<_> = (1..design.at_once.min(100)).map(|_| server.served()).collect();
    assert_eq!(whole(server.client(), b"and I speak"), b"and I speak");
    drop(silent);
    let _ = server.stop();
}

/// One client sends as fast as it can, and reads what comes; the other has its echoes all the same.
pub fn beside_a_flood(design: &Design) {
    if design.at_once == 1 {
        return;
    }
    let server = design.start(&[]);
    let flood = server.served();
    let (mut writer, mut reader) = (flood.try_clone().unwrap(), flood.try_clone().unwrap());
    let writer = thread::spawn(move || {
        let piece = [b'x'; 16_384];
        while writer.write_all(&piece).is_ok() {}
    });
    let reader = thread::spawn(move || drop(std::io::copy(&mut reader, &mut std::io::sink())));
    let mut client = server.client();
    for _ in 0..50 {
        exchange(&mut client, b"my turn");
    }
    flood.shutdown(Shutdown::Both).unwrap();
    writer.join().unwrap();
    reader.join().unwrap();
    let _ = server.stop();
}

pub fn bytes_are_shown_only_to_who_asks(design: &Design) {
    for (level, shown) in [("info", false), ("debug", true)] {
        let server = design.start_speaking(level);
        assert_eq!(whole(server.client(), b"secret"), b"secret");
        server.process.signal(nix::sys::signal::Signal::SIGTERM).unwrap();
        let lines = server.process.end().unwrap().lines;
        assert_eq!(lines.iter().any(|line| line.contains("secret")), shown, "{level}: {lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("Client connected: ")), "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("Client left: ")), "{lines:?}");
    }
}
