//! Runs the real `lab check` on pages that pass and on pages that must fail, and compares the exact report.

#![expect(clippy::expect_used, reason = "a test says what it expects by panicking")]

mod alone;
mod update;

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

/// Typed at once it would reach the shell alone, or one program of the two.
#[test]
fn a_control_key_waits_until_the_command_has_begun() {
    let folder = tempfile::tempdir().expect("a directory");
    fs::write(folder.path().join("Cargo.toml"), "[workspace]\n").expect("written");
    let pair = "```console one\n$ sleep 100 | cat\n```\n\n\
                ```console one type=\"^Z\" exit=148\n^Z\n[1]+  Stopped                 sleep 100 | cat\n```\n\n\
                ```console one\n$ fg\nsleep 100 | cat\n```\n\n\
                ```console one type=\"^C\" exit=130\n^C\n```\n\n";
    fs::write(folder.path().join("page.md"), pair.repeat(10)).expect("written");
    let report = stdout(&lab().arg("page.md").current_dir(folder.path()).output().expect("lab runs"));
    if is_whole(&report) {
        assert_eq!(report, "1 page: 40 blocks as shown, 0 not checked, 0 failures\n");
    }
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
