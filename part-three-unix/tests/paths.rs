//! The socket's file: what stood there before, who may use it, and that it goes on every way out. How it may be called is
//! in names.rs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use harness::folder::tempdir;
use harness::limits::descriptors;
use harness::private::settings;
use harness::process::{Process, command, installed};
use nix::sys::signal::Signal;
use support::*;

fn stale(path: &Path) {
    drop(UnixListener::bind(path).unwrap());
    assert!(path.exists());
}

#[test]
fn a_stale_socket_is_replaced_and_said() {
    for program in SERVERS {
        let folder = tempdir().unwrap();
        stale(&folder.path().join("s"));
        let server = serving(folder.path(), program, "s");
        let ended = stop(server);
        assert!(said(&ended, "Removed a stale socket file: nobody answered at s"), "{ended:?}");
        assert!(said(&ended, "Removed s"), "{ended:?}");
        assert!(!folder.path().join("s").exists());
    }
}

#[test]
fn a_server_that_answers_is_an_error_and_goes_on() {
    for program in SERVERS {
        let folder = tempdir().unwrap();
        let first = server(folder.path(), "s");
        let inode = fs::metadata(folder.path().join("s")).unwrap().ino();
        let second = start_at(folder.path(), program, "s").end().unwrap();
        assert_eq!(second.status.code(), Some(1), "{second:?}");
        assert!(
            second.errors.ends_with(": connect s: a server answers there: it goes on, choose another path\n"),
            "{second:?}"
        );
        assert_eq!(fs::metadata(folder.path().join("s")).unwrap().ino(), inode);
        assert_eq!(exchange(folder.path().join("s"), b"I go on"), b"I go on");
        // It has not even noticed.
        assert!(said(&stop(first), "Stopped after 1 clients"));
    }
}

#[test]
fn a_server_of_any_type_counts_as_one() {
    let folder = tempdir().unwrap();
    let _datagram = UnixDatagram::bind(folder.path().join("datagram")).unwrap();
    let _stream = UnixListener::bind(folder.path().join("stream")).unwrap();
    // Bound to somebody else, so that nobody but that one may connect to it.
    let taken = UnixDatagram::bind(folder.path().join("taken")).unwrap();
    taken.connect(folder.path().join("datagram")).unwrap();
    for path in ["datagram", "stream", "taken"] {
        for program in SERVERS {
            let ended = start_at(folder.path(), program, path).end().unwrap();
            assert!(ended.errors.contains("a server answers there"), "{path}: {ended:?}");
            assert!(folder.path().join(path).exists());
        }
    }
}

/// A server whose queue is full would let a plain connect sleep.
#[test]
fn a_server_that_is_busy_counts_as_one() {
    if !descriptors("a_server_that_is_busy_counts_as_one", 150) {
        return;
    }
    if !settings("a_server_that_is_busy_counts_as_one", &["net.core.somaxconn=4096"]) {
        return;
    }
    let folder = tempdir().unwrap();
    let busy = server(folder.path(), "s");
    freeze(&busy);
    let mut waiting = Vec::new();
    for _ in 0..129 {
        waiting.push(UnixStream::connect(folder.path().join("s")).unwrap());
    }
    let ended = start_at(folder.path(), SERVERS[0], "s").end().unwrap();
    assert!(ended.errors.contains("a server answers there"), "{ended:?}");
    thaw(&busy);
    drop(waiting);
    stop(busy);
}

