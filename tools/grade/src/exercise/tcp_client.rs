//! A TCP client: it sends a message to an echo server, and reads until all of it has come back.

use std::io::ErrorKind;
use std::net::TcpListener;

use lab::error::Error;
use lab::network;
use nix::sys::socket::{setsockopt, sockopt::RcvBuf};

use super::clients::{ended, gives_up, gives_up_at_last, said, succeeds};
use crate::bench::Bench;
use crate::check::{Check, Exercise, Transport};
use crate::client::Client;
use crate::fault::{Fault, How, Judged, fault};
use crate::page::page;
use crate::payload;

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "tcp-client",
    about: "a TCP client that sends MESSAGE to an echo server and prints what comes back",
    transport: Transport::Tcp,
    serves: false,
    // The program comes to us: nobody waits until it listens.
    ready: super::listens,
    levels: &["talks", "stream", "faults"],
    checks: &[
        Check {
            id: "one-answer",
            level: 1,
            title: "it sends its message as it is, prints the answer, and ends",
            page: page("docs/part-one.md", "The client"),
            judge: one_answer,
        },
        Check {
            id: "two-pieces",
            level: 2,
            title: "an answer in two pieces is one answer",
            page: page("docs/part-one-failures.md", "A message in two pieces"),
            judge: two_pieces,
        },
        Check {
            id: "long",
            level: 2,
            title: "a message of 100,000 bytes goes out whole",
            page: page("docs/part-one.md", "The client"),
            judge: long,
        },
        Check {
            id: "short",
            level: 3,
            title: "an answer that ends too early is an error",
            page: page("docs/part-one.md", "The client"),
            judge: |bench| {
                let (mut server, message) = meet(bench, MESSAGE)?;
                answer(bench, &mut server, message.get(..5).unwrap_or_default());
                server.close();
                gives_up(bench, "The server sent 5 of 20 bytes back, and then the end of the stream")
            },
        },
        Check {
            id: "reset",
            level: 3,
            title: "a reset in the middle of the answer is an error",
            page: page("docs/part-one-failures.md", "The peer is gone"),
            judge: |bench| {
                let (mut server, message) = meet(bench, MESSAGE)?;
                answer(bench, &mut server, message.get(..5).unwrap_or_default());
                server.reset()?;
                gives_up(bench, "The server sent 5 of 20 bytes back, and then a reset (RST)")
            },
        },
        Check {
            id: "nobody",
            level: 3,
            title: "where nobody listens it says so",
            page: page("docs/part-one-failures.md", "Nobody listens"),
            judge: |bench| {
                bench.fresh_network()?;
                MESSAGE.clone_into(&mut bench.place.message);
                bench.launch_here()?;
                gives_up(bench, "Nobody listens at the server's address: connect gives ECONNREFUSED")
            },
        },
        Check {
            id: "silent-server",
            level: 3,
            title: "a server that never answers does not hold it for ever",
            page: page("docs/part-one.md", "The client"),
            judge: |bench| {
                let (_server, _) = meet(bench, MESSAGE)?;
                gives_up_at_last(bench, "The server has the message and answers nothing")
            },
        },
    ],
};

/// Twenty bytes.
pub(super) const MESSAGE: &str = "Hello from the grade";

/// Starts the program with this message, and waits until all of it has come.
pub(super) fn meet(bench: &mut Bench<'_>, message: &str) -> Judged<(Client, Vec<u8>)> {
    bench.fresh_network()?;
    message.clone_into(&mut bench.place.message);
    let address = bench.place.address;
    let doing = |error| Error::of(format!("listen on {address}"), error);
    let listener = TcpListener::bind(address).map_err(doing)?;
    listener.set_nonblocking(true).map_err(doing)?;
    // Not much room at either end: a long message does not fit into one send.
    network::set("net.ipv4.tcp_wmem", "4096 16384 16384")?;
    setsockopt(&listener, RcvBuf, &(16 * 1024)).map_err(|errno| Error::of("setsockopt SO_RCVBUF", errno))?;
    bench.launch_here()?;

    let mut met = None;
    let kept = bench.kept();
    // A start takes long on a busy machine; one that rests before is given up at once.
    let limit = bench.limits().compile;
    let how = bench.until_within(limit, |_| match listener.accept() {
        Ok((stream, client)) => {
            met = Some(Client::accepted(stream, client, &kept)?);
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(Error::of("accept", error).into()),
    })?;
    let Some(mut server) = met else {
        let what = if how == How::Exit { "ended" } else { "runs" };
        return fault(format!(
            "Your program {what} and has not connected to {address}{}. The address stands in the environment (ADDR, or HOST \
             and PORT), and in place of {{addr}} in a word of your command.",
            said(bench)
        ));
    };
    let wanted = message.as_bytes();
    // It sends what it can before anything is read.
    bench.settle()?;
    bench.until(|_| {
        server.read();
        Ok(server.got.len() >= wanted.len() || server.how != How::Open)
    })?;
    if server.got == wanted {
        return Ok((server, wanted.to_vec()));
    }
    let sentence = if wanted.starts_with(&server.got) {
        format!(
            "{} of {} bytes of the message came. send returns how many bytes the kernel has taken; send the others as well. \
             The message stands in MESSAGE, and in place of {{message}} in a word of your command.",
            server.got.len(),
            wanted.len()
        )
    } else {
        "Your program sent something else than its message. It stands in MESSAGE, and in place of {message} in a word of your \
         command; send it as it is, without a line end of your own."
            .to_owned()
    };
    Err(Fault::new(sentence).on(bench.place.address, None).into())
}

/// Sends a part of the answer. What does not fit shows in what the program makes of it.
pub(super) fn answer(bench: &mut Bench<'_>, server: &mut Client, bytes: &[u8]) {
    let mut rest = bytes;
    let _ = bench.until(|_| {
        let taken = server.write(rest);
        rest = rest.get(taken..).unwrap_or_default();
        Ok(rest.is_empty() || server.how != How::Open)
    });
}

fn one_answer(bench: &mut Bench<'_>) -> Judged {
    let (mut server, message) = meet(bench, MESSAGE)?;
    answer(bench, &mut server, &message);
    succeeds(bench, MESSAGE)
}

fn two_pieces(bench: &mut Bench<'_>) -> Judged {
    let (mut server, message) = meet(bench, MESSAGE)?;
    let (first, second) = message.split_at_checked(7).unwrap_or((&message, &[]));
    answer(bench, &mut server, first);
    // The second piece comes when it has taken the first one and sleeps, or has ended.
    if bench.until(|_| Ok(false))? == How::Exit {
        return fault(format!(
            "Your program ended when 7 of {} bytes had come back{}. recv gives what has come so far, perhaps a piece: call it \
             until you have as many bytes as you sent, or until it returns 0.",
            message.len(),
            said(bench)
        ));
    }
    answer(bench, &mut server, second);
    let status = ended(bench, "All of the message has come back, in two pieces")?;
    if status.success() {
        return Ok(());
    }
    fault(format!(
        "All of the message has come back, in two pieces, and your program ended with {}{}.",
        crate::program::ending(status),
        said(bench)
    ))
}

fn long(bench: &mut Bench<'_>) -> Judged {
    let message = String::from_utf8_lossy(&payload::numbered(100_000)).into_owned();
    let (mut server, message) = meet(bench, &message)?;
    answer(bench, &mut server, &message);
    let status = ended(bench, "All of 100,000 bytes have come back")?;
    if status.success() {
        return Ok(());
    }
    fault(format!(
        "All of 100,000 bytes have come back, and your program ended with {}{}.",
        crate::program::ending(status),
        said(bench)
    ))
}
