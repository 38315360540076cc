//! crowd: its picture tells the designs apart, and what is wrong with a server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;

use conformance::Design;
use harness::process::{Ended, Process};
use nix::sched::{CpuSet, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;

const CROWD: &str = env!("CARGO_BIN_EXE_crowd");

fn crowd(address: &str, arguments: &[&str]) -> Ended {
    Process::start(CROWD, &[arguments, &[address]].concat()).unwrap().end().unwrap()
}

fn picture(program: &'static str, arguments: &'static [&'static str]) -> Vec<String> {
    let server = Design { program, arguments, at_once: 4 }.start(&[]);
    let ended = crowd(&server.address.to_string(), &["--tick", "400"]);
    assert_eq!((ended.status.code(), ended.errors.as_str()), (Some(0), ""), "{ended:?}");
    assert_eq!(server.stop(), (4, 240));
    ended.lines.iter().filter_map(|line| line.strip_prefix("client  ").map(str::to_owned)).collect()
}

#[test]
fn a_staircase_pairs_and_a_block() {
    let iterative = picture(env!("CARGO_BIN_EXE_many-iterative"), &[]);
    assert_eq!(iterative, ["1 ###|", "2 ..###|", "3 ....###|", "4 ......###|"]);
    let pool = picture(env!("CARGO_BIN_EXE_many-pool"), &["--workers", "2"]);
    assert_eq!(pool, ["1 ###|", "2 ###|", "3 ..###|", "4 ..###|"]);
    for (program, arguments) in [
        (env!("CARGO_BIN_EXE_many-threads"), &[][..]),
        (env!("CARGO_BIN_EXE_many-poll"), &[]),
        (env!("CARGO_BIN_EXE_many-epoll"), &[]),
        (env!("CARGO_BIN_EXE_many-epoll"), &["--edge"]),
    ] {
        assert_eq!(picture(program, arguments), ["1 ###|", "2 ###|", "3 ###|", "4 ###|"], "{program}");
    }
}

#[test]
fn large_messages_and_many_clients() {
    let server = Design { program: env!("CARGO_BIN_EXE_many-epoll"), arguments: &["--edge"], at_once: 1000 }
        .start(&[]);
    let arguments = ["--clients", "100", "--messages", "2", "--size", "65536", "--tick", "50"];
    let ended = crowd(&server.address.to_string(), &arguments);
    assert_eq!((ended.status.code(), ended.errors.as_str()), (Some(0), ""), "{ended:?}");
    assert_eq!(server.stop(), (100, 100 * 2 * 65_536));
}

/// A server for one connection that does `work` with it.
fn one(work: impl FnOnce(std::net::TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || work(listener.accept().unwrap().0));
    address
}

#[test]
fn a_server_that_is_wrong() {
    let one_client = ["--clients", "1", "--tick", "50"];
    for (address, row, sentence) in [
        (
            one(|mut client| {
                let mut message = [0; 20];
                client.read_exact(&mut message).unwrap();
                client.write_all(&[b'!'; 20]).unwrap();
                let _ = client.read(&mut message);
            }),
            "client  1 .x",
            "client 1: what came back is not what was sent",
        ),
        (
            one(|mut client| {
                let mut message = [0; 20];
                client.read_exact(&mut message).unwrap();
                client.write_all(&message).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
                let _ = client.read(&mut message);
            }),
            "client  1 ",
            "client 1: the server closed after 1 of 3 echoes",
        ),
    ] {
        let ended = crowd(&address, &one_client);
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(ended.errors.contains(sentence), "{}", ended.errors);
        assert!(ended.lines.iter().any(|line| line.starts_with(row) && line.ends_with('x')), "{ended:?}");
    }
}

#[test]
fn nobody_there_and_wrong_arguments() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    for arguments in [&[][..], &["--hold"]] {
        let ended = crowd(&address, arguments);
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(ended.errors.contains(&format!("connect {address}")), "{}", ended.errors);
    }
    for wrong in [&["--clients", "0"][..], &["--size", "100000"], &["--tick", "-1"], &["--loud"]] {
        assert_eq!(crowd(&address, wrong).status.code(), Some(2), "{wrong:?}");
    }
}

/// A server that serves one client at a time cannot hold two.
#[test]
fn hold_says_how_many_are_served() {
    let server =
        Design { program: env!("CARGO_BIN_EXE_many-iterative"), arguments: &[], at_once: 1 }.start(&[]);
    let ended = crowd(&server.address.to_string(), &["--hold", "--clients", "5"]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.errors.contains("client 2 of 5: 1 are connected and served"), "{}", ended.errors);
    let _ = server.stop();
}

/// On a machine at work a server may have its processor later than the next column begins: that says nothing about it.
#[test]
fn a_server_that_waits_for_a_processor_draws_the_same_picture() {
    // All that this thread starts shares the processor on which it is; the server's share is a tenth of the others'.
    let mut one = CpuSet::new();
    one.set(sched_getcpu().unwrap()).unwrap();
    sched_setaffinity(Pid::from_raw(0), &one).unwrap();
    let server = Design { program: env!("CARGO_BIN_EXE_many-iterative"), arguments: &[], at_once: 4 }
        .start_under("renice -n 10 $$ >/dev/null", &[]);
    let busy = [(); 4].map(|()| Process::start("sh", &["-c", "while :; do :; done"]).unwrap());
    let ended = crowd(&server.address.to_string(), &["--tick", "20"]);
    drop(busy);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(
        ended.lines[1..5],
        ["client  1 ###|", "client  2 ..###|", "client  3 ....###|", "client  4 ......###|"]
    );
}
