//! Part four's receiver: it takes a file in a frame, keeps it under its name or not at all, and says which.

use std::fs;

use lab::error::Error;

use crate::bench::Bench;
use crate::check::{Check, Exercise, Transport};
use crate::client::Client;
use crate::explain;
use crate::fault::{Fault, How, Judged, fault};
use crate::page::page;
use crate::payload;

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "frames-receiver",
    about: "part four's receiver: it keeps files that come in frames, in FOLDER, and believes nothing",
    transport: Transport::Tcp,
    serves: true,
    ready: super::listens,
    levels: &["keeps", "pieces", "lengths", "torn"],
    checks: &[
        Check {
            id: "one-frame",
            level: 1,
            title: "a file of 574 bytes is kept under its name, and the answer says so",
            page: page("docs/part-four.md", "The length in front"),
            judge: |bench| {
                kept(
                    bench,
                    "hello.txt",
                    &payload::numbered(574),
                    "Are its numbers read as big-endian, which is network byte order?",
                )
            },
        },
        Check {
            id: "empty-file",
            level: 1,
            title: "a file without a byte is kept, too",
            page: page("docs/part-four.md", "The receiver"),
            judge: |bench| {
                kept(
                    bench,
                    "empty",
                    b"",
                    "A content of 0 bytes needs no recv; one with room for 0 bytes returns 0, which is no end.",
                )
            },
        },
        Check {
            id: "split-length",
            level: 2,
            title: "a length may come in pieces",
            page: page("docs/part-four.md", "Pieces"),
            judge: split_length,
        },
        Check {
            id: "two-joined",
            level: 2,
            title: "what follows a frame is found out, and nothing of it is kept",
            page: page("docs/part-four-failures.md", "Two frames in one segment"),
            judge: |bench| {
                let twice = [frame("twice", b"content"), frame("again", b"content")].concat();
                not_kept(bench, &twice, "twice", Status::Broken, "A second frame followed the first one")
            },
        },
        Check {
            id: "name-too-long",
            level: 3,
            title: "a name of four gigabytes is refused at once",
            page: page("docs/part-four-failures.md", "A length that is meant to harm"),
            judge: |bench| {
                refused_at_once(bench, &u32::MAX.to_be_bytes(), "A name of 4,294,967,295 bytes was announced")
            },
        },
        Check {
            id: "content-too-long",
            level: 3,
            title: "a content of sixteen million terabytes is refused at once",
            page: page("docs/part-four-failures.md", "A length that is meant to harm"),
            judge: |bench| {
                let head = [&5_u32.to_be_bytes()[..], b"large", &u64::MAX.to_be_bytes()].concat();
                refused_at_once(bench, &head, "A content of 18,446,744,073,709,551,615 bytes was announced")
            },
        },
        Check {
            id: "refusal-arrives",
            level: 3,
            title: "who sends more than is wanted still hears why",
            page: page("docs/part-five-failures.md", "A reset instead of an end"),
            judge: refusal_arrives,
        },
        Check {
            id: "outside-the-folder",
            level: 3,
            title: "a name that leads out of the folder is refused",
            page: page("docs/part-four-failures.md", "A name that leads elsewhere"),
            judge: outside,
        },
        Check {
            id: "wrong-checksum",
            level: 4,
            title: "a content with another checksum is broken, and not kept",
            page: page("docs/part-four.md", "The length in front"),
            judge: |bench| {
                let mut bytes = frame("altered", b"content");
                if let Some(byte) = bytes.get_mut(20) {
                    *byte ^= 1;
                }
                not_kept(
                    bench,
                    &bytes,
                    "altered",
                    Status::Broken,
                    "A bit of the content was another one on arrival",
                )
            },
        },
        Check {
            id: "cut-short",
            level: 4,
            title: "a frame that ends early is broken, and nothing of it stays",
            page: page("docs/part-four-failures.md", "A frame that is torn"),
            judge: cut_short,
        },
        Check {
            id: "next-sender",
            level: 4,
            title: "a sender that breaks off ends nobody else",
            page: page("docs/part-four-failures.md", "A frame that is torn"),
            judge: next_sender,
        },
    ],
};

/// The first byte of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Kept,
    Refused,
    Broken,
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept (0)",
            Self::Refused => "refused (1)",
            Self::Broken => "broken (2)",
        }
    }
}

/// A whole frame.
pub(super) fn frame(name: &str, content: &[u8]) -> Vec<u8> {
    let name_length = u32::try_from(name.len()).unwrap_or(u32::MAX).to_be_bytes();
    let length = (content.len() as u64).to_be_bytes();
    let checksum = crc32fast::hash(content).to_be_bytes();
    [&name_length, name.as_bytes(), &length, content, &checksum].concat()
}

/// A connection to the program, which runs.
pub(super) fn sender(bench: &mut Bench<'_>) -> Judged<Client> {
    let folder = bench.place.folder.clone();
    fs::create_dir_all(&folder).map_err(|error| Error::of(format!("mkdir {}", folder.display()), error))?;
    bench.running()?;
    bench.connect()
}

