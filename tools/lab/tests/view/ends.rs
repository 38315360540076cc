//! How it ends: by a key, by a signal, otherwise than the page shows it; and what is left then.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::window::{Window, running, wait_until_runs};
use crate::{PAGE, SMALL, lab, open};

/// What ends it, and with which status.
const ENDS: [(Option<Signal>, &str, i32); 5] = [
    (Some(Signal::SIGINT), "", 130),
    (Some(Signal::SIGTERM), "", 143),
    (Some(Signal::SIGHUP), "", 143),
    (None, "\x03", 130),
    (None, "q", 0),
];

/// Ends it so, and looks at what is left.
fn assert_ends(mut window: Window, (signal, key, expected): (Option<Signal>, &str, i32), program: &str) {
    wait_until_runs(program);
    match signal {
        Some(signal) => {
            let pid = Pid::from_raw(window.child.id().try_into().expect("a number"));
            kill(pid, signal).expect("it runs");
        }
        None => window.press(key),
    }
    assert_eq!(window.end().code(), Some(expected), "{signal:?} {key:?}");
    window.assert_given_back();
    assert_eq!(running(program), [], "{signal:?} {key:?} leaves {program}");
}

#[test]
fn nothing_is_left_of_a_play() {
    for (number, end) in ENDS.into_iter().enumerate() {
        // Nobody else's, not even the other test's.
        let program = format!("sleep {}.1{number}", std::process::id());
        let book = TempDir::new().expect("a directory");
        std::fs::write(book.path().join("page.md"), PAGE.replace("$ cat", &format!("$ {program}")))
            .expect("a page");
        let mut window = open(&book, SMALL, &[]);
        for question in [format!("Return: types in two: $ {program}"), "Return: types in two: again".into()] {
            window.press("\r");
            window.wait_for(&question);
        }
        assert_ends(window, end, &program);
    }
}

#[test]
fn nothing_is_left_of_an_observation() {
    let here = TempDir::new().expect("a directory");
    for (number, end) in ENDS.into_iter().enumerate() {
        let program = format!("sleep {}.2{number}", std::process::id());
        let command = format!("echo the shell runs; {program}");
        let mut window = lab(here.path(), &["observe", "--", "sh", "-c", &command], SMALL, &[]);
        window.wait_for("the shell runs");
        wait_until_runs(&program);
        if end.0.is_none() {
            // The second terminal has the keyboard; then no terminal has it.
            window.wait_for("⌨ you type here");
            window.press("\x1b");
            window.wait_for("^C end");
        }
        if end.1 == "\x03" {
            // It is the command's, which ends; the view stays.
            window.press(end.1);
            window.wait_for("The command has ended with status 130.");
            window.press("q");
            assert_eq!(window.end().code(), Some(130));
            window.assert_given_back();
        } else {
            assert_ends(window, end, &program);
        }
    }
}

#[test]
fn what_comes_otherwise_is_said_at_the_end() {
    let book = TempDir::new().expect("a directory");
    std::fs::write(book.path().join("page.md"), PAGE.replace("\nhello\n", "\nhallo\n")).expect("a page");
    let mut window = open(&book, SMALL, &[]);
    for next in ["Return: types in two: $ cat", "Return: types in two: again", "Not everything came"] {
        window.press("\r");
        window.wait_for(next);
    }
    window.press("q");
    assert_eq!(window.end().code(), Some(1));
    // What is left to read says where.
    let text = window.text();
    assert!(text.contains("page.md:13: terminal \"one\": the page differs from what came"), "{text}");
    assert!(text.contains("  -   13  hallo\n  +       hello\n"), "{text}");
}
