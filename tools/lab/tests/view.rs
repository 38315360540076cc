//! Runs the real `lab play` in a window, and looks at the screen as a person would.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod window;

use std::path::Path;

use harness::missing::Missing;
use harness::process::not_checked;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use window::Window;

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (140, 45);

const PAGE: &str = "\
# Two *terminals*

[Contents](SUMMARY.md) · [The next page →](next.md)

This stands above the heading.

## One

One says `hello`.

```console one
$ echo hello
hello
```

## The other

It repeats what is typed into it, although this sentence is so long that it takes two lines of the screen.

```console two
$ cat
```

```console two type=\"again\"
again
again
```

That was all.
";

fn book() -> TempDir {
    let book = TempDir::new().expect("a directory");
    std::fs::write(book.path().join("page.md"), PAGE).expect("a page");
    book
}

/// Whether this machine shows all of a run; if not, the gap is named.
fn shows_all(check: &str, window: &Window) -> bool {
    let text = window.text();
    let Some(gap) = text.lines().find_map(|line| line.split_once("# no ")) else {
        return true;
    };
    let missing = Missing { what: format!("no {}", gap.1.trim()), remedy: None };
    not_checked(check, missing).expect("LAB_REQUIRE=all");
    false
}

fn open(book: &TempDir, size: (u16, u16), environment: &[(&str, &str)]) -> Window {
    let mut window = Window::open(book.path(), &["play", "page.md"], size, environment);
    window.wait_for("Return: types in one: $ echo hello");
    window
}

const FIRST: &str = " Two terminals                                      event 0 of 0 · block 1 of 3
 Two terminals
 This stands above the heading.

 One
 One says hello.
─ ▲ one ─────────────────────────────── ─ ▲ two ────────────────────────────────




     one program ▲     kernel       → wire        kernel     ▲ two program
                      no socket                  no socket









 Return: types in one: $ echo hello
 ←→ step  ⏎ block  nN heading  p play  +- speed  d bytes  wtr zoom  ␣ read  ?  q";

const SECOND: &str = " Two terminals                                      event 3 of 3 · block 2 of 3
 The other
 It repeats what is typed into it, although this sentence is so long that it
 takes two lines of the screen.


─ ▲ one ─────────────────────────────── ─ ▲ two ────────────────────────────────
$ echo hello
hello
$

     one program ▲     kernel       → wire        kernel     ▲ two program
                      no socket                  no socket
       $ echo hello
              hello
▶   ended, status 0                                                            ◀




 The command in the terminal one has ended with status 0.

 Return: types in two: $ cat
 ←→ step  ⏎ block  nN heading  p play  +- speed  d bytes  wtr zoom  ␣ read  ?  q";

const BACK: &str = " Two terminals                                      event 2 of 3 · block 1 of 3
 Two terminals
 This stands above the heading.

 One
 One says hello.
─ ▲ one ─────────────────────────────── ─ ▲ two ────────────────────────────────
$ echo hello
hello


     one program ▲     kernel       → wire        kernel     ▲ two program
                      no socket                  no socket
       $ echo hello
▶             hello                                                            ◀
    ended, status 0




 one prints: hello

 1 event more has happened: → steps to it
 ←→ step  ⏎ block  nN heading  p play  +- speed  d bytes  wtr zoom  ␣ read  ?  q";

#[test]
fn a_page_is_stepped_through_in_a_small_window() {
    let book = book();
    let mut window = open(&book, SMALL, &[]);
    if !shows_all("a_page_is_stepped_through_in_a_small_window", &window) {
        return;
    }
    window.wait_for_screen(FIRST);
    window.press("\r");
    window.wait_for_screen(SECOND);
    window.press("\x1b[D");
    window.wait_for_screen(BACK);
    window.press("\x1b[C");
    window.wait_for_screen(SECOND);
    // Step by step through the rest: a key a row, and a key that plays the next block.
    window.press("\x1b[C");
    window.wait_for("event 4 of 4");
    window.wait_for("Return: types in two: again");
    window.press("\x1b[C");
    window.wait_for("event 5 of 6");
    window.press("\x1b[C");
    window.wait_for("The end. All came as the page shows it. Next, The next page: lab play next.md");
    window.press("q");
    assert_eq!(window.end().code(), Some(0));
    window.assert_given_back();
}

const END: &str = " Two terminals                                                                                                  event 6 of 6 · block 3 of 3
 The other
 That was all.









─ ▲ one ─────────────────────      one program ▲     kernel       → wire        kernel     ▲ two program      ─ ▲ two ──────────────────────
$ echo hello                                        no socket                  no socket                      $ cat
hello                                $ echo hello                                                             again
$                                           hello                                                             again
                                  ended, status 0
                                                                                           $ cat
                                                                                           ⏎ again
                              ▶                                                            again             ◀












