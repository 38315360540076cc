//! The bytes of a frame against the same protocol in Python, and hostile bytes against ours.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use harness::process::installed;
use part_four_frames::frame::{
    Answer, ByteOrder, Header, NAME_LIMIT, Status, check_name, content_length, name_length,
};
use proptest::collection::vec;
use proptest::prelude::*;
use support::PYTHON;

fn encode(name: &str, content: &[u8]) -> Vec<u8> {
    let header = Header::new(name.as_bytes(), content.len() as u64).unwrap();
    let checksum = crc32fast::hash(content);
    [&header.encode(ByteOrder::Big)[..], content, &checksum.to_be_bytes()].concat()
}

/// One frame from the front of `bytes`, read with the functions of the receiver.
fn decode(bytes: &mut &[u8]) -> (String, Vec<u8>) {
    let length = name_length(array(bytes)).unwrap();
    let name = check_name(bytes.split_off(..length).unwrap()).unwrap();
    let length = content_length(array(bytes), u64::MAX).unwrap();
    let content = bytes.split_off(..usize::try_from(length).unwrap()).unwrap().to_vec();
    assert_eq!(u32::from_be_bytes(array(bytes)), crc32fast::hash(&content));
    (name, content)
}

fn array<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    bytes.split_off(..N).unwrap().try_into().unwrap()
}

/// Names of one to 85 characters, which are 255 bytes at most, without those that are refused.
fn name() -> impl Strategy<Value = String> {
    vec(any::<char>(), 1..=85)
        .prop_map(String::from_iter)
        .prop_filter("a name that is taken", |name| check_name(name.as_bytes()).is_ok())
}

fn frames() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    vec((name(), vec(any::<u8>(), 0..2000)), 1..60)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// What Python makes of these bytes.
fn python(bytes: &[u8]) -> String {
    let mut python = Command::new("python3");
    python.args([PYTHON, "codec"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.spawn().unwrap();
    let mut input = python.stdin.take().unwrap();
    let bytes = bytes.to_owned();
    let writing = std::thread::spawn(move || input.write_all(&bytes));
    let output = python.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

proptest! {
    // Each case is a process with up to 60 frames.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn python_reads_and_writes_the_same_bytes(frames in frames()) {
        if !installed("python3", "the frames against python3").unwrap() {
            return Ok(());
        }
        let bytes: Vec<u8> = frames.iter().flat_map(|(name, content)| encode(name, content)).collect();
        let said = python(&bytes);
        let mut again = Vec::new();
        let mut lines = said.lines();
        for (name, content) in &frames {
            let (read, written) = lines.next().unwrap().rsplit_once(' ').unwrap();
            prop_assert_eq!(read, format!("{} {} True", hex(name.as_bytes()), content.len()));
            again.extend(unhex(written));
        }
        prop_assert_eq!(lines.next(), None);
        prop_assert!(again == bytes);
        let mut rest = again.as_slice();
        for frame in frames {
            prop_assert_eq!(decode(&mut rest), frame);
        }
        prop_assert!(rest.is_empty());
    }
}

proptest! {
    #[test]
    fn no_bytes_are_a_panic(four in any::<[u8; 4]>(), name in vec(any::<u8>(), 0..300), eight in any::<[u8; 8]>(), limit in any::<u64>()) {
        match name_length(four) {
            Ok(length) => prop_assert!((1..=NAME_LIMIT).contains(&length)),
            Err(refusal) => prop_assert!(refusal.to_string().starts_with("name length ")),
        }
        match check_name(&name) {
            Ok(checked) => {
                prop_assert_eq!(checked.as_bytes(), name.as_slice());
                prop_assert!((1..=NAME_LIMIT).contains(&name.len()));
                // As a path it is one component, and a plain one.
                let mut components = std::path::Path::new(&checked).components();
                prop_assert!(matches!(components.next(), Some(std::path::Component::Normal(_))));
                prop_assert!(components.next().is_none());
            }
            Err(refusal) => prop_assert!(!refusal.to_string().contains(char::is_control)),
        }
        match content_length(eight, limit) {
            Ok(length) => prop_assert!(length <= limit),
            Err(_) => prop_assert!(u64::from_be_bytes(eight) > limit),
        }
    }

    #[test]
    fn a_number_in_the_other_order_is_the_swapped_one(length in any::<u64>()) {
        let header = Header::new(b"f", length).unwrap();
        let (big, little) = (header.encode(ByteOrder::Big), header.encode(ByteOrder::Little));
        prop_assert_eq!(big.len(), 13);
        prop_assert_eq!(&big[..5], b"\0\0\0\x01f");
        prop_assert_eq!(&little[..5], b"\x01\0\0\0f");
        prop_assert!(big[5..].iter().eq(little[5..].iter().rev()));
        prop_assert_eq!(u64::from_be_bytes(little[5..].try_into().unwrap()), length.swap_bytes());
    }

    #[test]
    fn an_answer_says_its_own_length(text in ".{0,100}", times in 1..400_usize) {
        let text = text.repeat(times);
        let bytes = Answer { status: Status::Broken, text: text.clone() }.encode();
        prop_assert_eq!(bytes[0], 2);
        prop_assert_eq!(usize::from(u16::from_be_bytes([bytes[1], bytes[2]])), bytes.len() - 3);
        let sent = str::from_utf8(&bytes[3..]).unwrap();
        prop_assert!(text.starts_with(sent));
        prop_assert!(sent.len() == text.len() || sent.len() > usize::from(u16::MAX) - 4);
    }
}

/// The numbers of the series.
#[test]
fn five_hundred_and_seventy_four() {
    assert_eq!(ByteOrder::Big.u32(574), [0, 0, 2, 0x3e]);
    assert_eq!(ByteOrder::Little.u32(574), [0x3e, 2, 0, 0]);
    assert_eq!(u32::from_be_bytes(ByteOrder::Little.u32(574)), 1_040_318_464);
    assert_eq!(u64::from_be_bytes(ByteOrder::Little.u64(574)), 4_468_133_780_304_953_344);
}
