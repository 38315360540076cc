//! Runs the real `lab play` and `lab observe` in a window, and looks at the screen as a person would.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod ends;
mod observed;
mod steps;
mod window;
mod wire;

use std::path::Path;

use harness::missing::Missing;
use harness::process::not_checked;
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

/// `lab` in a window of its own.
fn lab(here: &Path, arguments: &[&str], size: (u16, u16), environment: &[(&str, &str)]) -> Window {
    Window::open(env!("CARGO_BIN_EXE_lab"), here, arguments, size, environment)
}

fn open(book: &TempDir, size: (u16, u16), environment: &[(&str, &str)]) -> Window {
    let mut window = lab(book.path(), &["play", "page.md"], size, environment);
    window.wait_for("Return: types in one: $ echo hello");
    window
}
