//! Part eight, packets by hand: a datagram or a SYN, every byte of it ours.
//!
//! `socket` for a raw socket, a header of IP and one of UDP or TCP, `sendto`; then what comes back, and what our own
//! kernel says to that. Read `make` and `send` from top to bottom; the page beside it is `docs/part-eight-packets.md`.

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
    use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::process::ExitCode;
    use std::time::{Duration, Instant};

    use anyhow::{Context, Result, bail};
    use common::arguments::{Arg, Arguments, DEFAULT_ADDRESS, address, number, text};
    use common::{arguments, program};
    use nix::errno::Errno;
    use nix::libc;
    use nix::sys::socket::sockopt::ReceiveTimeout;
    use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType};
    use nix::sys::socket::{SockaddrIn, recvfrom, sendto, setsockopt, socket};
    use nix::sys::time::{TimeVal, TimeValLike};
    use part_eight_wire::checksum::{checksum, pseudo_header};
    use part_eight_wire::{brief, decode, privilege};
    use tracing::info;

    const HELP: &str = "\
Makes a packet byte by byte, sends it, and shows what comes back and what our own kernel
says to that. Part eight of Sockets, Part by Part. It needs CAP_NET_RAW, and says how to
get it.

Usage: wire-send [OPTIONS] udp|syn [ADDR] [MESSAGE]

  udp               a datagram with MESSAGE [default: Hello from KungfuDev]
  syn               the first packet of a TCP connection
  ADDR              IPv4:PORT to send to [default: 127.0.0.1:6797]

  --first-fragment  say that more fragments follow; none does
  --ttl N           time to live, 1 to 255 [default: 64]
  --wait MS         listen for so long, 1 to 60000 [default: 500]
  --wrong-checksum  let the checksum of UDP or TCP be one too high
  -h, --help        print this help
  -V, --version     print the version
