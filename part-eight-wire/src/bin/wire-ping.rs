//! Part eight, ping: an ICMP message that asks for itself back, and how long that takes.
//!
//! `socket` of ICMP, `sendto`, `recvmsg`. Read `ping` and `ask` from top to bottom; the page beside it is
//! `docs/part-eight-packets.md`.

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
    use std::io::IoSliceMut;
    use std::net::{IpAddr, SocketAddr};
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::process::ExitCode;
    use std::thread;
    use std::time::{Duration, Instant};

    use anyhow::{Context, Result, bail};
    use common::arguments::{Arg, Arguments, number, text};
    use common::{arguments, program};
    use nix::errno::Errno;
    use nix::sys::socket::sockopt::{Ipv4RecvTtl, Ipv6RecvHopLimit, ReceiveTimeout};
    use nix::sys::socket::{AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockProtocol, SockType};
    use nix::sys::socket::{SockaddrStorage, recvmsg, sendto, setsockopt, socket};
    use nix::sys::time::{TimeVal, TimeValLike};
    use nix::{cmsg_space, libc, setsockopt_impl, sockopt_impl};
    use part_eight_wire::echo::{Answer, answer, request};
    use part_eight_wire::privilege;
    use tracing::{debug, info};

    const HELP: &str = "\
Asks a machine to send an ICMP message back, and tells how long that took. Part eight of
Sockets, Part by Part. It needs CAP_NET_RAW, and says how to get it.

Usage: wire-ping [OPTIONS] HOST

  HOST             an IPv4 or IPv6 address

  --count N        ask N times, 1 to 1000 [default: 4]
  --dont-fragment  let no router cut the packet, and do not cut it here
  --interval MS    from one request to the next, at least [default: 1000]
  --size N         bytes behind the header, 0 to 65000 [default: 56]
  --timeout MS     wait for an answer for so long, 1 to 60000 [default: 1000]
  --unprivileged   without CAP_NET_RAW, where net.ipv4.ping_group_range has our group
  -h, --help       print this help
  -V, --version    print the version
