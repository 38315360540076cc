//! A page, stepped through: forwards and back, from heading to heading, by itself.

use crate::{LARGE, SMALL, book, lab, open, shows_all};

const FIRST: &str = " Two terminals                                      event 0 of 0 · block 1 of 3
 Two terminals
 This stands above the heading.

 One
 One says hello.
─ ▲ one ─────────────────────────────── ─ ▲ two ────────────────────────────────




     one program ▲     kernel       → wire        kernel     ▲ two program
             no TCP socket seen                  no TCP socket seen









 Return: types in one: $ echo hello
 q quit  ? help  ←→ step  ⏎ next  nN heading  p play  d detail  wtr zoom  ␣ read";

const SECOND: &str = " Two terminals                                      event 3 of 3 · block 2 of 3
 The other
 It repeats what is typed into it, although this sentence is so long that it
 takes two lines of the screen.


─ ▲ one ─────────────────────────────── ─ ▲ two ────────────────────────────────
$ echo hello
hello
$

     one program ▲     kernel       → wire        kernel     ▲ two program
             no TCP socket seen                  no TCP socket seen
       $ echo hello
              hello
▶   ended, status 0                                                            ◀




 The command in the terminal one has ended with status 0.

 Return: types in two: $ cat
 q quit  ? help  ←→ step  ⏎ next  nN heading  p play  d detail  wtr zoom  ␣ read";

const BACK: &str = " Two terminals                                      event 2 of 3 · block 1 of 3
 Two terminals
 This stands above the heading.

 One
 One says hello.
─ ▲ one ─────────────────────────────── ─ ▲ two ────────────────────────────────
$ echo hello
hello


     one program ▲     kernel       → wire        kernel     ▲ two program
             no TCP socket seen                  no TCP socket seen
       $ echo hello
▶             hello                                                            ◀
    ended, status 0




 one prints: hello

 1 event more has happened: → steps to it
 q quit  ? help  ←→ step  ⏎ next  nN heading  p play  d detail  wtr zoom  ␣ read";

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
    window.wait_for("The end. All came as shown. Next: lab play next.md");
    window.press("q");
    assert_eq!(window.end().code(), Some(0));
    window.assert_given_back();
    window.wait_for("All came as the page shows it.\nNext, The next page: lab play next.md");
}

const END: &str = " Two terminals                                                                                                  event 6 of 6 · block 3 of 3
 The other
 That was all.









─ ▲ one ─────────────────────      one program ▲     kernel       → wire        kernel     ▲ two program      ─ ▲ two ──────────────────────
$ echo hello                               no TCP socket seen                  no TCP socket seen             $ cat
hello                                $ echo hello                                                             again
$                                           hello                                                             again
                                  ended, status 0
                                                                                           $ cat
                                                                                           ⏎ again
                              ▶                                                            again             ◀












────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
 Event 6
 two prints: again








 The end. All came as shown. Next: lab play next.md
 q quit  ? help  ←→ step  ⏎ next  nN heading  p play  d detail  wtr zoom  ␣ read";

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
            && text.lines().last().is_some_and(|line| line.starts_with(" q quit"))
    });
    window.press("q");
    assert_eq!(window.end().code(), Some(0));
    window.assert_given_back();
}

#[test]
fn it_plays_by_itself_and_pauses() {
    let book = book();
    let arguments = ["play", "--speed", "8", "page.md"];
    let mut window = lab(book.path(), &arguments, SMALL, &[]);
    window.wait_for("playing x8");
    window.wait_for("The end. All came as shown.");
    window.press("q");
    assert_eq!(window.end().code(), Some(0));
}

#[test]
fn a_window_that_is_too_small_says_so() {
    let book = book();
    let mut window = lab(book.path(), &["play", "page.md"], (30, 10), &[]);
    window.wait_for("60x16 at least");
    // Where not all keys fit the first stand there, whole.
    window.resize((60, 16));
    window.until("the way out", |screen| {
        screen.contents().ends_with(" q quit  ? help  ←→ step  ⏎ next  nN heading  p play")
    });
    window.resize(SMALL);
    window.wait_for("Return: types in one");
    window.press("q");
    assert_eq!(window.end().code(), Some(0));
}

const TABLE: &str = "\
# A table

```console one
$ echo hello
hello
```

This belongs to the first one.

## The second

It prints a line as wide as a page.

Before it stand words.

And more words than there is room for.

```console kernel
$ seq -s- 10 33
10-11-12-13-14-15-16-17-18-19-20-21-22-23-24-25-26-27-28-29-30-31-32-33
```
";

#[test]
fn a_heading_stands_on_top_and_the_kernel_has_the_whole_width() {
    let book = tempfile::TempDir::new().expect("a directory");
    std::fs::write(book.path().join("page.md"), TABLE).expect("a page");
    let mut window = open(&book, SMALL, &[]);
    if !shows_all("a_heading_stands_on_top_and_the_kernel_has_the_whole_width", &window) {
        return;
    }
    window.press("d");
    window.wait_for("Nothing has happened yet");
    window.press("dn");
    window.wait_for("Return: types in kernel: $ seq");
    window
        .until("the heading", |screen| screen.contents().lines().nth(1).map(str::trim) == Some("The second"));
    window.wait_for("─ ▲ one");
    window.press("\r");
    window.wait_for("\n10-11-12-13-14-15-16-17-18-19-20-21-22-23-24-25-26-27-28-29-30-31-32-33\n");
    // A step back the other terminal had spoken last.
    window.press("\x1b[D\x1b[D\x1b[D");
    window.wait_for("─ ▲ one");
    window.press("q");
    assert_eq!(window.end().code(), Some(0));
}
