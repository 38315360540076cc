//! Part eight, the sniffer: every frame that passes, byte by byte.
//!
//! `socket`, `setsockopt SO_ATTACH_FILTER`, perhaps `bind`, then `recvmsg` again and again. Read `sniff` from top to
//! bottom; what it makes of the bytes stands in `decode`. The page beside it is `docs/part-eight.md`.

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
    use std::ffi::OsString;
    use std::fs::File;
    use std::io::{BufReader, BufWriter, IoSliceMut};
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::path::{Path, PathBuf};
    use std::process::ExitCode;
    use std::time::{Duration, SystemTime};

    use anyhow::{Context, Result, bail};
    use common::arguments::{Arg, Arguments, number, text};
    use common::stop::Stop;
    use common::{arguments, program};
    use nix::errno::Errno;
    use nix::ifaddrs::getifaddrs;
    use nix::net::if_::if_indextoname;
    use nix::sys::socket::sockopt::{RcvBuf, ReceiveTimestampns};
    use nix::sys::socket::{AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag};
    use nix::sys::socket::{SockProtocol, SockType, bind, getsockopt, recvmsg, setsockopt, socket};
    use nix::{cmsg_space, getsockopt_impl, libc, sockopt_impl};
    use part_eight_wire::filter::{self, Listing, attach, one_port};
    use part_eight_wire::{brief, decode, pcap, privilege};
    use tracing::{info, warn};

    const HELP: &str = "\
Shows every frame that passes this machine, field by field, until Ctrl-C. Part eight of
Sockets, Part by Part. It needs CAP_NET_RAW, and says how to get it.

Usage: wire-sniff [OPTIONS] [PORT]

  PORT              only TCP over IPv4 from or to this port; the kernel does the choosing,
                    with a filter of 11 instructions [default: every frame]

  --brief           one line a frame
  --quiet           no frame at all, only what was counted; with --write, for a fast network
  --count N         end after N frames
  --interface NAME  only what passes there, such as lo or eth0 [default: every interface]
  --read FILE       show what a pcap file holds instead; this needs no privilege
  --snap N          keep N bytes of a frame at most, 1 to 262144 [default: 262144]
  --write FILE      write the frames to FILE, for tshark, Wireshark and --read
  -h, --help        print this help
  -V, --version     print the version
