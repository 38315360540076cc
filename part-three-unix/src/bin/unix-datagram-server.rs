//! Part three, the datagram server: boundaries kept, nothing lost, nothing reordered.
//!
//! `socket`, `bind`, `recvfrom`, `sendto`: part two's calls. One socket serves every peer. The page beside it is
//! `docs/part-three-datagrams.md`.

use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use common::stop::Stop;
use common::{Dump, program};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, SockaddrStorage, UnixAddr};
use nix::sys::socket::{recvfrom, sendto, socket};
use part_three_unix::address::{Shown, address};
use part_three_unix::socket_file::bind_file;
use tracing::{info, warn};

const HELP: &str = "\
Echoes datagrams to everybody who has a name, until Ctrl-C or SIGTERM. Part three of Sockets, Part by Part.

Usage: unix-datagram-server [PATH]

  PATH           the socket's file, made now and removed at the end; on Linux also @NAME,
                 a name without a file [default: part-three-datagram.sock, in the current folder]

  -h, --help     print this help
  -V, --version  print the version

Beside it, in a second terminal: cargo run -p part-three-unix --bin unix-datagram-client
";

/// The largest datagram that is taken, in bytes. A sender's own buffer limits it to 212,960 or so, unless its owner
/// has made that larger (`net.core.wmem_default`).
const LARGEST: usize = 256 * 1024;

fn main() -> ExitCode {
    program::run(
        env!("CARGO_BIN_NAME"),
        HELP,
        |words| address(&words.operand()?.unwrap_or_else(|| "part-three-datagram.sock".into())),
        serve,
    )
}

fn serve(address: UnixAddr) -> Result<()> {
    // 1. socket: an end for datagrams. There will be no connection, and no descriptor but this one.
    let socket =
        socket(AddressFamily::Unix, SockType::Datagram, SockFlag::empty(), None).context("socket")?;
    info!("Socket file descriptor: {}", socket.as_raw_fd());

    // 2. bind: as for a stream, with the same rules for the file.
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;
    let _file = bind_file(&socket, &address)?;
    info!("Socket bound to address: {}", Shown(&address));
    info!("Waiting for datagrams...");

    let mut buffer = vec![0; LARGEST + 1];
    let mut datagrams = 0;
    while stop.wait_for(&socket).context("poll")? {
        // 3. recvfrom: takes one datagram, whole. If a sender is too quick for us, it sleeps until we have taken one:
        //    that is why nothing is lost. A buffer that is too short would cut it, so ours has a spare byte. (A
        //    SockaddrStorage has room for any address. A name of 108 bytes does not fit a UnixAddr: we call it nobody.)
        let (received, peer) = match recvfrom::<SockaddrStorage>(socket.as_raw_fd(), &mut buffer) {
            Ok(taken) => taken,
            Err(Errno::EINTR) => continue,
            Err(errno) => {
                warn!("recvfrom: {errno}");
                // If the error stays, this loop turns ten times a second.
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        datagrams += 1;
        let peer = peer.as_ref().and_then(SockaddrStorage::as_unix_addr);
        info!("received {received} bytes from {}", peer.map_or("nobody".into(), |it| Shown(it).to_string()));
        if received > LARGEST {
            warn!("more than {LARGEST} bytes: the datagram was cut, and is passed over");
            continue;
        }
        info!("{}", Dump(&buffer[..received]));

        // 4. sendto: there is no way back to a socket without a name. MSG_DONTWAIT, because a client that does not read
        //    its answers has a full queue after about eleven (net.unix.max_dgram_qlen). We would sleep for it alone
        //    while all others wait. What is left out: if a client has connected its socket to ours, that limit does
        //    not apply to it, and it can fill our own send buffer.
        let Some(peer) = peer else {
            warn!("the client has no name that an answer could go to: it is passed over");
            continue;
        };
        match sendto(socket.as_raw_fd(), &buffer[..received], peer, MsgFlags::MSG_DONTWAIT) {
            Ok(sent) => info!("Sent {sent} bytes back to {}", Shown(peer)),
            Err(errno @ Errno::EAGAIN) => {
                warn!("sendto {}: {errno}: the queue is full, {received} bytes are dropped", Shown(peer));
            }
            Err(errno) => warn!("sendto {}: {errno}: {received} bytes are dropped", Shown(peer)),
        }
    }
    info!("Stopped after {datagrams} datagrams");
    // 5. close: here the file goes, then the socket.
    Ok(())
}
