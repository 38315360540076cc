//! The exercises of part four: what each check says of the lesson, and what of the answer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use harness::process::{BOUND, Process, installed};
use support::{Checked, State, exercise};
use tempfile::tempdir;

fn connect(address: SocketAddr) -> TcpStream {
    let peer = TcpStream::connect(address).unwrap();
    peer.set_read_timeout(Some(BOUND)).unwrap();
    peer
}

/// Sends `bytes`, half-closes, and reads to the end.
fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut peer = connect(address);
    peer.write_all(bytes).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).unwrap();
    answer
}

/// A receiver that keeps files in `folder`.
fn receiver(state: &State, folder: &Path) -> (Process, SocketAddr) {
    let mut receiver = state.start(&["127.0.0.1:0", folder.to_str().unwrap()]).unwrap();
    let address = receiver.wait_for_address("Socket bound to address: ").unwrap();
    receiver.wait_for("Listening").unwrap();
    (receiver, address)
}

fn header(name: &str, length: usize) -> Vec<u8> {
    let name_length = u32::try_from(name.len()).unwrap().to_be_bytes();
    [&name_length[..], name.as_bytes(), &(length as u64).to_be_bytes()].concat()
}

#[test]
fn exercise_1_cr_lf() {
    exercise(
        &State::lesson("part-four-frames", "frames-lines"),
        "6 bytes in 1 pieces",
        &State::answer(env!("CARGO_BIN_EXE_part-four-1")),
        |server| -> Checked {
            let (mut server, address) = server.serve()?;
            let sent = b"Hello\r\nbare\na\rb\r\n\r\n";
            assert_eq!(exchange(address, sent), sent);
            for line in [
                "5 bytes in 1 pieces: \"Hello\"",
                "4 bytes in 1 pieces: \"bare\"",
                "3 bytes in 1 pieces: \"a\\rb\"",
                "0 bytes",
            ] {
                let said = server.wait_for("line of ")?;
                if !said.starts_with(line) {
                    return Err(format!("expected line of {line}, and it said {said}").into());
                }
            }
            let longest = [&[b'x'; 1024][..], b"\r\n"].concat();
            assert!(exchange(address, &longest) == longest);
            assert!(server.wait_for("line of ")?.starts_with("1024 bytes"));

            // The carriage return in one piece, the line feed in the next.
            let mut peer = connect(address);
            peer.write_all(b"one\ntwo\r")?;
            peer.read_exact(&mut [0; 4])?;
            peer.write_all(b"\n")?;
            server.wait_for("line of ")?;
            assert_eq!(server.wait_for("line of ")?, "3 bytes in 2 pieces: \"two\"");
            drop(peer);

            // One byte too many, with and without the end of the line in sight.
            for end in ["\r\n", "\n", ""] {
                assert_eq!(
                    exchange(address, &[&[b'x'; 1025][..], end.as_bytes(), &[b'y'; 10]].concat()),
                    b""
                );
            }
            Ok(())
        },
    );
}

#[test]
fn exercise_2_go_on_where_it_ended() {
    exercise(
        &[
            State::lesson("part-four-frames", "frames-receiver"),
            State::lesson("part-four-frames", "frames-sender"),
        ],
        "sent 100000 bytes",
        &[
            State::answer(env!("CARGO_BIN_EXE_part-four-2-receiver")),
            State::answer(env!("CARGO_BIN_EXE_part-four-2-sender")),
        ],
        |[receiving, sending]| -> Checked {
            let (from, to) = (tempdir()?, tempdir()?);
            let content: Vec<u8> = (0..100_000).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let path = from.path().join("file");
            std::fs::write(&path, &content)?;

            // A sender that dies in the middle.
            let (_receiver, address) = receiver(receiving, to.path());
            exchange(address, &[&header("file", content.len())[..], &content[..50_000]].concat());
            assert!(!std::fs::exists(to.path().join("file"))?);

            let sender = sending.start(&[path.to_str().unwrap(), &address.to_string()])?.end()?;
            assert_eq!((sender.status.code(), sender.errors.as_str()), (Some(0), ""), "{sender:?}");
            assert!(std::fs::read(to.path().join("file"))? == content);
            assert_eq!(std::fs::read_dir(to.path())?.count(), 1);
            let sent = sender.lines.iter().find_map(|line| line.strip_prefix("Sent the content, ")).unwrap();
            if !sent.starts_with("50000 bytes") {
                return Err(format!("50000 bytes were there, and it sent {sent}").into());
            }

            // What is there may belong to another file: then nothing is kept, and the next try is whole.
            exchange(address, &[&header("file", content.len())[..], &[0; 10]].concat());
            let mixed = sending.start(&[path.to_str().unwrap(), &address.to_string()])?.end()?;
            assert_eq!(mixed.status.code(), Some(1), "{mixed:?}");
            assert!(std::fs::read(to.path().join("file"))? == content);
            let again = sending.start(&[path.to_str().unwrap(), &address.to_string()])?.end()?;
            assert_eq!(again.status.code(), Some(0), "{again:?}");
            // A refusal comes instead of the word.
            let long = from.path().join("long");
            std::fs::File::create(&long)?.set_len(2_000_000)?;
            let refused = sending.start(&[long.to_str().unwrap(), &address.to_string()])?.end()?;
            assert!(refused.errors.contains("the limit is 1048576 bytes"), "{refused:?}");
            Ok(())
        },
    );
}

