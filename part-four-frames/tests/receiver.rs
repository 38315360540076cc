//! The receiver: what it keeps, and that nothing else is ever kept.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;

use nix::libc::linger;
use nix::sys::signal::Signal;
use nix::sys::socket::{setsockopt, sockopt};
use support::*;
use tempfile::tempdir;

#[test]
fn every_size_comes_whole() {
    let folder = tempdir().unwrap();
    let (receiver, address) = receiver(folder.path(), &[]);
    for length in [0, 1, 1023, 1024, 1025, 65_536, 1024 * 1024] {
        let content = content(length);
        let (status, text) = exchange(address, &frame(b"file", &content));
        assert_eq!(status, 0, "{length}: {text}");
        assert!(text.starts_with(&format!("file: {length} bytes, CRC-32 0x")), "{text}");
        assert!(std::fs::read(folder.path().join("file")).unwrap() == content, "{length} bytes came changed");
    }
    assert_eq!(names(folder.path()), ["file"]);
    assert_eq!(stop(receiver).lines.last().unwrap(), "Stopped after 7 clients: 7 files kept");
}

#[test]
fn one_byte_over_the_limit_is_refused_before_it_comes() {
    let folder = tempdir().unwrap();
    let (receiver, address) = receiver(folder.path(), &[]);
    let mut peer = connect(address);
    peer.write_all(&header(b"file", 1024 * 1024 + 1)).unwrap();
    // The answer is there before any content was sent.
    let mut head = [0; 3];
    std::io::Read::read_exact(&mut peer, &mut head).unwrap();
    assert_eq!(head[0], 1);
    drop(peer);
    let ended = stop(receiver);
    let refusal = "warning: refused: content length 1048577: the limit is 1048576 bytes";
    assert!(ended.lines.iter().any(|line| line == refusal), "{ended:?}");
    assert!(names(folder.path()).is_empty());
}

#[test]
fn the_limit_is_the_readers_choice() {
    let folder = tempdir().unwrap();
    let (_receiver, address) = receiver(folder.path(), &["--limit", "3"]);
    assert_eq!(exchange(address, &frame(b"a", b"123")).0, 0);
    assert_eq!(
        exchange(address, &frame(b"b", b"1234")),
        (1, "content length 4: the limit is 3 bytes".into())
    );
    assert_eq!(names(folder.path()), ["a"]);
}

#[test]
fn a_byte_at_a_time() {
    let folder = tempdir().unwrap();
    let (mut receiver, address) = receiver(folder.path(), &[]);
    let mut peer = connect(address);
    peer.set_nodelay(true).unwrap();
    for byte in frame(b"name", b"content") {
        peer.write_all(&[byte]).unwrap();
    }
    peer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(answer(&mut peer).0, 0);
    receiver.wait_for("received 7 bytes in ").unwrap();
    assert_eq!(std::fs::read(folder.path().join("name")).unwrap(), b"content");
}

#[test]
fn every_cut_is_said_and_nothing_is_kept() {
    let folder = tempdir().unwrap();
    let (mut receiver, address) = receiver(folder.path(), &[]);
    let whole = frame(b"name", b"content");
    let fields = [("name length", 4), ("name", 4), ("content length", 8), ("content", 7), ("checksum", 4)];
    let mut cut = 0;
    for (field, length) in fields {
        for after in 0..length {
            let expected = format!("{field}: ended after {after} of {length} bytes: end of file");
            assert_eq!(exchange(address, &whole[..cut + after]), (2, expected.clone()));
            assert_eq!(receiver.wait_for("warning: broken: ").unwrap(), expected);
            assert!(names(folder.path()).is_empty(), "{expected}");
        }
        cut += length;
    }
    assert_eq!(cut, whole.len());
    assert_eq!(exchange(address, &whole).0, 0);
}

