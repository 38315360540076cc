//! The exercises of part one: what each check says of the lesson, and what of the answer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

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
fn exercise_1_another_port() {
    if !harness::private::network("exercise_1_another_port", &[]) {
        return;
    }
    exercise(&lesson(), "the port is 6797", &lesson().with(&["127.0.0.1:0"]), |server| -> Checked {
        let mut server = server.start(&[])?;
        let address = server.wait_for_address("Socket bound to address: ")?;
        server.wait_for("Listening")?;
        assert_eq!(exchange(address, b"hello")?, b"hello");
        match address.port() {
            0 => Err("the server does not say which port it got".into()),
            6797 => Err("the port is 6797, not one that the kernel chose".into()),
            _ => Ok(()),
        }
    });
}

#[test]
fn exercise_2_ipv6() {
    if !harness::private::network("exercise_2_ipv6", &[]) {
        return;
    }
    exercise(&lesson(), "is no address of IPv6", &lesson().with(&["[::1]:6797"]), |server| -> Checked {
        let mut server = server.start(&[])?;
        let address = server.wait_for_address("Socket bound to address: ")?;
        server.wait_for("Listening")?;
        let client = State::lesson("part-one-client", "part-one-client");
        let client = client.start(&[&address.to_string(), "hello"])?.end()?;
        assert!(client.status.success(), "{client:?}");
        if client.lines.iter().any(|line| line.starts_with("Connected from [::1]:")) {
            return Ok(());
        }
        Err(format!("{address} is no address of IPv6").into())
    });
}

#[test]
#[cfg(target_os = "linux")]
fn exercise_3_who_closes_first() {
    if !harness::private::network("exercise_3_who_closes_first", &[]) {
        return;
    }
    // What is tried is a client: one that reads the end of the stream, and one that makes it.
    let waits: fn(TcpStream) = |mut client| {
        client.write_all(b"hello").unwrap();
        client.read_to_end(&mut Vec::new()).unwrap();
    };
    exercise(&waits, "TIME-WAIT is on the server's port", &(drop as fn(TcpStream)), |client| -> Checked {
        let (server, address) = lesson().serve()?;
        client(TcpStream::connect(address)?);
        server.end()?;
        // The table of /proc/net/tcp: state 06 is TIME_WAIT, and a port is in hexadecimal.
        let table = std::fs::read_to_string("/proc/self/net/tcp")?;
        let resting = |side: usize| {
            let port = format!(":{:04X}", address.port());
            table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).any(|row| {
                row.get(3) == Some(&"06") && row.get(side).is_some_and(|address| address.ends_with(&port))
            })
        };
        match (resting(1), resting(2)) {
            (false, true) => Ok(()),
            (true, false) => Err("TIME-WAIT is on the server's port".into()),
            other => Err(format!("TIME-WAIT on the server's side and on the client's: {other:?}").into()),
        }
    });
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
                // Of a server that has ended, the kernel shows no descriptors.
                if std::fs::exists(format!("/proc/{}/fd/4", server.id())).unwrap_or(false) {
                    return Err(format!("after client {client} descriptor 4 is still open").into());
                }
            }
            Ok(())
        },
    );
}

#[test]
fn exercise_5_the_whole_line() {
    let answer = State::answer(env!("CARGO_BIN_EXE_part-one-5"));
    exercise(&lesson(), "\"Hello\" came back", &answer, |server| -> Checked {
        let (_server, address) = server.serve()?;
        let mut client = TcpStream::connect(address)?;
        client.write_all(b"Hello")?;
        client.shutdown(Shutdown::Write)?;
        let mut echo = String::new();
        client.read_to_string(&mut echo)?;
        if !echo.is_empty() {
            return Err(format!("{echo:?} came back, and there was no line feed").into());
        }

        let (mut server, address) = server.serve()?;
        let mut client = TcpStream::connect(address)?;
        client.write_all(b"Hel")?;
        server.wait_for("received 3 bytes")?;
        client.write_all(b"lo\n")?;
        client.read_to_string(&mut echo)?;
        if echo != "Hello\n" {
            return Err(format!("{echo:?} came back for Hel and lo").into());
        }
        Ok(())
    });
}

#[test]
#[cfg(target_os = "linux")]
fn failures_exercise_1_count_the_seconds() {
    let answer = State::answer(env!("CARGO_BIN_EXE_part-one-failures-1"));
    exercise(&lesson(), "the port did not rest", &answer, |server| -> Checked {
        let (first, address) = server.serve()?;
        assert_eq!(exchange(address, b"hello")?, b"hello");
        first.end()?;
        // The kernel counts the minute down: nobody here waits for its end.
        let mut second = server.start(&[&address.to_string()])?;
        match second.wait_for("Listening") {
            Ok(_) => Err("the port did not rest".into()),
            Err(error) if error.to_string().contains("EADDRINUSE") => Ok(()),
            Err(error) => Err(error.into()),
        }
    });
}

#[test]
#[cfg(target_os = "linux")]
fn failures_exercise_2_three_outcomes() {
    if !harness::private::network("failures_exercise_2_three_outcomes", &[]) {
        return;
    }
    let client = State::lesson("part-one-client", "part-one-client");
    // What is tried is an address. A private network has no route to the first; at the others nobody listens.
    for answer in ["127.0.0.1:1", "127.0.0.1:0"] {
        exercise(&"192.0.2.1:6797", "ENETUNREACH", &answer, |address: &&str| -> Checked {
            let ended = client.start(&[address])?.end()?;
            match ended.errors {
                errors if errors.contains("ECONNREFUSED") => Ok(()),
                errors => Err(format!("no RST came back: {errors}").into()),
            }
        });
    }
}

#[test]
fn failures_exercise_3_repair_the_1024() {
    let answer = State::answer(env!("CARGO_BIN_EXE_part-one-failures-3"));
    exercise(&lesson(), "of 3000 bytes", &answer, |server| -> Checked {
        let (_server, address) = server.serve()?;
        let mut client = TcpStream::connect(address)?;
        client.write_all(&[0; 3000])?;
        // Where the RST of the lesson is quicker, there is nothing left to shut down.
        let shut = client.shutdown(Shutdown::Write);
        let mut echo = Vec::new();
        let ended = client.read_to_end(&mut echo).and(shut);
        if echo.len() < 3000 || ended.is_err() {
            return Err(format!("{} of 3000 bytes came back: {ended:?}", echo.len()).into());
        }
        Ok(())
    });
}

#[test]
fn failures_exercise_4_a_time_limit() {
    let answer = State::answer(env!("CARGO_BIN_EXE_part-one-failures-4"));
    exercise(&lesson(), "still waits", &answer, |server| -> Checked {
        let (server, address) = server.serve()?;
        let mut client = TcpStream::connect(address)?;
        client.set_read_timeout(Some(std::time::Duration::from_secs(12)))?;
        match client.read(&mut [0; 1]) {
            Ok(0) => {}
            other => return Err(format!("after twelve seconds the server still waits: {other:?}").into()),
        }
        let ended = server.end()?;
        assert!(ended.errors.contains("said nothing for ten seconds"), "{}", ended.errors);
        Ok(())
    });
}
