//! What the server cannot use, and the sentence that says so.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::ffi::OsStr;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;

use harness::ordinary::without_privileges;
use harness::private::settings;
use harness::process::{Process, command};

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

#[test]
fn a_privileged_port_is_refused_to_an_ordinary_user() {
    let test = "a_privileged_port_is_refused_to_an_ordinary_user";
    if !settings(test, &["net.ipv4.ip_unprivileged_port_start=1024"]) {
        return;
    }
    let mut command = command(SERVER);
    command.arg("127.0.0.1:80");
    without_privileges(&mut command);
    let ended = Process::spawn(command).unwrap().end().unwrap();
    assert_eq!(ended.errors, "part-one-server: bind 127.0.0.1:80: EACCES: Permission denied\n");
    assert_eq!(ended.status.code(), Some(1));
}
