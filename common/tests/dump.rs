//! What `Dump` promises for every input.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use common::Dump;
use proptest::prelude::*;

/// The three lines behind their names.
fn lines(bytes: &[u8]) -> [String; 3] {
    let shown = Dump(bytes).to_string();
    let mut lines = shown.split('\n');
    let mut behind = |name| lines.next().unwrap().strip_prefix(name).unwrap().to_owned();
    let three = [behind("bytes: "), behind("hex repr: "), behind("str repr: ")];
    assert_eq!(lines.next(), None, "a fourth line");
    three
}

proptest! {
    #[test]
    fn the_decimal_line_is_what_rust_shows(bytes: Vec<u8>) {
        prop_assert_eq!(&lines(&bytes)[0], &format!("{bytes:?}"));
    }

    #[test]
    fn the_hex_line_is_what_the_article_shows(bytes: Vec<u8>) {
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:#04x}")).collect();
        prop_assert_eq!(&lines(&bytes)[1], &format!("{hex:?}"));
    }

    #[test]
    fn the_decimal_and_the_hex_line_parse_back(bytes: Vec<u8>) {
        let [decimal, hex, _] = lines(&bytes);
        let parse = |list: &str, radix, noise: &[char]| -> Vec<u8> {
            list.trim_matches(['[', ']'])
                .split(", ")
                .filter(|entry| !entry.is_empty())
                .map(|entry| u8::from_str_radix(entry.trim_matches(noise).trim_start_matches("0x"), radix).unwrap())
                .collect()
        };
        prop_assert_eq!(&parse(&decimal, 10, &[]), &bytes);
        prop_assert_eq!(&parse(&hex, 16, &['"']), &bytes);
    }

    #[test]
    fn text_is_shown_as_rust_shows_it(text: String) {
        prop_assert_eq!(&lines(text.as_bytes())[2], &format!("{text:?}"));
    }

    /// The plain way, a chunk at a time, for long messages in which characters are cut and whole.
    #[test]
    fn every_string_line_is_the_one_that_the_plain_way_gives(bytes in bytes_of_characters()) {
        let mut plain = String::from("\"");
        for chunk in bytes.utf8_chunks() {
            plain.push_str(format!("{:?}", chunk.valid()).strip_prefix('"').unwrap().strip_suffix('"').unwrap());
            plain.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
        }
        prop_assert_eq!(&lines(&bytes)[2], &(plain + "\""));
    }

    #[test]
    fn no_control_character_passes(bytes: Vec<u8>) {
        let [_, _, text] = lines(&bytes);
        prop_assert!(!text.chars().any(char::is_control), "{}", text);
    }

    /// Half text, half anything: whole characters stay, and every stray byte is there.
    #[test]
    fn nothing_is_lost(pieces in prop::collection::vec(piece(), 0..8)) {
        let bytes = pieces.concat();
        let [_, _, text] = lines(&bytes);
        prop_assert_eq!(unescape(text.strip_prefix('"').unwrap().strip_suffix('"').unwrap()), bytes);
    }
}

/// Up to 600 bytes, most of them beyond ASCII: leading bytes, following ones, and what can be neither.
fn bytes_of_characters() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![0x20..0x7f_u8, 0x80..0xc0_u8, 0xc2..0xf5_u8, any::<u8>()];
    let piece =
        prop_oneof![byte.prop_map(|byte| vec![byte]), any::<char>().prop_map(|c| c.to_string().into_bytes())];
    prop::collection::vec(piece, 0..300).prop_map(|pieces| pieces.concat())
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<Vec<u8>>(),
        any::<String>().prop_map(String::into_bytes),
        Just(b"\\x41\"\x1b[0m".to_vec())
    ]
}

/// Reads the string line back into the bytes that it stands for.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let mut character = |c: char| bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
        match c {
            '\\' => match chars.next().unwrap() {
                'n' => character('\n'),
                'r' => character('\r'),
                't' => character('\t'),
                '0' => character('\0'),
                'u' => {
                    let digits: String = chars.by_ref().skip(1).take_while(|&c| c != '}').collect();
                    character(char::from_u32(u32::from_str_radix(&digits, 16).unwrap()).unwrap());
                }
                'x' => {
                    let digits: String = chars.by_ref().take(2).collect();
                    bytes.push(u8::from_str_radix(&digits, 16).unwrap());
                }
                plain => character(plain),
            },
            plain => character(plain),
        }
    }
    bytes
}

#[test]
fn nothing_at_all_has_three_lines_too() {
    assert_eq!(Dump(b"").to_string(), "bytes: []\nhex repr: []\nstr repr: \"\"");
}

/// Wherever a character stands, none is cut where the dump hands its buffer on.
#[test]
fn a_character_stays_whole_at_every_place() {
    for before in 0..400 {
        let text = "x".repeat(before) + "é€😀e\u{301}\u{7f}\"" + &"y".repeat(before);
        assert_eq!(lines(text.as_bytes())[2], format!("{text:?}"), "behind {before}");
    }
}

#[test]
fn nothing_is_allocated_whatever_the_length() {
    struct Nowhere;
    impl std::fmt::Write for Nowhere {
        fn write_str(&mut self, _: &str) -> std::fmt::Result {
            Ok(())
        }
    }
    for length in [22, 1024, 65536] {
        let bytes: Vec<u8> = (0..=255).cycle().take(length).collect();
        let counted = allocation_counter::measure(|| {
            std::fmt::write(&mut Nowhere, format_args!("{}", Dump(&bytes))).unwrap();
        });
        assert_eq!(counted.count_total, 0, "for {length} bytes");
    }
}
