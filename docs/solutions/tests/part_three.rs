//! The exercises of part three: what each check says of the lesson, and what of the answer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use harness::folder::tempdir;
use harness::process::{Process, command, is_root};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, send, socket};
use support::{Checked, State, exercise};
use tempfile::TempDir;

fn lesson(program: &str) -> State {
    State::lesson("part-three-unix", program)
}

/// A folder, and the path of a socket in it.
fn place() -> (TempDir, String) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("s").to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn exercise_1_not_for_everybody_but_for_some() {
    let answer = State::answer(env!("CARGO_BIN_EXE_part-three-1"));
    exercise(&lesson("unix-server"), "mode 600", &answer, |server| -> Checked {
        let (_folder, path) = place();
        let mut server = server.start(&[&path])?;
        server.wait_for("Listening")?;
        match std::fs::symlink_metadata(&path)?.mode() & 0o777 {
            0o660 => Ok(()),
            other => Err(format!("the file has the mode {other:o}").into()),
        }
    });
}

#[test]
#[cfg(not(target_vendor = "apple"))]
fn datagrams_exercise_2_a_clock() {
    let answer = State::answer(env!("CARGO_BIN_EXE_part-three-datagrams-2"));
    exercise(&lesson("unix-seqpacket-server"), "\"a\" came back", &answer, |server| -> Checked {
        let (_folder, path) = place();
        let mut server = server.start(&[&path])?;
        server.wait_for("Listening")?;
        for _client in 0..2 {
            let client = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
            connect(client.as_raw_fd(), &UnixAddr::new(path.as_str())?)?;
            for message in [b"a", b"b", b"c"] {
                send(client.as_raw_fd(), message, MsgFlags::empty())?;
            }
            for number in ["1", "2", "3"] {
                let mut buffer = [0; 16];
                let received = recv(client.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
                let answer = String::from_utf8_lossy(&buffer[..received]);
                if answer != number {
                    return Err(format!("{answer:?} came back for message {number}").into());
                }
            }
        }
        Ok(())
    });
}

/// Another user can only be played by root.
#[test]
#[cfg(target_os = "linux")]
fn descriptors_exercise_1_only_me() {
    if !is_root("that the answer for one user refuses another") {
        return;
    }
    let client = harness::process::built("part-three-unix", "unix-client").unwrap();
    let folder = tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    // By another process: a copy that is open for writing in a child of ours could not be run.
    assert!(Command::new("cp").arg(client).arg(folder.path()).status().unwrap().success());

    let answer = State::answer(env!("CARGO_BIN_EXE_part-three-descriptors-1"));
    exercise(&lesson("unix-server"), "another user is echoed", &answer, |server| -> Checked {
        let name = format!("@solutions-{}", std::process::id());
        let mut server = server.start(&[&name])?;
        server.wait_for("Listening")?;
        let client = |uid: u32| {
            let mut client = command(folder.path().join("unix-client").to_str().unwrap());
            client.args([&name, "hello"]).current_dir("/").uid(uid).gid(uid);
            Process::spawn(client)?.end()
        };
        let ours = client(0)?;
        if !ours.status.success() {
            return Err(format!("our own client is not echoed: {}", ours.errors).into());
        }
        if client(65534)?.lines.iter().any(|line| line == "received 5 bytes") {
            return Err("another user is echoed".into());
        }
        Ok(())
    });
}

#[test]
fn descriptors_exercise_2_hand_over_a_connection() {
    let answer = State::answer(env!("CARGO_BIN_EXE_part-three-descriptors-2"));
    exercise(&lesson("unix-give"), "open \"127.0.0.1:0\"", &answer, |giver| -> Checked {
        let (_folder, path) = place();
        let mut giver = giver.start(&["127.0.0.1:0", &path])?;
        let address: SocketAddr = giver.wait_for_address("Socket bound to address: ")?;
        giver.wait_for("Listening on ")?;
        let mut client = TcpStream::connect(address)?;
        let mut taker = lesson("unix-take").start(&[&path])?;
        taker.wait_for("received \"a TCP connection\"")?;
        let ended = giver.end()?;
        assert!(ended.status.success(), "{ended:?}");
        client.write_all(b"after the giver's end")?;
        taker.wait_for("read 21 bytes")?;
        drop(client);
        taker.wait_for("read 0 bytes")?;
        Ok(())
    });
}

#[test]
fn descriptors_exercise_3_one_position() {
    for way in ["--lseek", "--pread"] {
        let answer = State::answer(env!("CARGO_BIN_EXE_part-three-descriptors-3")).with(&[way]);
        exercise(&lesson("unix-take"), "the second taker read 0 bytes", &answer, |second| -> Checked {
            let (folder, path) = place();
            let secret = folder.path().join("secret.txt");
            std::fs::write(&secret, "top secret\n")?;
            let mut giver = lesson("unix-give").start(&[secret.to_str().unwrap(), &path])?;
            giver.wait_for("Listening on ")?;
            assert_eq!(reads(&lesson("unix-take"), &path)?, ["read 11 bytes", "read 0 bytes"]);
            match reads(second, &path)?.first().map(String::as_str) {
                Some("read 11 bytes") => {}
                other => return Err(format!("the second taker {}", other.unwrap_or("read nothing")).into()),
            }
            assert_eq!(reads(&lesson("unix-take"), &path)?, ["read 0 bytes"]);
            Ok(())
        });
    }
}

/// What a taker says of its reads.
fn reads(taker: &State, path: impl AsRef<Path>) -> std::io::Result<Vec<String>> {
    let ended = taker.start(&[path.as_ref().to_str().unwrap()])?.end()?;
    assert!(ended.status.success(), "{ended:?}");
    Ok(ended.lines.into_iter().filter(|line| line.starts_with("read ")).collect())
}
