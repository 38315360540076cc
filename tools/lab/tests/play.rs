//! Runs the real `lab play` on pages, in a pipe and in a terminal.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use harness::missing::Missing;
use harness::process::{BOUND, command, not_checked};
use pty_process::blocking::Pty;
use tempfile::TempDir;

const PAGE: &str = "\
# Two *terminals*

This is not shown, because another paragraph follows.

One says `hello`.

```console one
$ echo hello
hello
```

The other repeats what is typed into it, although this sentence is so long that it takes two lines.

```console two
$ cat
```

```console two type=\"again\"
again
again
```
";

const PLAYED: &str = "
Two terminals

One says `hello`.

one     | $ echo hello
one     | hello

The other repeats what is typed into it, although this sentence is so long that
it takes two lines.

two     | $ cat
two     | again
two     | again
";

/// A directory with this page in it.
fn book(page: &str) -> TempDir {
    let book = TempDir::new().expect("a directory");
    std::fs::write(book.path().join("page.md"), page).expect("a page");
    book
}

fn lab(here: &Path, arguments: &[&str]) -> Command {
    let mut lab = command(env!("CARGO_BIN_EXE_lab"));
    lab.args(arguments).current_dir(here);
    lab
}

fn play(page: &str, arguments: &[&str]) -> Output {
    let book = book(page);
    lab(book.path(), &[&["play"], arguments].concat()).output().expect("lab starts")
}

/// The output without the remarks about what this machine lacks.
fn shown(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_inclusive('\n').filter(|line| !line.starts_with("# no private network")).collect()
}

