//! Clients that do not read, reset, or vanish, and signals: one client's trouble is nobody else's.

#![expect(missing_docs, reason = "the names say what is tested")]

use std::io::{Read, Write};
use std::net::Shutdown;

use crate::server::{Design, exchange, fill, read_to_end, reset, whole};

/// Data and end come in one event, in every order of lengths against the server's buffer: who takes a short read for
/// all that there is never sees the end.
pub fn end_right_behind_the_data(design: &Design) {
    let server = design.start(&[]);
    for length in [1, 1023, 1024, 1025, 2048, 4095, 4096, 4097, 8192, 16_384, 20_000] {
        let mut client = server.served();
        server.freeze();
        let message: Vec<u8> = (0..=250).cycle().take(length).collect();
        client.write_all(&message).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        server.thaw();
        assert!(read_to_end(&mut client) == message, "{length} bytes");
    }
    let _ = server.stop();
}

/// What it has sent stays in the kernels' buffers and does not fill the server's memory; the others go on; and when it
/// reads at last it gets every byte.
pub fn a_client_that_does_not_read(design: &Design) {
    let server = design.start(&[]);
    let mut other = (design.at_once > 1).then(|| server.served());
    let mut client = server.served();
    let before = server.memory();
    let sent = fill(&server, &mut client);
    let grown = server.memory().saturating_sub(before);
    assert!(sent.len() > 100_000, "only {} bytes were sent", sent.len());
    assert!(grown < 1 << 20, "the server's memory has grown by {grown} bytes for {} sent", sent.len());
    if let Some(other) = &mut other {
        exchange(other, b"I read");
    }
    let mut echo = vec![0; sent.len()];
    client.read_exact(&mut echo).unwrap();
    assert!(echo == sent);
    exchange(&mut client, b"and on");
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut client), b"");
    let _ = server.stop();
}

pub fn a_reset(design: &Design) {
    let mut server = design.start(&[]);
    reset(server.served());
    server.process.wait_for("warning: Client lost: ").unwrap();
    assert_eq!(whole(server.client(), b"the next"), b"the next");
    assert_eq!(server.stop(), (2, 15));
}

pub fn a_reset_in_the_queue(design: &Design) {
    let server = design.start(&[]);
    server.freeze();
    reset(server.client());
    let patient = server.client();
    server.thaw();
    assert_eq!(whole(patient, b"still here"), b"still here");
    let _ = server.stop();
}

/// The answer has nobody to go to any more: SIGPIPE must not end the server.
pub fn gone_before_the_answer(design: &Design) {
    let mut server = design.start(&[]);
    for _ in 0..3 {
        let mut client = server.served();
        server.freeze();
        client.write_all(b"and gone").unwrap();
        reset(client);
        server.thaw();
        server.process.wait_for("warning: Client lost: ").unwrap();
    }
    // And one that closes while more is on its way to it than it will ever read.
    let mut client = server.served();
    let _ = fill(&server, &mut client);
    drop(client);
    server.process.wait_for("warning: Client lost: ").unwrap();
    assert_eq!(whole(server.client(), b"the next"), b"the next");
    let _ = server.stop();
}

/// While it sleeps for the next client, in the middle of one, and with a clock running: SIGCONT ends a sleep with EINTR.
pub fn stopped_and_continued(design: &Design) {
    let server = design.start(&["--idle", "60"]);
    for _ in 0..2 {
        server.freeze();
        server.thaw();
        let mut client = server.served();
        server.freeze();
        server.thaw();
        exchange(&mut client, b"still there");
    }
    let _ = server.stop();
}
