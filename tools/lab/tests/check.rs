//! Runs the real `lab check` on pages that pass and on pages that must fail, and compares the exact report.

#![expect(clippy::expect_used, reason = "a test says what it expects by panicking")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PAGES: &str = "tools/lab/tests/pages";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").to_owned()
}

/// `lab check` in the workspace, without what the environment of this test might ask of it.
fn lab() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.arg("check").current_dir(root()).env_remove("LAB_UPDATE").env_remove("LAB_REQUIRE");
    command
}

fn page(name: &str) -> Output {
    lab().arg(format!("{PAGES}/{name}.md")).output().expect("lab runs")
}

/// The report that a page of ours must get, whatever ends the lines of this checkout.
fn report_of(name: &str) -> String {
    let path = root().join(PAGES).join(format!("{name}.report"));
    fs::read_to_string(path).expect("a report").replace("\r\n", "\n")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("a report is UTF-8")
}

/// Whether this machine could check everything. A gap is printed past the test harness, which would swallow it, and is
/// a failure where everything is required.
fn is_whole(report: &str) -> bool {
    let gaps: Vec<&str> = report.lines().filter(|line| line.starts_with("NOT CHECKED ")).collect();
    let mut stderr = std::io::stderr();
    for gap in &gaps {
        writeln!(stderr, "{gap}").expect("standard error is open");
    }
    let required = std::env::var_os("LAB_REQUIRE").is_some_and(|require| require == "all");
    assert!(gaps.is_empty() || !required, "LAB_REQUIRE=all:\n{report}");
    gaps.is_empty()
}

#[track_caller]
fn passes(name: &str) {
    let output = page(name);
    let report = stdout(&output);
    assert!(output.status.success(), "{report}\n{}", String::from_utf8_lossy(&output.stderr));
    let _ = is_whole(&report);
}

/// What the report says; the run's own value of a renamed one, different each time, is blanked.
#[track_caller]
fn fails(name: &str) {
    let output = page(name);
    let report: String = stdout(&output)
        .lines()
        .map(|line| match line.split_once(" of the page was ") {
            Some((before, _)) => format!("{before} of the page was N in this run\n"),
            None => format!("{line}\n"),
        })
        .collect();
    let expected = report_of(name);
    if is_whole(&report) {
        assert_eq!(report, expected);
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn terminals_pass() {
    passes("terminals");
}

#[test]
fn two_terminals_share_a_port() {
    passes("two");
}

#[test]
fn calls_and_packets_are_of_the_same_run() {
    passes("network");
}

/// A page's network is its own: what a page has set is gone for the next one.
#[test]
fn a_setting_changes_midway_and_ends_with_the_page() {
    let pages = ["setting", "setting-gone"].map(|name| format!("{PAGES}/{name}.md"));
    let output = lab().args(&pages).output().expect("lab runs");
    let report = stdout(&output);
    assert!(output.status.success(), "{report}\n{}", String::from_utf8_lossy(&output.stderr));
    let _ = is_whole(&report);
}

#[test]
fn a_setting_that_is_refused_fails() {
    fails("setting-refused");
}

#[test]
fn hosts_talk_through_a_router() {
    passes("hosts");
}

#[test]
fn a_capability_is_given_to_one_terminal() {
    passes("capability");
}

#[test]
fn excerpts_pass() {
    passes("excerpts");
}

#[test]
fn a_wrong_line_fails() {
    fails("wrong-line");
}

#[test]
fn a_line_too_many_fails() {
    fails("line-too-many");
}

#[test]
fn a_line_that_is_missing_fails() {
    fails("line-missing");
}

#[test]
fn other_lines_fail_at_once() {
    fails("other-lines");
}

#[test]
fn a_wrong_port_in_one_lane_fails() {
    fails("wrong-port");
}

#[test]
fn packets_where_the_page_shows_none_fail() {
    fails("not-silent");
}

#[test]
fn a_program_that_hangs_fails() {
    fails("hang");
}

#[test]
fn a_prompt_that_is_not_back_fails() {
    fails("prompt");
}

#[test]
fn typing_to_nobody_fails() {
    fails("nobody");
}

#[test]
fn an_unexpected_exit_status_fails() {
    fails("exit-status");
}

#[test]
fn an_excerpt_that_differs_fails() {
    fails("excerpt-differs");
}

#[test]
fn a_region_that_is_not_there_fails() {
    fails("region-missing");
}

#[test]
fn a_region_that_no_page_shows_fails() {
    fails("region-not-shown");
}

#[test]
fn a_block_that_is_neither_run_nor_excused_fails() {
    fails("unexcused");
}

#[test]
fn calls_that_nobody_watches_fail() {
    fails("no-trace");
}

/// What this machine lacks is named, line by line, and everything else is checked.
#[test]
fn a_gap_is_named_and_required_on_demand() {
    let path = tempfile::tempdir().expect("a directory");
    for program in ["bash", "sh"] {
        let found = lab::tools::find(program);
        if let Some(found) = found {
            symlink(found, path.path().join(program)).expect("a link");
        }
    }
    let pages = ["gap", "gap-strace"].map(|name| format!("{PAGES}/{name}.md"));
    let expected = report_of("gap");
    for (require, status) in [("", 0), ("all", 1)] {
        let mut command = lab();
        let output = command.args(&pages).env("PATH", path.path()).env("LAB_REQUIRE", require).output();
        let output = output.expect("lab runs");
        assert_eq!(stdout(&output), expected);
        assert_eq!(output.status.code(), Some(status));
    }
}

/// A workspace of its own with copies of some of our pages, to be rewritten, whose lines end in `end`.
fn copy_with(end: &str, names: &[&str]) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a directory");
    fs::write(copy.path().join("Cargo.toml"), "[workspace]\n").expect("written");
    let pages = copy.path().join(PAGES);
    fs::create_dir_all(&pages).expect("a directory");
    for name in names.iter().copied().chain(["lesson.rs"]) {
        let text = fs::read_to_string(root().join(PAGES).join(name)).expect("a page");
        let text = text.replace("\r\n", "\n").replace('\n', end);
        fs::write(pages.join(name), text).expect("written");
    }
    copy
}

fn copy(names: &[&str]) -> tempfile::TempDir {
    copy_with("\n", names)
}

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

/// Each of two pages waits for the other one.
#[test]
fn pages_play_side_by_side() {
    if !has_processes() {
        return;
    }
    let copy = copy(&[]);
    for (own, other) in [("one", "two"), ("two", "one")] {
        let [here, there] = [own, other].map(|name| copy.path().join(name).display().to_string());
        let command = format!("touch {here}; until [ -e {there} ]; do sleep 0.01; done; echo met");
        let page = format!("```console a\n$ {command}\nmet\n```\n");
        fs::write(copy.path().join(format!("{own}.md")), page).expect("written");
    }
    let output = lab().args(["--jobs", "2", "one.md", "two.md"]).current_dir(copy.path()).output();
    assert_eq!(stdout(&output.expect("lab runs")), "2 pages: 2 blocks as shown, 0 not checked, 0 failures\n");
}

/// Told to stop, it ends its programs, removes what it has made, and says how it ended as a shell would.
#[test]
fn a_signal_leaves_nothing_behind() {
    use nix::sys::signal::{Signal, kill};
    for (signal, status) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let copy = copy(&[]);
        let scratch = copy.path().join("scratch");
        fs::create_dir(&scratch).expect("a directory");
        let begun = copy.path().join("begun");
        let page =
            format!("```console one trace\n$ touch {}; exec sleep 1000\nnever\n```\n", begun.display());
        fs::write(copy.path().join("page.md"), page).expect("written");
        let mut command = lab();
        command.arg("page.md").current_dir(copy.path()).env("TMPDIR", &scratch);
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("lab runs");
        while !begun.exists() {
            assert_eq!(child.try_wait().expect("it is our child"), None, "it ended by itself");
            std::thread::yield_now();
        }
        kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), signal).expect("it runs");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!((output.status.code(), stdout(&output)), (Some(status), String::new()));
        let left: Vec<_> = fs::read_dir(&scratch).expect("a directory").collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Whether programs can have processes of their own here, with their own /proc; if not, the gap is named.
