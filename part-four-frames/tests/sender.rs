//! Both senders against receivers of the standard library: what is on the wire, and what they make of the answer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use harness::process::Process;
use support::*;
use tempfile::tempdir;

#[cfg(target_os = "linux")]
const SENDERS: [&str; 2] = [SENDER, SENDFILE];
#[cfg(not(target_os = "linux"))]
const SENDERS: [&str; 1] = [SENDER];

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn file(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn start(program: &str, path: &Path, address: SocketAddr) -> Process {
    Process::start(program, &[path.to_str().unwrap(), &address.to_string()]).unwrap()
}

/// Takes one connection, reads to its end, gives `answer`; what was read.
fn take(listener: &TcpListener, answer: &[u8]) -> Vec<u8> {
    let mut peer = accept(listener);
    let mut bytes = Vec::new();
    peer.read_to_end(&mut bytes).unwrap();
    peer.write_all(answer).unwrap();
    bytes
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (peer, _) = listener.accept().unwrap();
    bounded(&peer);
    peer
}

#[test]
fn the_bytes_on_the_wire() {
    let folder = tempdir().unwrap();
    let (listener, address) = listener();
    for length in [0, 1, 574, 1023, 1024, 1025, 65_535, 65_536, 65_537, 1024 * 1024] {
        let content = content(length);
        let path = file(folder.path(), "hello.txt", &content);
        for program in SENDERS {
            let sender = start(program, &path, address);
            assert!(take(&listener, b"\0\0\x02ok") == frame(b"hello.txt", &content), "{program} {length}");
            let ended = sender.end().unwrap();
            assert_eq!((ended.status.code(), ended.errors.as_str()), (Some(0), ""), "{ended:?}");
            assert_eq!(ended.lines.last().unwrap(), "Answer: kept, \"ok\"");
        }
    }
}

#[test]
fn both_orders_of_bytes() {
    let folder = tempdir().unwrap();
    let (listener, address) = listener();
    let content = content(574);
    let path = file(folder.path(), "hello.txt", &content);
    let arguments = ["--little-endian", path.to_str().unwrap(), &address.to_string()];
    let sender = Process::start(SENDER, &arguments).unwrap();
    let bytes = take(&listener, b"\x01\0\0");
    assert_eq!(sender.end().unwrap().status.code(), Some(1));

    let length = [0x3e, 2, 0, 0, 0, 0, 0, 0];
    let checksum = crc32fast::hash(&content).to_le_bytes();
    let expected = [&[9, 0, 0, 0][..], b"hello.txt", &length, &content, &checksum].concat();
    assert!(bytes == expected);
    assert!(frame(b"hello.txt", &content).starts_with(b"\0\0\0\x09hello.txt\0\0\0\0\0\0\x02\x3e"));
}

#[test]
fn what_the_answer_can_be() {
    let folder = tempdir().unwrap();
    let (listener, address) = listener();
    let path = file(folder.path(), "f", b"content");
    let answers: [(&[u8], &str); 9] = [
        (b"\x01\0\x08no room!", "f was not kept by ADDRESS: refused, \"no room!\""),
        (b"\x02\0\x04torn", "f was not kept by ADDRESS: broken, \"torn\""),
        (b"\x01\0\x05\x1b[2J\xff", r#"f was not kept by ADDRESS: refused, "\u{1b}[2J\xff""#),
        (b"\x03\0\0", "answer of ADDRESS: status 3 is none of 0, 1, 2: this is no frames-receiver"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "recv the answer of ADDRESS: ended after 25 of 21588 bytes: end of file",
        ),
        (b"", "recv the answer of ADDRESS: ended after 0 of 3 bytes: end of file"),
        (b"\0", "recv the answer of ADDRESS: ended after 1 of 3 bytes: end of file"),
        (b"\0\0", "recv the answer of ADDRESS: ended after 2 of 3 bytes: end of file"),
        (b"\0\xff\xffab", "recv the answer of ADDRESS: ended after 2 of 65535 bytes: end of file"),
    ];
    for program in SENDERS {
        for (answer, complaint) in answers {
            let sender = start(program, &path, address);
            take(&listener, answer);
            let ended = sender.end().unwrap();
            assert_eq!(ended.status.code(), Some(1), "{ended:?}");
            let complaint = complaint.replace("ADDRESS", &address.to_string());
            assert!(ended.errors.ends_with(&format!(": {complaint}\n")), "{}", ended.errors);
        }
    }
}

#[test]
fn a_refusal_stops_a_long_file() {
    let folder = tempdir().unwrap();
    let (listener, address) = listener();
    let path = folder.path().join("long");
    // Far more than fits into the buffers on the way. Sparse: it takes no room on the disk.
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let sender = start(SENDER, &path, address);
    let mut peer = accept(&listener);
    peer.write_all(b"\x01\0\x08too long").unwrap();
    let mut sent = Vec::new();
    peer.take(1 << 30).read_to_end(&mut sent).unwrap();
    assert!(sent.len() < 1 << 30, "it went on");
    let ended = sender.end().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.errors.contains("refused, \"too long\""), "{}", ended.errors);
    assert!(ended.lines.iter().any(|line| line.ends_with("bytes: the receiver takes no more")), "{ended:?}");
}

#[test]
fn an_early_kept_is_no_reason_to_stop() {
    // So does `printf '\0\0\0' | nc -l`: it answers before it has read anything.
    let folder = tempdir().unwrap();
    let (listener, address) = listener();
    let content = content(5_000_000);
    let path = file(folder.path(), "f", &content);
    for program in SENDERS {
        let sender = start(program, &path, address);
        let mut peer = accept(&listener);
        peer.write_all(&[0, 0, 0]).unwrap();
        let mut bytes = Vec::new();
        peer.read_to_end(&mut bytes).unwrap();
        assert!(bytes == frame(b"f", &content));
        assert_eq!(sender.end().unwrap().status.code(), Some(0));
    }
}

#[test]
fn an_answer_in_pieces() {
    let folder = tempdir().unwrap();
    let (listener, address) = listener();
    let path = file(folder.path(), "f", b"content");
    let sender = start(SENDER, &path, address);
    let mut peer = accept(&listener);
    peer.set_nodelay(true).unwrap();
    peer.read_to_end(&mut Vec::new()).unwrap();
    for byte in b"\0\0\x04good" {
        peer.write_all(&[*byte]).unwrap();
    }
    drop(peer);
    assert_eq!(sender.end().unwrap().lines.last().unwrap(), "Answer: kept, \"good\"");
}

#[test]
fn a_receiver_that_goes_away() {
    let folder = tempdir().unwrap();
    let (listener, address) = listener();
    let path = folder.path().join("long");
    File::create(&path).unwrap().set_len(100 << 20).unwrap();
    for program in SENDERS {
        let sender = start(program, &path, address);
        let mut peer = accept(&listener);
        peer.read_exact(&mut [0; 100]).unwrap();
        // With bytes unread, its close is a reset.
        drop(peer);
        let ended = sender.end().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(ended.errors.contains("the answer of"), "{}", ended.errors);
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_sent() {
    let folder = tempdir().unwrap();
    let (listener, address) = listener();
    let path = folder.path().join("long");
    for program in SENDERS {
        File::create(&path).unwrap().set_len(100 << 20).unwrap();
        let sender = start(program, &path, address);
        let mut peer = accept(&listener);
        // It is sending, and sleeps when the buffers on the way are full.
        peer.read_exact(&mut [0; 100]).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(10).unwrap();
        let mut sent = Vec::new();
        peer.read_to_end(&mut sent).unwrap();
        let ended = sender.end().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        let complaint = "the file is shorter than it was: ended after ";
        assert!(ended.errors.contains(complaint), "{}", ended.errors);
        assert!(ended.errors.ends_with(&format!(" of {} bytes\n", 100 << 20)), "{}", ended.errors);
        assert!(sent.len() < 100 << 20);
    }
}

#[test]
fn a_file_that_grows_is_sent_as_promised() {
    let folder = tempdir().unwrap();
    let (listener, address) = listener();
    let path = folder.path().join("long");
    for program in SENDERS {
        File::create(&path).unwrap().set_len(32 << 20).unwrap();
        let sender = start(program, &path, address);
        let mut peer = accept(&listener);
        peer.read_exact(&mut [0; 16]).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(33 << 20).unwrap();
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).unwrap();
        assert_eq!(rest.len(), (32 << 20) + 4);
        peer.write_all(&[0, 0, 0]).unwrap();
        assert_eq!(sender.end().unwrap().status.code(), Some(0));
    }
}

#[test]
fn a_long_file_shows_its_progress() {
    let folder = tempdir().unwrap();
    let (_receiver, address) = receiver(folder.path(), &["--limit", "20000000"]);
    let from = tempdir().unwrap();
    let path = from.path().join("long");
    File::create(&path).unwrap().set_len(20_000_000).unwrap();
    let ended = start(SENDER, &path, address).end().unwrap();
    let tenths = ended.lines.iter().filter(|line| line.contains(" % (")).count();
    assert_eq!((ended.status.code(), tenths), (Some(0), 10), "{ended:?}");
}

#[test]
fn what_cannot_be_sent() {
    let folder = tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let part = file(folder.path(), "half.part", b"");
    let (listener, address) = listener();
    let missing = folder.path().join("missing");
    let not_regular = "not a regular file: its length must be known before its content";
    for program in SENDERS {
        for (path, complaint) in [
            (&missing, "stat MISSING: ENOENT: No such file or directory".to_owned()),
            (&fifo, format!("stat {}: {not_regular}", fifo.display())),
            (&folder.path().to_owned(), format!("stat {}: {not_regular}", folder.path().display())),
            (&part, "name \"half.part\": it ends in '.part', as files do that are not whole".to_owned()),
        ] {
            let ended = start(program, path, address).end().unwrap();
            assert_eq!(ended.status.code(), Some(1), "{ended:?}");
            let complaint = complaint.replace("MISSING", &missing.display().to_string());
            assert!(ended.errors.ends_with(&format!(": {complaint}\n")), "{}", ended.errors);
        }
    }
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "somebody connected");
}

#[test]
fn addresses_that_lead_nowhere() {
    let folder = tempdir().unwrap();
    let path = file(folder.path(), "f", b"content");
    let path = path.to_str().unwrap();
    // A port that was just free.
    let (listener, address) = listener();
    drop(listener);
    for program in SENDERS {
        let ended = run(program, &[path, &address.to_string()]);
        assert_eq!(ended.status.code(), Some(1));
        let complaint = format!("connect {address}: ECONNREFUSED: Connection refused: nobody listens there");
        assert!(ended.errors.contains(&complaint), "{}", ended.errors);
        for name in ["nosuch.invalid:6797", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:65536", ":6797", ""] {
            let ended = run(program, &[path, name]);
            assert_eq!(ended.status.code(), Some(1), "{name}: {ended:?}");
            assert!(ended.errors.contains(&format!("getaddrinfo {name:?}: ")), "{}", ended.errors);
        }
    }
}

/// A name with two addresses is made by another /etc/hosts, which is mounted over the machine's.
#[cfg(target_os = "linux")]
#[test]
fn each_address_of_a_name_in_turn() {
    let folder = tempdir().unwrap();
    let hosts = file(folder.path(), "hosts", b"::1 both.test\n127.0.0.1 both.test\n");
    let path = file(folder.path(), "f", b"content");
    let to = tempdir().unwrap();
    let (_receiver, address) = receiver(to.path(), &[]);
    let script = r#"mount --bind "$0" /etc/hosts && exec "$1" "$2" "$3""#;
    for program in SENDERS {
        let name = format!("both.test:{}", address.port());
        let arguments =
            ["-rm", "sh", "-c", script, hosts.to_str().unwrap(), program, path.to_str().unwrap(), &name];
        let ended = run("unshare", &arguments);
        if ended.errors.starts_with("unshare: ") || ended.errors.starts_with("mount: ") {
            let missing = harness::missing::Missing { what: ended.errors, remedy: None };
            harness::process::not_checked("that each address of a name is tried", missing).unwrap();
            return;
        }
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        // Where there is no ::1 it is another error, but it is said all the same.
        let refused = format!("warning: connect [::1]:{}: E", address.port());
        assert!(ended.lines[1].starts_with(&refused), "{ended:?}");
        assert!(ended.lines[1].ends_with(": on to the next address"), "{ended:?}");
        assert!(ended.lines[2].ends_with(&format!(" to {address}")), "{ended:?}");
    }
    assert_eq!(names(to.path()), ["f"]);
}
