//! One list of tests, run against each design.

macro_rules! design {
    ($name:ident, $program:literal, $arguments:expr, $at_once:expr) => {
        mod $name {
            conformance::tests!(conformance::Design {
                program: env!(concat!("CARGO_BIN_EXE_", $program)),
                arguments: $arguments,
                at_once: $at_once,
            });
        }
    };
}

design!(iterative, "many-iterative", &[], 1);
design!(threads, "many-threads", &[], 1000);
design!(pool, "many-pool", &["--workers", "3"], 3);
design!(poll, "many-poll", &[], 1000);
design!(epoll, "many-epoll", &[], 1000);
design!(epoll_edge, "many-epoll", &["--edge"], 1000);
