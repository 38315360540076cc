//! Part two.

use std::collections::{BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use lab::error::{Error, Result};
use nix::sys::socket::sockopt::ReuseAddr;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, setsockopt, socket};

use super::exercise;
use crate::bench::{Bench, PORT};
use crate::check::Transport;
use crate::exercise::clients::said;
use crate::exercise::udp_client::Server;
use crate::exercise::{datagrams, udp_echo};
use crate::fault::{Judged, Stop, fault};
use crate::kernel;
use crate::page::page;
use crate::payload;
use crate::program::{Program, ending};

exercise! {
    /// 1. The largest of IPv6.
    LARGEST: "part-two/1", "a datagram of 65,527 bytes comes back over IPv6",
    page("docs/part-two.md", "1. The largest of IPv6"), Transport::Udp, udp_echo::ready, largest
}

exercise! {
    /// 2. A worse network.
    WORSE_NETWORK: "part-two/2", "a client sends ten messages, half of all datagrams are lost each way, and all are answered",
    page("docs/part-two.md", "2. A worse network"), Transport::Udp, client, worse_network
}

exercise! {
    /// 3. Late is not lost.
    LATE: "part-two/3", "a client sends two messages, echoes take 800 ms, and nothing is sent twice",
    page("docs/part-two.md", "3. Late is not lost"), Transport::Udp, client, late
}

exercise! {
    /// 4. Numbered messages.
    NUMBERED: "part-two/4", "a client sends ten equal messages, gets each echo four times, and ignores 27 of them",
    page("docs/part-two.md", "4. Numbered messages"), Transport::Udp, client, numbered
}

exercise! {
    /// 5. Multicast.
    MULTICAST: "part-two/5", "what is sent to the group 239.1.2.3 comes back, beside another server as well",
    page("docs/part-two.md", "5. Multicast"), Transport::Udp, udp_echo::ready, multicast
}

fn largest(bench: &mut Bench<'_>) -> Judged {
    bench.launch_over_ipv6()?;
    let mut peer = udp_echo::connect(bench)?;
    datagrams::echo(bench, &mut peer, &payload::numbered(65_527))
}

/// Serves the program until it has ended: `answer` gets every datagram, and is asked again and again.
fn serve(
    bench: &mut Bench<'_>,
    mut answer: impl FnMut(&Server, Option<(Vec<u8>, SocketAddr)>) -> Judged,
) -> Judged {
    let server = Server::start(bench)?;
    let begun = Instant::now();
    let limit = bench.limits().compile;
    while bench.program().and_then(Program::ended).is_none() {
        bench.go_on()?;
        if begun.elapsed() > limit {
            return fault(format!("Your program still runs after {} seconds.", limit.as_secs_f64()));
        }
        let came = server.take()?;
        let none = came.is_none();
        answer(&server, came)?;
        if none {
            server.wait();
        }
    }
    // What it sent last may have come after the last look.
    while let Some(came) = server.take()? {
        answer(&server, Some(came))?;
    }
    Ok(())
}

/// The program has ended, and must have ended well.
fn went_well(bench: &mut Bench<'_>, why: &str) -> Judged {
    match bench.program().and_then(Program::ended) {
        Some(status) if !status.success() => {
            fault(format!("Your program ended with {}{}. {why}", ending(status), said(bench)))
        }
        _ => Ok(()),
    }
}

fn worse_network(bench: &mut Bench<'_>) -> Judged {
    for seed in 1..=5 {
        // Xorshift (Marsaglia, 2003): the same datagrams are lost in every run.
        let mut dice = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed);
        let mut is_lost = move || {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            dice >> 63 == 0
        };
        let mut messages = BTreeSet::new();
        serve(bench, |server, came| match came {
            Some((bytes, client)) => {
                let (there, back) = (is_lost(), is_lost());
                messages.insert(bytes.clone());
                if there || back { Ok(()) } else { server.send(&bytes, client) }
            }
            None => Ok(()),
        })?;
        went_well(
            bench,
            "Half of all datagrams are lost each way: one try in four succeeds, so four tries are not enough for each of \
             ten messages.",
        )?;
        if messages.len() != 10 {
            return fault(format!(
                "{} different messages came, and there should be ten: write them behind the address in your command.",
                messages.len()
            ));
        }
        if !bench.printed().contains("10 of 10") {
            return fault("Your program ended well, and has not said \"10 of 10\".");
        }
    }
    Ok(())
}