────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
 Event 6
 two prints: again








 The end. All came as the page shows it. Next, The next page: lab play next.md
 ←→ step  ⏎ block  nN heading  p play  +- speed  d bytes  wtr zoom  ␣ read  ?  q";

#[test]
fn a_page_goes_from_heading_to_heading_in_a_large_window() {
    let book = book();
    let mut window = open(&book, LARGE, &[("NO_COLOR", "1")]);
    if !shows_all("a_page_goes_from_heading_to_heading_in_a_large_window", &window) {
        return;
    }
    window.press("n");
    window.wait_for("Return: types in two: $ cat");
    window.press("N");
    window.wait_for("event 0 of 3 · block 1 of 3");
    window.wait_for("This stands above the heading.");
    window.press("\r\r");
    window.wait_for("Return: types in two: again");
    window.press("\r");
    window.wait_for_screen(END);
    let coloured = |screen: &vt100::Screen| {
        let (rows, columns) = screen.size();
        (0..rows.get()).any(|row| {
            (0..columns.get()).any(|column| {
                let cell = screen.cell(row, column).expect("a cell");
                cell.fgcolor() != vt100::Color::Default || cell.bgcolor() != vt100::Color::Default
            })
        })
    };
    assert!(!coloured(window.screen()), "NO_COLOR is set");
    // Another size, and nothing of the larger picture is left.
    window.resize(SMALL);
    window.until("a smaller picture", |screen| {
        let text = screen.contents();
        text.contains("event 6 of 6")
            && text.lines().all(|line| line.chars().count() <= 80)
            && text.lines().last().is_some_and(|line| line.starts_with(" ←→ step"))
    });
    window.press("q");
    assert_eq!(window.end().code(), Some(0));
    window.assert_given_back();
}

#[test]
fn it_plays_by_itself_and_pauses() {
    let book = book();
    let arguments = ["play", "--speed", "8", "page.md"];
    let mut window = Window::open(book.path(), &arguments, SMALL, &[]);
    window.wait_for("playing x8");
    window.wait_for("The end. All came as the page shows it.");
    window.press("q");
    assert_eq!(window.end().code(), Some(0));
}

#[test]
fn signals_and_keys_give_the_window_back() {
    for (signal, key, expected) in [
        (Some(Signal::SIGTERM), "", 143),
        (Some(Signal::SIGHUP), "", 143),
        (None, "\x03", 130),
        (None, "q", 0),
    ] {
        let book = book();
        let mut window = open(&book, SMALL, &[]);
        window.press("\r");
        window.wait_for("Return: types in two: $ cat");
        match signal {
            Some(signal) => {
                let pid = Pid::from_raw(window.child.id().try_into().expect("a number"));
                kill(pid, signal).expect("it runs");
            }
            None => window.press(key),
        }
        assert_eq!(window.end().code(), Some(expected), "{signal:?} {key:?}");
        window.assert_given_back();
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
}

#[test]
fn a_window_that_is_too_small_says_so() {
    let book = book();
    let mut window = Window::open(book.path(), &["play", "page.md"], (30, 10), &[]);
    window.wait_for("60x16 at least");
    window.resize(SMALL);
    window.wait_for("Return: types in one");
    window.press("q");
    assert_eq!(window.end().code(), Some(0));
}

#[test]
fn program_kernel_wire_kernel_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
    let mut window = Window::open(root, &["play", "tools/lab/tests/pages/network.md"], LARGE, &[]);
    window.wait_for("Return: ");
    if !shows_all("program_kernel_wire_kernel_program", &window) {
        return;
    }
    loop {
        window.until("question or end", |screen| {
            let text = screen.contents();
            text.contains("Return: ") || text.contains("The end.")
        });
        if window.text().contains("The end.") {
            break;
        }
        let before = window.text();
        window.press("\r");
        window.until("another screen", |screen| screen.contents() != before);
    }
    assert!(window.text().contains("All came as the page shows it"), "{}", window.text());
    // Back to the packet that carries the message, the run alone on the screen.
    window.press("r");
    let selected = |screen: &vt100::Screen| {
        screen.contents().lines().find(|line| line.contains('▶') && line.ends_with('◀')).map(str::to_owned)
    };
    window.until("the run", |screen| selected(screen).is_some());
    let step = |window: &mut Window, key: &str, is_there: &dyn Fn(&str) -> bool| {
        while !selected(window.screen()).is_some_and(|line| is_there(&line)) {
            let before = window.text();
            window.press(key);
            window.until("another screen", |screen| screen.contents() != before);
            window.until("a selected row", |screen| selected(screen).is_some());
        }
    };
    step(&mut window, "\x1b[D", &|line| line.contains("ACK 0 B") && line.contains("= 4"));
    let text = window.text();
    let rows: Vec<&str> = text.lines().collect();
    let here = rows.iter().position(|row| row.starts_with('▶')).expect("it is selected");
    let row = |index: usize| rows.get(index).copied().unwrap_or_default();
    assert!(row(1).contains("server program ■") && row(1).contains("● client program"), "{text}");
    assert!(row(2).contains("LISTEN, ESTABLISHED") && row(2).matches("ESTABLISHED").count() == 2, "{text}");
    // The last packet of the handshake ends the server's wait; a call made the kernel send the first one.
    assert!(row(here).contains("= 4 ▒┄ESTABLISHED┄┄◀"), "{text}");
    assert!(row(here - 1).contains("SYN-RECV") && row(here - 1).contains("▶  ESTABLISHED"), "{text}");
    assert!(row(here - 2).contains("◀───") && row(here - 2).contains("─╯  SYN-SENT"), "{text}");
    assert!(row(here - 3).contains("╭──") && row(here - 3).contains("■ connect(3) = 0"), "{text}");
    assert!(rows.iter().any(|row| row.contains("accept4(3) ▒")), "{text}");
    assert!(text.contains("ACK, no payload. The kernel sends it by itself."), "{text}");
    assert!(text.contains("It ends server's wait in accept4. Now: server ESTABLISHED."), "{text}");
    step(&mut window, "\x1b[C", &|line| line.contains("PSH ACK 6 B") && line.contains("◀──"));
    window.wait_for("PSH ACK with 6 bytes of payload. sendto made the kernel send it");
    window.press("d");
    window.wait_for("the event in full");
    window.wait_for("TCP, 32 bytes");
    window.wait_for("flags: PSH ACK");
    window.wait_for("decimal    104 101 108 108 111  10");
    window.wait_for("character    h   e   l   l   o  \\n");
    window.press("dq");
    assert_eq!(window.end().code(), Some(0));
    window.assert_given_back();
}

