//! The exercises of part seven: what each check says of the lesson, and what of the answer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use harness::process::BOUND;
use support::{Checked, State, exercise};
use tempfile::tempdir;

fn lesson() -> State {
    State::lesson("part-seven-async", "async-executor")
}

fn connect(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(BOUND)).unwrap();
    client
}

/// Sends `message`, and reads as many bytes.
fn echo(client: &mut TcpStream, message: &[u8]) -> std::io::Result<Vec<u8>> {
    client.write_all(message)?;
    let mut answer = vec![0; message.len()];
    client.read_exact(&mut answer)?;
    Ok(answer)
}

#[test]
fn exercise_1_a_timer() {
    exercise(
        &lesson(),
        "no further line",
        &State::answer(env!("CARGO_BIN_EXE_part-seven-1")),
        |server| -> Checked {
            let (mut server, address) = server.serve()?;
            let mut clients = [connect(address), connect(address)];
            for client in &mut clients {
                assert_eq!(echo(client, b"hello")?, b"hello");
            }
            server.wait_for("2 clients are here")?;
            server.wait_for("2 clients are here")?;
            drop(clients);
            server.wait_for("0 clients are here")?;
            Ok(())
        },
    );
}

#[test]
fn exercise_2_a_join() {
    exercise(
        &lesson(),
        "unexpected argument",
        &State::answer(env!("CARGO_BIN_EXE_part-seven-2")),
        |server| -> Checked {
            let mut server = server.start(&["127.0.0.1:0", "127.0.0.1:0"])?;
            let one = server.wait_for_address("Socket bound to address: ")?;
            let other = server.wait_for_address("Socket bound to address: ")?;
            server.wait_for("Listening")?;
            let (mut first, mut second) = (connect(one), connect(other));
            for _ in 0..3 {
                assert_eq!(echo(&mut first, b"one")?, b"one");
                assert_eq!(echo(&mut second, b"other")?, b"other");
            }
            let ended = server.interrupt()?;
            assert_eq!(ended.status.code(), Some(0), "{ended:?}");
            Ok(())
        },
    );
}

#[test]
fn exercise_3_a_semaphore() {
    exercise(
        &lesson(),
        "client 3 has its answer",
        &State::answer(env!("CARGO_BIN_EXE_part-seven-3")),
        |server| -> Checked {
            let (mut server, address) = server.serve()?;
            let mut clients = Vec::new();
            for _ in 0..2 {
                let mut client = connect(address);
                assert_eq!(echo(&mut client, b"hello")?, b"hello");
                clients.push(client);
            }
            let mut third = connect(address);
            // It is accepted, as the other two were.
            for _ in 0..3 {
                server.wait_for("Client connected: ")?;
            }
            third.write_all(b"and I?")?;
            for client in &mut clients {
                assert_eq!(echo(client, b"still here")?, b"still here");
            }
            third.set_read_timeout(Some(Duration::from_millis(200)))?;
            match third.read(&mut [0; 6]) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                _ => return Err("client 3 has its answer while two others are here".into()),
            }
            third.set_read_timeout(Some(BOUND))?;
            clients.pop();
            let mut answer = [0; 6];
            third.read_exact(&mut answer)?;
            assert_eq!(&answer, b"and I?");
            Ok(())
        },
    );
}

#[test]
fn exercise_4_the_receiver() {
    exercise(
        &State::lesson("part-four-frames", "frames-receiver"),
        "the second sender has no answer",
        &State::answer(env!("CARGO_BIN_EXE_part-seven-4")),
        |receiver| -> Checked {
            let folder = tempdir()?;
            let mut server = receiver.start(&["127.0.0.1:0", folder.path().to_str().unwrap()])?;
            let address = server.wait_for_address("Socket bound to address: ")?;
            server.wait_for("Listening")?;
            let (slow, fast) = (frame("slow", b"slow and whole"), frame("fast", b"fast"));
            let (mut first, mut second) = (connect(address), connect(address));
            // The first sender stops in the middle of its frame.
            let (begun, rest) = slow.split_at(slow.len() / 2);
            first.write_all(begun)?;
            second.write_all(&fast)?;
            second.shutdown(Shutdown::Write)?;
            second.set_read_timeout(Some(Duration::from_secs(2)))?;
            let mut status = [9];
            if second.read_exact(&mut status).is_err() {
                return Err("the second sender has no answer while the first one takes its time".into());
            }
            assert_eq!(status, [0]);
            assert_eq!(std::fs::read(folder.path().join("fast"))?, b"fast");
            first.write_all(rest)?;
            first.shutdown(Shutdown::Write)?;
            first.read_exact(&mut status)?;
            assert_eq!(status, [0]);
            assert_eq!(std::fs::read(folder.path().join("slow"))?, b"slow and whole");
            Ok(())
        },
    );
}

/// Part four's frame.
fn frame(name: &str, content: &[u8]) -> Vec<u8> {
    let name_length = u32::try_from(name.len()).unwrap().to_be_bytes();
    let content_length = (content.len() as u64).to_be_bytes();
    let checksum = crc32fast::hash(content).to_be_bytes();
    [&name_length[..], name.as_bytes(), &content_length, content, &checksum].concat()
}
