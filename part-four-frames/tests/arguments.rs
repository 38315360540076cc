//! What every program of this part does with its arguments.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use support::*;

const PROGRAMS: [&str; 5] = [ADDRESS, LINES, RECEIVER, SENDER, SENDFILE];

fn name(program: &str) -> &str {
    program.rsplit('/').next().unwrap()
}

#[test]
fn help_and_version_are_answered() {
    for program in PROGRAMS {
        let help = run(program, &["--help"]);
        assert_eq!((help.status.code(), help.errors.as_str()), (Some(0), ""));
        let usage = format!("Usage: {} ", name(program));
        assert!(help.lines.iter().any(|line| line.starts_with(&usage)), "{help:?}");
        assert!(help.lines.iter().all(|line| line.chars().count() <= 110), "{help:?}");
        let version = run(program, &["-V"]);
        assert_eq!(version.lines, [format!("{} {}", name(program), env!("CARGO_PKG_VERSION"))]);
    }
}

#[test]
fn what_cannot_be_used_is_named() {
    let refused: [(&str, &[&str], &str); 14] = [
        (ADDRESS, &["one:1", "two:2"], "unexpected argument \"two:2\""),
        (ADDRESS, &["--v6"], "invalid option '--v6'"),
        (LINES, &["localhost:6797"], "\"localhost:6797\" is not an address"),
        (LINES, &["127.0.0.1:0", "more"], "unexpected argument \"more\""),
        (RECEIVER, &["6797"], "\"6797\" is not an address"),
        (RECEIVER, &["127.0.0.1:0", ".", "more"], "unexpected argument \"more\""),
        (RECEIVER, &["--limit"], "missing argument for option '--limit'"),
        (RECEIVER, &["--limit", "-1"], "--limit \"-1\": write a whole number from 0 to 18446744073709551615"),
        (RECEIVER, &["--limit", "18446744073709551616"], "write a whole number from 0"),
        (SENDER, &[], "write the FILE to send"),
        (SENDER, &["--big-endian", "f"], "invalid option '--big-endian'"),
        (SENDER, &["f", "127.0.0.1:1", "more"], "unexpected argument \"more\""),
        (SENDFILE, &[], "write the FILE to send"),
        (SENDFILE, &["f", "127.0.0.1:1", "more"], "unexpected argument \"more\""),
    ];
    for (program, arguments, complaint) in refused {
        let ended = run(program, arguments);
        assert_eq!((ended.status.code(), ended.lines.len()), (Some(2), 0), "{arguments:?}: {ended:?}");
        assert!(ended.errors.contains(complaint), "{arguments:?}: {}", ended.errors);
        assert!(ended.errors.ends_with(&format!("\nTry '{} --help'.\n", name(program))), "{}", ended.errors);
    }
}

#[test]
fn an_argument_that_is_no_utf8_is_no_panic() {
    let odd = OsStr::from_bytes(b"\xff");
    for program in [ADDRESS, LINES, RECEIVER] {
        assert_eq!(run(program, &[odd]).status.code(), Some(2));
    }
    for program in [SENDER, SENDFILE] {
        // A file may have such a name, and this one is not there.
        assert_eq!(run(program, &[odd]).status.code(), Some(1));
        assert_eq!(run(program, &[OsStr::new("f"), odd]).status.code(), Some(2));
    }
}
