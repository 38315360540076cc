//! The known-bad programs: each is caught by the check that is meant for it, and its report says what the one that is kept
//! in tests/reports says. `LAB_UPDATE=1` writes those anew.

#![expect(clippy::expect_used, reason = "a test says what it expects by panicking")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use grade::check::Check;
use grade::exercise::ALL;
use regex::Regex;
use support::{Report, Subject, can_judge, can_trace, each, exercises, judge};

#[test]
fn each_check_has_a_program_that_it_catches_first() {
    let subjects = Subject::all("bad");
    let caught: BTreeSet<(String, String)> =
        subjects.iter().flat_map(|subject| subject.claims.iter().cloned()).collect();
    // Several exercises may ask the same: then a program that one of them catches is enough.
    let all =
        || ALL.iter().flat_map(|exercise| exercise.checks.iter().map(move |check| (exercise.name, check)));
    let is_caught = |exercise: &str, id: &str| caught.contains(&(exercise.to_owned(), id.to_owned()));
    for (exercise, check) in all().filter(|(exercise, _)| !is_of_the_book(exercise)) {
        let is_same = |other: &Check| (other.id, other.title) == (check.id, check.title);
        let has = all().any(|(of, other)| is_same(other) && is_caught(of, other.id));
        assert!(has, "no program in tests/bad is caught by {exercise} {}", check.id);
    }
    for (exercise, id) in &caught {
        let exercise = ALL.iter().find(|known| known.name == exercise).expect("an exercise");
        assert!(exercise.checks.iter().any(|check| check.id == id), "{} has no check {id}", exercise.name);
    }
}

#[test]
fn every_report_belongs_to_a_program() {
    let subjects = Subject::all("bad");
    let known: BTreeSet<PathBuf> = subjects
        .iter()
        .flat_map(|subject| subject.claims.iter().map(|(exercise, _)| kept(exercise, subject)))
        .collect();
    for exercise in exercises().into_iter().filter(|name| !is_of_the_book(name)) {
        let folder = reports().join(exercise);
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let file = entry.expect("a file").path();
            assert!(known.contains(&file), "{}: of which program?", file.display());
        }
    }
}

/// Whether an exercise is one of the book's: of these tests/book.rs tries the part's own program and the answer.
fn is_of_the_book(exercise: &str) -> bool {
    exercise.contains('/')
}

/// A test for each exercise, so that they can run beside each other.
macro_rules! caught {
    ($($test:ident $exercise:literal),* $(,)?) => {
        $(#[test]
        fn $test() {
            caught(stringify!($test), $exercise);
        })*

        #[test]
        fn each_exercise_has_such_a_test() {
            let own: BTreeSet<&str> = exercises().into_iter().filter(|name| !is_of_the_book(name)).collect();
            assert_eq!(own, BTreeSet::from([$($exercise),*]));
        }
    };
}

caught! {
    tcp_once "tcp-once",
    tcp_echo "tcp-echo",
    tcp_client "tcp-client",
    udp_echo "udp-echo",
    udp_client "udp-client",
    unix_echo "unix-echo",
    unix_datagram "unix-datagram",
    frames_receiver "frames-receiver",
    many "many",
}

