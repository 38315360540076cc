//! Part three and its datagrams.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;

use lab::error::Error;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, send, socket};

use super::exercise;
use crate::bench::Bench;
use crate::check::Transport;
use crate::exercise::unix;
use crate::fault::{Judged, fault};
use crate::page::page;

exercise! {
    /// 1. Not for everybody, but for some.
    FOR_SOME: "part-three/1", "the owner and the group may connect, and nobody else",
    page("docs/part-three.md", "1. Not for everybody, but for some"), Transport::Unix, unix::listens, for_some
}

exercise! {
    /// 2. A clock.
    CLOCK: "part-three-datagrams/2", "each sequenced packet is answered with its number, from 1 for every client",
    page("docs/part-three-datagrams.md", "2. A clock"), Transport::Unix, unix::listens, clock
}

fn for_some(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    let path = bench.place.path.clone();
    let found =
        std::fs::metadata(&path).map_err(|error| Error::of(format!("stat {}", path.display()), error))?;
    match found.permissions().mode() & 0o777 {
        0o660 => Ok(()),
        other => fault(format!(
            "The file of your socket has the mode {other:04o}, and should have 0660 from its first moment on. umask takes \
             rights away while bind makes it: call it before."
        )),
    }
}

fn clock(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    for client in 1..=2 {
        let socket = client_of(bench)?;
        for message in [b"a", b"b", b"c"] {
            let doing = |errno| Error::of("send a packet", errno);
            send(socket.as_raw_fd(), message, MsgFlags::MSG_NOSIGNAL).map_err(doing)?;
        }
        for wanted in ["1", "2", "3"] {
            let mut came = None;
            bench.until(|_| {
                let mut buffer = [0; 64];
                match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                    Ok(length) => {
                        came = Some(buffer.get(..length).unwrap_or_default().to_vec());
                        Ok(true)
                    }
                    Err(Errno::EAGAIN | Errno::EINTR) => Ok(false),
                    Err(_) => Ok(true),
                }
            })?;
            let came = came.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            if came.as_deref() != Some(wanted) {
                let came = came.map_or("nothing".to_owned(), |text| format!("{text:?}"));
                return fault(format!(
                    "Message {wanted} of client {client} was answered with {came}, not \"{wanted}\"."
                ));
            }
        }
    }
    Ok(())
}

/// A client of sequenced packets, connected.
fn client_of(bench: &Bench<'_>) -> Judged<OwnedFd> {
    let path = &bench.place.path;
    let doing = |errno| Error::of(format!("connect {}", path.display()), errno);
    let socket =
        socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).map_err(doing)?;
    match connect(socket.as_raw_fd(), &UnixAddr::new(path).map_err(doing)?) {
        Ok(()) => Ok(socket),
        Err(Errno::EPROTOTYPE) => {
            fault("Your program's socket is of another type: this one is SOCK_SEQPACKET.")
        }
        Err(errno) => Err(doing(errno).into()),
    }
}