";

    /// No frame is longer: 65,536 bytes and a header pass loopback at once, and some cards' drivers make more of it.
    const LONGEST: u32 = filter::ALL;

    pub fn main() -> ExitCode {
        program::run(env!("CARGO_BIN_NAME"), HELP, Options::from_words, |options| match &options.read {
            Some(file) => read(file, &options),
            None => sniff(&options),
        })
    }

    struct Options {
        port: Option<u16>,
        view: View,
        count: u64,
        interface: Option<String>,
        read: Option<PathBuf>,
        snap: u32,
        write: Option<PathBuf>,
    }

    /// How much of a frame is shown.
    #[derive(PartialEq)]
    enum View {
        Fields,
        Brief,
        Quiet,
    }

    impl Options {
        fn from_words(words: &mut Arguments) -> Result<Self, arguments::Error> {
            let (mut port, mut view, mut count, mut snap) = (None, View::Fields, u64::MAX, LONGEST);
            let (mut interface, mut read, mut write) = (None, None, None);
            while let Some(word) = words.word()? {
                match word {
                    Arg::Long("brief") => view = View::Brief,
                    Arg::Long("quiet") => view = View::Quiet,
                    Arg::Long("count") => count = number("--count", words.value()?, 1..=u64::MAX)?,
                    Arg::Long("interface") => interface = Some(text(words.value()?)?),
                    Arg::Long("read") => read = Some(words.value()?.into()),
                    Arg::Long("snap") => snap = number("--snap", words.value()?, 1..=LONGEST)?,
                    Arg::Long("write") => write = Some(words.value()?.into()),
                    Arg::Value(word) if port.is_none() => port = Some(one(word)?),
                    word => return Err(word.unexpected().into()),
                }
            }
            if read.is_some() && (port.is_some() || interface.is_some() || write.is_some()) {
                let sentence = "--read shows a file: it takes no PORT, --interface or --write beside it";
                return Err(arguments::Error::Unusable(sentence.to_owned()));
            }
            Ok(Self { port, view, count, interface, read, snap, write })
        }
    }

    fn one(word: OsString) -> Result<u16, arguments::Error> {
        number("PORT", word, 1..=u16::MAX)
    }

    sockopt_impl!(
        /// How many frames came, and how many of them the kernel dropped because nobody took them in time; asking
        /// sets both to 0 (`packet(7)`). nix has no option for it.
        PacketStatistics,
        GetOnly,
        libc::SOL_PACKET,
        libc::PACKET_STATISTICS,
        libc::tpacket_stats
    );

    fn sniff(options: &Options) -> Result<()> {
        // 1. socket: not of a family of addresses but below all of them: each frame as the card's driver gives it, its
        //    Ethernet header included, and a copy of each that leaves. ETH_P_ALL is: whatever is inside.
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::empty(), SockProtocol::EthAll)
            .map_err(|errno| privilege::error("socket AF_PACKET", errno, env!("CARGO_BIN_NAME")))?;
        info!("Socket file descriptor: {}", socket.as_raw_fd());
        let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;
        let mut file = options.write.as_deref().map(|path| create(path, options.snap)).transpose()?;

        // 2. filter: setsockopt SO_ATTACH_FILTER gives the kernel a program, and it runs that on each frame before it
        //    copies anything. What came between socket and here was let in unasked: so first a filter that lets nothing
        //    in, and the queue is emptied.
        if let Some(port) = options.port {
            let program = one_port(port);
            attach(&socket, &filter::NOTHING).context("setsockopt SO_ATTACH_FILTER")?;
            while receive(&socket, &mut [])?.is_some() {}
            statistics(&socket)?;
            attach(&socket, &program).context("setsockopt SO_ATTACH_FILTER")?;
            if options.view == View::Fields {
                info!("Filter, {} instructions:\n{}", program.len(), Listing(&program));
            }
        }

        // 3. setsockopt: let each frame tell when it came, to the nanosecond; and room for those that come while we are
        //    busy. Most kernels give no more than 4 MiB of it (net.core.rmem_max), and say nothing.
        setsockopt(&socket, ReceiveTimestampns, &true).context("setsockopt SO_TIMESTAMPNS")?;
        setsockopt(&socket, RcvBuf, &(16 << 20)).context("setsockopt SO_RCVBUF")?;

        // 4. bind: to one interface. Its address is its number.
        if let Some(name) = &options.interface {
            let address = link_address(name)?;
            bind(socket.as_raw_fd(), &address).with_context(|| format!("bind {name}"))?;
        }
        let place = options.interface.as_deref().unwrap_or("every interface");
        info!("Sniffing on {place}, until Ctrl-C");

        let mut buffer = vec![0; options.snap as usize];
        let (mut seen, mut others, mut taken, mut dropped) = (0, 0_u64, 0_u32, 0_u64);
        let mut left = None;
        while seen < options.count && left != Some(0) {
            // 5. getsockopt: after Ctrl-C, how many frames came, and how many of them were too many for us: to be silent
            //    about those would be to lie. What still waits in the queue is shown first.
            if left.is_none() && !stop.wait_for(&socket).context("poll")? {
                let count = statistics(&socket)?;
                dropped += u64::from(count.tp_drops);
                left = Some(count.tp_packets.wrapping_sub(count.tp_drops).wrapping_sub(taken));
                continue;
            }

            // 6. recvmsg: one frame. What does not fit into the buffer is cut off; MSG_TRUNC tells its length all the
            //    same. The address beside it says on which interface it was, and in which direction.
            let Some(received) = receive(&socket, &mut buffer)? else { continue };
            taken = taken.wrapping_add(1);
            left = left.map(|left| left.saturating_sub(1));
            match received.address.hatype() {
                // Loopback hands us each frame twice, as it leaves and as it arrives.
                libc::ARPHRD_LOOPBACK if received.address.pkttype() == libc::PACKET_OUTGOING => continue,
                libc::ARPHRD_LOOPBACK | libc::ARPHRD_ETHER => {}
                // A tunnel, or something else without Ethernet's header before the packet.
                _ => {
                    others += 1;
                    continue;
                }
            }
            seen += 1;
            let kept = &buffer[..received.length.min(buffer.len())];
            show(options, seen, Some(&received.address), received.length, kept);
            if let (Some(file), Some(path)) = (&mut file, &options.write) {
                file.frame(received.at, received.length, kept).with_context(|| written(path))?;
            }
        }

        // 7. close: the owner of the descriptor ends here.
        if left.is_none() {
            dropped += u64::from(statistics(&socket)?.tp_drops);
        }
        if let (Some(file), Some(path)) = (&mut file, &options.write) {
            file.flush().with_context(|| written(path))?;
        }
        if others > 0 {
            warn!("{others} frames of interfaces that are not Ethernet are left out");
        }
        info!("Frames: {seen} seen, {dropped} dropped by the kernel for want of room");
        Ok(())
    }

    fn statistics(socket: &OwnedFd) -> Result<libc::tpacket_stats> {
        getsockopt(socket, PacketStatistics).context("getsockopt PACKET_STATISTICS")
    }

    /// One frame, whose bytes are in the buffer now.
    struct Received {
        address: LinkAddr,
        at: SystemTime,
        /// On the wire, in bytes; the buffer may have been shorter.
        length: usize,
    }

    /// The next frame, or nothing if there is none at the moment.
    fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> Result<Option<Received>> {
        let mut control = cmsg_space!(libc::timespec);
        let mut parts = [IoSliceMut::new(buffer)];
        let flags = MsgFlags::MSG_TRUNC | MsgFlags::MSG_DONTWAIT;
        let received = match recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags) {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
            // Said once when an interface goes down; when it is up again, so are we.
            Err(Errno::ENETDOWN) => {
                warn!("recvmsg: {}", Errno::ENETDOWN);
                return Ok(None);
            }
            Err(errno) => return Err(errno).context("recvmsg"),
        };
        let Some(address) = received.address else { return Ok(None) };
        let at = received.cmsgs().context("recvmsg")?.find_map(|message| match message {
            ControlMessageOwned::ScmTimestampns(time) => Some(SystemTime::UNIX_EPOCH + Duration::from(time)),
            _ => None,
        });
        Ok(Some(Received { address, at: at.unwrap_or_else(SystemTime::now), length: received.bytes }))
    }

    /// `interface` is where the frame passed; a file does not say.
    fn show(options: &Options, number: u64, interface: Option<&LinkAddr>, length: usize, kept: &[u8]) {
        let cut = if kept.len() < length { format!(", {} of them kept", kept.len()) } else { String::new() };
        match options.view {
            View::Fields => {
                let place = interface.map(|address| format!(" on {}", name(address))).unwrap_or_default();
                info!("\nframe {number}{place}, {length} bytes{cut}\n{}", decode::frame(kept));
            }
            View::Brief => {
                let place = interface.map_or_else(|| format!("frame {number}"), name);
                info!("{place}: {}", brief::line(&decode::frame(kept)));
            }
            View::Quiet => {}
        }
    }

    /// `eth0`
    fn name(interface: &LinkAddr) -> String {
        let index = interface.ifindex();
        let name = u32::try_from(index).ok().and_then(|index| if_indextoname(index).ok());
        name.map_or_else(|| format!("interface {index}"), |name| name.to_string_lossy().into_owned())
    }

    fn link_address(name: &str) -> Result<LinkAddr> {
        let interfaces = getifaddrs().context("getifaddrs")?;
        let found = interfaces
            .filter(|interface| interface.interface_name == name)
            .find_map(|interface| interface.address?.as_link_addr().copied());
        match found {
            Some(address) => Ok(address),
            None => bail!("bind {name}: {}: `ip link` lists those that there are", Errno::ENODEV),
        }
    }

    fn create(path: &Path, snap: u32) -> Result<pcap::Writer<BufWriter<File>>> {
        let file = File::create(path).with_context(|| format!("open {}", path.display()))?;
        pcap::Writer::new(BufWriter::new(file), snap).with_context(|| written(path))
    }

    fn written(path: &Path) -> String {
        format!("write {}", path.display())
    }

    /// Shows the frames of a file.
    fn read(path: &Path, options: &Options) -> Result<()> {
        let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
        let named = || format!("read {}", path.display());
        let mut seen = 0;
        for frame in pcap::Reader::new(BufReader::new(file)).with_context(named)? {
            let frame = frame.with_context(named)?;
            seen += 1;
            let kept = frame.bytes.get(..options.snap as usize).unwrap_or(&frame.bytes);
            show(options, seen, None, frame.length as usize, kept);
            if seen == options.count {
                break;
            }
        }
        info!("Frames: {seen} in {}", path.display());
        Ok(())
    }
}
