//! Too many threads: one client is refused, and nobody else notices.

use std::io::{ErrorKind, Read, Write};

use conformance::Design;
use conformance::server::exchange;

#[test]
fn a_thread_that_cannot_be_started_refuses_that_client_only() {
    let design = Design { program: env!("CARGO_BIN_EXE_many-threads"), arguments: &[], at_once: 1000 };
    // Room for the addresses of a few stacks, of two megabytes each, and of what the C library reserves for threads.
    let mut server = design.start_under("ulimit -v 600000", &[]);
    let mut present = Vec::new();
    loop {
        assert!(present.len() < 500, "{} threads fit into 600 MB of addresses", present.len());
        let mut client = server.client();
        let _ = client.write_all(b"room?");
        match client.read(&mut [0; 5]) {
            Ok(5) => present.push(client),
            Ok(0) => break,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            other => panic!("client {}: {other:?}", present.len() + 1),
        }
    }
    server.process.wait_for("warning: Client refused: ").unwrap();
    assert!(!present.is_empty());
    for client in &mut present {
        exchange(client, b"still here");
    }
    // One leaves, and its room is the next one's.
    drop(present.pop());
    server.process.wait_for("Client left: ").unwrap();
    let count = present.len() as u64;
    let (clients, bytes) = server.stop();
    assert!(clients >= count + 2, "{clients} clients");
    assert_eq!(bytes, (count + 1) * 15);
}
