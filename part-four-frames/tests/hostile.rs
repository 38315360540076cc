//! The receiver and what strangers may send: nothing is kept that should not be, and nothing is reserved.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::Write;
use std::net::Shutdown;

use support::*;
use tempfile::tempdir;

#[test]
fn hostile_names_are_refused() {
    let outside = tempdir().unwrap();
    let folder = outside.path().join("inside");
    std::fs::create_dir(&folder).unwrap();
    let (_receiver, address) = receiver(&folder, &[]);
    let long = vec![b'x'; 256];
    let hostile: [(&[u8], &str); 13] = [
        (b"", "name length 0: a name has 1 to 255 bytes"),
        (&long, "name length 256: a name has 1 to 255 bytes"),
        (b"a/b", "name \"a/b\": it has a '/'"),
        (b"/etc/passwd", "name \"/etc/passwd\": it has a '/'"),
        (b"../x", "name \"../x\": it has a '/'"),
        (b"..", "name \"..\": it has '..'"),
        (b"a..b", "name \"a..b\": it has '..'"),
        (b".", "name \".\": it is the folder itself"),
        (b"a\0b", r#"name "a\0b": it has a NUL"#),
        (b"\xff", r#"name "\xff": it is not UTF-8"#),
        (b"caf\xe9", r#"name "caf\xe9": it is not UTF-8"#),
        (b"\x1b[2J..", r#"name "\u{1b}[2J..": it has '..'"#),
        (b"x.part", "name \"x.part\": it ends in '.part', as files do that are not whole"),
    ];
    for (name, refusal) in hostile {
        assert_eq!(exchange(address, &frame(name, b"content")), (1, refusal.into()));
    }
    assert_eq!(names(outside.path()), ["inside"]);
    assert!(names(&folder).is_empty());
}

#[test]
fn names_as_long_and_as_odd_as_allowed() {
    let folder = tempdir().unwrap();
    let (mut receiver, address) = receiver(folder.path(), &[]);
    let long = "x".repeat(255);
    // Of two bytes each, so that `.part` must be put between two of them.
    let umlauts = "ä".repeat(127);
    for name in [long.as_str(), &umlauts, " ", "-rf", ".hidden", "a\nb", "\u{1b}[2J", "naïve 🦀.txt"] {
        assert_eq!(exchange(address, &frame(name.as_bytes(), b"content")).0, 0, "{name:?}");
        assert_eq!(std::fs::read(folder.path().join(name)).unwrap(), b"content");
    }
    assert_eq!(names(folder.path()).len(), 8);
    // What a terminal would obey is shown, not obeyed.
    receiver.wait_for(r#""a\nb": 7 bytes announced"#).unwrap();
}

#[test]
fn lengths_reserve_no_memory() {
    let folder = tempdir().unwrap();
    let (receiver, address) = receiver(folder.path(), &[]);
    assert_eq!(exchange(address, &frame(b"a", b"first")).0, 0);
    let before = peak_memory_of(&receiver);
    for length in [1 << 20 | 1, u64::from(u32::MAX), 1_040_318_464, 4_468_133_780_304_953_344, u64::MAX] {
        let (status, text) = exchange(address, &header(b"a", length));
        assert_eq!((status, text), (1, format!("content length {length}: the limit is 1048576 bytes")));
    }
    for length in [256, 0x0900_0000, u32::MAX] {
        let (status, text) = exchange(address, &length.to_be_bytes());
        assert_eq!(status, 1);
        assert!(text.starts_with(&format!("name length {length}: a name has 1 to 255 bytes")), "{text}");
    }
    assert!(peak_memory_of(&receiver) < before + 1024, "{before} KiB, {} KiB", peak_memory_of(&receiver));
}

#[test]
fn a_length_that_is_allowed_reserves_no_memory_either() {
    let folder = tempdir().unwrap();
    let (receiver, address) = receiver(folder.path(), &["--limit", &u64::MAX.to_string()]);
    assert_eq!(
        exchange(address, &header(b"a", u64::MAX)),
        (2, format!("content: ended after 0 of {} bytes: end of file", u64::MAX))
    );
    let content = content(32 * 1024 * 1024);
    assert_eq!(exchange(address, &frame(b"a", &content)).0, 0);
    assert!(peak_memory_of(&receiver) < 8 * 1024, "{} KiB", peak_memory_of(&receiver));
}

#[test]
fn a_thousand_hostile_frames() {
    let folder = tempdir().unwrap();
    let (receiver, address) = receiver(folder.path(), &[]);
    let before = descriptors_of(&receiver);
    assert_eq!(exchange(address, &frame(b"before", b"content")).0, 0);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        // xorshift64: the same frames in every run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..1000_u32 {
        let mut bytes = frame(b"hostile", &content(usize::try_from(random() % 300).unwrap()));
        let at = usize::try_from(random() % bytes.len() as u64).unwrap();
        match round % 5 {
            // A byte is another; or the frame is cut; or nonsense from somewhere on; or nothing but nonsense.
            0 => bytes[at] ^= u8::try_from(random() % 255 + 1).unwrap(),
            1 => bytes.truncate(at),
            2 => bytes[at..].iter_mut().for_each(|byte| *byte = random().to_le_bytes()[0]),
            3 => bytes.iter_mut().for_each(|byte| *byte = random().to_le_bytes()[0]),
            _ => bytes.insert(at, 0),
        }
        let mut peer = connect(address);
        // It may answer and be gone before it has all.
        let _ = peer.write_all(&bytes);
        if round % 7 == 0 {
            continue;
        }
        let _ = peer.shutdown(Shutdown::Write);
        let (status, text) = answer(&mut peer);
        // A changed name is a name, and what is cut after its last byte is whole: such frames are kept.
        assert!(status == 1 || status == 2 || text.contains("bytes, CRC-32"), "{status} {text}");
    }
    assert_eq!(exchange(address, &frame(b"after", b"content")).0, 0);
    until("every connection is closed", || descriptors_of(&receiver) == before);
    let half = names(folder.path()).into_iter().find(|name| name.contains(".part"));
    assert_eq!(half, None);
    assert!(stop(receiver).lines.last().unwrap().starts_with("Stopped after 1002 clients: "));
}

#[test]
fn a_wrong_checksum_is_not_kept() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("name"), "the old one").unwrap();
    let (_receiver, address) = receiver(folder.path(), &[]);
    let mut bytes = frame(b"name", b"content");
    bytes[20] ^= 1;
    let (status, text) = exchange(address, &bytes);
    assert_eq!(status, 2);
    assert!(text.starts_with("checksum 0x") && text.contains(": the content that came has 0x"), "{text}");
    assert_eq!(std::fs::read(folder.path().join("name")).unwrap(), b"the old one");
    assert_eq!(names(folder.path()), ["name"]);
}

#[test]
fn what_follows_a_frame_is_not_swallowed() {
    let folder = tempdir().unwrap();
    let (_receiver, address) = receiver(folder.path(), &[]);
    let two = [frame(b"one", b"1"), frame(b"two", b"2")].concat();
    assert_eq!(exchange(address, &two), (2, "something follows the frame: one frame a connection".into()));
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_refused_sender_that_sends_all_of_it_first_hears_why() {
    let folder = tempdir().unwrap();
    let (_receiver, address) = receiver(folder.path(), &[]);
    let mut bytes = header(b"name", 64 * 1024 * 1024);
    bytes.resize(64 * 1024 * 1024, 0);
    assert_eq!(exchange(address, &bytes), (1, "content length 67108864: the limit is 1048576 bytes".into()));
}
