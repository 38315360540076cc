//! Stream, datagram and seqpacket side by side: the same calls on each, and what came of them.
//!
//! Every cell of the table is the result of a call that has just been made, on a fresh socket pair.

use std::convert::Infallible;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;

use common::program;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr, listen, socketpair};
use nix::sys::socket::{bind, recv, send, socket};
use tracing::info;

const HELP: &str = "\
Makes the same calls on a stream, on datagrams and on sequenced packets, and shows what came of them.

Usage: three_types

  -h, --help     print this help
  -V, --version  print the version
";

/// A line of the table: what is done, and how, with two connected sockets of one type.
type Question = (&'static str, fn(OwnedFd, OwnedFd) -> String);

const QUESTIONS: [Question; 7] = [
    ("send 3 bytes twice, recv 16", |ours, theirs| {
        put(&ours, b"one");
        put(&ours, b"two");
        take(&theirs, 16)
    }),
    ("send 16 bytes, recv 10 twice", |ours, theirs| {
        put(&ours, b"sixteen bytes...");
        format!("{}, then {}", take(&theirs, 10), take(&theirs, 10))
    }),
    ("send 0 bytes, recv", |ours, theirs| {
        put(&ours, b"");
        take(&theirs, 16)
    }),
    ("the other end closes, recv", |ours, theirs| {
        drop(ours);
        take(&theirs, 16)
    }),
    ("it closes with bytes unread, recv", |ours, theirs| {
        put(&theirs, b"unread");
        drop(ours);
        take(&theirs, 16)
    }),
    ("the other end closes, send", |ours, theirs| {
        drop(ours);
        put(&theirs, b"anybody?")
    }),
    ("send 300,000 bytes at once", |ours, _theirs| put(&ours, &vec![b'x'; 300_000])),
];

fn main() -> ExitCode {
    program::run(
        env!("CARGO_CRATE_NAME"),
        HELP,
        |_| Ok(()),
        |()| {
            compare();
            Ok::<(), Infallible>(())
        },
    )
}

fn compare() {
    let types = [SockType::Stream, SockType::Datagram, SockType::SeqPacket];
    info!("{:35}{:24}{:24}seqpacket", "", "stream", "datagram");
    for (name, question) in QUESTIONS {
        let [stream, datagram, seqpacket] = types.map(|kind| {
            let pair = socketpair(AddressFamily::Unix, kind, None, SockFlag::empty());
            pair.map_or_else(error, |(ours, theirs)| question(ours, theirs))
        });
        info!("{name:35}{stream:24}{datagram:24}{seqpacket}");
    }
    let [stream, datagram, seqpacket] =
        types.map(|kind| bind_and_listen(kind).map_or_else(error, |()| "done".into()));
    info!("{:35}{stream:24}{datagram:24}{seqpacket}", "bind, listen");
}

fn put(socket: &OwnedFd, message: &[u8]) -> String {
    match send(socket.as_raw_fd(), message, MsgFlags::MSG_DONTWAIT) {
        // How much of it is the kernel's affair: as much as there is room for.
        Ok(sent) if sent < message.len() => "a part of them".into(),
        Ok(sent) => format!("{sent} bytes"),
        Err(errno) => error(errno),
    }
}

fn take(socket: &OwnedFd, room: usize) -> String {
    recv(socket.as_raw_fd(), &mut vec![0; room], MsgFlags::MSG_DONTWAIT)
        .map_or_else(error, |received| format!("{received} bytes"))
}

fn error(errno: Errno) -> String {
    match errno {
        Errno::EAGAIN => "nothing".into(),
        errno => format!("{errno:?}"),
    }
}

/// A name that the kernel chooses, where it does: no file is made here.
fn bind_and_listen(kind: SockType) -> nix::Result<()> {
    let socket = socket(AddressFamily::Unix, kind, SockFlag::empty(), None)?;
    #[cfg(target_os = "linux")]
    bind(socket.as_raw_fd(), &UnixAddr::new_unnamed())?;
    listen(&socket, Backlog::new(1)?)
}
