//! A program of the reader's own, and a second terminal beside it.

use tempfile::TempDir;

use crate::window::wait_until_runs;
use crate::{SMALL, lab};

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
    let mut window = lab(here.path(), &arguments, SMALL, &[]);
    window.until("its first words", |screen| halves(screen).0.contains("\nready"));
    window.wait_for("⌨ you type here");
    // A line is typed once: before Return at the cursor, then as the terminal's echo.
    window.until("a prompt", |screen| halves(screen).1.contains("\n$"));
    window.press("echo one");
    window.until("what was typed", |screen| halves(screen).1.contains("\n$ echo one"));
    window.press(" two\r");
    window.until("the echo", |screen| halves(screen).1.contains("\n$ echo one two\none two\n$"));
    // Once in the terminal, once in the run.
    assert_eq!(halves(window.screen()).1.matches("$ echo one two").count(), 2, "{}", window.text());
    // ^C ends what runs in the second terminal, and not the command.
    let client = format!("sleep {}.3", std::process::id());
    window.press(&format!("{client}\r"));
    wait_until_runs(&client);
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
    window.wait_for(" more ha");
    window.press("q");
    assert_eq!(window.end().code(), Some(3));
    window.assert_given_back();
}

#[test]
fn a_program_that_takes_keys_gets_each() {
    let here = TempDir::new().expect("a directory");
    let mut window = lab(here.path(), &["observe", "--", "sleep", "1000"], SMALL, &[]);
    window.until("a prompt", |screen| halves(screen).1.contains("\n$"));
    // Three bytes of one key, without Return.
    window.press("read -rsn 3 key; printf '<%q>\\n' \"$key\"\r");
    window.wait_for("Every key goes to the program");
    window.press("\x1b[A");
    window.until("the key", |screen| halves(screen).1.contains("<$'\\E[A'>\n$"));
    window.wait_for("Return sends");
    // What is not echoed is not shown, and not written down.
    window.press("read -rs word; echo ${#word} letters\r");
    window.wait_for("Every key goes to the program");
    window.press("secret\r");
    window.until("how many", |screen| halves(screen).1.contains("6 letters\n$"));
    window.wait_for("(not shown)");
    assert!(!window.text().contains("secret"), "{}", window.text());
    window.press("\x1b");
    window.wait_for("^C end");
    window.press("q");
    assert_eq!(window.end().code(), Some(0));
    window.assert_given_back();
}

#[test]
fn a_flood_keeps_nobody_waiting() {
    let here = TempDir::new().expect("a directory");
    let mut window = lab(here.path(), &["observe", "--", "yes"], SMALL, &[]);
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
    window.press("?");
    window.wait_for("any other key closes");
    window.press("?q");
    assert_eq!(window.end().code(), Some(0));
    window.assert_given_back();
}