/// On a private network the first address can be made one that does not answer: its queue is full.
#[cfg(target_os = "linux")]
#[test]
fn exercise_3_race_two_addresses() {
    use nix::sys::socket::{Backlog, listen};

    if !harness::private::network("exercise_3_race_two_addresses", &["net.ipv4.tcp_syn_retries=1"]) {
        return;
    }
    let Ok(silent) = TcpListener::bind("[::1]:0") else {
        let missing = harness::missing::Missing { what: "this machine has no ::1".into(), remedy: None };
        return harness::process::not_checked("exercise 3 of part four", missing).unwrap();
    };
    let port = silent.local_addr().unwrap().port();
    listen(&silent, Backlog::new(0).unwrap()).unwrap();
    let _waits_in_the_queue = TcpStream::connect(("::1", port)).unwrap();
    let to = tempdir().unwrap();
    let lesson = State::lesson("part-four-frames", "frames-receiver");
    let mut receiver = lesson.start(&[&format!("127.0.0.1:{port}"), to.path().to_str().unwrap()]).unwrap();
    receiver.wait_for("Listening").unwrap();

    let from = tempdir().unwrap();
    std::fs::write(from.path().join("hosts"), "::1 both.test\n127.0.0.1 both.test\n").unwrap();
    std::fs::write(from.path().join("file"), "content").unwrap();
    let script = r#"mount --bind "$0/hosts" /etc/hosts && exec "$1" "$0/file" "both.test:$2""#;
    exercise(
        &State::lesson("part-four-frames", "frames-sender"),
        "ETIMEDOUT",
        &State::answer(env!("CARGO_BIN_EXE_part-four-3")),
        |sender| -> Checked {
            let arguments = [
                "-m",
                "sh",
                "-c",
                script,
                from.path().to_str().unwrap(),
                sender.program(),
                &port.to_string(),
            ];
            let sender = Process::start("unshare", &arguments)?.end()?;
            assert_eq!((sender.status.code(), sender.errors.as_str()), (Some(0), ""), "{sender:?}");
            assert_eq!(std::fs::read(to.path().join("file"))?, b"content");
            match sender.lines.iter().find(|line| line.contains("ETIMEDOUT")) {
                Some(waited) => Err(format!("it waited for the first address: {waited}").into()),
                None => Ok(()),
            }
        },
    );
}

#[test]
fn exercise_4_sha_256() {
    // Of "abc", from FIPS 180-4.
    let digest = [
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0,
        0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
    ];
    exercise(
        &State::lesson("part-four-frames", "frames-receiver"),
        "checksum 0xba7816bf",
        &State::answer(env!("CARGO_BIN_EXE_part-four-4")),
        |state| -> Checked {
            let folder = tempdir()?;
            let (_receiver, address) = receiver(state, folder.path());
            let whole = [&header("file", 3)[..], b"abc", &digest].concat();
            let answer = exchange(address, &whole);
            if answer[0] != 0 {
                return Err(String::from_utf8_lossy(&answer[3..]).into());
            }
            assert_eq!(std::fs::read(folder.path().join("file"))?, b"abc");
            for at in 0..32 {
                let mut wrong = whole.clone();
                let length = wrong.len();
                wrong[length - 32 + at] ^= 1;
                assert_eq!(exchange(address, &wrong)[0], 2);
            }
            assert_eq!(exchange(address, &whole[..whole.len() - 1])[0], 2);
            Ok(())
        },
    );
}

#[cfg(target_os = "linux")]
#[test]
fn exercise_5_one_segment() {
    if !installed("ss", "how many segments a short file takes").unwrap() {
        return;
    }
    let folder = tempdir().unwrap();
    let path = folder.path().join("hello.txt");
    std::fs::write(&path, [b'x'; 574]).unwrap();
    exercise(
        &State::lesson("part-four-frames", "frames-sendfile"),
        "in 3 segments",
        &State::answer(env!("CARGO_BIN_EXE_part-four-5")),
        |sender| -> Checked {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let address = listener.local_addr()?;
            let sender = sender.start(&[path.to_str().unwrap(), &address.to_string()])?;
            let (mut peer, _) = listener.accept()?;
            peer.set_read_timeout(Some(BOUND))?;
            let mut bytes = Vec::new();
            peer.read_to_end(&mut bytes)?;
            assert_eq!(bytes.len(), 21 + 574 + 4);
            let ss = Process::start("ss", &["-tinH", &format!("sport = :{}", address.port())])?.end()?;
            peer.write_all(&[0, 0, 0])?;
            assert_eq!(sender.end()?.status.code(), Some(0));
            let counted = ss.lines.concat();
            let segments = counted.split(' ').find_map(|word| word.strip_prefix("data_segs_in:"));
            match segments.ok_or_else(|| format!("ss: {counted}"))? {
                "1" => Ok(()),
                more => Err(format!("599 bytes came in {more} segments").into()),
            }
        },
    );
}
