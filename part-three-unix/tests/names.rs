//! How a path may be written, how long it may be, and where no socket can be made.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;

use harness::folder::tempdir;
use nix::sys::signal::Signal;
use support::*;

#[test]
fn a_path_of_107_bytes_works_and_108_is_refused_with_the_limit() {
    let folder = tempdir().unwrap();
    for program in SERVERS {
        let longest = "p".repeat(107);
        let server = serving(folder.path(), program, &longest);
        stop(server);

        let too_long = "p".repeat(108);
        let ended = start_at(folder.path(), program, &too_long).end().unwrap();
        assert_eq!(ended.status.code(), Some(2));
        assert!(ended.errors.contains("has 108 bytes"), "{}", ended.errors);
        assert!(ended.errors.contains("holds 107 (sun_path)"), "{}", ended.errors);
    }
    // A longer way to the same file works by a relative path, which is why the default is one.
    let deep = folder.path().join("d".repeat(100)).join("e".repeat(100));
    fs::create_dir_all(&deep).unwrap();
    let server = server(&deep, "s");
    let client = run(&deep, CLIENT, &["s"]);
    assert_eq!(client.status.code(), Some(0), "{}", client.errors);
    stop(server);
}

#[test]
fn a_missing_folder_and_a_forbidden_one_are_named() {
    let folder = tempdir().unwrap();
    let ended = run(folder.path(), SERVER, &["missing/s"]);
    assert_eq!(
        (ended.status.code(), ended.errors.as_str()),
        (Some(1), "unix-server: bind missing/s: ENOENT: No such file or directory\n")
    );
    fs::write(folder.path().join("file"), "").unwrap();
    let ended = run(folder.path(), SERVER, &["file/s"]);
    assert_eq!(
        (ended.status.code(), ended.errors.as_str()),
        (Some(1), "unix-server: lstat file/s: ENOTDIR: Not a directory\n")
    );
}

#[test]
fn without_permission_nothing_is_made_connected_or_removed() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("forbidden")).unwrap();
    fs::set_permissions(folder.path().join("forbidden"), fs::Permissions::from_mode(0o555)).unwrap();
    let ended = run_unprivileged(folder.path(), SERVER, &["forbidden/s"]);
    assert_eq!(
        (ended.status.code(), ended.errors.as_str()),
        (Some(1), "unix-server: bind forbidden/s: EACCES: Permission denied\n")
    );

    // A socket that we may not write to: no way in, and no way to know whether anybody answers.
    let server = server(folder.path(), "s");
    fs::set_permissions(folder.path().join("s"), fs::Permissions::from_mode(0o400)).unwrap();
    let ended = run_unprivileged(folder.path(), CLIENT, &["s"]);
    assert_eq!(
        (ended.status.code(), ended.errors.as_str()),
        (Some(1), "unix-client: connect s: EACCES: Permission denied\n")
    );
    let ended = run_unprivileged(folder.path(), SERVER, &["s"]);
    assert_eq!(
        (ended.status.code(), ended.errors.as_str()),
        (
            Some(1),
            "unix-server: connect s: EACCES: Permission denied: cannot tell whether a server answers there: \
             it is left alone\n"
        )
    );
    assert!(folder.path().join("s").exists());
    stop(server);
}

#[test]
fn a_path_of_any_bytes_works() {
    let folder = tempdir().unwrap();
    for name in
        [&b"\xff\xfe.sock"[..], b"two words", b"new\nline", b"\x1b[31mred", "Grüße".as_bytes(), b"./@at"]
    {
        let name = OsStr::from_bytes(name);
        let server = server(folder.path(), name);
        assert!(fs::symlink_metadata(folder.path().join(name)).is_ok());
        let client = run(folder.path(), CLIENT, &[name]);
        assert_eq!(client.status.code(), Some(0), "{}", client.errors);
        let ended = stop(server);
        assert!(ended.lines.iter().all(|line| !line.contains('\u{1b}')), "{ended:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
    let odd = OsString::from_vec(b"\xff\n".to_vec());
    let server = server(folder.path(), &odd);
    assert!(said(&stop(server), r"Removed \xff\n"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_without_a_file() {
    for program in SERVERS {
        let folder = tempdir().unwrap();
        let name = format!("@part-three-{}-{}", std::process::id(), program.1.len());
        let server = serving(folder.path(), program, &name);
        let taken = || String::from_utf8_lossy(&fs::read("/proc/net/unix").unwrap()).contains(&name);
        assert!(taken());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

        let second = start_at(folder.path(), program, &name).end().unwrap();
        assert_eq!(second.status.code(), Some(1));
        assert!(second.errors.contains(&format!("bind {name}: EADDRINUSE: ")), "{second:?}");

        // Killed, it leaves nothing.
        end_with(server, Signal::SIGKILL);
        stop(serving(folder.path(), program, &name));
        assert!(!taken());
    }
}

#[test]
fn a_pipe_is_no_folder() {
    let folder = tempdir().unwrap();
    nix::unistd::mkfifo(&folder.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let ended = start_at(folder.path(), SERVERS[0], "pipe/s").end().unwrap();
    assert!(ended.errors.contains("lstat pipe/s: ENOTDIR"), "{ended:?}");
}
