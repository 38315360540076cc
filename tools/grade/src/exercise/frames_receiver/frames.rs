//! Frames on a connection: what the grader sends, and what the receiver says to it.

use std::fs;

use lab::error::Error;

use crate::bench::Bench;
use crate::client::Client;
use crate::explain;
use crate::fault::{Fault, How, Judged, fault};

/// The first byte of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::exercise) enum Status {
    Kept,
    Refused,
    Broken,
}

impl Status {
    pub(in crate::exercise) fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept (0)",
            Self::Refused => "refused (1)",
            Self::Broken => "broken (2)",
        }
    }
}

/// A whole frame.
pub(in crate::exercise) fn frame(name: &str, content: &[u8]) -> Vec<u8> {
    let name_length = u32::try_from(name.len()).unwrap_or(u32::MAX).to_be_bytes();
    let length = (content.len() as u64).to_be_bytes();
    let checksum = crc32fast::hash(content).to_be_bytes();
    [&name_length, name.as_bytes(), &length, content, &checksum].concat()
}

/// A connection to the program, which runs.
pub(in crate::exercise) fn sender(bench: &mut Bench<'_>) -> Judged<Client> {
    let folder = bench.place.folder.clone();
    fs::create_dir_all(&folder).map_err(|error| Error::of(format!("mkdir {}", folder.display()), error))?;
    bench.running()?;
    bench.connect()
}

/// Sends as much as is taken; a receiver that refuses need not take it all.
pub(in crate::exercise) fn give(bench: &mut Bench<'_>, client: &mut Client, bytes: &[u8]) -> Judged {
    let mut rest = bytes;
    bench.until(|_| {
        let taken = client.write(rest);
        rest = rest.get(taken..).unwrap_or_default();
        client.read();
        Ok(rest.is_empty() || client.how != How::Open)
    })?;
    Ok(())
}

/// Waits for the whole answer and the end behind it.
pub(in crate::exercise) fn answer(bench: &mut Bench<'_>, client: &mut Client, what: &str) -> Judged<Status> {
    let how = bench.until(|_| {
        client.read();
        Ok(client.how != How::Open || is_whole(&client.got))
    })?;
    if client.how != How::Open {
        // Who ends has ended its connections first.
        bench.settle()?;
    }
    if bench.program().is_none_or(|program| program.ended().is_some()) {
        return Err(explain::died(bench).into());
    }
    let got = client.got.clone();
    if !is_whole(&got) {
        let ended = match (client.how, how) {
            (How::Reset | How::End, _) => "then the connection ended",
            (_, How::Slow) => "and nothing more in time",
            _ => "and your program sleeps",
        };
        return Err(Fault::new(format!(
            "{what}, and no whole answer came: {} bytes, {ended}. An answer is one byte of status, two bytes with the length of \
             the text, and the text; it comes also when a frame is refused or broken.",
            got.len()
        ))
        .on(client.address, None)
        .into());
    }
    match got.first() {
        Some(0) => Ok(Status::Kept),
        Some(1) => Ok(Status::Refused),
        Some(2) => Ok(Status::Broken),
        other => {
            fault(format!("{what}, and the answer's status is {other:?}: 0 is kept, 1 refused, 2 broken."))
        }
    }
}

/// One byte, two with a length, and so many more.
fn is_whole(got: &[u8]) -> bool {
    let Some([_, high, low]) = got.first_chunk() else { return false };
    got.len() >= 3 + usize::from(u16::from_be_bytes([*high, *low]))
}

/// The text of an answer, for a sentence.
pub(super) fn text(client: &Client) -> String {
    String::from_utf8_lossy(client.got.get(3..).unwrap_or_default()).into_owned()
}

/// The frame is kept: the answer says so, and the file is there.
pub(super) fn kept(bench: &mut Bench<'_>, name: &str, content: &[u8], hint: &str) -> Judged {
    let mut client = sender(bench)?;
    give(bench, &mut client, &frame(name, content))?;
    client.finish();
    must_be_kept(bench, &mut client, name, content, hint)
}

pub(in crate::exercise) fn must_be_kept(
    bench: &mut Bench<'_>,
    client: &mut Client,
    name: &str,
    content: &[u8],
    hint: &str,
) -> Judged {
    let what = format!("A frame with the file {name:?} of {} bytes came whole", content.len());
    let judged = answer(bench, client, &what);
    // A program that has died has said itself why.
    let lives = bench.program().is_some_and(|program| program.ended().is_none());
    let status = if lives { judged.map_err(|stop| stop.with(hint)) } else { judged }?;
    if status != Status::Kept {
        return Err(Fault::new(format!(
            "{what}, and your program answered {}: {:?}. {hint}",
            status.word(),
            text(client)
        ))
        .on(client.address, None)
        .into());
    }
    let file = bench.place.folder.join(name);
    match fs::read(&file) {
        Ok(there) if there == content => Ok(()),
        Ok(there) => fault(format!(
            "{what}, and your program answered kept. The file in FOLDER is another one: it has {} bytes.",
            there.len()
        )),
        Err(error) => fault(format!(
            "{what}, and your program answered kept. In FOLDER there is no such file: {error}. FOLDER stands in the \
             environment, and in place of {{folder}} in a word of your command."
        )),
    }
}

/// These bytes and the end are no frame: the answer says so, and there is no such file.
pub(in crate::exercise) fn not_kept(
    bench: &mut Bench<'_>,
    bytes: &[u8],
    name: &str,
    wanted: Status,
    what: &str,
) -> Judged {
    let mut client = sender(bench)?;
    give(bench, &mut client, bytes)?;
    client.finish();
    let status = answer(bench, &mut client, what)?;
    if status != wanted {
        return Err(Fault::new(format!(
            "{what}, and your program answered {}: {:?}. It should be {}.",
            status.word(),
            text(&client),
            wanted.word()
        ))
        .on(client.address, None)
        .into());
    }
    if bench.place.folder.join(name).exists() {
        return fault(format!(
            "{what}, your program answered {}, and the file {name:?} is there all the same. Write to another name, and \
             rename when all is right.",
            status.word()
        ));
    }
    Ok(())
}
