//! What `--update` writes into a page, and what it leaves as it is.

use std::fs;

use crate::{PAGES, copy, copy_with, lab, stdout};

/// Also where git has checked the pages out with CR LF: not a byte changes but those of the blocks.
#[test]
fn an_update_takes_what_came_and_the_next_one_changes_nothing() {
    for end in ["\n", "\r\n"] {
        updates(end);
    }
}

fn updates(end: &str) {
    let names = ["wrong-line.md", "line-too-many.md", "line-missing.md", "excerpt-differs.md"];
    let copy = copy_with(end, &names);
    let pages = names.map(|name| format!("{PAGES}/{name}"));
    let texts = || pages.each_ref().map(|page| fs::read_to_string(copy.path().join(page)).expect("a page"));
    let run = |option: &[&str]| {
        let output = lab().args(option).args(&pages).current_dir(copy.path()).output().expect("lab runs");
        assert!(output.status.success(), "{option:?}:\n{}", stdout(&output));
        stdout(&output)
    };

    let before = texts();
    assert_eq!(run(&["--update"]), "4 pages: 4 blocks as shown, 5 rewritten, 0 not checked, 0 failures\n");
    let after = texts();
    let [wrong, many, missing, excerpt] = before.map(|text| text.replace(end, "\n"));
    let expected = [
        wrong.replace("tow", "two"),
        many.replace("\none\n", "\none\ntwo\n").replace("\nthree\n", "\nthree\nfour\n"),
        missing.replace("one\ntwo\n", "one\n"),
        excerpt.replace("socket(7)", "socket()"),
    ];
    assert_eq!(after, expected.map(|text| text.replace('\n', end)));

    assert_eq!(run(&["--update"]), "4 pages: 9 blocks as shown, 0 not checked, 0 failures\n");
    assert_eq!(texts(), after);
    assert_eq!(run(&[]), "4 pages: 9 blocks as shown, 0 not checked, 0 failures\n");
}

/// An author writes what is typed and leaves the rest to the first run.
#[test]
fn an_update_fills_what_is_empty() {
    let copy = copy(&[]);
    let empty = "```console one\n$ echo one; cat\n```\n\n```console one type=\"two\"\n```\n";
    let filled = "```console one\n$ echo one; cat\none\n```\n\n```console one type=\"two\"\ntwo\ntwo\n```\n";
    fs::write(copy.path().join("page.md"), empty).expect("written");
    let output = lab().args(["--update", "page.md"]).current_dir(copy.path()).output().expect("lab runs");
    assert_eq!(stdout(&output), "1 page: 0 blocks as shown, 2 rewritten, 0 not checked, 0 failures\n");
    assert_eq!(fs::read_to_string(copy.path().join("page.md")).expect("a page"), filled);
}

/// What a failed command printed is no basis for a page.
#[test]
fn an_update_believes_no_command_that_failed() {
    let copy = copy(&[]);
    let text = "```console one\n$ cat no-such-file 2>/dev/null\nits text\n```\n";
    fs::write(copy.path().join("page.md"), text).expect("written");
    let output = lab().args(["--update", "page.md"]).current_dir(copy.path()).output().expect("lab runs");
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    assert_eq!(fs::read_to_string(copy.path().join("page.md")).expect("a page"), text);
}

#[test]
fn an_update_leaves_a_page_that_agrees_as_it_is() {
    let copy = copy(&["terminals.md"]);
    let page = copy.path().join(PAGES).join("terminals.md");
    fs::create_dir_all(copy.path().join("tools/lab/src")).expect("a directory");
    let before = fs::read_to_string(&page).expect("a page");
    let output = lab().arg("--update").arg(&page).current_dir(copy.path()).output().expect("lab runs");
    assert!(output.status.success(), "{}", stdout(&output));
    assert_eq!(fs::read_to_string(&page).expect("a page"), before);
}