#[test]
fn a_reset_is_an_end_like_any_other() {
    let folder = tempdir().unwrap();
    let (mut receiver, address) = receiver(folder.path(), &[]);
    let peer = connect(address);
    (&peer).write_all(&frame(b"name", b"content")[..20]).unwrap();
    receiver.wait_for("\"name\": 7 bytes announced").unwrap();
    // No time to linger: RST instead of FIN. Bytes that nobody has read may be lost with it, so the count varies.
    setsockopt(&peer.as_fd(), sockopt::Linger, &linger { l_onoff: 1, l_linger: 0 }).unwrap();
    drop(peer);
    let broken = receiver.wait_for("warning: broken: content: ended after ").unwrap();
    assert!(broken.ends_with(" of 7 bytes: ECONNRESET: Connection reset by peer"), "{broken}");
    assert!(names(folder.path()).is_empty());
    assert_eq!(exchange(address, &frame(b"name", b"content")).0, 0);
}

#[test]
fn a_file_is_replaced_and_that_is_said() {
    let folder = tempdir().unwrap();
    let (mut receiver, address) = receiver(folder.path(), &[]);
    assert!(!exchange(address, &frame(b"name", b"one")).1.contains("replaced"));
    let (status, text) = exchange(address, &frame(b"name", b"two"));
    assert_eq!(status, 0);
    assert!(text.ends_with(", and replaced the file that had its name"), "{text}");
    receiver.wait_for("Kept name: 3 bytes").unwrap();
    assert_eq!(receiver.wait_for("Kept ").unwrap(), text);
    assert_eq!(std::fs::read(folder.path().join("name")).unwrap(), b"two");
}

