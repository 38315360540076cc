//! An open file that goes through a socket: its receiver needs no right to open it, and no descriptor is lost.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::fs::{self, File, Permissions};
use std::io::{IoSlice, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Stdio;

use harness::folder::tempdir;
use harness::process::{Process, command};
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::unistd::getuid;
use part_three_unix::rights::RecvmsgError;
use support::*;

fn giver(folder: &Path, file: &str) -> Process {
    let mut giver = start(folder, GIVE, &[file, "s"]);
    giver.wait_for("Listening on s").unwrap();
    giver
}

fn secret(folder: &Path) {
    fs::write(folder.join("secret.txt"), "top secret\n").unwrap();
}

#[test]
fn the_taker_reads_what_it_has_no_right_to_open() {
    let folder = tempdir().unwrap();
    secret(folder.path());
    let mut giver = giver(folder.path(), "secret.txt");
    // From now on nobody may open it.
    fs::set_permissions(folder.path().join("secret.txt"), Permissions::from_mode(0o000)).unwrap();

    let mut cat = unprivileged(folder.path(), GIVE);
    cat.arg("secret.txt");
    let refused = Process::spawn(cat).unwrap().end().unwrap();
    assert_eq!(refused.errors, "unix-give: open \"secret.txt\": Permission denied (os error 13)\n");

    let taken = run_unprivileged(folder.path(), TAKE, &["s"]);
    assert_eq!((taken.status.code(), taken.errors.as_str()), (Some(0), ""));
    let said = [
        "received \"secret.txt\" and descriptor 4",
        "read 11 bytes",
        &common::Dump(b"top secret\n").to_string(),
        "read 0 bytes",
    ]
    .join("\n");
    assert!(taken.lines.join("\n").ends_with(&said), "{taken:?}");
    let who = format!("uid {}", getuid());
    let passed = giver.wait_for("Passed descriptor 3 to pid ").unwrap();
    assert!(passed.contains(&who), "{passed}");
    stop(giver);
}

#[test]
fn both_processes_have_the_same_file() {
    let folder = tempdir().unwrap();
    secret(folder.path());
    let giver = giver(folder.path(), "secret.txt");
    let mut taker = command(TAKE);
    taker.current_dir(folder.path()).args(["--hold", "s"]).stdin(Stdio::piped());
    let mut taker = Process::spawn(taker).unwrap();
    taker.wait_for("Holding descriptor 4 until Enter").unwrap();
    if Path::new("/proc/self/fd").exists() {
        let behind = |process: &Process, descriptor| {
            let behind = fs::metadata(format!("/proc/{}/fd/{descriptor}", process.id())).unwrap();
            (behind.dev(), behind.ino())
        };
        let file = fs::metadata(folder.path().join("secret.txt")).unwrap();
        assert_eq!(behind(&giver, 3), (file.dev(), file.ino()));
        assert_eq!(behind(&taker, 4), (file.dev(), file.ino()));
        // Close-on-exec: O_CLOEXEC is 02000000 in the flags.
        let info = fs::read_to_string(format!("/proc/{}/fdinfo/4", taker.id())).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
        assert_ne!(u32::from_str_radix(flags, 8).unwrap() & 0o2_000_000, 0, "{info}");
    }
    taker.child().stdin.take().unwrap().write_all(b"\n").unwrap();
    assert_eq!(taker.end().unwrap().status.code(), Some(0));
    // One open file has one position: the next taker finds the end.
    let next = run(folder.path(), TAKE, &["s"]);
    assert!(next.lines.ends_with(&["read 0 bytes".into()]) && !said(&next, "read 11 bytes"), "{next:?}");
    stop(giver);
}

#[test]
fn a_thousand_takers_leave_no_descriptor_behind() {
    let folder = tempdir().unwrap();
    secret(folder.path());
    let mut giver = giver(folder.path(), "secret.txt");
    let before = descriptors_of(&giver);
    for _ in 0..1000 {
        let taker = UnixStream::connect(folder.path().join("s")).unwrap();
        bounded(&taker);
        let mut name = [0; 64];
        // EINTR: with a timeout set, a stopped process that goes on gets it (signal(7)).
        let message = loop {
            match part_three_unix::rights::recvmsg(&taker, &mut name, 1) {
                Err(RecvmsgError::Call(Errno::EINTR)) => {}
                message => break message.unwrap(),
            }
        };
        assert_eq!((&name[..message.length], message.descriptors.len()), (&b"secret.txt"[..], 1));
    }
    for _ in 0..1000 {
        giver.wait_for("Passed descriptor 3").unwrap();
    }
    until("every connection is closed", || descriptors_of(&giver) == before);
    // Takers that never look at what they get.
    for _ in 0..100 {
        drop(UnixStream::connect(folder.path().join("s")).unwrap());
    }
    let mut content = String::new();
    let taker = UnixStream::connect(folder.path().join("s")).unwrap();
    let mut message = part_three_unix::rights::recvmsg(&taker, &mut [0; 64], 1).unwrap();
    File::from(message.descriptors.remove(0)).read_to_string(&mut content).unwrap();
    assert_eq!(content, "top secret\n");
    until("every connection is closed", || descriptors_of(&giver) == before);
    stop(giver);
}

/// A giver of our own, which sends what it should not.
fn take_from(send: impl FnOnce(&UnixStream)) -> harness::process::Ended {
    let folder = tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("s")).unwrap();
    let taker = start(folder.path(), TAKE, &["s"]);
    let (connection, _) = listener.accept().unwrap();
    send(&connection);
    drop(connection);
    taker.end().unwrap()
}

