//! A server in the Unix domain that sends back every byte: part one's stream, with a path for an address.

use super::tcp_echo::{bytes, faults, keeps, many, starts, stream};
use super::unix;
use crate::check::{Check, Exercise, Transport};
use crate::page::page;

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "unix-echo",
    about: "a stream server in the Unix domain that sends every client back what it sent",
    transport: Transport::Unix,
    serves: true,
    ready: unix::listens,
    levels: &["starts", "path", "stream", "bytes", "many", "keeps"],
    checks: &CHECKS,
};

const CHECKS: [Check; 28] = [
    Check {
        id: "listens",
        level: 1,
        title: "it listens at the path that it was given",
        page: page("docs/part-three.md", "The two servers side by side"),
        judge: |bench| bench.running(),
    },
    starts::ONE_LINE,
    starts::NO_LINE_END,
    Check {
        id: "stale",
        level: 2,
        title: "a file that an earlier run has left is replaced",
        page: page("docs/part-three-failures.md", "The file of a server that is gone"),
        judge: unix::stale,
    },
    Check {
        id: "live",
        level: 2,
        title: "the file of a server that lives stays",
        page: page("docs/part-three-failures.md", "A server answers there"),
        judge: unix::live,
    },
    Check {
        id: "regular-file",
        level: 2,
        title: "a file that is no socket stays",
        page: page("docs/part-three-failures.md", "Something that is no socket"),
        judge: unix::regular_file,
    },
    Check {
        id: "mode",
        level: 2,
        title: "not every user of the machine may connect",
        page: page("docs/part-three-failures.md", "A socket that is not for you"),
        judge: unix::mode,
    },
    Check { level: 3, ..stream::CONVERSATION },
    Check { level: 3, ..stream::BYTE_BY_BYTE },
    Check { level: 3, ..stream::JOINED },
    Check { level: 3, ..stream::HALF_CLOSE },
    Check { level: 3, ..stream::ONLY_END },
    Check { level: 3, ..stream::NEXT_CLIENT },
    Check { level: 4, ..bytes::CUT_UTF8 },
    Check { level: 4, ..bytes::NOT_TEXT },
    Check { level: 4, ..bytes::EVERY_BYTE },
    Check { level: 4, ..bytes::TWO_THOUSAND },
    Check { level: 4, ..bytes::LONG },
    Check { level: 5, ..many::FIVE },
    Check { level: 5, ..many::SILENT_FIRST },
    Check { level: 5, ..many::NEVER_READS },
    Check { level: 5, ..faults::INTERRUPTED },
    Check { level: 6, ..keeps::LATE_READER },
    Check { level: 6, ..keeps::BOUNDED },
    Check { level: 6, ..keeps::DESCRIPTORS },
    Check { level: 6, ..keeps::CHILDREN },
    Check { level: 6, ..keeps::AT_REST },
    Check {
        id: "sigterm",
        level: 6,
        title: "SIGTERM ends it, and its file goes with it",
        page: page("docs/part-three.md", "The file"),
        judge: unix::sigterm,
    },
];
