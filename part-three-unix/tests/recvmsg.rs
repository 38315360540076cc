//! Every descriptor that comes through a socket has an owner, whatever came with it.
//!
//! The tests count the descriptors of this process, so they take turns.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IoSlice, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

use harness::limits::descriptors;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use part_three_unix::rights::{MOST_DESCRIPTORS, RecvmsgError, recvmsg};

static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What this process has open: every number, and what is behind it.
fn open_descriptors() -> BTreeMap<String, String> {
    let folder = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.unwrap();
            // The folder itself is open while it is read.
            let target = std::fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned();
            (!target.contains("/fd")).then(|| (entry.file_name().to_string_lossy().into_owned(), target))
        })
        .collect()
}

fn send(socket: &impl AsRawFd, bytes: &[u8], descriptors: &[RawFd]) {
    let rights = [ControlMessage::ScmRights(descriptors)];
    let rights = if descriptors.is_empty() { &rights[..0] } else { &rights[..] };
    let sent = sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], rights, MsgFlags::empty(), None);
    assert_eq!(sent, Ok(bytes.len()));
}

#[test]
fn a_thousand_descriptors_come_and_none_stays() {
    if !descriptors("a_thousand_descriptors_come_and_none_stays", 400) {
        return;
    }
    let _turn = turn();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let null = File::open("/dev/null").unwrap();
    let before = open_descriptors();
    let mut buffer = [0; 16];
    let mut taken = 0;
    for count in [1, 2, 3, 10, 100, MOST_DESCRIPTORS, MOST_DESCRIPTORS, MOST_DESCRIPTORS, 125] {
        send(&ours, b"x", &vec![null.as_raw_fd(); count]);
        let message = recvmsg(&theirs, &mut buffer, count).unwrap();
        assert_eq!((message.length, message.descriptors.len()), (1, count));
        for descriptor in &message.descriptors {
            let flags = fcntl(descriptor, FcntlArg::F_GETFD).unwrap();
            assert_eq!(FdFlag::from_bits_retain(flags), FdFlag::FD_CLOEXEC);
        }
        assert_eq!(open_descriptors().len(), before.len() + count);
        taken += count;
        drop(message);
        assert_eq!(open_descriptors(), before);
    }
    assert_eq!(taken, 1000);
}

#[test]
fn they_come_in_order_and_they_work() {
    let _turn = turn();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (read, mut write) = std::io::pipe().unwrap();
    let null = File::open("/dev/null").unwrap();
    send(&ours, b"two", &[null.as_raw_fd(), read.as_raw_fd()]);
    drop(read);
    let mut buffer = [0; 16];
    let mut message = recvmsg(&theirs, &mut buffer, 2).unwrap();
    assert_eq!(&buffer[..message.length], b"two");
    let read: OwnedFd = message.descriptors.pop().unwrap();
    write.write_all(b"through the passed end").unwrap();
    drop(write);
    assert_eq!(std::io::read_to_string(File::from(read)).unwrap(), "through the passed end");
}

#[test]
fn of_a_message_with_too_many_none_stays_open() {
    if !descriptors("of_a_message_with_too_many_none_stays_open", 400) {
        return;
    }
    let _turn = turn();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let null = File::open("/dev/null").unwrap();
    let before = open_descriptors();
    for (count, room) in [(1, 0), (3, 1), (253, 1), (100, 99 - 1), (253, 100)] {
        send(&ours, b"x", &vec![null.as_raw_fd(); count]);
        match recvmsg(&theirs, &mut [0; 16], room) {
            // The padding behind an odd number holds one more.
            Err(RecvmsgError::Truncated { closed }) => {
                assert!((room..=room + 1).contains(&closed), "{closed}");
            }
            other => panic!("{count} for {room}: {other:?}"),
        }
        assert_eq!(open_descriptors(), before, "{count} for {room}");
    }
}

#[test]
fn what_fits_into_the_padding_has_an_owner_too() {
    let _turn = turn();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let null = File::open("/dev/null").unwrap();
    let before = open_descriptors();
    send(&ours, b"x", &[null.as_raw_fd(); 2]);
    // One or two, as the system pads: none is lost from sight.
    match recvmsg(&theirs, &mut [0; 16], 1) {
        Ok(message) => assert_eq!(open_descriptors().len(), before.len() + message.descriptors.len()),
        Err(error) => assert!(matches!(error, RecvmsgError::Truncated { .. }), "{error}"),
    }
    assert_eq!(open_descriptors(), before);
}

#[test]
fn no_descriptors_is_a_message_as_well() {
    let _turn = turn();
    let (ours, theirs) = UnixStream::pair().unwrap();
    send(&ours, b"plain", &[]);
    let mut buffer = [0; 16];
    let message = recvmsg(&theirs, &mut buffer, 4).unwrap();
    assert_eq!((&buffer[..message.length], message.descriptors.len()), (&b"plain"[..], 0));
    ours.shutdown(Shutdown::Write).unwrap();
    assert_eq!(recvmsg(&theirs, &mut buffer, 4).unwrap().length, 0);
}

#[test]
fn a_datagram_without_bytes_can_carry_one() {
    let _turn = turn();
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    send(&ours, b"", &[ours.as_raw_fd()]);
    let message = recvmsg(&theirs, &mut [0; 16], 1).unwrap();
    assert_eq!((message.length, message.descriptors.len()), (0, 1));
}

#[test]
fn an_error_of_the_call_is_its_errno() {
    let _turn = turn();
    let file = File::open("/dev/null").unwrap();
    let error = recvmsg(&file, &mut [0; 16], 1).unwrap_err();
    assert_eq!(error, RecvmsgError::Call(Errno::ENOTSOCK));
    assert_eq!(error.to_string(), "ENOTSOCK: Socket operation on non-socket");
}
