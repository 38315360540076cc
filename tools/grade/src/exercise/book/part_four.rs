//! Part four.

use std::fs;

use super::exercise;
use crate::bench::Bench;
use crate::check::Transport;
use crate::client::Client;
use crate::exercise::frames_receiver::{Status, answer, frame, give, must_be_kept, not_kept, sender};
use crate::exercise::listens;
use crate::fault::{Fault, How, Judged, fault};
use crate::page::page;
use crate::payload;

exercise! {
    /// 1. CR LF.
    CR_LF: "part-four/1", "a line ends with LF or with CR LF, and neither is shown",
    page("docs/part-four.md", "1. CR LF"), Transport::Tcp, listens, cr_lf
}

exercise! {
    /// 2. Go on where it ended.
    GO_ON: "part-four/2", "the receiver keeps what has come, says how much it is, and takes the rest",
    page("docs/part-four.md", "2. Go on where it ended"), Transport::Tcp, listens, go_on
}

exercise! {
    /// 4. SHA-256.
    SHA_256: "part-four/4", "the receiver takes a SHA-256 for a checksum, and finds a changed byte by it",
    page("docs/part-four.md", "4. SHA-256"), Transport::Tcp, listens, sha_256
}

fn cr_lf(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    let longest = [&[b'x'; 1024][..], b"\r\n"].concat();
    for (sent, lengths) in [(&b"Hello\r\na\rb\n"[..], &[5, 3][..]), (&longest, &[1024])] {
        let mut client = bench.connect()?;
        client.write(sent);
        client.finish();
        bench.wait(&mut client, |_| false)?;
        for length in lengths {
            let words = format!("line of {length} bytes");
            let says = |bench: &mut Bench<'_>| {
                let said = bench.program().map(|program| program.stdout.text() + &program.stderr.text());
                Ok(said.is_some_and(|said| said.contains(&words)))
            };
            bench.until(says)?;
            if !says(bench)? {
                return fault(format!(
                    "A client sent {}, and your program does not say \"{words}\". A carriage return right before the line \
                     feed belongs to the line's end; any other is a byte of the line.",
                    if sent.len() > 100 {
                        "1,024 bytes, CR and LF".to_owned()
                    } else {
                        format!("{:?}", String::from_utf8_lossy(sent))
                    }
                ));
            }
        }
    }
    Ok(())
}

/// Sends the header of a file, and waits for the receiver's word: a byte 0, and in eight bytes how many it has.
fn begin(bench: &mut Bench<'_>, header: &[u8], wanted: u64) -> Judged<Client> {
    let mut client = sender(bench)?;
    give(bench, &mut client, header)?;
    bench.wait(&mut client, |client| client.got.len() >= 9)?;
    let word = [&[0][..], &wanted.to_be_bytes()].concat();
    if client.got == word {
        client.got.clear();
        return Ok(client);
    }
    let answered = match client.got.as_slice() {
        [] => "nothing".to_owned(),
        bytes => format!("{bytes:02x?}"),
    };
    let sentence = format!(
        "The header of a file came, {wanted} bytes of which are here already, and your program answered {answered}. It \
         should be a byte 0, and then {wanted} in eight bytes, big-endian."
    );
    Err(Fault::new(sentence).on(client.address, None).into())
}

fn go_on(bench: &mut Bench<'_>) -> Judged {
    const HALF: usize = 50_000;
    let content = payload::numbered(2 * HALF);
    let whole = frame("file", &content);
    let (header, rest) = whole.split_at_checked(whole.len() - content.len() - 4).unwrap_or((&whole, &[]));
    let part = |from: usize| rest.get(from..).unwrap_or_default();

    let mut first = begin(bench, header, 0)?;
    give(bench, &mut first, rest.get(..HALF).unwrap_or_default())?;
    first.finish();
    bench.until(|_| {
        first.read();
        Ok(first.how != How::Open)
    })?;
    let mut second = begin(bench, header, HALF as u64)?;
    give(bench, &mut second, part(HALF))?;
    second.finish();
    must_be_kept(
        bench,
        &mut second,
        "file",
        &content,
        "It came in two connections, the second from byte 50000 on.",
    )?;

    // What is there belongs to another file: the checksum, which goes over all of it, must tell.
    let mut other = begin(bench, header, 0)?;
    give(bench, &mut other, &[0; 10])?;
    other.finish();
    bench.until(|_| {
        other.read();
        Ok(other.how != How::Open)
    })?;
    let mut mixed = begin(bench, header, 10)?;
    give(bench, &mut mixed, part(10))?;
    mixed.finish();
    let what = "The first 10 bytes belonged to another file";
    let status = answer(bench, &mut mixed, what)?;
    if status != Status::Broken {
        return fault(format!(
            "{what}, and your program answered {}. It should be broken (2).",
            status.word()
        ));
    }
    match fs::read(bench.place.folder.join("file")) {
        Ok(there) if there == content => Ok(()),
        _ => fault(format!(
            "{what}, your program answered broken (2), and the file that was kept before is another one now."
        )),
    }
}

/// The SHA-256 of `abc` (FIPS 180-4, its first example).
const ABC: [u8; 32] = [
    0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0,
    0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
];

fn sha_256(bench: &mut Bench<'_>) -> Judged {
    let with = |content: &[u8]| {
        let mut bytes = frame("abc", content);
        // Four bytes of another checksum stand at its end.
        bytes.truncate(bytes.len().saturating_sub(4));
        [bytes, ABC.to_vec()].concat()
    };
    not_kept(
        bench,
        &with(b"abd"),
        "abc",
        Status::Broken,
        "A byte of the content was another one on arrival",
    )?;
    let mut client = sender(bench)?;
    give(bench, &mut client, &with(b"abc"))?;
    client.finish();
    must_be_kept(bench, &mut client, "abc", b"abc", "The last field are the 32 bytes of a SHA-256.")
}
