//! Where `io_uring` is denied, the server says so, and what to do.

use harness::process::{Process, installed};

#[test]
fn a_filter_denies_it() {
    if !installed("python3", "a_filter_denies_it").unwrap() {
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/without_io_uring.py");
    let arguments = [script, env!("CARGO_BIN_EXE_async-uring"), "127.0.0.1:0"];
    let ended = Process::start("python3", &arguments).unwrap().end().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(
        ended.errors.contains("io_uring_setup: EPERM") && ended.errors.contains("many-epoll"),
        "{ended:?}"
    );
}
