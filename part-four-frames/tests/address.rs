//! Addresses as they lie in memory.

#![cfg(target_endian = "little")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use support::*;

fn shown(arguments: &[&str]) -> String {
    let ended = run(ADDRESS, arguments);
    assert_eq!((ended.status.code(), ended.errors.as_str()), (Some(0), ""), "{ended:?}");
    ended.lines.join("\n")
}

#[test]
fn an_address_of_ipv4() {
    let family = nix::libc::AF_INET;
    let expected = format!(
        "\
127.0.0.1:6797: AF_INET, 16 bytes
  family: {family}
  port bytes: [26, 141]
    as a number of this machine: 36122
    from network order: 6797
  address bytes: [127, 0, 0, 1]
    as a number of this machine: 16777343
    from network order: 2130706433"
    );
    assert_eq!(shown(&[]), expected);
    assert_eq!(shown(&["127.0.0.1:6797"]), expected);
    // getaddrinfo takes spellings that std's own parser does not.
    assert_eq!(shown(&["127.1:6797"]), expected);
}

#[test]
fn an_address_of_ipv6() {
    let family = nix::libc::AF_INET6;
    let expected = format!(
        "\
[::1]:6797: AF_INET6, 28 bytes
  family: {family}
  port bytes: [26, 141]
    as a number of this machine: 36122
    from network order: 6797
  flow information bytes: [0, 0, 0, 0]
  address bytes: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    as a number of this machine: 1329227995784915872903807060280344576
    from network order: 1
  scope bytes: [0, 0, 0, 0]"
    );
    assert_eq!(shown(&["[::1]:6797"]), expected);
    assert!(shown(&["[::ffff:127.0.0.1]:0"]).contains("0, 0, 255, 255, 127, 0, 0, 1]"));
}

#[test]
fn what_is_no_name() {
    for name in ["nosuch.invalid:6797", "127.0.0.1", "127.0.0.1:http", "", ":", "[::1]"] {
        let ended = run(ADDRESS, &[name]);
        assert_eq!((ended.status.code(), ended.lines.len()), (Some(1), 0), "{name:?}: {ended:?}");
        assert!(
            ended.errors.starts_with(&format!("frames-address: getaddrinfo {name:?}: ")),
            "{}",
            ended.errors
        );
    }
}
