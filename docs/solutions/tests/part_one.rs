//! The exercises of part one: what each check says of the lesson, and what of the answer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use harness::process::BOUND;
use support::{Checked, State, exercise};

/// Sends `message`, and reads until the server closes.
fn exchange(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let mut client = TcpStream::connect(server)?;
    client.set_read_timeout(Some(BOUND))?;
    client.write_all(message)?;
    let mut echo = Vec::new();
    client.read_to_end(&mut echo)?;
    Ok(echo)
}

fn lesson() -> State {
    State::lesson("part-one-server", "part-one-server")
}

#[test]
fn exercise_4_a_server_that_stays() {
    exercise(
        &lesson(),
        "client 2 of 10",
        &State::answer(env!("CARGO_BIN_EXE_part-one-4")),
        |server| -> Checked {
            let (server, address) = server.serve()?;
            for client in 1..=10 {
                let echo =
                    exchange(address, b"hello").map_err(|error| format!("client {client} of 10: {error}"))?;
                assert_eq!(echo, b"hello");
                // The client has read the end of the stream: the server has closed its descriptor.
                if std::fs::exists(format!("/proc/{}/fd/4", server.id()))? {
                    return Err(format!("after client {client} descriptor 4 is still open").into());
                }
            }
            Ok(())
        },
    );
}
