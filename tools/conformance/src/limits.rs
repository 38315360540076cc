//! `--idle`, `--most`, and a machine that has no descriptor left.

#![expect(missing_docs, reason = "the names say what is tested")]

use std::io::ErrorKind::{self, Interrupted, TimedOut, WouldBlock};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use harness::process::{BOUND, Process};

use crate::server::{Design, exchange, read_to_end, whole};

pub fn idle_closes_the_silent(design: &Design) {
    let mut server = design.start(&["--idle", "1"]);
    let mut silent = server.served();
    let begun = Instant::now();
    assert_eq!(read_to_end(&mut silent), b"");
    assert!(begun.elapsed() >= Duration::from_millis(900), "closed after {:?}", begun.elapsed());
    server.process.wait_for("warning: Client lost: ").unwrap();
    assert_eq!(whole(server.client(), b"the next"), b"the next");
    let _ = server.stop();
}

pub fn idle_closes_who_does_not_read(design: &Design) {
    let mut server = design.start(&["--idle", "1"]);
    let mut client = server.served();
    // It sends as long as there is room, sleeps in send, and ends when it is closed.
    let writer = thread::spawn(move || while client.write(&[b'x'; 16_384]).is_ok() {});
    server.process.wait_for("warning: Client lost: ").unwrap();
    writer.join().unwrap();
    assert_eq!(whole(server.client(), b"the next"), b"the next");
    let _ = server.stop();
}

/// It speaks for longer than a silent client would live, with pauses shorter than that: each is the other's clock.
pub fn idle_spares_who_speaks(design: &Design) {
    if design.at_once < 2 {
        return;
    }
    let server = design.start(&["--idle", "2"]);
    let (mut speaks, mut silent) = (server.served(), server.served());
    silent.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    loop {
        exchange(&mut speaks, b"still there");
        match silent.read(&mut [0]) {
            Ok(0) => break,
            // Interrupted: this process was frozen and thawed.
            Err(error) if matches!(error.kind(), WouldBlock | TimedOut | Interrupted) => {}
            other => panic!("the silent client got {other:?}"),
        }
    }
    exchange(&mut speaks, b"still there");
    let _ = server.stop();
}

pub fn most_leaves_the_next_in_the_queue(design: &Design) {
    let most = design.at_once.min(2);
    let mut server = design.start(&["--most", &most.to_string()]);
    let mut present: Vec<_> = (0..most).map(|_| server.served()).collect();
    if design.at_once > 1 {
        server.process.wait_for(&format!("{most} clients at a time: ")).unwrap();
    }
    // Connected, as far as its kernel knows, and it has sent; the server must not have it.
    let mut next = server.client();
    next.write_all(b"my turn?").unwrap();
    for client in &mut present {
        exchange(client, b"mine");
    }
    next.set_nonblocking(true).unwrap();
    assert_eq!(next.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    next.set_nonblocking(false).unwrap();
    drop(present.pop());
    let mut echo = [0; 8];
    next.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"my turn?");
    let _ = server.stop();
}

/// The server pauses, does not spin, and loses nobody.
pub fn no_descriptor_left(design: &Design) {
    if design.at_once < 2 {
        return;
    }
    let free = design.start(&[]);
    let client = free.served();
    free.settle();
    let limit = free.next_descriptor();
    drop(client);
    let _ = free.stop();
    // In a shell `ulimit -n` sets both limits, so the server cannot raise it again.
    let mut server = design.start_under(&format!("ulimit -n {limit}"), &[]);
    let first = server.served();
    let mut waiting: Vec<_> = (0..3).map(|_| server.client()).collect();
    for client in &mut waiting {
        client.write_all(b"and I?").unwrap();
    }
    server.process.wait_for("warning: accept: ").unwrap();
    // For longer than a second, in which it may try again, nobody is served, and it does not work.
    let worked = server.cpu();
    let last = waiting.last_mut().unwrap();
    last.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
    assert!(last.read(&mut [0]).is_err(), "a client is served without a descriptor");
    last.set_read_timeout(Some(BOUND)).unwrap();
    let worked = server.cpu().saturating_sub(worked);
    // Two or three tries are far below it; a server that spins is above it, also where many others want the processor.
    assert!(worked < Duration::from_millis(30), "it worked for {worked:?} meanwhile");
    drop(first);
    for mut client in waiting {
        let mut echo = [0; 6];
        client.read_exact(&mut echo).unwrap();
        assert_eq!(&echo, b"and I?");
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_to_end(&mut client), b"");
    }
    assert_eq!(server.stop().0, 4);
}

pub fn an_address_in_use(design: &Design) {
    let server = design.start(&[]);
    let mut arguments = design.arguments.to_vec();
    let address = server.address.to_string();
    arguments.push(&address);
    let second = Process::start(design.program, &arguments).unwrap().end().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(second.errors.contains(&format!("bind {address}: EADDRINUSE")), "{}", second.errors);
    let _ = server.stop();
}

pub fn arguments(design: &Design) {
    for (wrong, named) in [
        (&["--most", "0"][..], "--most"),
        (&["--idle", "soon"], "--idle"),
        (&["--loudly"], "--loudly"),
        (&["localhost"], "localhost"),
        (&["127.0.0.1:0", "127.0.0.1:0"], "127.0.0.1:0"),
    ] {
        let arguments = [design.arguments, wrong].concat();
        let ended = Process::start(design.program, &arguments).unwrap().end().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{wrong:?}: {ended:?}");
        assert!(ended.errors.contains(named) && ended.errors.contains("--help"), "{}", ended.errors);
    }
    let help = Process::start(design.program, &["--help"]).unwrap().end().unwrap();
    let text = help.lines.join("\n");
    assert_eq!(help.status.code(), Some(0));
    for option in
        design.arguments.iter().filter(|word| word.starts_with("--")).chain(&["--most", "--idle", "ADDR"])
    {
        assert!(text.contains(option), "{option} is not in\n{text}");
    }
}