";

    /// IANA's numbers of what an IP packet carries.
    const TCP: u8 = 6;
    const UDP: u8 = 17;

    pub fn main() -> ExitCode {
        program::run(env!("CARGO_BIN_NAME"), HELP, Options::from_words, |options| send(&options))
    }

    struct Options {
        protocol: u8,
        to: SocketAddrV4,
        message: Vec<u8>,
        first_fragment: bool,
        ttl: u8,
        wait: Duration,
        wrong_checksum: bool,
    }

    impl Options {
        fn from_words(words: &mut Arguments) -> Result<Self, arguments::Error> {
            let (mut protocol, mut to, mut message) = (None, None, None);
            let (mut first_fragment, mut ttl, mut wait, mut wrong_checksum) = (false, 64, 500, false);
            while let Some(word) = words.word()? {
                match word {
                    Arg::Long("first-fragment") => first_fragment = true,
                    Arg::Long("ttl") => ttl = number("--ttl", words.value()?, 1..=255)?,
                    Arg::Long("wait") => wait = number("--wait", words.value()?, 1..=60_000)?,
                    Arg::Long("wrong-checksum") => wrong_checksum = true,
                    Arg::Value(word) if protocol.is_none() => {
                        protocol = Some(match text(word)?.as_str() {
                            "udp" => UDP,
                            "syn" => TCP,
                            other => return Err(unusable(format!("{other:?}: write udp or syn"))),
                        });
                    }
                    Arg::Value(word) if to.is_none() => to = Some(address(word)?),
                    Arg::Value(word) if message.is_none() && protocol == Some(UDP) => {
                        message = Some(text(word)?.into_bytes());
                    }
                    word => return Err(word.unexpected().into()),
                }
            }
            let Some(protocol) = protocol else { return Err(unusable("write udp or syn")) };
            let SocketAddr::V4(to) = to.unwrap_or(DEFAULT_ADDRESS) else {
                return Err(unusable("IPv4 only: an IPv6 header is left out here; write IPv4:PORT"));
            };
            let message = match protocol {
                UDP => message.unwrap_or_else(|| b"Hello from KungfuDev".to_vec()),
                // A SYN could carry bytes (RFC 7413); ours does not.
                _ => Vec::new(),
            };
            // 65,535 bytes is what the total length can say.
            if message.len() > 65_535 - 28 {
                return Err(unusable("MESSAGE is longer than a datagram can be: 65507 bytes"));
            }
            let wait = Duration::from_millis(wait);
            Ok(Self { protocol, to, message, first_fragment, ttl, wait, wrong_checksum })
        }
    }

    fn unusable(sentence: impl Into<String>) -> arguments::Error {
        arguments::Error::Unusable(sentence.into())
    }

    /// The whole packet, from the first byte of its IP header.
    fn make(options: &Options, from: SocketAddrV4) -> Vec<u8> {
        let (source, destination) = (from.ip().octets(), options.to.ip().octets());

        // 1. segment: the header of UDP, or of TCP, and the message; the checksum's two bytes are 0 for now.
        let ports = [from.port(), options.to.port()].map(u16::to_be_bytes);
        let mut segment = ports.as_flattened().to_vec();
        let place = if options.protocol == UDP {
            // The length of header and payload. No option, no number, no window: that is all of UDP.
            let length = u16::try_from(8 + options.message.len()).unwrap_or(u16::MAX);
            segment.extend([length, 0].map(u16::to_be_bytes).as_flattened());
            6
        } else {
            // From here on we would count our bytes; nothing is acknowledged yet.
            segment.extend([fastrand::u32(..), 0].map(u32::to_be_bytes).as_flattened());
            // A header of 6 words (5 and an option), the flag SYN, a window of 64,240 bytes; no urgent data.
            segment.extend([6 << 4, 0b10]);
            segment.extend([64_240, 0, 0].map(u16::to_be_bytes).as_flattened());
            // The option: 1460 bytes to a segment at most, what an Ethernet frame leaves.
            segment.extend([2, 4, 5, 180]);
            16
        };
        segment.extend(&options.message);

        // 2. checksum: over the segment and a pseudo-header: the addresses are IP's, but a segment that comes to the
        //    wrong machine is to be found out.
        let pseudo = pseudo_header(&source, &destination, options.protocol, segment.len());
        let mut sum = checksum(&[&pseudo[..], &segment].concat());
        // 0 would say that there is no checksum; for the sum, 0xffff is the same number.
        if options.protocol == UDP && sum == 0 {
            sum = 0xffff;
        }
        if options.wrong_checksum {
            sum = sum.wrapping_add(1);
        }
        segment[place..place + 2].copy_from_slice(&sum.to_be_bytes());

        // 3. header: of IP: version 4, 5 words, no service wanted, and the total length.
        let total = u16::try_from(20 + segment.len()).unwrap_or(u16::MAX).to_be_bytes();
        let mut header = vec![4 << 4 | 5, 0, total[0], total[1]];
        // A number by which fragments of one packet would be known, and "more fragments", if that is to be said.
        header.extend(fastrand::u16(1..).to_be_bytes());
        header.extend([u8::from(options.first_fragment) << 5, 0]);
        header.extend([options.ttl, options.protocol, 0, 0]);
        header.extend(source);
        header.extend(destination);

        // 4. packet: the checksum of IP covers its header alone. (The kernel would fill this one in for us.)
        let sum = checksum(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        [header, segment].concat()
    }

    fn send(options: &Options) -> Result<()> {
        let failed = |call: &str, errno| privilege::error(call, errno, env!("CARGO_BIN_NAME"));
        let from = source(options.to)?;
        let packet = make(options, from);

        // 5. socket: of raw IP packets. IPPROTO_RAW means that the header is ours too (IP_HDRINCL, raw(7)).
        let raw = socket(AddressFamily::Inet, SockType::Raw, SockFlag::empty(), SockProtocol::Raw)
            .map_err(|errno| failed("socket SOCK_RAW", errno))?;
        info!("Socket file descriptor: {}", raw.as_raw_fd());

        // 6. ear: what comes is for no socket of ours, so we listen below all sockets. SOCK_DGRAM means here: each frame
        //    without its Ethernet header.
        let ear = socket(AddressFamily::Packet, SockType::Datagram, SockFlag::empty(), SockProtocol::EthAll)
            .map_err(|errno| failed("socket AF_PACKET", errno))?;

        // 7. sendto: the address says only where to; the port in it is not used.
        info!("Made {} bytes:\n{}", packet.len(), decode::ip(&packet));
        let to = SockaddrIn::from(SocketAddrV4::new(*options.to.ip(), 0));
        let sent = sendto(raw.as_raw_fd(), &packet, &to, MsgFlags::empty())
            .with_context(|| format!("sendto {}, {} bytes", options.to.ip(), packet.len()))?;
        info!("\nSent {sent} bytes to {}", options.to);

        // 8. recvfrom: what comes back, and what our own kernel sends then. It knows nothing of our packet: an answer
        //    to it is an answer to nobody.
        let mut answers = 0;
        listen(&ear, options.wait, |address, bytes| {
            let packet = decode::ip(bytes);
            let outgoing = address.pkttype() == libc::PACKET_OUTGOING;
            if let Some(who) = whose(&packet, from, options.to, outgoing) {
                answers += 1;
                info!("{who}: {}", brief::line(&packet));
            }
        })?;
        if answers == 0 {
            info!("No answer within {} ms", options.wait.as_millis());
        }
        Ok(())
    }

    /// Whose packet this is, if it belongs to ours: it came for `from`, or our kernel sent it as an answer to what came.
    fn whose(
        packet: &decode::Packet<'_>,
        from: SocketAddrV4,
        to: SocketAddrV4,
        outgoing: bool,
    ) -> Option<&'static str> {
        let port = |names: [&str; 2]| names.iter().find_map(|name| packet.value(name)?.parse::<u16>().ok());
        let ports = (port(["tcp.srcport", "udp.srcport"]), port(["tcp.dstport", "udp.dstport"]));
        let ours = (Some(from.port()), Some(to.port()));
        let theirs = (ours.1, ours.0);
        // An ICMP error quotes the packet that it is about: an answer of ours quotes theirs.
        let (is_error, is_reset) = (packet.value("icmp.type").is_some(), packet.value("tcp.flags.reset"));
        match (outgoing, is_error) {
            (false, false) if ports == theirs => Some("Came"),
            (false, true) if ports == ours => Some("Came"),
            (true, false) if ports == ours && is_reset == Some("1") => Some("Our own kernel answers"),
            (true, true) if ports == theirs => Some("Our own kernel answers"),
            _ => None,
        }
    }

    /// Gives each IP packet that passes within `time` to `heard`.
    fn listen(ear: &OwnedFd, time: Duration, mut heard: impl FnMut(LinkAddr, &[u8])) -> Result<()> {
        let deadline = Instant::now() + time;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            // 0 would mean for ever.
            let left = TimeVal::microseconds(left.as_micros().max(1).try_into()?);
            setsockopt(ear, ReceiveTimeout, &left).context("setsockopt SO_RCVTIMEO")?;
            match recvfrom::<LinkAddr>(ear.as_raw_fd(), &mut buffer) {
                Ok((length, Some(address))) if address.protocol() == 0x0800_u16.to_be() => {
                    heard(address, &buffer[..length]);
                }
                Ok(_) | Err(Errno::EINTR | Errno::EAGAIN | Errno::ENETDOWN) => {}
                Err(errno) => return Err(errno).context("recvfrom"),
            }
        }
    }

    /// The address that the kernel would send from, and a port that was free a moment ago: a datagram socket that is
    /// connected, which sends nothing, has both.
    fn source(to: SocketAddrV4) -> Result<SocketAddrV4> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).context("bind 0.0.0.0:0")?;
        socket.connect(to).with_context(|| format!("connect {to}"))?;
        match socket.local_addr().context("getsockname")? {
            SocketAddr::V4(from) => Ok(from),
            SocketAddr::V6(from) => bail!("getsockname: {from} is no address of IPv4"),
        }
    }
}