fn caught(test: &str, exercise: &str) {
    if !can_judge(test) {
        return;
    }
    let traced = can_trace(test);
    let subjects: Vec<(Subject, String)> = Subject::all("bad")
        .into_iter()
        .flat_map(|subject| {
            let claims = subject.claims.clone();
            claims.into_iter().map(move |(exercise, id)| (exercise, (subject.clone(), id)))
        })
        .filter_map(|(of, subject)| (of == exercise).then_some(subject))
        .collect();
    assert!(!subjects.is_empty(), "{exercise} has no known-bad programs");
    let complaints = each(&subjects, |(subject, id)| match judge(exercise, subject, &[]) {
        Some(report) => as_it_should(exercise, subject, id, &report, traced),
        None => Ok(()),
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

/// What is wrong with the verdict, or how the report differs from the kept one.
fn as_it_should(
    exercise: &str,
    subject: &Subject,
    id: &str,
    report: &Report,
    traced: bool,
) -> Result<(), String> {
    let name = subject.name();
    let first = report.with("fail").first().cloned();
    if first.as_deref() != Some(id) || report.code != Some(1) {
        return Err(format!("{name} should fail {id} first, and fails {first:?}:\n{}", report.text));
    }
    if !traced {
        // Without calls some sentences say less.
        return Ok(());
    }
    let came = steady(&report.text);
    let file = kept(exercise, subject);
    if std::env::var_os("LAB_UPDATE").is_some_and(|wish| wish == "1") {
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(&file, came).expect("a report is kept");
        return Ok(());
    }
    let page = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    // A checkout may have carriage returns.
    let page = page.replace("\r\n", "\n");
    if page == came {
        return Ok(());
    }
    let diff = similar::TextDiff::from_lines(&page, &came);
    Err(format!("{name}: another report than {}:\n{}", file.display(), diff.unified_diff()))
}

fn reports() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports")
}

fn kept(exercise: &str, subject: &Subject) -> PathBuf {
    reports().join(exercise).join(format!("{}.txt", subject.name()))
}

/// The report without what another kernel, another machine or another version of a language has otherwise: how much
/// the kernel takes at once, how much a busy machine gets done, the calls and the words of an interpreter or a library.
/// A number is renamed, the same one to the same name.
fn steady(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut left_out = false;
    for line in text.lines() {
        if left_out && line.starts_with("    ") {
            continue;
        }
        left_out = line.starts_with("  your program's calls")
            || line.starts_with("  your program said on standard error");
        if left_out {
            // Whether it had come to that by then is left to chance; the line before is empty.
            lines.pop();
            continue;
        }
        lines.push(line);
    }
    // Bytes around an offset that the kernel has chosen.
    let far = Regex::new(r#"(?m)^( *(?:sent|came back) +)\.\.\. ".*$"#).expect("a pattern");
    let caret = Regex::new(r"(?m)^ +\^ byte (\d{4,})$").expect("a pattern");
    let counted = Regex::new(r"\b\d+ (descriptors|children|of 50 looks)|has \d+ now").expect("a pattern");
    // Which of several sends took only a part.
    let half = Regex::new(r"was given \d+ bytes and took \d+").expect("a pattern");
    let text = unwrapped(&(lines.join("\n") + "\n"));
    // What a library says of its own error is another text in another version; which error it is, is not.
    let words =
        Regex::new(r"(?m)(\b\w+(?:Error|Exception)|a thread panicked): .*?( \(exit status|\. [A-Z]|\.$)");
    let text = words.expect("a pattern").replace_all(&text, "$1: (...)$2").into_owned();
    let text = half.replace_all(&text, "was given N bytes and took N");
    let text = far.replace_all(&text, "${1}(...)");
    let text = caret.replace_all(&text, "(...) ^ byte $1");
    let text = counted.replace_all(&text, |found: &regex::Captures<'_>| match found.get(1) {
        Some(what) => format!("N {}", what.as_str()),
        None => "has N now".to_owned(),
    });
    renamed(&text)
}

/// The sentences in one line each: where a line ends depends on how long the numbers in it are.
fn unwrapped(text: &str) -> String {
    let mut is_headline = false;
    let paragraphs = text.split("\n\n").enumerate().map(|(at, paragraph)| {
        let is_sentence = is_headline;
        is_headline = at > 0 && paragraph.lines().count() == 1 && !paragraph.starts_with(' ');
        match paragraph {
            sentence if is_sentence => sentence.replace("\n  ", " "),
            others if others.starts_with("also:") => others.replace("\n    ", " "),
            lines => lines.to_owned(),
        }
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

#[test]
fn a_sentence_is_one_line_however_long_its_numbers_are() {
    let report = "tcp-echo: x\n\nlevel 1\n  ok a\n\na: b\n\n  1 of\n  2 came.\n\n  sent \"x\"\n    ^\n\nalso:\n  c: d\n    e\n";
    let one = "tcp-echo: x\n\nlevel 1\n  ok a\n\na: b\n\n  1 of 2 came.\n\n  sent \"x\"\n    ^\n\nalso:\n  c: d e\n";
    assert_eq!(unwrapped(report), one);
}

/// Numbers of four digits and more that are not ours: the kernel chose them.
fn renamed(text: &str) -> String {
    const OURS: [&str; 10] =
        ["1024", "2000", "6797", "8080", "65536", "600000", "1000000", "4096", "40001", "40002"];
    let number = Regex::new(r"\d{4,}").expect("a pattern");
    let mut names: Vec<String> = Vec::new();
    let is_client = |digits: &str| digits.len() == 5 && digits.starts_with("400");
    let name = |found: &regex::Captures<'_>| {
        let digits = &found[0];
        if OURS.contains(&digits) || is_client(digits) {
            return digits.to_owned();
        }
        let at = names.iter().position(|known| known == digits).unwrap_or_else(|| {
            names.push(digits.to_owned());
            names.len() - 1
        });
        format!("N{}", at + 1)
    };
    number.replace_all(text, name).into_owned()
}

#[test]
fn a_report_shows_the_calls_of_that_connection_alone() {
    let test = "a_report_shows_the_calls_of_that_connection_alone";
    if !can_judge(test) || !can_trace(test) {
        return;
    }
    let subjects = Subject::all("bad");
    let whole_buffer = subjects.iter().find(|subject| subject.name() == "whole_buffer.c").expect("a program");
    let Some(report) = judge("tcp-echo", whole_buffer, &["--level", "1"]) else { return };
    let failed =
        report.json["checks"].as_array().expect("checks").iter().find(|check| check["id"] == "one-line");
    let calls: Vec<&str> = failed.expect("it")["calls"]
        .as_array()
        .expect("calls")
        .iter()
        .filter_map(|call| call.as_str())
        .collect();
    assert!(calls[0].starts_with("accept(3, ") && calls[0].ends_with(" = 4"), "{calls:#?}");
    assert_eq!(calls[1], "recvfrom(4, \"hello\\n\", 1024, 0, NULL, NULL) = 6");
    assert!(calls[2].starts_with("sendto(4, \"hello\\n\\0") && calls[2].ends_with("= 1024"), "{calls:#?}");
    assert!(calls.iter().all(|call| call.contains("(4, ") || call.starts_with("accept")), "{calls:#?}");
}
