//! Part eight, the way: who stands between us and a machine, found out with packets that do not live long enough.
//!
//! `socket` of ICMP, `setsockopt IP_TTL` with 1, 2, 3, `sendto`, `recvfrom`. Read `route` from top to bottom; the page
//! beside it is `docs/part-eight-packets.md`.

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    part_eight_wire::privilege::only_on_linux(env!("CARGO_BIN_NAME"))
}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::net::{IpAddr, SocketAddr};
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::process::ExitCode;
    use std::time::{Duration, Instant};

    use anyhow::{Context, Result, bail};
    use common::arguments::{Arg, Arguments, number, text};
    use common::{arguments, program};
    use nix::errno::Errno;
    use nix::sys::socket::sockopt::{Ipv4Ttl, Ipv6Ttl, ReceiveTimeout};
    use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage};
    use nix::sys::socket::{recvfrom, sendto, setsockopt, socket};
    use nix::sys::time::{TimeVal, TimeValLike};
    use part_eight_wire::echo::{Answer, answer, request};
    use part_eight_wire::privilege;
    use tracing::info;

    const HELP: &str = "\
Names the routers on the way to a machine: each drops a packet whose time to live is over,
and says so. Part eight of Sockets, Part by Part. It needs CAP_NET_RAW, and says how to
get it.

Usage: wire-route [OPTIONS] HOST

  HOST           an IPv4 or IPv6 address

  --most N       give up after N routers, 1 to 255 [default: 30]
  --timeout MS   wait for an answer for so long, 1 to 60000 [default: 1000]
  -h, --help     print this help
  -V, --version  print the version
";

    pub fn main() -> ExitCode {
        program::run(env!("CARGO_BIN_NAME"), HELP, Options::from_words, |options| route(&options))
    }

    struct Options {
        host: IpAddr,
        most: u8,
        timeout: Duration,
    }

    impl Options {
        fn from_words(words: &mut Arguments) -> Result<Self, arguments::Error> {
            let (mut host, mut most, mut timeout) = (None, 30, 1000);
            while let Some(word) = words.word()? {
                match word {
                    Arg::Long("most") => most = number("--most", words.value()?, 1..=255)?,
                    Arg::Long("timeout") => timeout = number("--timeout", words.value()?, 1..=60_000)?,
                    Arg::Value(word) if host.is_none() => {
                        let word = text(word)?;
                        host = Some(word.parse().map_err(|_| {
                            unusable(format!("{word:?} is not an address: write an IP, such as 10.67.2.2"))
                        })?);
                    }
                    word => return Err(word.unexpected().into()),
                }
            }
            let Some(host) = host else { return Err(unusable("write the HOST to find the way to")) };
            Ok(Self { host, most, timeout: Duration::from_millis(timeout) })
        }
    }

    fn unusable(sentence: impl Into<String>) -> arguments::Error {
        arguments::Error::Unusable(sentence.into())
    }

    fn route(options: &Options) -> Result<()> {
        let host = options.host;
        // 1. socket: of raw ICMP messages: what a router says to a packet that it drops is one.
        let (family, protocol) = match host {
            IpAddr::V4(_) => (AddressFamily::Inet, SockProtocol::Icmp),
            IpAddr::V6(_) => (AddressFamily::Inet6, SockProtocol::IcmpV6),
        };
        let socket = socket(family, SockType::Raw, SockFlag::empty(), protocol)
            .map_err(|errno| privilege::error("socket SOCK_RAW", errno, env!("CARGO_BIN_NAME")))?;
        info!("Socket file descriptor: {}", socket.as_raw_fd());

        let identifier = fastrand::u16(..);
        for ttl in 1..=options.most {
            // 2. setsockopt: how many routers the packet may pass. Each takes one off; who is left with 0 drops it.
            if host.is_ipv4() {
                setsockopt(&socket, Ipv4Ttl, &ttl.into()).context("setsockopt IP_TTL")?;
            } else {
                setsockopt(&socket, Ipv6Ttl, &ttl.into()).context("setsockopt IPV6_UNICAST_HOPS")?;
            }

            // 3. sendto: an echo request, numbered like its time to live.
            let message = request(host, identifier, ttl.into(), b"Which way?");
            let to = SockaddrStorage::from(SocketAddr::new(host, 0));
            let began = Instant::now();
            sendto(socket.as_raw_fd(), &message, &to, MsgFlags::empty())
                .with_context(|| format!("sendto {host}, time to live {ttl}"))?;

            // 4. recvfrom: a reply is the end of the way, *time exceeded* a router on it, anything else an obstacle.
            let Some((peer, answer)) = wait(options, &socket, identifier, ttl.into(), began)? else {
                // A router may be silent, or its answer does not find its way.
                info!("time to live {ttl}: no answer within {} ms", options.timeout.as_millis());
                continue;
            };
            let (words, took) = (answer.words(host.is_ipv6()), began.elapsed().as_secs_f64() * 1e3);
            info!("time to live {ttl}: {peer}, {words}, {took:.3} ms");
            match answer {
                Answer::Reply => return Ok(()),
                Answer::Error(11, _) if host.is_ipv4() => {}
                Answer::Error(3, _) if host.is_ipv6() => {}
                Answer::Error(..) => bail!("the way to {host} ends at {peer}: {words}"),
            }
        }
        bail!("{host} was not reached with a time to live of {}", options.most)
    }

    /// The answer to the request with this number and who sent it, or nothing in time.
    fn wait(
        options: &Options,
        socket: &OwnedFd,
        identifier: u16,
        number: u16,
        began: Instant,
    ) -> Result<Option<(IpAddr, Answer)>> {
        let v6 = options.host.is_ipv6();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let left = options.timeout.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            // 0 would mean for ever.
            let left = TimeVal::microseconds(left.as_micros().max(1).try_into()?);
            setsockopt(socket, ReceiveTimeout, &left).context("setsockopt SO_RCVTIMEO")?;
            let (length, peer) = match recvfrom::<SockaddrStorage>(socket.as_raw_fd(), &mut buffer) {
                Ok(received) => received,
                Err(Errno::EAGAIN | Errno::EINTR) => continue,
                Err(errno) => return Err(errno).context("recvfrom"),
            };
            // A raw socket of IPv4, and only that, gives the header of IP too.
            let message = &buffer[..length];
            let header = match message.first() {
                Some(first) if !v6 => usize::from(first & 0xf) * 4,
                _ => 0,
            };
            let answer = answer(v6, message.get(header..).unwrap_or_default(), Some(identifier), number);
            if let (Some(answer), Some(peer)) = (answer, peer.as_ref().and_then(ip)) {
                return Ok(Some((peer, answer)));
            }
        }
    }

    /// The address without a port, of which ICMP has none.
    fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
        let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
    }
}