/// Sends as much as is taken; a receiver that refuses need not take it all.
pub(super) fn give(bench: &mut Bench<'_>, client: &mut Client, bytes: &[u8]) -> Judged {
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
pub(super) fn answer(bench: &mut Bench<'_>, client: &mut Client, what: &str) -> Judged<Status> {
    let how = bench.until(|_| {
        client.read();
        Ok(client.how != How::Open || is_whole(&client.got))
    })?;
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
fn text(client: &Client) -> String {
    String::from_utf8_lossy(client.got.get(3..).unwrap_or_default()).into_owned()
}

/// The frame is kept: the answer says so, and the file is there.
fn kept(bench: &mut Bench<'_>, name: &str, content: &[u8], hint: &str) -> Judged {
    let mut client = sender(bench)?;
    give(bench, &mut client, &frame(name, content))?;
    client.finish();
    must_be_kept(bench, &mut client, name, content, hint)
}

pub(super) fn must_be_kept(
    bench: &mut Bench<'_>,
    client: &mut Client,
    name: &str,
    content: &[u8],
    hint: &str,
) -> Judged {
    let what = format!("A frame with the file {name:?} of {} bytes came whole", content.len());
    let status = answer(bench, client, &what)?;
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
pub(super) fn not_kept(
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

fn split_length(bench: &mut Bench<'_>) -> Judged {
    let content = payload::numbered(64);
    let bytes = frame("pieces", &content);
    let mut client = sender(bench)?;
    // The length of the name in 1 and 3, that of the content byte by byte.
    for piece in [0..1, 1..4, 4..10, 10..11, 11..12, 12..18, 18..bytes.len()] {
        give(bench, &mut client, bytes.get(piece).unwrap_or_default())?;
        bench.consumed(&mut client)?;
        bench.settle()?;
        client.read();
    }
    client.finish();
    must_be_kept(
        bench,
        &mut client,
        "pieces",
        &content,
        "Its lengths came in pieces: recv gives what has come so far, so call it until a field is full.",
    )
}

/// A length that nobody can mean is refused without waiting for as many bytes.
fn refused_at_once(bench: &mut Bench<'_>, head: &[u8], what: &str) -> Judged {
    let mut client = sender(bench)?;
    give(bench, &mut client, head)?;
    // A few of them come. The end of the stream does not.
    give(bench, &mut client, &payload::numbered(64))?;
    let status = answer(bench, &mut client, what)?;
    if status == Status::Refused {
        return Ok(());
    }
    fault(format!(
        "{what}, and your program answered {}. It should be {}.",
        status.word(),
        Status::Refused.word()
    ))
}

fn refusal_arrives(bench: &mut Bench<'_>) -> Judged {
    let mut client = sender(bench)?;
    let bytes = frame("../refused", &payload::numbered(100_000));
    let what = "A frame that is refused by its name came whole, with 100,000 bytes of content";
    bench.frozen(|_| {
        client.write(&bytes);
        Ok(())
    })?;
    let rest = bytes.get(client.sent.len()..).unwrap_or_default();
    give(bench, &mut client, rest)?;
    client.finish();
    answer(bench, &mut client, what)?;
    bench.until(|_| {
        client.read();
        Ok(client.how != How::Open)
    })?;
    if client.how == How::End {
        return Ok(());
    }
    Err(Fault::new(format!(
        "{what}, and behind the answer came {}. close sends a reset if bytes wait that nobody has received, and a reset can \
         overtake the answer and delete it. Half-close (shutdown), receive until 0, and close then.",
        if client.how == How::Reset { "a reset (RST)" } else { "no end" }
    ))
    .on(client.address, None)
    .into())
}

fn outside(bench: &mut Bench<'_>) -> Judged {
    let beside = bench.scratch.join("escaped");
    for name in ["../escaped", "..", "a/../../escaped"] {
        let what = format!("A frame came with the name {name:?}");
        not_kept(bench, &frame(name, b"content"), "escaped", Status::Refused, &what)?;
        if beside.exists() {
            return fault(format!("{what}, and your program has written beside its folder."));
        }
    }
    Ok(())
}

fn cut_short(bench: &mut Bench<'_>) -> Judged {
    let bytes = frame("torn", &payload::numbered(3000));
    for (length, field) in
        [(2, "the length of the name"), (6, "the name"), (2020, "the content"), (3018, "the checksum")]
    {
        let what = format!("The stream ended inside {field}, after {length} bytes of a frame");
        not_kept(bench, bytes.get(..length).unwrap_or_default(), "torn", Status::Broken, &what)?;
    }
    Ok(())
}

fn next_sender(bench: &mut Bench<'_>) -> Judged {
    let mut client = sender(bench)?;
    give(bench, &mut client, frame("reset", &payload::numbered(3000)).get(..1000).unwrap_or_default())?;
    bench.consumed(&mut client)?;
    bench.settle()?;
    bench.moment = "after a sender reset its connection inside a frame";
    client.reset()?;
    // Until it has ended, or sleeps.
    bench.until(|_| Ok(false))?;
    bench.lives()?;
    kept(bench, "after", b"content", "It was served well before.")
}
