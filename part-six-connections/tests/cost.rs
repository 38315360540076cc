//! What a silent client costs: ten thousand of them, held.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use conformance::Design;
use harness::missing::Missing;
use harness::process::{Process, not_checked};
use nix::sys::resource::{Resource, getrlimit};

const CROWD: &str = env!("CARGO_BIN_EXE_crowd");

/// Bytes of the server's memory for each of ten thousand silent clients, as `crowd --hold` says it.
fn cost(arguments: &'static [&'static str]) -> u64 {
    let design = Design { program: env!("CARGO_BIN_EXE_many-epoll"), arguments, at_once: 10_000 };
    let server = design.start(&[]);
    let mut crowd = Process::start(CROWD, &["--hold", &server.address.to_string()]).unwrap();
    let words = crowd.wait_for("A silent client costs the server ").unwrap();
    crowd.wait_for("Holding them until Ctrl-C").unwrap();
    assert!(server.descriptors() > 10_000);
    let ended = crowd.interrupt().unwrap();
    assert_eq!((ended.status.code(), ended.errors.as_str()), (Some(0), ""), "{ended:?}");
    assert_eq!(server.stop().0, 10_000);
    words.strip_suffix(" bytes of its memory").unwrap().parse().unwrap()
}

#[test]
fn ten_thousand_silent_clients_of_epoll() {
    let (_, allowed) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if allowed < 10_100 {
        let what = format!("a process may have only {allowed} descriptors");
        let remedy = Some("raise the hard limit (ulimit -Hn) to 10100".into());
        return not_checked("ten thousand silent clients", Missing { what, remedy }).unwrap();
    }
    for arguments in [&[][..], &["--edge"]] {
        let bytes = cost(arguments);
        assert!((32..=64).contains(&bytes), "{arguments:?}: {bytes} bytes for a silent client");
    }
}