#[test]
fn what_is_no_socket_is_never_touched() {
    let folder = tempdir().unwrap();
    let path = |name| folder.path().join(name);
    fs::write(path("notes.txt"), "dear diary").unwrap();
    fs::create_dir(path("folder")).unwrap();
    nix::unistd::mkfifo(&path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    stale(&path("stale"));
    symlink("notes.txt", path("link-to-file")).unwrap();
    symlink("folder", path("link-to-folder")).unwrap();
    symlink("stale", path("link-to-stale")).unwrap();
    symlink("nothing", path("link-to-nothing")).unwrap();
    let everything = || {
        let mut all: Vec<(OsString, u64, u32)> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let data = fs::symlink_metadata(entry.path()).unwrap();
                (entry.file_name(), data.ino(), data.mode())
            })
            .collect();
        all.sort();
        all
    };
    let before = everything();
    for program in SERVERS {
        for (name, kind) in [
            ("notes.txt", "a file"),
            ("folder", "a folder"),
            ("folder/", "a folder"),
            ("pipe", "a pipe"),
            ("/dev/null", "a device"),
            ("link-to-file", "a symbolic link"),
            ("link-to-folder", "a symbolic link"),
            ("link-to-stale", "a symbolic link"),
            ("link-to-nothing", "a symbolic link"),
        ] {
            let ended = start_at(folder.path(), program, name).end().unwrap();
            assert_eq!(ended.status.code(), Some(1), "{ended:?}");
            let expected = format!(
                ": lstat {name}: {kind} stands there, not a socket: it is left alone, choose another path\n"
            );
            assert!(ended.errors.ends_with(&expected), "{ended:?}");
        }
    }
    assert_eq!(everything(), before);
    assert_eq!(fs::read_to_string(path("notes.txt")).unwrap(), "dear diary");
}

#[test]
fn only_its_owner_may_read_and_write_it() {
    for program in SERVERS {
        for umask in ["000", "022", "777"] {
            let folder = tempdir().unwrap();
            let mut shell = command("sh");
            shell.current_dir(folder.path()).args([
                "-c",
                &format!("umask {umask}; exec \"$@\""),
                "sh",
                program.0,
            ]);
            shell.args(program.1).arg("s");
            let mut server = Process::spawn(shell).unwrap();
            server.wait_for(program.2).unwrap();
            assert_eq!(mode(folder.path().join("s")), "600", "{} with umask {umask}", program.0);
            stop(server);
        }
    }
}

#[test]
fn it_goes_on_every_way_out() {
    for program in SERVERS {
        for signal in [Signal::SIGINT, Signal::SIGTERM] {
            let folder = tempdir().unwrap();
            let server = serving(folder.path(), program, "s");
            let ended = end_with(server, signal);
            assert_eq!((ended.status.code(), ended.errors.as_str()), (Some(0), ""), "{ended:?}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{signal} of {}", program.0);
        }
    }
}

#[test]
fn it_goes_when_nobody_reads_the_output_any_more() {
    let folder = tempdir().unwrap();
    let mut shell = command("sh");
    shell.current_dir(folder.path()).args(["-c", "\"$1\" s | head -3", "sh", SERVER]);
    let mut server = Process::spawn(shell).unwrap();
    server.wait_for("Listening for incoming connections...").unwrap();
    // The next word finds that head has gone, and the server stops.
    let client = UnixStream::connect(folder.path().join("s")).unwrap();
    bounded(&client);
    assert_eq!((&client).read(&mut [0]).unwrap(), 0);
    let ended = server.end().unwrap();
    assert_eq!((ended.lines.len(), ended.errors.as_str()), (3, ""), "{ended:?}");
    assert!(!folder.path().join("s").exists());
}

#[test]
fn it_goes_when_the_output_cannot_be_written() {
    let folder = tempdir().unwrap();
    let mut shell = command("sh");
    // One block of 512 or 1024 bytes, and EFBIG behind it instead of SIGXFSZ.
    shell.current_dir(folder.path());
    shell.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$1\" s > said", "sh", SERVER]);
    let server = Process::spawn(shell).unwrap();
    until("the server listens", || UnixStream::connect(folder.path().join("s")).is_ok());
    let mut client = UnixStream::connect(folder.path().join("s")).unwrap();
    client.write_all(&[b'x'; 1024]).unwrap();
    let ended = server.end().unwrap();
    assert_eq!(
        (ended.status.code(), ended.errors.as_str()),
        (Some(1), "unix-server: write standard output: File too large (os error 27)\n")
    );
    assert!(!folder.path().join("s").exists());
}

#[test]
fn it_goes_when_the_server_fails() {
    if !installed("prlimit", "that unix-server removes its file when it fails").unwrap() {
        return;
    }
    let folder = tempdir().unwrap();
    let server = server(folder.path(), "s");
    // poll refuses to look at two descriptors where only one is allowed.
    let limit = ["--pid", &server.id().to_string(), "--nofile=1:"];
    assert!(Command::new("prlimit").args(limit).status().unwrap().success());
    // Wakes the server from its last poll, if it has not gone by itself already.
    let _ = UnixStream::connect(folder.path().join("s"));
    let ended = server.end().unwrap();
    assert_eq!(
        (ended.status.code(), ended.errors.as_str()),
        (Some(1), "unix-server: poll: EINVAL: Invalid argument\n")
    );
    assert!(!folder.path().join("s").exists(), "{ended:?}");
}

