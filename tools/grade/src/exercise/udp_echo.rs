//! A UDP server that sends every datagram back to whom it came from.

use std::net::SocketAddr;

use lab::error::{Error, Result};
use nix::sys::socket::sockopt::ReuseAddr;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket};
use std::os::fd::AsRawFd;

use super::datagrams::{self, echo};
use crate::bench::Bench;
use crate::check::{Check, Exercise, Ready, Transport};
use crate::fault::{Fault, Judged, fault};
use crate::kernel;
use crate::page::page;
use crate::peer::Peer;
use crate::program::{Place, ending};

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "udp-echo",
    about: "a UDP server that sends every datagram back to whom it came from",
    transport: Transport::Udp,
    serves: true,
    ready,
    levels: &["starts", "datagrams", "clients", "keeps"],
    checks: &CHECKS,
};

const CHECKS: [Check; 11] = [
    Check {
        id: "listens",
        level: 1,
        title: "it takes datagrams at the address that it was given, and only there",
        page: page("docs/part-two.md", "The server waits"),
        judge: listens,
    },
    Check {
        id: "one-datagram",
        level: 1,
        title: "a datagram comes back",
        page: page("docs/part-two.md", "One message, two packets"),
        judge: |bench| {
            bench.running()?;
            let mut peer = connect(bench)?;
            echo(bench, &mut peer, b"hello")
        },
    },
    Check {
        id: "three-datagrams",
        level: 2,
        title: "three datagrams that wait together come back as three",
        page: page("docs/part-two.md", "Boundaries"),
        judge: |bench| datagrams::three(bench, connect),
    },
    Check {
        id: "empty",
        level: 2,
        title: "a datagram without a byte comes back, and is no end of anything",
        page: page("docs/part-two.md", "Every size"),
        judge: |bench| datagrams::empty(bench, connect),
    },
    Check {
        id: "binary",
        level: 2,
        title: "bytes that are no text come back",
        page: page("docs/part-one-failures.md", "Bytes that are not text"),
        judge: |bench| datagrams::binary(bench, connect),
    },
    Check {
        id: "large",
        level: 2,
        title: "datagrams of 1,500, 9,000 and 65,507 bytes come back whole",
        page: page("docs/part-two-failures.md", "The buffer is too small"),
        judge: |bench| datagrams::large(bench, connect, &[1500, 9000, 65_507]),
    },
    Check {
        id: "two-clients",
        level: 3,
        title: "two clients that take turns each get their own answers",
        page: page("docs/part-two.md", "One socket, two clients"),
        judge: |bench| datagrams::two_clients(bench, connect),
    },
    Check {
        id: "client-gone",
        level: 3,
        title: "a client that is gone before its answer ends nobody else",
        page: page("docs/part-two-failures.md", "Nobody listens"),
        judge: |bench| datagrams::client_gone(bench, connect),
    },
    Check {
        id: "port-taken",
        level: 4,
        title: "if the address is taken, it says so on standard error and ends with another status than 0",
        page: page("docs/part-two-failures.md", "Two servers on one port"),
        judge: port_taken,
    },
    Check {
        id: "at-rest",
        level: 4,
        title: "while nobody speaks it sleeps",
        page: page("docs/part-two.md", "A server that stays"),
        judge: |bench| datagrams::at_rest(bench, connect),
    },
    Check {
        id: "sigterm",
        level: 4,
        title: "SIGTERM ends it",
        page: page("docs/part-two.md", "A server that stays"),
        judge: |bench| datagrams::sigterm(bench, connect),
    },
];

/// Whether somebody takes datagrams at the place, or at every address with its port.
pub(super) fn ready(place: &Place) -> Result<Ready> {
    let takers: Vec<SocketAddr> =
        kernel::udp()?.into_iter().filter(|row| row.peer.port() == 0).map(|row| row.local).collect();
    let fits = |local: &SocketAddr| {
        local.port() == place.address.port()
            && (local.ip() == place.address.ip() || local.ip().is_unspecified())
    };
    match takers.first() {
        _ if takers.iter().any(fits) => Ok(Ready::Yes),
        Some(other) => Ok(Ready::Elsewhere(other.to_string())),
        None => Ok(Ready::NotYet),
    }
}

pub(super) fn connect(bench: &mut Bench<'_>) -> Judged<Peer> {
    let from = bench.next_address();
    Ok(Peer::udp(from, bench.place.address)?)
}

fn listens(bench: &mut Bench<'_>) -> Judged {
    bench.running()?;
    bench.settle()?;
    let wanted = bench.place.address;
    let other = kernel::udp()?.into_iter().map(|row| row.local).find(|local| *local != wanted);
    match other {
        None => Ok(()),
        Some(other) if other.ip().is_unspecified() => fault(format!(
            "Your program takes datagrams at {other}, which is every address that this machine has. It was given \
             {wanted}; bind to that."
        )),
        Some(other) => {
            fault(format!("Your program takes datagrams at {other}, too. It was given {wanted} alone."))
        }
    }
}

/// UDP shares an address among all that set `SO_REUSEADDR`, so the one who has it first sets it here.
fn port_taken(bench: &mut Bench<'_>) -> Judged {
    bench.fresh_network()?;
    let address = bench.place.address;
    let doing = |errno| Error::of(format!("bind {address}"), errno);
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let first = socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).map_err(doing)?;
    setsockopt(&first, ReuseAddr, &true).map_err(doing)?;
    bind(first.as_raw_fd(), &SockaddrStorage::from(address)).map_err(doing)?;
    bench.launch_here()?;
    let shared = |_: &mut Bench<'_>| Ok(kernel::udp()?.len() > 1);
    // A start takes long on a busy machine; one that rests before is given up at once.
    let limit = bench.limits().compile;
    bench.until_within(limit, shared)?;
    if shared(bench)? {
        return fault(format!(
            "Another server has {address}, and your program could bind it all the same: with SO_REUSEADDR two UDP sockets \
             share one address, and of two servers only the last one gets the datagrams. For UDP leave the option out."
        ));
    }
    let Some(status) = bench.ends_within(bench.limits().wait)? else {
        return fault(format!(
            "The address {address} was taken, and your program goes on running, although nobody can reach it. bind gives \
             EADDRINUSE: say so on standard error, and end with another status than 0."
        ));
    };
    let how = ending(status);
    if status.success() {
        return fault(format!(
            "The address {address} was taken, and your program ended with {how}, which means success: end with another."
        ));
    }
    if bench.said().trim().is_empty() {
        return Err(Fault::new(format!(
            "The address {address} was taken, and your program ended with {how} without a word on standard error. Say \
             which call failed, on what, and why: bind {address}: EADDRINUSE."
        ))
        .into());
    }
    Ok(())
}