fn has_processes() -> bool {
    let has = Command::new("unshare").args(["-Urpf", "--mount-proc", "true"]).status();
    let has = has.is_ok_and(|status| status.success());
    if !has {
        let what = "no process namespace with its own /proc".to_owned();
        let missing =
            lab::missing::Missing { what, remedy: Some("it takes unprivileged user namespaces".into()) };
        harness::process::not_checked("a page's processes are its own", missing).expect("LAB_REQUIRE=all");
    }
    has
}

/// The list of processes is the page's own, in /proc as well.
#[test]
fn a_page_sees_its_own_processes_only() {
    if !has_processes() {
        return;
    }
    let copy = copy(&[]);
    let page = "```console one\n$ cat /proc/1/comm; ls -d /proc/[1-9]* | wc -l\nlab\n4\n```\n";
    fs::write(copy.path().join("page.md"), page).expect("written");
    let output = lab().arg("page.md").current_dir(copy.path()).output().expect("lab runs");
    assert_eq!(stdout(&output), "1 page: 1 block as shown, 0 not checked, 0 failures\n");
}

/// Descriptors that whoever started the laboratory left open do not reach the programs.
#[test]
fn a_program_inherits_nothing() {
    let copy = copy(&[]);
    let page = "```console one\n$ sh -c 'test -e /proc/self/fd/9 && echo inherited; true'\n```\n";
    fs::write(copy.path().join("page.md"), page).expect("written");
    let script = "exec 9</dev/null; exec \"$0\" check page.md";
    let output =
        Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_lab")]).current_dir(copy.path()).output();
    let output = output.expect("sh runs");
    assert_eq!(stdout(&output), "1 page: 1 block as shown, 0 not checked, 0 failures\n");
}

#[test]
fn what_cannot_be_understood_is_refused() {
    let refused = |command: &mut Command, error: &str| {
        let output = command.output().expect("lab runs");
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()));
        assert_eq!(String::from_utf8_lossy(&output.stderr), error);
    };
    refused(
        lab().arg("no-such-page.md"),
        "lab: find no-such-page.md: No such file or directory (os error 2)\n",
    );
    refused(lab().args(["--jobs", "0"]), "lab: --jobs 0: a number above 0 is needed\n");
    refused(lab().arg("--faster"), "lab: arguments (see lab --help): invalid option '--faster'\n");
    refused(lab().env("LAB_UPDATE", "yes"), "lab: LAB_UPDATE=yes: the only value it knows is 1\n");
    refused(&mut Command::new(env!("CARGO_BIN_EXE_lab")), "lab: no command: try lab --help\n");
}
