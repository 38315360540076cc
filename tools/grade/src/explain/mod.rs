//! From what was seen to a sentence. A sentence never says more than was seen: where two causes look alike, it names
//! both.

use lab::record::call::Call;

use crate::bench::Bench;
use crate::calls;
use crate::client::Client;
use crate::fault::{Fault, How, Judged};
use crate::page::{Page, page};
use crate::program::Program;
use crate::words;

mod closed;
mod content;
mod ended;
mod silent;

pub use ended::{address_taken, died, elsewhere, ended_early, never_ready, no_answer_to_connect, refused};

const NOT_TEXT: Page = page("docs/part-one-failures.md", "Bytes that are not text");
const TWO_PIECES: Page = page("docs/part-one-failures.md", "A message in two pieces");
const TOO_LONG: Page = page("docs/part-one-failures.md", "More than 1024 bytes");
const INTERRUPTED: Page = page("docs/part-one.md", "The client");
const GONE: Page = page("docs/part-one-failures.md", "The peer is gone");
const TAKEN: Page = page("docs/part-one-failures.md", "The address is taken");
const RESTS: Page = page("docs/part-one-failures.md", "The address rests");
const NOBODY: Page = page("docs/part-one-failures.md", "Nobody listens");
const ONE_AFTER_ANOTHER: Page = page("docs/part-six.md", "One after another");
const TO_THE_END: Page = page("docs/part-one-failures.md", "3. Repair the 1024");
const MESSAGE: Page = page("docs/part-one.md", "One message");
const RESET: Page = page("docs/part-five-failures.md", "A reset instead of an end");
const CLOSE_WAIT: Page = page("docs/part-five-failures.md", "CLOSE-WAIT for ever");
const LATE_READER: Page = page("docs/part-six-failures.md", "The client that does not read");

/// What the sentences here tell to read.
pub const PAGES: [Page; 14] = [
    INTERRUPTED,
    NOT_TEXT,
    TWO_PIECES,
    TOO_LONG,
    GONE,
    TAKEN,
    RESTS,
    NOBODY,
    ONE_AFTER_ANOTHER,
    TO_THE_END,
    MESSAGE,
    RESET,
    CLOSE_WAIT,
    LATE_READER,
];

/// What is wrong with what came back to this client.
///
/// # Errors
/// The grader has to stop.
pub fn echo(bench: &mut Bench<'_>, client: &mut Client) -> Judged<Fault> {
    // What has been seen has a cause, and the cause may have more to show: bytes on their way, words, its end.
    bench.drain(client)?;
    let mut exchange = client.exchange();
    let ended = bench.program().and_then(Program::ended);
    // A program that has ended with status 0 may have been meant to: then the bytes tell what is wrong.
    if ended.is_some_and(|status| status.success()) && exchange.how != How::Open && !exchange.got.is_empty() {
        let calls = of(bench, client);
        if let Some(fault) = content::content(&exchange, &calls) {
            return Ok(fault.on(client.address, Some(exchange)));
        }
    }
    if ended.is_some() {
        exchange.how = How::Exit;
        return Ok(died(bench).on(client.address, Some(exchange)));
    }
    let said = bench.said();
    if let Some(words) = words::complaint(&said) {
        let mut fault = ended::complained(&words).on(client.address, Some(exchange));
        fault.page = fault.page.or_else(|| words::is_about_text(&words).then_some(NOT_TEXT));
        return Ok(fault);
    }
    let calls = of(bench, client);
    let judged = content::content(&exchange, &calls).or_else(|| closed::closed(&exchange, &calls));
    let fault = match judged {
        Some(fault) => fault,
        None => silent::silent(bench, client, &exchange)?,
    };
    Ok(fault.on(client.address, Some(exchange)))
}

/// The calls on the connection with this client.
fn of(bench: &mut Bench<'_>, client: &Client) -> Vec<Call> {
    let all = bench.called().unwrap_or_default();
    let own = calls::of_clients(&all, &[client.address]).into_iter().cloned().collect();
    bench.calls = bench.subject.traced.then_some(all);
    own
}