fn send_descriptors(connection: &UnixStream, count: usize) {
    let null = File::open("/dev/null").unwrap();
    let descriptors = vec![null.as_raw_fd(); count];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    sendmsg::<()>(connection.as_raw_fd(), &[IoSlice::new(b"x")], &rights, MsgFlags::empty(), None).unwrap();
}

#[test]
fn surplus_descriptors_are_closed_and_said() {
    let ended = take_from(|connection| send_descriptors(connection, 2));
    // The padding behind one descriptor holds a second where numbers are aligned to eight bytes.
    if cfg!(all(target_os = "linux", target_pointer_width = "64")) {
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert!(said(&ended, "warning: closing 1 more that nobody asked for"), "{ended:?}");
    }
    let ended = take_from(|connection| send_descriptors(connection, 100));
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.errors.starts_with("unix-take: recvmsg: MSG_CTRUNC: "), "{}", ended.errors);
}

#[test]
fn a_message_without_a_descriptor_is_named() {
    let ended = take_from(|mut connection| connection.write_all(b"just words").unwrap());
    assert_eq!(ended.errors, "unix-take: recvmsg: 10 bytes and no descriptor\n");
    let ended = take_from(|_| ());
    assert_eq!(ended.errors, "unix-take: recvmsg: 0 bytes and no descriptor\n");
    assert_eq!(ended.status.code(), Some(1));
}

/// Where no number is free, the kernel delivers none and says that it has cut the message.
#[test]
fn at_the_limit_of_descriptors_nothing_comes() {
    let folder = tempdir().unwrap();
    secret(folder.path());
    let giver = giver(folder.path(), "secret.txt");
    let mut shell = command("sh");
    shell.current_dir(folder.path()).args(["-c", "ulimit -n 4; exec \"$1\" s", "sh", TAKE]);
    let ended = Process::spawn(shell).unwrap().end().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.errors.starts_with("unix-take: recvmsg: MSG_CTRUNC: "), "{}", ended.errors);
    stop(giver);
}

#[test]
fn a_parent_and_its_child_need_no_name() {
    let folder = tempdir().unwrap();
    secret(folder.path());
    let parent = run(folder.path(), SOCKETPAIR, &["secret.txt"]);
    assert_eq!((parent.status.code(), parent.errors.as_str()), (Some(0), ""));
    let said = [
        "Socket pair: descriptors 3 and 4",
        "Opened \"secret.txt\": descriptor 5",
        // The child has inherited 0, 1 and 2, and none of ours.
        "received \"secret.txt\" and descriptor 3",
        "read 11 bytes",
        &common::Dump(b"top secret\n").to_string(),
        "read 0 bytes",
        "Child ended",
    ];
    assert_eq!(parent.lines.join("\n"), said.join("\n"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no file but the secret");
}

#[test]
fn what_cannot_be_given_is_named() {
    let folder = tempdir().unwrap();
    for (program, name) in [(GIVE, "unix-give"), (SOCKETPAIR, "unix-socketpair")] {
        let ended = run(folder.path(), program, &["nothing"]);
        let missing = format!("{name}: open \"nothing\": No such file or directory (os error 2)\n");
        assert_eq!(ended.errors, missing);
    }
    let ended = run(folder.path(), TAKE, &["nobody"]);
    assert_eq!(ended.errors, "unix-take: connect nobody: ENOENT: No such file or directory\n");
    let ended = run(folder.path(), SOCKETPAIR, &["--child"]);
    assert_eq!(ended.errors, "unix-socketpair: recvmsg: ENOTSOCK: Socket operation on non-socket\n");
}
