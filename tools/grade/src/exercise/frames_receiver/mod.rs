//! Part four's receiver: it takes a file in a frame, keeps it under its name or not at all, and says which.

use crate::bench::Bench;
use crate::check::{Check, Exercise, Transport};
use crate::fault::{Fault, How, Judged, fault};
use crate::page::page;
use crate::payload;

mod frames;

use frames::kept;
pub(super) use frames::{Status, answer, frame, give, must_be_kept, not_kept, sender};

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
    bench.moment = "after a length was announced that nobody can mean";
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
