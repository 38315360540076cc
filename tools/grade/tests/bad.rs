//! The known-bad programs: each is caught by the check that is meant for it, and its report says what the one that is kept
//! in tests/reports says. `LAB_UPDATE=1` writes those anew.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use grade::check::Check;
use grade::exercise::ALL;
use support::kept::{as_kept, reports, unwrapped};
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
    as_kept(&kept(exercise, subject), &report.text).map_err(|other| format!("{name}: {other}"))
}

fn kept(exercise: &str, subject: &Subject) -> PathBuf {
    reports().join(exercise).join(format!("{}.txt", subject.name()))
}

#[test]
fn a_sentence_is_one_line_however_long_its_numbers_are() {
    let report = "tcp-echo: x\n\nlevel 1\n  ok a\n\na: b\n\n  1 of\n  2 came.\n\n  sent \"x\"\n    ^\n\nalso:\n  c: d\n    e\n";
    let one = "tcp-echo: x\n\nlevel 1\n  ok a\n\na: b\n\n  1 of 2 came.\n\n  sent \"x\"\n    ^\n\nalso:\n  c: d e\n";
    assert_eq!(unwrapped(report), one);
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
