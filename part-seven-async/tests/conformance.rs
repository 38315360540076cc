//! Part six's list of tests, run against each server.

macro_rules! design {
    ($name:ident, $program:literal, $arguments:expr) => {
        mod $name {
            conformance::tests!(conformance::Design {
                program: env!(concat!("CARGO_BIN_EXE_", $program)),
                arguments: $arguments,
                at_once: 1000,
            });
        }
    };
}

design!(executor, "async-executor", &[]);
design!(tokio, "async-tokio", &[]);
design!(tokio_with_workers, "async-tokio", &["--workers", "2"]);
design!(uring, "async-uring", &[]);
design!(uring_plain, "async-uring", &["--plain"]);
design!(uring_in_batches, "async-uring", &["--batch", "32"]);
// With a call that takes no time, since a server that blocks fails the list: that is its lesson. With the cure it passes.
design!(blocking, "async-blocking", &["--call", "0"]);
design!(blocking_aside, "async-blocking", &["--aside", "--call", "1"]);
