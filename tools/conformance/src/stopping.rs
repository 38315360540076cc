//! SIGTERM and Ctrl-C, with clients in every state.

#![expect(missing_docs, reason = "the names say what is tested")]

use std::io::{Read, Write};

use nix::sys::signal::Signal;

use crate::server::{Design, fill, read_to_end, sum};

pub fn with_nobody_there(design: &Design) {
    assert_eq!(design.start(&[]).stop(), (0, 0));
}

pub fn with_somebody_silent(design: &Design) {
    let server = design.start(&[]);
    let mut clients: Vec<_> = (0..design.at_once.min(3)).map(|_| server.served()).collect();
    let count = clients.len() as u64;
    assert_eq!(server.stop(), (count, 7 * count));
    for client in &mut clients {
        assert_eq!(read_to_end(client), b"");
    }
}

/// The message and the signal are both there when the server wakes: it must not leave the message.
pub fn finishes_what_has_come(design: &Design) {
    let server = design.start(&[]);
    let mut clients: Vec<_> = (0..design.at_once.min(3)).map(|_| server.served()).collect();
    server.freeze();
    for client in &mut clients {
        client.write_all(b"in flight").unwrap();
    }
    server.process.signal(Signal::SIGTERM).unwrap();
    server.thaw();
    for client in &mut clients {
        assert_eq!(read_to_end(client), b"in flight");
    }
    let count = clients.len() as u64;
    assert_eq!(sum(&server.process.end().unwrap()), (count, count * 16));
}

/// The server has more for the client than fits anywhere; the client begins to read only after the signal.
pub fn finishes_a_long_answer(design: &Design) {
    let server = design.start(&[]);
    let mut client = server.served();
    let sent = fill(&server, &mut client);
    server.process.signal(Signal::SIGTERM).unwrap();
    let echo = read_to_end(&mut client);
    assert!(echo == sent, "{} of {} bytes came", echo.len(), sent.len());
    assert_eq!(sum(&server.process.end().unwrap()), (1, 7 + sent.len() as u64));
}

/// It never reads: the server does not wait for it for ever.
pub fn cuts_off_who_does_not_read(design: &Design) {
    let server = design.start(&[]);
    let mut client = server.served();
    let _ = fill(&server, &mut client);
    assert_eq!(server.stop().0, 1);
}

pub fn by_ctrl_c(design: &Design) {
    let server = design.start(&[]);
    let mut client = server.served();
    assert_eq!(sum(&server.process.interrupt().unwrap()), (1, 7));
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
}
