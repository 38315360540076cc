//! A TCP server that sends back every byte to the client that sent it, for as many clients as come.

use crate::check::{Check, Exercise, Transport};

pub(super) mod bytes;
pub(super) mod faults;
pub(super) mod keeps;
pub(super) mod many;
pub(super) mod starts;
pub(super) mod stream;

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "tcp-echo",
    about: "a TCP server that sends every client back what it sent, until the client ends",
    transport: Transport::Tcp,
    serves: true,
    ready: super::listens,
    levels: &["starts", "stream", "bytes", "many", "faults", "keeps"],
    checks: &CHECKS,
};

const CHECKS: [Check; 29] = [
    starts::LISTENS,
    starts::ONE_LINE,
    starts::NO_LINE_END,
    stream::CONVERSATION,
    stream::BYTE_BY_BYTE,
    stream::JOINED,
    stream::HALF_CLOSE,
    stream::ONLY_END,
    stream::NEXT_CLIENT,
    bytes::CUT_UTF8,
    bytes::NOT_TEXT,
    bytes::EVERY_BYTE,
    bytes::TWO_THOUSAND,
    bytes::LONG,
    many::FIVE,
    many::SILENT_FIRST,
    many::NEVER_READS,
    faults::INTERRUPTED,
    faults::RESET,
    faults::GONE,
    faults::RESET_BEFORE_ACCEPT,
    faults::PORT_TAKEN,
    keeps::LATE_READER,
    keeps::BOUNDED,
    keeps::DESCRIPTORS,
    keeps::CHILDREN,
    keeps::AT_REST,
    keeps::RESTART,
    keeps::SIGTERM,
];
