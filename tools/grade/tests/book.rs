//! The exercises of the book: the part's own program does not solve them, and the answer does.

#![expect(clippy::expect_used, reason = "a test says what it expects by panicking")]

mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;

use harness::process::built;
use serde_json::Value;
use support::kept::{as_kept, reports};
use support::{Report, can_judge, can_trace, each, exercises, judge_command};

/// An exercise, its unsolved program, words of the sentence that this gets, and the answer.
struct Exercise {
    name: &'static str,
    lesson: Program,
    because: &'static str,
    answer: Program,
}

/// A program of the workspace: its package, its name and its arguments.
type Program = (&'static str, &'static str, &'static [&'static str]);

const SERVER: Program = ("part-one-server", "part-one-server", &[]);

const EXERCISES: [Exercise; 28] = [
    Exercise {
        name: "part-one/1",
        lesson: SERVER,
        because: "The port is 6797",
        answer: ("part-one-server", "part-one-server", &["127.0.0.1:0"]),
    },
    Exercise {
        name: "part-one/2",
        lesson: SERVER,
        because: "waits on 127.0.0.1:6797, not on [::1]:6797",
        answer: ("part-one-server", "part-one-server", &["[::1]:6797"]),
    },
    Exercise {
        name: "part-one/4",
        lesson: SERVER,
        because: "Your program ended after its first clients",
        answer: ("solutions", "part-one-4", &[]),
    },
    Exercise {
        name: "part-one/5",
        lesson: SERVER,
        because: "without a line feed behind it",
        answer: ("solutions", "part-one-5", &[]),
    },
    Exercise {
        name: "part-one-failures/3",
        lesson: SERVER,
        because: "1024 of 3000 bytes came back",
        answer: ("solutions", "part-one-failures-3", &[]),
    },
    Exercise {
        name: "part-one-failures/4",
        lesson: SERVER,
        because: "still waits for it",
        answer: ("solutions", "part-one-failures-4", &[]),
    },
    Exercise {
        name: "part-two/1",
        lesson: ("part-two-datagram", "datagram-server", &[]),
        because: "waits on 127.0.0.1:6797, not on [::1]:6797",
        answer: ("part-two-datagram", "datagram-server", &["{addr}"]),
    },
    Exercise {
        name: "part-two/2",
        lesson: ("part-two-datagram", "datagram-client", &TEN),
        because: "four tries are not enough",
        answer: ("part-two-datagram", "datagram-client", &TEN_WITH_PATIENCE),
    },
    Exercise {
        name: "part-two/3",
        lesson: ("part-two-datagram", "datagram-client", &["{addr}", "a", "b"]),
        because: "sends again before it can be here",
        answer: ("part-two-datagram", "datagram-client", &["--timeout", "3000", "{addr}", "a", "b"]),
    },
    Exercise {
        name: "part-two/4",
        lesson: ("part-two-datagram", "datagram-client", &TEN_EQUAL),
        because: "Of 10 datagrams that came 1 are different ones",
        answer: ("solutions", "part-two-4", &TEN_EQUAL),
    },
    Exercise {
        name: "part-two/5",
        lesson: ("part-two-datagram", "datagram-server", &["0.0.0.0:6797"]),
        because: "and nothing came back",
        answer: ("solutions", "part-two-5", &["0.0.0.0:6797"]),
    },
    Exercise {
        name: "part-three/1",
        lesson: ("part-three-unix", "unix-server", &["{path}"]),
        because: "has the mode 0600",
        answer: ("solutions", "part-three-1", &["{path}"]),
    },
    Exercise {
        name: "part-three-datagrams/2",
        lesson: ("part-three-unix", "unix-seqpacket-server", &["{path}"]),
        because: "was answered with \"a\", not \"1\"",
        answer: ("solutions", "part-three-datagrams-2", &["{path}"]),
    },
    Exercise {
        name: "part-three-descriptors/2",
        lesson: ("part-three-unix", "unix-give", &["{addr}", "{path}"]),
        because: "Your program ended before it listened",
        answer: ("solutions", "part-three-descriptors-2", &["{addr}", "{path}"]),
    },
    Exercise {
        name: "part-three-descriptors/3",
        lesson: ("part-three-unix", "unix-take", &["{path}"]),
        because: "its position stands at the end",
        answer: ("solutions", "part-three-descriptors-3", &["--lseek", "{path}"]),
    },
    Exercise {
        name: "part-four/1",
        lesson: ("part-four-frames", "frames-lines", &[]),
        because: "does not say \"line of 5 bytes\"",
        answer: ("solutions", "part-four-1", &[]),
    },
    Exercise {
        name: "part-four/2",
        lesson: ("part-four-frames", "frames-receiver", &["{addr}", "{folder}"]),
        because: "0 bytes of which are here already",
        answer: ("solutions", "part-four-2-receiver", &["{addr}", "{folder}"]),
    },
    Exercise {
        name: "part-four/3",
        lesson: ("part-four-frames", "frames-sender", &["{file}", "{addr}"]),
        because: "5 seconds later your program still waits for it alone",
        answer: ("solutions", "part-four-3", &["{file}", "{addr}"]),
    },
    Exercise {
        name: "part-four/4",
        lesson: ("part-four-frames", "frames-receiver", &["{addr}", "{folder}"]),
        because: "The last field are the 32 bytes of a SHA-256",
        answer: ("solutions", "part-four-4", &["{addr}", "{folder}"]),
    },
    Exercise {
        name: "part-four/5",
        lesson: ("part-four-frames", "frames-sendfile", &["{file}", "{addr}"]),
        because: "segments, and fits into one",
        answer: ("solutions", "part-four-5", &["{file}", "{addr}"]),
    },
    Exercise {
        name: "part-five-time/2",
        lesson: ("part-one-client", "part-one-client", &["{addr}", "{message}"]),
        because: "still waits in connect",
        answer: ("solutions", "part-five-time-2", &["{addr}", "{message}"]),
    },
    Exercise {
        name: "part-six/3",
        lesson: ("part-six-connections", "many-threads", &["--most", "2"]),
        because: "is left waiting",
        answer: ("solutions", "part-six-3", &["--most", "2"]),
    },
    Exercise {
        name: "part-six-failures/1",
        lesson: ("part-six-connections", "many-iterative", &["--idle", "1"]),
        because: "still served",
        answer: ("solutions", "part-six-failures-1", &[]),
    },
    Exercise {
        name: "part-six-failures/2",
        lesson: ("part-six-connections", "many-pool", &["--workers", "3"]),
        because: "each of the three keeps a worker",
        answer: ("part-six-connections", "many-pool", &["--workers", "4"]),
    },
    Exercise {
        name: "part-seven/1",
        lesson: ("part-seven-async", "async-executor", &[]),
        because: "does not say \"2 clients are here\"",
        answer: ("solutions", "part-seven-1", &[]),
    },
    Exercise {
        name: "part-seven/2",
        lesson: ("part-seven-async", "async-executor", &["127.0.0.1:6797", "127.0.0.1:6798"]),
        because: "Your program ended before it listened",
        answer: ("solutions", "part-seven-2", &["127.0.0.1:6797", "127.0.0.1:6798"]),
    },
    Exercise {
        name: "part-seven/3",
        lesson: ("part-seven-async", "async-executor", &[]),
        because: "has its answer while two others are here",
        answer: ("solutions", "part-seven-3", &[]),
    },
    Exercise {
        name: "part-seven/4",
        lesson: ("part-four-frames", "frames-receiver", &["{addr}", "{folder}"]),
        because: "no whole answer came",
        answer: ("solutions", "part-seven-4", &["{addr}", "{folder}"]),
    },
];

