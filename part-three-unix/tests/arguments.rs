//! What every program of this part does with its arguments.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use harness::folder::tempdir;
use support::*;

const PROGRAMS: [&str; 9] = [
    SERVER,
    CLIENT,
    DATAGRAM_SERVER,
    DATAGRAM_CLIENT,
    SEQPACKET_SERVER,
    SEQPACKET_CLIENT,
    GIVE,
    TAKE,
    SOCKETPAIR,
];

fn name(program: &str) -> &str {
    program.rsplit('/').next().unwrap()
}

#[test]
fn help_and_version_are_answered() {
    let folder = tempdir().unwrap();
    for program in PROGRAMS {
        let help = run(folder.path(), program, &["--help"]);
        assert_eq!((help.status.code(), help.errors.as_str()), (Some(0), ""));
        assert!(
            help.lines.iter().any(|line| line.starts_with(&format!("Usage: {} ", name(program)))),
            "{help:?}"
        );
        assert!(help.lines.iter().all(|line| line.chars().count() <= 110), "{help:?}");
        let version = run(folder.path(), program, &["-V"]);
        assert_eq!(version.lines, [format!("{} {}", name(program), env!("CARGO_PKG_VERSION"))]);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_used_is_named() {
    let folder = tempdir().unwrap();
    let too_long = "x".repeat(108);
    let refused: [(&str, &[&str], &str); 19] = [
        (SERVER, &[""], "\"\" is not an address"),
        (SERVER, &["@"], "\"@\" is not an address"),
        (SERVER, &["one", "two"], "unexpected argument \"two\""),
        (SERVER, &["--port"], "invalid option '--port'"),
        (SERVER, &[&too_long], "has 108 bytes"),
        (CLIENT, &["path", "message", "more"], "unexpected argument \"more\""),
        (CLIENT, &[&too_long], "has 108 bytes"),
        (DATAGRAM_SERVER, &["one", "two"], "unexpected argument \"two\""),
        (DATAGRAM_CLIENT, &["--name"], "missing argument for option '--name'"),
        (DATAGRAM_CLIENT, &["--name", ""], "\"\" is not an address"),
        (DATAGRAM_CLIENT, &["--loud"], "invalid option '--loud'"),
        (SEQPACKET_SERVER, &["one", "two"], "unexpected argument \"two\""),
        (SEQPACKET_CLIENT, &["one", ""], "an empty message cannot be sent"),
        (GIVE, &[], "which FILE?"),
        (GIVE, &["file", "one", "two"], "unexpected argument \"two\""),
        (GIVE, &["--hold", "file"], "invalid option '--hold'"),
        (TAKE, &["one", "two"], "unexpected argument \"two\""),
        (SOCKETPAIR, &[], "which FILE?"),
        (SOCKETPAIR, &["--child", "file"], "unexpected argument \"file\""),
    ];
    for (program, arguments, complaint) in refused {
        let ended = run(folder.path(), program, arguments);
        assert_eq!((ended.status.code(), ended.lines.len()), (Some(2), 0), "{arguments:?}: {ended:?}");
        assert!(ended.errors.contains(complaint), "{arguments:?}: {}", ended.errors);
        assert!(ended.errors.ends_with(&format!("\nTry '{} --help'.\n", name(program))), "{}", ended.errors);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_argument_that_is_no_utf8_is_no_panic() {
    let folder = tempdir().unwrap();
    let odd = OsStr::from_bytes(b"\xff");
    for program in [GIVE, SOCKETPAIR] {
        let ended = run(folder.path(), program, &[odd]);
        assert!(ended.errors.contains(r#"open "\xff": No such file"#), "{}", ended.errors);
    }
    for program in [CLIENT, DATAGRAM_CLIENT, SEQPACKET_CLIENT, TAKE] {
        let ended = run(folder.path(), program, &[odd]);
        assert_eq!(ended.status.code(), Some(1));
        assert!(ended.errors.contains(r"connect \xff: ENOENT"), "{}", ended.errors);
    }
}