/// The two terminals, as the screen shows them side by side in a small window.
fn halves(screen: &vt100::Screen) -> (String, String) {
    let of =
        |from: u16| -> Vec<String> { screen.rows(from, 40).map(|row| row.trim_end().to_owned()).collect() };
    (of(0).join("\n"), of(40).join("\n"))
}

#[test]
fn a_command_and_a_second_terminal_are_observed() {
    let here = TempDir::new().expect("a directory");
    let script = "echo ready; trap 'echo asked to end; exit 3' INT; while :; do read -r line || sleep 1; echo \"read $line\"; done";
    let arguments = ["observe", "--", "bash", "-c", script];
    let mut window = Window::open(here.path(), &arguments, SMALL, &[]);
    window.until("its first words", |screen| halves(screen).0.contains("\nready"));
    window.wait_for("⌨ you type here");
    // A line is typed once: before Return at the cursor, then as the terminal's echo.
    window.until("a prompt", |screen| halves(screen).1.contains("\n$"));
    window.press("echo one");
    window.until("what was typed", |screen| halves(screen).1.contains("\n$ echo one"));
    window.press(" two\r");
    window.until("the echo", |screen| halves(screen).1.contains("\n$ echo one two\none two\n$"));
    assert_eq!(halves(window.screen()).1.matches("$ echo one two").count(), 2, "{}", window.text());
    // ^C ends what runs in the second terminal, and not the command.
    window.press("sleep 1000\r");
    window.until("a client", |screen| halves(screen).1.contains("$ sleep 1000"));
    window.press("\x03");
    window.until("its end", |screen| {
        halves(screen).1.contains("^C") && halves(screen).1.contains("status 130")
    });
    // Tab gives the keyboard to the command.
    window.press("\thello\r");
    window.until("what it read", |screen| halves(screen).0.contains("read hello"));
    // Once more, and ^C is the command's; the view stays.
    window.press("\t\x03");
    window.wait_for("The command has ended with status 3.");
    window.press("\x1b[D");
    window.wait_for("1 event more has happened");
    window.press("q");
    assert_eq!(window.end().code(), Some(3));
    window.assert_given_back();
}

#[test]
fn a_flood_keeps_nobody_waiting() {
    let here = TempDir::new().expect("a directory");
    let mut window = Window::open(here.path(), &["observe", "--", "yes"], SMALL, &[]);
    // More than is kept: what is older is counted.
    let events = |screen: &vt100::Screen| {
        let text = screen.contents();
        let (_, of) = text.lines().next()?.rsplit_once(" of ")?;
        of.trim().parse::<usize>().ok()
    };
    window.until("many events", |screen| events(screen).is_some_and(|events| events > 50_000));
    window.press("\x1b[H");
    window.wait_for("earlier events are no longer kept");
    window.press("\x1b\x1b");
    window.wait_for("^C end");
    let began = std::time::Instant::now();
    window.press("?");
    window.wait_for("any other key closes");
    // 100 ms on a quiet machine; this one may be busy.
    assert!(began.elapsed() < std::time::Duration::from_secs(2), "{:?}", began.elapsed());
    window.press("?q");
    assert_eq!(window.end().code(), Some(0));
    window.assert_given_back();
}
