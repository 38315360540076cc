//! A UDP client: one datagram, and an answer that may never come, or come from somebody else.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use lab::error::Error;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::clients::{gives_up_at_last, said, succeeds};
use crate::bench::Bench;
use crate::check::{Check, Exercise, Transport};
use crate::fault::{How, Judged, fault};
use crate::page::page;
use crate::wait::pause;

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "udp-client",
    about: "a UDP client that sends MESSAGE to an echo server and prints what comes back",
    transport: Transport::Udp,
    serves: false,
    // The program comes to us: nobody waits until it listens.
    ready: super::listens,
    levels: &["asks", "faults", "loss"],
    checks: &[
        Check {
            id: "one-answer",
            level: 1,
            title: "it sends its message as it is, prints the answer, and ends",
            page: page("docs/part-two.md", "The client"),
            judge: |bench| {
                let mut server = Server::start(bench)?;
                let client = server.asked(bench)?;
                server.answer(client)?;
                succeeds(bench, MESSAGE)
            },
        },
        Check {
            id: "silent-server",
            level: 2,
            title: "a server that never answers does not hold it for ever",
            page: page("docs/part-two.md", "The client"),
            judge: |bench| {
                let mut server = Server::start(bench)?;
                server.asked(bench)?;
                gives_up_at_last(bench, "The server has the message and answers nothing")
            },
        },
        Check {
            id: "stranger",
            level: 2,
            title: "what somebody else sends is no answer",
            page: page("docs/part-two-failures.md", "The answer comes from somebody else"),
            judge: stranger,
        },
        Check {
            id: "nobody",
            level: 2,
            title: "where nobody is it says so, and why",
            page: page("docs/part-two-failures.md", "Nobody listens"),
            judge: nobody,
        },
        Check {
            id: "lost",
            level: 3,
            title: "a message that is lost is sent again",
            page: page("docs/part-two-loss.md", "Loss"),
            judge: lost,
        },
    ],
};

const MESSAGE: &str = "Hello from the grader";

/// The grader's end.
pub(super) struct Server(UdpSocket);

impl Server {
    /// Waits for datagrams at the place, and starts the program.
    pub(super) fn start(bench: &mut Bench<'_>) -> Judged<Self> {
        bench.fresh_network()?;
        MESSAGE.clone_into(&mut bench.place.message);
        let address = bench.place.address;
        let doing = |error| Error::of(format!("bind {address}"), error);
        let socket = UdpSocket::bind(address).map_err(doing)?;
        socket.set_nonblocking(true).map_err(doing)?;
        bench.launch_here()?;
        Ok(Self(socket))
    }

    /// One datagram, if one has come, and from whom.
    pub(super) fn take(&self) -> Judged<Option<(Vec<u8>, SocketAddr)>> {
        let mut buffer = vec![0; 65_536];
        match self.0.recv_from(&mut buffer) {
            Ok((length, from)) => Ok(Some((buffer.get(..length).unwrap_or_default().to_vec(), from))),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionRefused) => {
                Ok(None)
            }
            Err(error) => Err(Error::of("recvfrom", error).into()),
        }
    }

    /// Waits until the message has come; from whom.
    fn asked(&mut self, bench: &mut Bench<'_>) -> Judged<SocketAddr> {
        let mut came = None;
        // A start takes long on a busy machine; one that rests before is given up at once.
        let limit = bench.limits().compile;
        let how = bench.until_within(limit, |_| {
            came = self.take()?;
            Ok(came.is_some())
        })?;
        match came {
            Some((bytes, from)) if bytes == MESSAGE.as_bytes() => Ok(from),
            Some((bytes, _)) => fault(format!(
                "Your program sent a datagram of {} bytes, and the message has {}. It stands in MESSAGE, and in place of \
                 {{message}} in a word of your command; send it as it is, in one datagram.",
                bytes.len(),
                MESSAGE.len()
            )),
            None => fault(format!(
                "Your program {} and has sent nothing to {}{}. The address stands in the environment (ADDR, or HOST and \
                 PORT), and in place of {{addr}} in a word of your command.",
                if how == How::Exit { "ended" } else { "runs" },
                self.0.local_addr().map_or_else(|_| String::new(), |address| address.to_string()),
                said(bench)
            )),
        }
    }

    fn answer(&self, client: SocketAddr) -> Judged {
        self.send(MESSAGE.as_bytes(), client)
    }

    pub(super) fn send(&self, bytes: &[u8], client: SocketAddr) -> Judged {
        match self.0.send_to(bytes, client) {
            // An earlier one came to a client that had gone.
            Err(error) if error.kind() != ErrorKind::ConnectionRefused => {
                Err(Error::of(format!("sendto {client}"), error).into())
            }
            _ => Ok(()),
        }
    }

    /// Waits a moment for something to come.
    pub(super) fn wait(&self) {
        // That nothing has come is found by who takes it.
        let _ = poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], PollTimeout::from(5_u8));
    }
}

fn lost(bench: &mut Bench<'_>) -> Judged {
    let mut server = Server::start(bench)?;
    server.asked(bench)?;
    // The first one is lost, as far as the program can tell. It sleeps on a clock, so no silence is a verdict.
    let mut again = None;
    let limit = bench.limits().start;
    let begun = std::time::Instant::now();
    while again.is_none() && begun.elapsed() < limit {
        bench.go_on()?;
        again = server.take()?;
        if again.is_none() && bench.program().is_none_or(|program| program.ended().is_some()) {
            return fault(format!(
                "The message was lost on its way, and your program gave up after one try{}. Nobody sends a datagram again \
                 but you: when no answer comes in time, send it once more, a few times.",
                said(bench)
            ));
        }
        pause(begun);
    }
    let Some((_, client)) = again else {
        return fault(format!(
            "The message was lost on its way, and in {} seconds your program did not send it again. Give recvfrom a time \
             limit, and send once more when it is over.",
            limit.as_secs_f64()
        ));
    };
    server.answer(client)?;
    succeeds(bench, MESSAGE)
}

fn stranger(bench: &mut Bench<'_>) -> Judged {
    let mut server = Server::start(bench)?;
    let client = server.asked(bench)?;
    let from = bench.next_address();
    let doing = |error| Error::of(format!("bind {from}"), error);
    let stranger = UdpSocket::bind(from).map_err(doing)?;
    // A connected socket does not take it: then the kernel says so to the stranger, which is as it should be.
    let _ = stranger.send_to(b"a stranger's words", client);
    bench.settle()?;
    if bench.program().is_none_or(|program| program.ended().is_some_and(|status| status.success())) {
        return fault(format!(
            "Your program took a datagram from {from} for the answer, and had asked {}. recvfrom tells who has sent it: \
             compare, and go on waiting if it is somebody else. Or connect the socket; then the kernel compares.",
            bench.place.address
        ));
    }
    server.answer(client)?;
    succeeds(bench, MESSAGE)
}

fn nobody(bench: &mut Bench<'_>) -> Judged {
    bench.fresh_network()?;
    MESSAGE.clone_into(&mut bench.place.message);
    bench.launch_here()?;
    gives_up_at_last(bench, "Nobody takes datagrams at the server's address")?;
    let text = bench.said().to_lowercase();
    if ["refused", "nobody", "nothing listens", "unreachable"].iter().any(|word| text.contains(word)) {
        return Ok(());
    }
    let address = bench.place.address;
    fault(format!(
        "Nobody takes datagrams at {}, the kernel has said so with an ICMP error, and your program takes it for silence{}. \
         Connect the socket: then recv gives ECONNREFUSED.",
        address,
        said(bench)
    ))
}
