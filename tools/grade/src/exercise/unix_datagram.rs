//! A server of datagrams in the Unix domain: each goes back to the name from which it came.

use std::path::Path;

use super::datagrams::{self, echo};
use super::unix;
use crate::bench::Bench;
use crate::check::{Check, Exercise, Transport};
use crate::fault::{Judged, fault};
use crate::page::page;
use crate::peer::Peer;

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "unix-datagram",
    about: "a server of datagrams in the Unix domain that sends each back to the name it came from",
    transport: Transport::UnixDatagram,
    serves: true,
    ready: unix::takes_datagrams,
    levels: &["starts", "path", "datagrams", "clients", "keeps"],
    checks: &CHECKS,
};

const CHECKS: [Check; 15] = [
    Check {
        id: "listens",
        level: 1,
        title: "it takes datagrams at the path that it was given",
        page: page("docs/part-three-datagrams.md", "Datagrams"),
        judge: |bench| bench.running(),
    },
    Check {
        id: "one-datagram",
        level: 1,
        title: "a datagram comes back",
        page: page("docs/part-three-datagrams.md", "Datagrams"),
        judge: |bench| {
            bench.running()?;
            let mut peer = connect(bench)?;
            echo(bench, &mut peer, b"hello")
        },
    },
    Check {
        id: "stale",
        level: 2,
        title: "a file that an earlier run has left is replaced",
        page: page("docs/part-three-failures.md", "The file of a server that is gone"),
        judge: unix::stale,
    },
    Check {
        id: "live",
        level: 2,
        title: "the file of a server that lives stays",
        page: page("docs/part-three-failures.md", "A server answers there"),
        judge: unix::live,
    },
    Check {
        id: "regular-file",
        level: 2,
        title: "a file that is no socket stays",
        page: page("docs/part-three-failures.md", "Something that is no socket"),
        judge: unix::regular_file,
    },
    Check {
        id: "mode",
        level: 2,
        title: "not every user of the machine may send to it",
        page: page("docs/part-three-failures.md", "A socket that is not for you"),
        judge: unix::mode,
    },
    Check {
        id: "three-datagrams",
        level: 3,
        title: "three datagrams that wait together come back as three",
        page: page("docs/part-two.md", "Boundaries"),
        judge: |bench| datagrams::three(bench, connect),
    },
    Check {
        id: "empty",
        level: 3,
        title: "a datagram without a byte comes back, and is no end of anything",
        page: page("docs/part-two.md", "Every size"),
        judge: |bench| datagrams::empty(bench, connect),
    },
    Check {
        id: "binary",
        level: 3,
        title: "bytes that are no text come back",
        page: page("docs/part-one-failures.md", "Bytes that are not text"),
        judge: |bench| datagrams::binary(bench, connect),
    },
    Check {
        id: "large",
        level: 3,
        title: "datagrams of 1,500, 9,000 and 65,507 bytes come back whole",
        page: page("docs/part-two-failures.md", "The buffer is too small"),
        judge: |bench| datagrams::large(bench, connect, &[1500, 9000, 65_507]),
    },
    Check {
        id: "two-clients",
        level: 4,
        title: "two clients that take turns each get their own answers",
        page: page("docs/part-three-datagrams.md", "Datagrams"),
        judge: |bench| datagrams::two_clients(bench, connect),
    },
    Check {
        id: "unnamed-client",
        level: 4,
        title: "a client without a name cannot be answered, and ends nobody else",
        page: page("docs/part-three-failures.md", "A datagram from nobody"),
        judge: unnamed,
    },
    Check {
        id: "client-gone",
        level: 4,
        title: "a client that is gone before its answer ends nobody else",
        page: page("docs/part-three-failures.md", "A client that does not wait"),
        judge: |bench| datagrams::client_gone(bench, connect),
    },
    Check {
        id: "at-rest",
        level: 5,
        title: "while nobody speaks it sleeps",
        page: page("docs/part-two.md", "A server that stays"),
        judge: |bench| datagrams::at_rest(bench, connect),
    },
    Check {
        id: "sigterm",
        level: 5,
        title: "SIGTERM ends it, and its file goes with it",
        page: page("docs/part-three.md", "The file"),
        judge: unix::sigterm,
    },
];

/// Each client has a name of its own beside the server's.
fn connect(bench: &mut Bench<'_>) -> Judged<Peer> {
    let number = bench.next_address().port();
    let name = bench.scratch.join(format!("client-{number}"));
    // An earlier client of that name is gone, and has left its file.
    let _ = std::fs::remove_file(&name);
    reach(bench, Some(&name))
}

/// A client that is connected to the program, if that is there.
fn reach(bench: &mut Bench<'_>, name: Option<&Path>) -> Judged<Peer> {
    match Peer::unix(name, &bench.place.path) {
        Ok(peer) => Ok(peer),
        Err(error) => {
            // It is about to end, or stays without a socket.
            bench.until(|_| Ok(false))?;
            bench.lives()?;
            fault(format!("Your program runs, and its socket is gone: {}.", error.whole()))
        }
    }
}

fn unnamed(bench: &mut Bench<'_>) -> Judged {
    bench.running()?;
    let mut other = connect(bench)?;
    echo(bench, &mut other, b"another client")?;
    let mut nobody = reach(bench, None)?;
    bench.moment = "after a datagram of a client without a name";
    datagrams::send(bench, &mut nobody, b"no name")?;
    bench.settle()?;
    bench.lives()?;
    echo(bench, &mut other, b"the other client goes on")
}