fn late(bench: &mut Bench<'_>) -> Judged {
    let mut way: VecDeque<(Instant, Vec<u8>, SocketAddr)> = VecDeque::new();
    let mut count = 0;
    serve(bench, |server, came| {
        if let Some((bytes, client)) = came {
            count += 1;
            way.push_back((Instant::now() + Duration::from_millis(800), bytes, client));
        }
        while way.front().is_some_and(|(due, ..)| *due <= Instant::now()) {
            let Some((_, bytes, client)) = way.pop_front() else { break };
            server.send(&bytes, client)?;
        }
        Ok(())
    })?;
    went_well(bench, "Every message was answered, 800 ms later.")?;
    match count {
        2 => Ok(()),
        0 | 1 => fault(format!("{count} datagrams came, and there should be two: send a and b.")),
        more => fault(format!(
            "{more} datagrams came for two messages: an echo takes 800 ms, and your program sends again before it can be \
             here. Wait longer than the way takes there and back."
        )),
    }
}

fn numbered(bench: &mut Bench<'_>) -> Judged {
    let mut came: Vec<Vec<u8>> = Vec::new();
    serve(bench, |server, datagram| {
        let Some((bytes, client)) = datagram else { return Ok(()) };
        // The relay of the book doubles the message, and each of the two echoes.
        (0..4).try_for_each(|_| server.send(&bytes, client))?;
        came.push(bytes);
        Ok(())
    })?;
    went_well(bench, "Every message was answered, four times.")?;
    let different: BTreeSet<&Vec<u8>> = came.iter().collect();
    if different.len() < 10 {
        return fault(format!(
            "Of {} datagrams that came {} are different ones. Ten equal messages should be sent, each with a number of its own \
             in front: then an old echo is known from a new one.",
            came.len(),
            different.len()
        ));
    }
    match bench.printed().matches("ignored").count() {
        27 => Ok(()),
        other => fault(format!(
            "Each of ten messages was answered four times, and your program says \"ignored\" {other} times. It should be nine \
             times three: the spare echoes of each message come while it waits for the next."
        )),
    }
}

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);

fn multicast(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    answers_the_group(bench, "")?;
    // The same beside a socket that has the port, and has joined as well.
    bench.fresh_network()?;
    let _other = member().map_err(Stop::Grader)?;
    bench.launch_here()?;
    let both =
        |_: &mut Bench<'_>| Ok(kernel::udp()?.iter().filter(|row| row.local.port() == PORT).count() > 1);
    bench.until(both)?;
    if !both(bench)? {
        return fault(format!(
            "Another server has joined the group at the same port, and your program could not bind its own socket{}. With \
             multicast several may have a port: set SO_REUSEADDR before bind.",
            said(bench)
        ));
    }
    answers_the_group(bench, " beside another member of the group")
}

/// A socket that has the port, shares it, and is in the group.
fn member() -> Result<UdpSocket> {
    let doing = |errno| Error::of(format!("bind 0.0.0.0:{PORT}"), errno);
    let socket =
        socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).map_err(doing)?;
    setsockopt(&socket, ReuseAddr, &true).map_err(doing)?;
    bind(socket.as_raw_fd(), &SockaddrIn::new(0, 0, 0, 0, PORT)).map_err(doing)?;
    let socket = UdpSocket::from(socket);
    let joined = socket.join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST);
    joined.map_err(|error| Error::of(format!("join {GROUP}"), error))?;
    Ok(socket)
}

fn answers_the_group(bench: &mut Bench<'_>, beside: &str) -> Judged {
    // It joins after bind, perhaps a little later.
    bench.settle()?;
    // A socket that is bound to the loopback address sends on that interface.
    let from = bench.next_address();
    let doing = |error| Error::of(format!("send to {GROUP}"), error);
    let socket = UdpSocket::bind(from).map_err(doing)?;
    socket.set_nonblocking(true).map_err(doing)?;
    socket.send_to(b"all", (GROUP, PORT)).map_err(doing)?;
    let mut buffer = [0; 64];
    let mut came = None;
    bench.until(|_| {
        came = socket.recv(&mut buffer).ok();
        Ok(came.is_some())
    })?;
    bench.lives()?;
    match came.and_then(|length| buffer.get(..length)) {
        Some(b"all") => Ok(()),
        Some(other) => fault(format!(
            "\"all\" was sent to the group, and {:?} came back{beside}.",
            String::from_utf8_lossy(other)
        )),
        None => fault(format!(
            "A datagram went to the group {GROUP}, port {PORT}, on the loopback interface, and nothing came back{beside}. Bind \
             to 0.0.0.0:{PORT}, and join: IP_ADD_MEMBERSHIP takes the group and the interface's address, 127.0.0.1."
        )),
    }
}