#[test]
fn in_a_pipe_it_is_plain_and_does_not_wait() {
    let output = play(PAGE, &["page.md"]);
    assert_eq!(shown(&output), PLAYED);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_comes_otherwise_than_shown_is_said() {
    let output = play(&PAGE.replace("\nhello\n", "\nhallo\n"), &["--no-wait", "page.md"]);
    let remark = "# not everything came as the page shows it; how: lab check page.md\n";
    assert_eq!(shown(&output), format!("{PLAYED}{remark}"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_slow_reader_gets_time() {
    let began = Instant::now();
    let output = play(PAGE, &["--speed", "20", "page.md"]);
    assert_eq!(shown(&output), PLAYED);
    // 25 words at 20 times 4 words a second.
    assert!(began.elapsed() > Duration::from_millis(25 * 1000 / 80));
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let book = book(PAGE);
    let mut lab = lab(book.path(), &["play", "page.md"]);
    let mut child = lab.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("lab starts");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    output.read_line(&mut String::new()).expect("a line");
    drop(output);
    assert_eq!(wait(&mut child).code(), Some(0));
    let errors = std::io::read_to_string(child.stderr.take().expect("a pipe")).expect("text");
    assert_eq!(errors, "");
}

#[test]
fn calls_and_packets_stand_between_the_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
    let output = lab(root, &["play", "tools/lab/tests/pages/network.md"]).output().expect("lab starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if let Some(gap) = text.lines().find(|line| line.starts_with("# no ")) {
        let missing = Missing { what: gap.trim_start_matches("# ").to_owned(), remedy: None };
        not_checked("lab play shows calls and packets", missing).expect("LAB_REQUIRE=all");
        return;
    }
    // What is late on a busy machine stands late: only the order within a lane is certain.
    for lane in [
        &[
            "packets      | 127.0.0.1:",
            "TCP SYN\n",
            "TCP SYN ACK\n",
            "PSH ACK, 6 bytes \"hello\\n\"",
            "TCP FIN ACK",
        ][..],
        &["server calls | listen(3", "server calls | accept4(3", "server calls | recvfrom(4, \"hello\\n\""],
        &["server       | $ cargo run", "server       | listening", "says \"hello\\n\""],
        &["client       | $ cargo run", "client       | answer \"hello\\n\""],
    ] {
        lane.iter().fold(text.as_str(), |rest, expected| {
            let after = rest.split_once(expected).map(|(_, after)| after);
            after.unwrap_or_else(|| panic!("{expected:?} does not follow in\n{text}"))
        });
    }
    assert_eq!(output.status.code(), Some(0), "{text}");
}

/// `lab play` in a terminal of its own.
struct Window {
    child: Child,
    pty: std::sync::Arc<Pty>,
    bytes: Receiver<Vec<u8>>,
    text: String,
    _book: TempDir,
}

impl Window {
    fn open(environment: &[(&str, &str)]) -> Self {
        let book = book(PAGE);
        let (pty, pts) = pty_process::blocking::open().expect("a pseudoterminal");
        let mut lab = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_lab"))
            .args(["play", "--plain", "page.md"])
            .current_dir(book.path())
            .env("TERM", "xterm")
            .env_remove("NO_COLOR");
        for (name, value) in environment {
            lab = lab.env(name, value);
        }
        let child = lab.spawn(pts).expect("lab starts");
        let pty = std::sync::Arc::new(pty);
        let (sender, bytes) = channel();
        let reader = std::sync::Arc::clone(&pty);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = (&*reader).read(&mut buffer) {
                let read = buffer.get(..length).unwrap_or_default();
                if sender.send(read.to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, pty, bytes, text: String::new(), _book: book }
    }

    fn wait_for(&mut self, expected: &str) -> String {
        loop {
            if let Some(at) = self.text.find(expected) {
                let rest = self.text.split_off(at + expected.len());
                return std::mem::replace(&mut self.text, rest);
            }
            let Ok(bytes) = self.bytes.recv_timeout(BOUND) else {
                panic!("no {expected:?} in\n{}", self.text);
            };
            self.text.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).expect("the terminal takes keys");
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + BOUND;
    loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            return status;
        }
        assert!(Instant::now() < deadline, "it did not end in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}

const PROMPT: &str = "# Return goes on, q and Return ends";

#[test]
fn return_plays_the_next_block_and_q_ends() {
    let mut window = Window::open(&[]);
    let before = window.wait_for(PROMPT);
    assert!(before.contains("\u{1b}[1mTwo terminals\u{1b}[0m"), "{before:?}");
    assert!(!before.contains("echo hello"), "{before:?}");
    window.press("\r");
    let first = window.wait_for(PROMPT);
    assert!(first.contains("one     | \u{1b}[0mhello\r\n"), "{first:?}");
    assert!(!first.contains("cat"), "{first:?}");
    window.press("q\r");
    assert_eq!(wait(&mut window.child).code(), Some(0));
}

#[test]
fn no_colour_where_none_is_wanted() {
    let mut window = Window::open(&[("NO_COLOR", "1")]);
    let before = window.wait_for(PROMPT);
    assert!(before.contains("Two terminals") && !before.contains('\u{1b}'), "{before:?}");
    window.press("\u{4}");
    // Nobody presses a key any more: it goes on by itself.
    window.wait_for("two     | again\r\n");
    assert_eq!(wait(&mut window.child).code(), Some(0));
}

#[test]
fn an_interrupt_ends_everything() {
    let mut window = Window::open(&[]);
    window.wait_for(PROMPT);
    window.press("\r");
    window.wait_for(PROMPT);
    window.press("\u{3}");
    assert_eq!(wait(&mut window.child).code(), Some(130));
}

#[test]
fn what_cannot_be_is_said() {
    let here = book(PAGE);
    for (arguments, expected) in [
        (&["play"][..], "lab: which page?"),
        (
            &["play", "page.md", "other.md"],
            "lab: arguments (see lab --help): unexpected argument \"other.md\"",
        ),
        (&["play", "--fast", "page.md"], "lab: arguments (see lab --help): invalid option '--fast'"),
        (&["play", "--speed", "0", "page.md"], "lab: --speed 0: a number above 0 is needed"),
        (&["play", "--speed", "x", "page.md"], "lab: --speed x: a number above 0 is needed"),
        (&["play", "--speed"], "lab: arguments (see lab --help): missing argument for option '--speed'"),
        (&["play", "other.md"], "lab: find other.md: No such file"),
        (&["sing"], "lab: no command sing: try lab --help"),
    ] {
        let output = lab(here.path(), arguments).output().expect("lab starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.starts_with(expected), "{arguments:?}: {errors}");
        assert!(output.stdout.is_empty());
    }
}
