//! One list of tests that every echo server for many clients passes, whatever its design.
//!
//! A server takes `[--most N] [--idle SECONDS] [ADDR]`, and says, each as the beginning of a line:
//!
//! * `Socket bound to address: IP:PORT`, then `Listening for incoming connections...`;
//! * for each client `Client connected: ...` and, at its end, `Client left: ...` or `warning: Client lost: ...`;
//! * `N clients at a time: ...` where `--most` leaves the next ones in the queue;
//! * `warning: accept: ...` where no descriptor is left for the next one;
//! * at the end `Stopped: N clients, N bytes echoed`.
//!
//! It echoes each client until its end of file and then closes. SIGTERM and Ctrl-C end it, with status 0. A test file
//! names the design and has the whole list:
//!
//! ```no_run
//! mod threads {
//!     conformance::tests!(conformance::Design {
//!         program: "many-threads", // env!("CARGO_BIN_EXE_many-threads")
//!         arguments: &[],
//!         at_once: 1000,
//!     });
//! }
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking, in its helpers too"
)]

pub mod adversity;
pub mod echoes;
pub mod limits;
pub mod server;
pub mod stopping;

pub use server::Design;

/// The whole list, as tests of the module that this stands in.
#[macro_export]
macro_rules! tests {
    ($design:expr) => {
        $crate::tests!(@ $design,
            echoes: message_after_message, every_byte, a_megabyte, byte_by_byte, after_the_half_close,
                five_hundred_at_once, one_after_another_without_a_leak, beside_silent_clients, beside_a_flood,
                bytes_are_shown_only_to_who_asks;
            adversity: end_right_behind_the_data, a_client_that_does_not_read, a_reset, a_reset_in_the_queue,
                gone_before_the_answer, stopped_and_continued;
            limits: idle_closes_the_silent, idle_closes_who_does_not_read, idle_spares_who_speaks,
                most_leaves_the_next_in_the_queue, no_descriptor_left, an_address_in_use, arguments;
            stopping: with_nobody_there, with_somebody_silent, finishes_what_has_come, finishes_a_long_answer,
                cuts_off_who_does_not_read, by_ctrl_c;
        );
    };
    (@ $design:expr, $($list:ident: $($test:ident),+;)+) => {
        $($(
            #[test]
            fn $test() {
                $crate::$list::$test(&$design);
            }
        )+)+
    };
}