";

    pub fn main() -> ExitCode {
        program::run(env!("CARGO_BIN_NAME"), HELP, Options::from_words, |options| ping(&options))
    }

    struct Options {
        host: IpAddr,
        /// By which our requests are known from those of another ping.
        identifier: u16,
        count: u16,
        dont_fragment: bool,
        interval: Duration,
        size: usize,
        timeout: Duration,
        unprivileged: bool,
    }

    impl Options {
        fn from_words(words: &mut Arguments) -> Result<Self, arguments::Error> {
            let (mut host, mut count, mut size) = (None, 4, 56);
            let (mut interval, mut timeout) = (1000, 1000);
            let (mut dont_fragment, mut unprivileged) = (false, false);
            while let Some(word) = words.word()? {
                match word {
                    Arg::Long("count") => count = number("--count", words.value()?, 1..=1000)?,
                    Arg::Long("dont-fragment") => dont_fragment = true,
                    Arg::Long("interval") => interval = number("--interval", words.value()?, 0..=60_000)?,
                    Arg::Long("size") => size = number("--size", words.value()?, 0..=65_000)?,
                    Arg::Long("timeout") => timeout = number("--timeout", words.value()?, 1..=60_000)?,
                    Arg::Long("unprivileged") => unprivileged = true,
                    Arg::Value(word) if host.is_none() => {
                        let word = text(word)?;
                        host = Some(word.parse().map_err(|_| {
                            unusable(format!("{word:?} is not an address: write an IP, such as 10.67.2.2"))
                        })?);
                    }
                    word => return Err(word.unexpected().into()),
                }
            }
            let Some(host) = host else { return Err(unusable("write the HOST to ask")) };
            let [interval, timeout] = [interval, timeout].map(Duration::from_millis);
            let identifier = fastrand::u16(..);
            Ok(Self { host, identifier, count, dont_fragment, interval, size, timeout, unprivileged })
        }
    }

    fn unusable(sentence: impl Into<String>) -> arguments::Error {
        arguments::Error::Unusable(sentence.into())
    }

    sockopt_impl!(
        /// What to do with a packet that is too long for the way (`ip(7)`); nix has no option for it.
        MtuDiscover,
        SetOnly,
        libc::IPPROTO_IP,
        libc::IP_MTU_DISCOVER,
        libc::c_int
    );
    sockopt_impl!(
        /// The same for IPv6.
        MtuDiscover6,
        SetOnly,
        libc::IPPROTO_IPV6,
        libc::IPV6_MTU_DISCOVER,
        libc::c_int
    );

    fn ping(options: &Options) -> Result<()> {
        let host = options.host;
        let v6 = host.is_ipv6();
        // 1. socket: of ICMP messages. A raw one gives us every ICMP message that comes to this machine. One of type
        //    SOCK_DGRAM gives us the answers to our own requests only, and so it may be had without a privilege by the
        //    groups that net.ipv4.ping_group_range names (icmp(7)); it is for IPv6 as well.
        let (family, protocol) = match host {
            IpAddr::V4(_) => (AddressFamily::Inet, SockProtocol::Icmp),
            IpAddr::V6(_) => (AddressFamily::Inet6, SockProtocol::IcmpV6),
        };
        let kind = if options.unprivileged { SockType::Datagram } else { SockType::Raw };
        let socket = match socket(family, kind, SockFlag::empty(), protocol) {
            Err(Errno::EACCES) if options.unprivileged => bail!(
                "socket SOCK_DGRAM of ICMP: {}: our group is not in net.ipv4.ping_group_range \
                 (`sysctl net.ipv4.ping_group_range` shows it; `1 0` is: nobody)",
                Errno::EACCES
            ),
            made => {
                made.map_err(|errno| privilege::error("socket SOCK_RAW", errno, env!("CARGO_BIN_NAME")))?
            }
        };
        info!("Socket file descriptor: {}", socket.as_raw_fd());

        // 2. setsockopt: let recvmsg tell the time to live that an answer came with; and let no router cut a packet,
        //    if that is asked for.
        if v6 {
            setsockopt(&socket, Ipv6RecvHopLimit, &true).context("setsockopt IPV6_RECVHOPLIMIT")?;
        } else {
            setsockopt(&socket, Ipv4RecvTtl, &true).context("setsockopt IP_RECVTTL")?;
        }
        if options.dont_fragment && v6 {
            setsockopt(&socket, MtuDiscover6, &libc::IPV6_PMTUDISC_DO)
                .context("setsockopt IPV6_MTU_DISCOVER")?;
        } else if options.dont_fragment {
            setsockopt(&socket, MtuDiscover, &libc::IP_PMTUDISC_DO).context("setsockopt IP_MTU_DISCOVER")?;
        }

        let mut times = Vec::new();
        for number in 1..=options.count {
            let began = Instant::now();
            times.extend(ask(options, &socket, number)?);
            if number < options.count {
                thread::sleep(options.interval.saturating_sub(began.elapsed()));
            }
        }
        times.sort_unstable();
        info!("Requests: {}, replies: {}", options.count, times.len());
        if let [least, .., most] | [least @ most] = times[..] {
            let median = times[(times.len() - 1) / 2];
            info!("Round trip: least {}, median {}, most {}", Ms(least), Ms(median), Ms(most));
        }
        if times.is_empty() {
            bail!("no reply from {host}");
        }
        Ok(())
    }

    /// One request; how long its echo took, if it came.
    fn ask(options: &Options, socket: &OwnedFd, number: u16) -> Result<Option<Duration>> {
        let (host, v6) = (options.host, options.host.is_ipv6());
        // 3. sendto: the message; the kernel puts IP's header before it. The identifier tells two pings apart; for the
        //    unprivileged kind the kernel chooses it, as if it were a port.
        let identifier = options.identifier;
        let payload = (0..=u8::MAX).cycle().take(options.size).collect::<Vec<u8>>();
        let message = request(host, identifier, number, &payload);
        let to = SockaddrStorage::from(SocketAddr::new(host, 0));
        let began = Instant::now();
        match sendto(socket.as_raw_fd(), &message, &to, MsgFlags::empty()) {
            Ok(sent) => debug!("sent echo request {number}, {sent} bytes"),
            // The kernel has learnt that it is too long for the way: nothing was sent.
            Err(Errno::EMSGSIZE) => {
                info!("request {number}: sendto, {} bytes: {}", message.len(), Errno::EMSGSIZE);
                return Ok(None);
            }
            Err(errno) => {
                return Err(errno).with_context(|| format!("sendto {host}, {} bytes", message.len()));
            }
        }

        let identifier = (!options.unprivileged).then_some(identifier);
        let mut buffer = vec![0; 1 << 16];
        loop {
            // 4. timeout: recvmsg sleeps for what is left of the time; others' messages may come in between. 0
            //    would mean for ever.
            let left = options.timeout.saturating_sub(began.elapsed());
            if left.is_zero() {
                info!("request {number}: no answer within {} ms", options.timeout.as_millis());
                return Ok(None);
            }
            let left = TimeVal::microseconds(left.as_micros().max(1).try_into()?);
            setsockopt(socket, ReceiveTimeout, &left).context("setsockopt SO_RCVTIMEO")?;

            // 5. recvmsg: an ICMP message, who sent it, and its time to live. On loopback the first is our own request.
            let mut control = cmsg_space!(libc::c_int);
            let mut parts = [IoSliceMut::new(&mut buffer)];
            let none = MsgFlags::empty();
            let (length, peer, ttl) =
                match recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut control), none) {
                    Ok(received) => {
                        let ttl = received.cmsgs().context("recvmsg")?.find_map(|message| match message {
                            ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => {
                                Some(ttl)
                            }
                            _ => None,
                        });
                        (received.bytes, received.address, ttl)
                    }
                    Err(Errno::EAGAIN | Errno::EINTR) => continue,
                    // To the unprivileged kind an ICMP error comes as an error of the call.
                    Err(errno) => return Err(errno).with_context(|| format!("recvmsg from {host}")),
                };
            let took = began.elapsed();
            // 6. header: a raw socket of IPv4, and no other, gives the header of IP too; it says how long it is.
            let message = &buffer[..length];
            let header = match message.first() {
                Some(first) if !v6 && !options.unprivileged => usize::from(first & 0xf) * 4,
                _ => 0,
            };
            let Some(answer) = answer(v6, message.get(header..).unwrap_or_default(), identifier, number)
            else {
                debug!("a message of {length} bytes that is not for us");
                continue;
            };
            let peer = peer.map_or_else(|| "?".to_owned(), |peer| ip(&peer));
            let ttl = ttl.map(|ttl| format!(", time to live {ttl}")).unwrap_or_default();
            info!("request {number}: {} from {peer} in {}{ttl}", answer.words(v6), Ms(took));
            return Ok((answer == Answer::Reply).then_some(took));
        }
    }

    /// The address without a port, of which ICMP has none.
    fn ip(address: &SockaddrStorage) -> String {
        let v4 = address.as_sockaddr_in().map(|address| address.ip().to_string());
        v4.or_else(|| address.as_sockaddr_in6().map(|address| address.ip().to_string())).unwrap_or_default()
    }

    /// A time in milliseconds.
    struct Ms(Duration);

    impl std::fmt::Display for Ms {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{:.3} ms", self.0.as_secs_f64() * 1e3)
        }
    }
}