#[test]
fn killed_it_leaves_its_file_and_the_next_start_replaces_it() {
    for program in SERVERS {
        let folder = tempdir().unwrap();
        let server = serving(folder.path(), program, "s");
        let ended = end_with(server, Signal::SIGKILL);
        assert_eq!(ended.status.code(), None);
        assert!(folder.path().join("s").exists());

        let server = serving(folder.path(), program, "s");
        assert!(said(&stop(server), "Removed a stale socket file: nobody answered at s"));
        assert!(!folder.path().join("s").exists());
    }
}

#[test]
fn a_successors_file_is_left_alone() {
    for program in SERVERS {
        let folder = tempdir().unwrap();
        let path = folder.path().join("s");
        let server = serving(folder.path(), program, "s");
        fs::remove_file(&path).unwrap();
        let successor = UnixListener::bind(&path).unwrap();
        let ended = stop(server);
        assert!(said(&ended, "warning: s is another's by now: it is left alone"), "{ended:?}");
        UnixStream::connect(&path).unwrap();
        drop(successor);

        // A plain file is no socket of ours either.
        let server = serving(folder.path(), program, "t");
        fs::remove_file(folder.path().join("t")).unwrap();
        fs::write(folder.path().join("t"), "mine").unwrap();
        stop(server);
        assert_eq!(fs::read_to_string(folder.path().join("t")).unwrap(), "mine");
    }
}

#[test]
fn a_file_that_is_gone_already_is_no_failure() {
    let folder = tempdir().unwrap();
    let server = server(folder.path(), "s");
    fs::remove_file(folder.path().join("s")).unwrap();
    assert!(said(&stop(server), "warning: lstat s: ENOENT: No such file or directory"));
}

/// Each of them finds the stale file. Since the lesson leaves the lock out, one may take the name of another that has
/// just been bound; but somebody serves, and nobody removes what is another's.
#[test]
fn of_many_that_start_at_once_somebody_serves() {
    for program in SERVERS {
        for round in 0..10 {
            let folder = tempdir().unwrap();
            stale(&folder.path().join("s"));
            let servers: Vec<_> = (0..8).map(|_| start_at(folder.path(), program, "s")).collect();
            let serving: Vec<_> = servers
                .into_iter()
                .filter_map(|mut server| server.wait_for(program.2).is_ok().then_some(server))
                .collect();
            assert!(!serving.is_empty(), "{} in round {round}: all gave up", program.0);
            assert!(folder.path().join("s").exists());
            for server in serving {
                stop(server);
            }
            assert!(!folder.path().join("s").exists());
        }
    }
}

/// While its socket lives no other file can have its inode's number: only so is "ours" a thing to ask for.
#[test]
fn every_server_removes_its_file_before_its_socket_ends() {
    if !installed("strace", "that part three's servers remove their files first").unwrap() {
        return;
    }
    for (program, arguments, ready) in SERVERS {
        let folder = tempdir().unwrap();
        let mut traced = command("strace");
        traced.current_dir(folder.path());
        traced.args(["-f", "-o", "calls", "-e", "trace=unlink,unlinkat,close,socket", program]);
        let mut server = Process::spawn({
            traced.args(arguments).arg("s");
            traced
        })
        .unwrap();
        server.wait_for(ready).unwrap();
        // To the server, not to its tracer, which would leave it alone.
        let calls = fs::read_to_string(folder.path().join("calls")).unwrap();
        let pid: i32 = calls.split_whitespace().next().unwrap().parse().unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGTERM).unwrap();
        server.end().unwrap();
        let calls = fs::read_to_string(folder.path().join("calls")).unwrap();
        let socket = calls.lines().find(|call| call.contains("socket(AF_UNIX")).unwrap();
        // Without its end, which may be "<unfinished ...>".
        let close = format!("close({}", socket.rsplit("= ").next().unwrap());
        let at = |call: &str| calls.rfind(call).unwrap_or_else(|| panic!("no {call}:\n{calls}"));
        assert!(at("unlink") < at(&close), "{program}:\n{calls}");
    }
}