const TEN: [&str; 11] = ["{addr}", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const TEN_EQUAL: [&str; 11] = ["{addr}", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a"];
const TEN_WITH_PATIENCE: [&str; 15] =
    ["--tries", "60", "--timeout", "1", "{addr}", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Every level.
const ALL: usize = usize::MAX;

/// The book's own programs, and what each of them passes: up to this level.
const PROGRAMS: [(&str, usize, Program); 17] = [
    ("tcp-once", ALL, SERVER),
    ("tcp-client", ALL, ("part-one-client", "part-one-client", &["{addr}", "{message}"])),
    ("udp-echo", ALL, ("part-two-datagram", "datagram-server", &[])),
    ("udp-client", ALL, ("part-two-datagram", "datagram-client", &["--connect", "{addr}", "{message}"])),
    // Part three serves one client after another.
    ("unix-echo", 4, ("part-three-unix", "unix-server", &["{path}"])),
    ("unix-datagram", ALL, ("part-three-unix", "unix-datagram-server", &["{path}"])),
    ("frames-receiver", ALL, ("part-four-frames", "frames-receiver", &["{addr}", "{folder}"])),
    ("tcp-echo", ALL, ("part-six-connections", "many-threads", &[])),
    ("tcp-echo", ALL, ("part-six-connections", "many-poll", &[])),
    ("tcp-echo", ALL, ("part-six-connections", "many-epoll", &[])),
    ("many", ALL, ("part-six-connections", "many-threads", &[])),
    ("many", ALL, ("part-six-connections", "many-poll", &[])),
    ("many", ALL, ("part-six-connections", "many-epoll", &[])),
    ("tcp-echo", ALL, ("part-seven-async", "async-executor", &[])),
    ("tcp-echo", ALL, ("part-seven-async", "async-tokio", &[])),
    ("many", ALL, ("part-seven-async", "async-executor", &[])),
    ("many", ALL, ("part-seven-async", "async-tokio", &[])),
];

fn judge(exercise: &str, (package, name, arguments): Program) -> Report {
    let program: PathBuf = built(package, name).expect("it builds");
    let folder = format!("{}/", program.parent().expect("a folder").display());
    let program = program.to_str().expect("text").to_owned();
    let words: Vec<&str> = [program.as_str()].into_iter().chain(arguments.iter().copied()).collect();
    let report = judge_command(exercise, &words, &["--all"]);
    Report { text: report.text.replace(&folder, ""), ..report }
}

/// The report that the lesson gets in this exercise.
fn kept(exercise: &str) -> PathBuf {
    reports().join(format!("{exercise}.txt"))
}

#[test]
fn the_lesson_is_no_answer_and_the_answer_is_one() {
    let test = "the_lesson_is_no_answer_and_the_answer_is_one";
    if !can_judge(test) {
        return;
    }
    let traced = can_trace(test);
    let complaints = each(&EXERCISES, |exercise| {
        let unsolved = judge(exercise.name, exercise.lesson);
        if !unsolved.with("not_checked").is_empty() {
            // The grader has named what this machine lacks.
            return Ok(());
        }
        let flat = unsolved.text.split_whitespace().collect::<Vec<_>>().join(" ");
        if unsolved.code != Some(1) || !flat.contains(exercise.because) {
            return Err(format!(
                "{}: the lesson should fail with \"{}\":\n{}",
                exercise.name, exercise.because, unsolved.text
            ));
        }
        // Without calls some sentences say less.
        if traced {
            as_kept(&kept(exercise.name), &unsolved.text)
                .map_err(|other| format!("{}: {other}", exercise.name))?;
        }
        let solved = judge(exercise.name, exercise.answer);
        match solved.code {
            Some(0) => Ok(()),
            _ => Err(format!("{}: the answer fails:\n{}", exercise.name, solved.text)),
        }
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

#[test]
fn every_exercise_of_the_book_is_tried() {
    let tried: BTreeSet<&str> = EXERCISES.iter().map(|exercise| exercise.name).collect();
    let known: BTreeSet<&str> = exercises().into_iter().filter(|name| name.contains('/')).collect();
    assert_eq!(tried, known);
}

#[test]
fn every_report_of_the_book_belongs_to_an_exercise() {
    let known: BTreeSet<PathBuf> = EXERCISES.iter().map(|exercise| kept(exercise.name)).collect();
    let folders: BTreeSet<_> = known.iter().filter_map(|file| file.parent()).collect();
    for folder in folders {
        for entry in std::fs::read_dir(folder).expect("a folder of reports") {
            let file = entry.expect("a file").path();
            assert!(known.contains(&file), "{}: of which exercise?", file.display());
        }
    }
}

#[test]
fn the_books_own_programs_pass() {
    if !can_judge("the_books_own_programs_pass") {
        return;
    }
    let complaints = each(&PROGRAMS, |(exercise, level, program)| {
        let report = judge(exercise, *program);
        let checks = report.json["checks"].as_array().expect("checks");
        let is_asked = |check: &&Value| check["level"].as_u64().is_some_and(|own| own <= *level as u64);
        if checks.iter().filter(is_asked).all(|check| check["status"] == "pass") {
            return Ok(());
        }
        Err(format!("{exercise} finds in {}:\n{}", program.1, report.text))
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}