#[test]
fn a_folder_of_that_name_stays() {
    let folder = tempdir().unwrap();
    std::fs::create_dir(folder.path().join("name")).unwrap();
    let (_receiver, address) = receiver(folder.path(), &[]);
    assert_eq!(
        exchange(address, &frame(b"name", b"content")),
        (1, "rename name.part: EISDIR: Is a directory".into())
    );
    assert_eq!(names(folder.path()), ["name"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_answer() {
    let folder = tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join("name.part")).unwrap();
    let (_receiver, address) = receiver(folder.path(), &[]);
    // More than fits into the buffers on the way: what nobody wants is read all the same, so that the answer arrives.
    let mut peer = connect(address);
    peer.write_all(&frame(b"name", &content(1024 * 1024))).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(answer(&mut peer), (1, "write name.part: ENOSPC: No space left on device".into()));
    assert!(names(folder.path()).is_empty());
    assert_eq!(exchange(address, &frame(b"name", b"content")).0, 0);
}

#[test]
fn a_killed_receiver_leaves_no_half_file_under_its_name() {
    let folder = tempdir().unwrap();
    let (mut first, address) = receiver(folder.path(), &[]);
    let whole = frame(b"name", &content(100_000));
    let mut peer = connect(address);
    peer.write_all(&whole[..50_000]).unwrap();
    first.wait_for("\"name\": 100000 bytes announced").unwrap();
    until("something is written", || {
        std::fs::metadata(folder.path().join("name.part")).is_ok_and(|part| part.len() > 0)
    });
    first.signal(Signal::SIGKILL).unwrap();
    first.end().unwrap();
    assert_eq!(names(folder.path()), ["name.part"]);

    // The next one begins again, and says so; of what was there nothing stays behind a shorter content.
    let (mut second, address) = receiver(folder.path(), &[]);
    assert_eq!(exchange(address, &frame(b"name", &content(10))).0, 0);
    let left = second.wait_for("warning: ").unwrap();
    assert!(left.ends_with("name.part was left by an earlier run: it begins again"), "{left}");
    assert_eq!(names(folder.path()), ["name"]);
    assert_eq!(std::fs::read(folder.path().join("name")).unwrap(), content(10));
}

#[test]
fn two_receivers_do_not_write_to_one_file() {
    let folder = tempdir().unwrap();
    let (mut first, address) = receiver(folder.path(), &[]);
    let (_second, other_address) = receiver(folder.path(), &[]);
    let whole = frame(b"name", b"content");
    let mut slow = connect(address);
    slow.write_all(&whole[..20]).unwrap();
    first.wait_for("\"name\": 7 bytes announced").unwrap();
    until("the file is there", || !names(folder.path()).is_empty());
    // Between its open and its flock the second may still be first.
    until("the lock is the first's", || {
        let (status, text) = exchange(other_address, &frame(b"name", b"another"));
        status == 0 || text == "flock name.part: EAGAIN: Try again"
    });
    slow.write_all(&whole[20..]).unwrap();
    slow.shutdown(Shutdown::Write).unwrap();
    let (status, text) = answer(&mut slow);
    assert!(status == 0 || text == "flock name.part: EAGAIN: Try again", "{text}");
    assert_eq!(names(folder.path()), ["name"]);
}

#[test]
fn a_signal_ends_it_wherever_it_waits() {
    let folder = tempdir().unwrap();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        // In accept.
        let (receiver, _) = receiver(folder.path(), &[]);
        receiver.signal(signal).unwrap();
        assert_eq!(receiver.end().unwrap().status.code(), Some(0));

        // Inside a frame: the client hears of it, and no half file stays.
        let (mut receiver, address) = support::receiver(folder.path(), &[]);
        let mut peer = connect(address);
        peer.write_all(&frame(b"name", b"content")[..20]).unwrap();
        receiver.wait_for("\"name\": 7 bytes announced").unwrap();
        receiver.signal(signal).unwrap();
        let (status, text) = answer(&mut peer);
        assert_eq!(status, 2);
        assert!(text.ends_with(" of 7 bytes: the receiver was stopped"), "{text}");
        let ended = receiver.end().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert_eq!(ended.lines.last().unwrap(), "Stopped after 1 clients: 0 files kept");
        assert!(names(folder.path()).is_empty());
    }
}

#[test]
fn a_client_that_closes_before_its_answer_harms_nobody() {
    let folder = tempdir().unwrap();
    let (mut receiver, address) = receiver(folder.path(), &[]);
    for _ in 0..20 {
        connect(address).write_all(&frame(b"name", b"content")).unwrap();
        receiver.wait_for("Kept name: 7 bytes").unwrap();
    }
    assert_eq!(exchange(address, &frame(b"other", b"content")).0, 0);
    stop(receiver);
}

#[test]
fn both_families_or_one() {
    if !have_ipv6("the receiver at [::]") {
        return;
    }
    let folder = tempdir().unwrap();
    let (mut both, address) = receiver_on("[::]:0", folder.path(), &[]);
    let port = address.port();
    let v4 = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    assert_eq!(exchange(v4, &frame(b"four", b"4")).0, 0);
    assert!(both.wait_for("Client connected: ").unwrap().starts_with("[::ffff:127.0.0.1]:"));
    assert_eq!(exchange(format!("[::1]:{port}").parse().unwrap(), &frame(b"six", b"6")).0, 0);
    assert!(both.wait_for("Client connected: ").unwrap().starts_with("[::1]:"));

    // The port of IPv4 stays free: another receiver gets it.
    let (_six, address) = receiver_on("[::]:0", folder.path(), &["--v6only"]);
    let (_four, _) = receiver_on(&format!("0.0.0.0:{}", address.port()), folder.path(), &[]);
}

#[test]
fn a_folder_that_is_none() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for (name, complaint) in
        [("missing", "missing: make the folder first: ENOENT"), ("file", "file: not a folder")]
    {
        let place = folder.path().join(name);
        let ended = run(RECEIVER, &["127.0.0.1:0", place.to_str().unwrap()]);
        assert_eq!(ended.status.code(), Some(1));
        assert!(ended.errors.contains(complaint), "{}", ended.errors);
    }
}

#[test]
fn an_address_that_is_taken() {
    let folder = tempdir().unwrap();
    let (_receiver, address) = receiver(folder.path(), &[]);
    let address = address.to_string();
    let ended = run(RECEIVER, &[address.as_str(), folder.path().to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(
        ended.errors,
        format!("frames-receiver: bind {address}: EADDRINUSE: Address already in use\n")
    );
}

/// Whether this machine has `::1`; where it has not, the gap is named.
fn have_ipv6(what: &str) -> bool {
    let have = std::net::TcpListener::bind("[::1]:0").is_ok();
    if !have {
        let missing = harness::missing::Missing { what: "this machine has no ::1".into(), remedy: None };
        harness::process::not_checked(what, missing).unwrap();
    }
    have
}

#[test]
fn nothing_at_all_is_a_broken_frame() {
    let folder = tempdir().unwrap();
    let (mut receiver, address) = receiver(folder.path(), &[]);
    drop(TcpStream::connect(address).unwrap());
    let broken = receiver.wait_for("warning: broken: ").unwrap();
    assert_eq!(broken, "name length: ended after 0 of 4 bytes: end of file");
}
