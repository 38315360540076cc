//! The exercises of part six: what each check says of the lesson, and what of the answer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use harness::process::{BOUND, Process, built};
use support::{Checked, State, exercise};

fn lesson(program: &str) -> State {
    State::lesson("part-six-connections", program)
}

/// A client that has had one echo.
fn served(address: SocketAddr) -> std::io::Result<TcpStream> {
    let mut client = TcpStream::connect(address)?;
    client.set_read_timeout(Some(BOUND))?;
    client.write_all(b"x")?;
    client.read_exact(&mut [0])?;
    Ok(client)
}

fn crowd(address: SocketAddr, arguments: &[&str]) -> std::io::Result<harness::process::Ended> {
    let program = built("part-six-connections", "crowd")?;
    let address = address.to_string();
    Process::start(program.to_str().unwrap(), &[arguments, &[&address]].concat())?.end()
}

/// What is tried is a guess: which design has how many threads while four clients are connected.
#[test]
fn exercise_1_which_one_is_it() {
    let threads = |program: &str| -> usize {
        let (server, address) = lesson(program).serve().unwrap();
        let _clients: Vec<TcpStream> = (0..4).map(|_| served(address).unwrap()).collect();
        std::fs::read_dir(format!("/proc/{}/task", server.id())).unwrap().count()
    };
    let seen = [threads("many-threads"), threads("many-poll"), threads("many-epoll")];
    exercise(&[1, 1, 1], "many-threads has 6 threads", &[6, 1, 1], |guess: &[usize; 3]| -> Checked {
        if guess[0] == seen[0] && *guess == seen {
            Ok(())
        } else {
            Err(format!(
                "many-threads has {} threads, many-poll {}, many-epoll {}",
                seen[0], seen[1], seen[2]
            )
            .into())
        }
    });
}

#[test]
fn exercise_2_how_wide_is_a_step() {
    let answer = lesson("many-pool").with(&["--workers", "3"]);
    exercise(&lesson("many-pool"), "another picture", &answer, |server| -> Checked {
        let (_server, address) = server.serve()?;
        let ended = crowd(address, &["--clients", "5", "--messages", "2", "--tick", "400"])?;
        let rows: Vec<&str> = ended.lines.iter().filter_map(|line| line.strip_prefix("client  ")).collect();
        if rows == ["1 ##|", "2 ##|", "3 ##|", "4 .##|", "5 .##|"] {
            Ok(())
        } else {
            Err(format!("another picture: {rows:?}").into())
        }
    });
}

#[test]
fn exercise_3_busy() {
    let answer = State::answer(env!("CARGO_BIN_EXE_part-six-3")).with(&["--most", "2"]);
    exercise(
        &lesson("many-threads").with(&["--most", "2"]),
        "is left waiting",
        &answer,
        |server| -> Checked {
            let (_server, address) = server.serve()?;
            let present = [served(address)?, served(address)?];
            let mut third = TcpStream::connect(address)?;
            third.set_read_timeout(Some(Duration::from_secs(1)))?;
            let mut said = String::new();
            match third.read_to_string(&mut said) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err("the third client is left waiting".into());
                }
                result => result?,
            };
            assert_eq!(said, "busy\n");
            drop(present);
            Ok(())
        },
    );
}

#[test]
fn failures_exercise_1_a_byte_each_half_second() {
    let answer = State::answer(env!("CARGO_BIN_EXE_part-six-failures-1"));
    exercise(
        &lesson("many-iterative").with(&["--idle", "1"]),
        "still served",
        &answer,
        |server| -> Checked {
            let (_server, address) = server.serve()?;
            let mut loris = served(address)?;
            loris.set_read_timeout(Some(Duration::from_millis(500)))?;
            let begun = Instant::now();
            loop {
                // Closed or reset is what it is to come to; its own pace is the half second that nothing else comes.
                let _ = loris.write_all(b"x");
                let mut echo = [0; 2];
                match loris.read(&mut echo) {
                    Ok(0) => break,
                    Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                    Ok(_) | Err(_) => {}
                }
                let _ = loris.read(&mut echo);
                if begun.elapsed() > Duration::from_secs(6) {
                    return Err("after six seconds the loris is still served".into());
                }
            }
            served(address)?;
            Ok(())
        },
    );
}

#[test]
fn failures_exercise_2_which_loris() {
    for answer in [&["--workers", "4"][..], &["--workers", "3", "--idle", "1"]] {
        let answer = lesson("many-pool").with(answer);
        exercise(&lesson("many-pool").with(&["--workers", "3"]), "no echo", &answer, |server| -> Checked {
            let (_server, address) = server.serve()?;
            let _lorises: Vec<TcpStream> = (0..3).map(|_| served(address)).collect::<Result<_, _>>()?;
            let ended = crowd(address, &["--clients", "1", "--messages", "1", "--tick", "60"])?;
            if ended.status.success() { Ok(()) } else { Err(ended.errors.into()) }
        });
    }
}
