//! Part one's server: it takes one client and one message, sends it back, and ends.

use super::tcp_echo::{faults, keeps, starts};
use crate::bench::Bench;
use crate::check::{Check, Exercise, Transport};
use crate::client::Client;
use crate::explain;
use crate::fault::{How, Judged, fault};
use crate::page::page;
use crate::payload;
use crate::program::ending;

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "tcp-once",
    about: "part one's server: one client, one message back, and the end",
    transport: Transport::Tcp,
    serves: true,
    ready: super::listens,
    levels: &["starts", "ends", "faults"],
    checks: &[
        Check { judge: listens, ..starts::LISTENS },
        Check { judge: |bench| anew(bench, starts::one_line), ..starts::ONE_LINE },
        Check {
            judge: |bench| anew(bench, |bench| one_message(bench, b"no line end").map(drop)),
            ..starts::NO_LINE_END
        },
        Check {
            id: "ends",
            level: 2,
            title: "after its answer it closes the connection, and ends with status 0",
            page: page("docs/part-one.md", "Who closes"),
            judge: |bench| anew(bench, ends),
        },
        Check {
            id: "only-end",
            level: 2,
            title: "a client that says nothing and ends is no error",
            page: page("docs/part-one.md", "One message"),
            judge: |bench| anew(bench, only_end),
        },
        Check {
            id: "not-text",
            level: 2,
            title: "bytes that are no text come back",
            page: page("docs/part-one-failures.md", "Bytes that are not text"),
            judge: |bench| anew(bench, |bench| one_message(bench, b"\xff\xfe\0 no text\n").map(drop)),
        },
        Check {
            id: "two-thousand",
            level: 3,
            title: "2,000 bytes come back, or their beginning",
            page: page("docs/part-one-failures.md", "More than 1024 bytes"),
            judge: |bench| anew(bench, two_thousand),
        },
        Check { level: 3, ..faults::PORT_TAKEN },
        Check { level: 3, ..keeps::RESTART },
    ],
};

/// Each of its lives is for one client.
fn anew(bench: &mut Bench<'_>, judge: impl FnOnce(&mut Bench<'_>) -> Judged) -> Judged {
    bench.restart()?;
    judge(bench)
}

fn listens(bench: &mut Bench<'_>) -> Judged {
    anew(bench, starts::listens)
}

fn one_message(bench: &mut Bench<'_>, message: &[u8]) -> Judged<Client> {
    let mut client = bench.connect()?;
    bench.echo(&mut client, message)?;
    Ok(client)
}

fn ends(bench: &mut Bench<'_>) -> Judged {
    let mut client = one_message(bench, b"hello\n")?;
    bench.wait(&mut client, |_| false)?;
    match client.how {
        How::End | How::Exit => {}
        How::Reset => {
            let sentence = "Your program answered, and then the connection was reset (RST) instead of ended.";
            return Err(bench.fault_on(&client, sentence).into());
        }
        _ => {
            let sentence = "Your program answered, and does not close the connection. The client waits for more, or for \
                            the end: close it.";
            return Err(bench.fault_on(&client, sentence).into());
        }
    }
    has_ended(bench, "after its answer")
}

fn only_end(bench: &mut Bench<'_>) -> Judged {
    let mut client = bench.connect()?;
    client.finish();
    bench.wait(&mut client, |_| false)?;
    if !client.got.is_empty() || !matches!(client.how, How::End | How::Exit) {
        return Err(explain::echo(bench, &mut client)?.into());
    }
    has_ended(bench, "after a client that said nothing")
}

/// The program ends soon, with status 0.
fn has_ended(bench: &mut Bench<'_>, when: &str) -> Judged {
    match bench.ends_within(bench.limits().wait)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => fault(format!(
            "Your program ended {when} with {}, which says that something failed. Nothing has: the end of a stream is no \
             error.",
            ending(status)
        )),
        None => fault(format!("Your program still runs {when}. It is for one client: end after it.")),
    }
}

/// Part one receives once, with a buffer of 1024 bytes, and its page says so.
fn two_thousand(bench: &mut Bench<'_>) -> Judged {
    let mut client = bench.connect()?;
    bench.send(&mut client, &payload::numbered(2000))?;
    bench.wait(&mut client, |client| client.got.len() >= client.sent.len())?;
    if client.got.is_empty() || !client.sent.starts_with(&client.got) {
        return Err(explain::echo(bench, &mut client)?.into());
    }
    if client.got.len() < client.sent.len() {
        bench.note = Some(format!(
            "Only {} of 2000 bytes came back: right for part one, whose page says why. tcp-echo asks for all.",
            client.got.len()
        ));
    }
    Ok(())
}
