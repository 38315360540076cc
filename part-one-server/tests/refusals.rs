//! What the server cannot use, and the sentence that says so.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::ffi::OsStr;
use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use harness::missing::Missing;
use harness::process::{Process, command, not_checked};
const SERVER: &str = env!("CARGO_BIN_EXE_part-one-server");

/// The server must fail with this on standard error, and with exit code `code`.
fn refuses(arguments: &[&str], code: i32, complaint: &str) {
    let ended = Process::start(SERVER, arguments).unwrap().end().unwrap();
    assert_eq!(ended.errors, format!("part-one-server: {complaint}\n"));
    assert_eq!(ended.status.code(), Some(code));
}

#[test]
fn a_port_in_use_is_an_error_of_bind() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    refuses(&[&address], 1, &format!("bind {address}: EADDRINUSE: Address already in use"));
}

#[test]
fn an_address_that_is_not_ours_is_an_error_of_bind() {
    // RFC 5737 keeps this network for documentation: no machine has it.
    refuses(&["192.0.2.1:6797"], 1, "bind 192.0.2.1:6797: EADDRNOTAVAIL: Cannot assign requested address");
}

#[test]
fn every_word_that_is_no_address_is_named() {
    for word in
        ["6797", "1.2.3", "127.0.0.1", "127.0.0.1:99999", "localhost:6797", "127.0.0.1:", "", "\u{1b}[31m"]
    {
        refuses(
            &[word],
            2,
            &format!(
                "{word:?} is not an address: write IP:PORT, such as 127.0.0.1:6797 or '[::1]:6797'\n\
                 Try 'part-one-server --help'."
            ),
        );
    }
}

#[test]
fn an_extra_argument_an_unknown_option_and_what_is_not_utf_8_are_refused() {
    let hint = "Try 'part-one-server --help'.";
    refuses(&["127.0.0.1:0", "more"], 2, &format!("unexpected argument \"more\"\n{hint}"));
    refuses(&["--port"], 2, &format!("invalid option '--port'\n{hint}"));
    let ended = Process::start(SERVER, &[OsStr::from_bytes(b"\xff")]).unwrap().end().unwrap();
    assert_eq!(ended.errors, format!("part-one-server: \"\\xff\" is not UTF-8 text\n{hint}\n"));
    assert_eq!(ended.status.code(), Some(2));
}

/// The kernel asks for a privilege below `ip_unprivileged_port_start`.
#[test]
fn a_privileged_port_is_refused_to_an_ordinary_user() {
    const WHAT: &str = "part-one-server on port 80 as an ordinary user";
    let first_free = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if !first_free.is_ok_and(|port| port.trim().parse::<u16>().is_ok_and(|port| port > 80)) {
        let what = "this system lets every user have port 80".to_owned();
        return not_checked(WHAT, Missing { what, remedy: None }).unwrap();
    }
    // A copy, since an ordinary user may not be let into the folder that root has built in.
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("part-one-server");
    std::fs::copy(SERVER, &copy).unwrap();
    let mut command = command(copy.to_str().unwrap());
    command.arg("127.0.0.1:80");
    if nix::unistd::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let ended = Process::spawn(command).unwrap().end().unwrap();
    assert_eq!(ended.errors, "part-one-server: bind 127.0.0.1:80: EACCES: Permission denied\n");
    assert_eq!(ended.status.code(), Some(1));
}
