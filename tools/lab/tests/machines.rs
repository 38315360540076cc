//! `lab` on other machines than this one: each is a sandbox that the test makes itself, without root.

#![expect(clippy::expect_used, reason = "a test says what it expects by panicking")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use harness::private::{sandbox, sandbox_missing};
use harness::process::{built, not_checked};
use nix::fcntl::{Flock, FlockArg};

const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// Where namespaces are refused, as in a container: to be put before other lines of a script.
const REFUSED: &str = "echo 0 > /proc/sys/user/max_user_namespaces\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").to_owned()
}

/// Whether this machine has sandboxes; where it has none the gap is named.
fn sandboxes(test: &str) -> bool {
    let missing = sandbox_missing();
    missing.is_none_or(|missing| not_checked(test, missing).map(|()| false).expect("LAB_REQUIRE=all"))
}

/// `lab` in a sandbox, after `script` has made a machine of it; in the workspace.
fn lab_after(script: &str, arguments: &[&str]) -> Command {
    let mut command = sandbox(&format!("{script}\n\"$@\""));
    command.arg(LAB).args(arguments).current_dir(root());
    command.env_remove("LAB_UPDATE").env_remove("LAB_REQUIRE").env("CARGO_NET_OFFLINE", "true");
    command
}

/// A workspace with one page.
fn workspace(page: &str) -> tempfile::TempDir {
    let folder = harness::folder::tempdir().expect("a folder");
    fs::write(folder.path().join("Cargo.toml"), "[workspace]\n").expect("written");
    fs::write(folder.path().join("page.md"), page).expect("written");
    folder
}

fn report(mut command: Command) -> String {
    let output = command.output().expect("lab runs");
    let text = text(&output);
    assert_eq!(output.status.code(), Some(0), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder to be all of PATH, with links to what is in PATH now, but for `left_out`.
fn path_without(left_out: &[&str]) -> tempfile::TempDir {
    let folder = harness::folder::tempdir().expect("a folder");
    let path = std::env::var_os("PATH").expect("PATH");
    let entries =
        std::env::split_paths(&path).filter_map(|place| fs::read_dir(place).ok()).flatten().flatten();
    for entry in entries.filter(|entry| !left_out.iter().any(|name| entry.file_name() == *name)) {
        let _ = symlink(entry.path(), folder.path().join(entry.file_name())); // the first one counts
    }
    folder
}

fn program(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
}

/// A connection of the first run still stands in `ss` in the second.
#[test]
fn without_namespaces_a_page_is_as_shown_twice() {
    if sandboxes("without_namespaces_a_page_is_as_shown_twice") {
        let twice = format!("{REFUSED}\"$@\" >/dev/null");
        let text = report(lab_after(&twice, &["check", "docs/part-one.md"]));
        let last = text.lines().last().unwrap_or_default();
        assert!(last.starts_with("1 page: ") && last.ends_with(", 0 failures"), "{text}");
        assert!(text.contains("NOT CHECKED docs/part-one.md"), "{text}");
    }
}

#[test]
fn without_namespaces_a_port_that_is_taken_is_named() {
    if sandboxes("without_namespaces_a_port_that_is_taken_is_named") {
        let server = built("part-one-server", "part-one-server").expect("part one's server");
        let script = format!(
            "{REFUSED}'{}' >/dev/null 2>&1 &\ntrap \"kill $!\" EXIT\nuntil grep -q :1A8D /proc/net/tcp; do kill -0 $!; done",
            server.display()
        );
        let text = report(lab_after(&script, &["check", "docs/layers.md"]));
        assert!(text.contains("port 6797 is taken on this machine; no private network"), "{text}");
        assert!(text.ends_with(", 0 failures\n"), "{text}");
    }
}

#[test]
fn root_has_no_privileges_on_a_page() {
    let page = "```console one exit=1\n$ echo x > secret; chmod 000 secret; cat secret\ncat: secret: Permission denied\n```\n";
    if sandboxes("root_has_no_privileges_on_a_page") {
        let folder = workspace(page);
        let mut lab = lab_after(REFUSED, &["check", "page.md"]);
        lab.current_dir(folder.path());
        assert_eq!(report(lab), "1 page: 1 block as shown, 0 not checked, 0 failures\n");
    }
}

#[test]
fn who_waits_for_another_laboratory_says_so() {
    if !sandboxes("who_waits_for_another_laboratory_says_so") {
        return;
    }
    let folder = workspace("```console one\n$ echo one\none\n```\n");
    let lock = fs::File::options().create(true).append(true).open("/tmp/sockets-part-by-part.lock");
    let Ok(lock) = lock.or_else(|_| fs::File::open("/tmp/sockets-part-by-part.lock")) else {
        panic!("no lock");
    };
    let lock = Flock::lock(lock, FlockArg::LockExclusive).expect("the lock");
    let mut lab = lab_after(REFUSED, &["check", "page.md"]);
    lab.current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut lab = lab.spawn().expect("lab runs");
    let mut said = BufReader::new(lab.stderr.take().expect("a pipe")).lines();
    let line = said.next().expect("a line").expect("text");
    assert!(line.starts_with("waiting for another laboratory"), "{line}");
    drop(lock);
    assert!(lab.wait().expect("it ends").success());
}

#[test]
fn without_pseudoterminals_nothing_is_checked_and_nothing_red() {
    if sandboxes("without_pseudoterminals_nothing_is_checked_and_nothing_red") {
        let folder = workspace("```console one\n$ echo one\none\n```\n");
        let mut lab = lab_after("mount --bind /dev/null /dev/ptmx", &["check", "page.md"]);
        lab.current_dir(folder.path());
        let text = report(lab);
        assert!(text.starts_with("NOT CHECKED page.md:1: no pseudoterminal: "), "{text}");
    }
}

#[test]
fn without_bash_what_only_bash_says_is_not_checked() {
    let folder = workspace("```console one\n$ sleep 100\n```\n\n```console one type=\"^Z\"\n^Z\n```\n");
    let path = path_without(&["bash"]);
    let mut lab = Command::new(LAB);
    lab.args(["check", "page.md"])
        .current_dir(folder.path())
        .env("PATH", path.path())
        .env_remove("LAB_REQUIRE");
    let expected = "NOT CHECKED page.md:5: bash is not installed (Debian: bash)\n\
                    1 page: 1 block as shown, 1 not checked, 0 failures\n";
    assert_eq!(report(lab), expected);
}

/// What other makes of nc say to an option that they do not know, and busybox's telnet to a connection.
#[test]
fn a_tool_of_another_make_is_not_checked() {
    let nc = "NOT CHECKED page.md:1: nc here is another one than pages use: ";
    let telnet = "NOT CHECKED page.md:1: telnet here is another one than pages use";
    let traditional = "echo \"$0: invalid option -- 'N'\" >&2; echo '[v1.10-47]' >&2; exit 1";
    let busybox =
        "echo \"nc: invalid option -- 'N'\" >&2; echo 'BusyBox v1.35.0 multi-call binary.' >&2; exit 1";
    let silent = "echo 'Connected to 127.0.0.1'; cat";
    for (command, name, script, expected) in [
        (
            "echo x | nc -N 127.0.0.1 6797",
            "nc",
            traditional,
            format!("{nc}[v1.10-47] (Debian: netcat-openbsd)"),
        ),
        (
            "nc -u 127.0.0.1 6797",
            "nc",
            busybox,
            format!("{nc}BusyBox v1.35.0 multi-call binary. (Debian: netcat-openbsd)"),
        ),
        (
            "telnet 127.0.0.1 6797",
            "telnet",
            silent,
            format!("{telnet}: Connected to 127.0.0.1 (Debian: inetutils-telnet)"),
        ),
    ] {
        let folder = workspace(&format!("```console one\n$ {command}\nx\n```\n"));
        let path = path_without(&[name]);
        program(path.path(), name, script);
        let mut lab = Command::new(LAB);
        lab.args(["check", "page.md"]).current_dir(folder.path()).env("PATH", path.path());
        lab.env_remove("LAB_REQUIRE");
        assert_eq!(
            report(lab),
            format!("{expected}\n1 page: 0 blocks as shown, 1 not checked, 0 failures\n")
        );
    }
}

/// The reader's variables, umask, ignored signals and configuration of cargo.
#[test]
fn what_a_reader_has_set_reaches_no_program() {
    let page = "```console one\n$ echo ${PYTHONWARNINGS-none} ${FAVOURITE-none}; umask; ls -A ~\nnone none\n0022\n```\n";
    let folder = workspace(page);
    let script = "umask 077; trap '' INT HUP TERM; exec \"$0\" check page.md";
    let mut lab = Command::new("sh");
    lab.args(["-c", script, LAB]).current_dir(folder.path()).env_remove("LAB_REQUIRE");
    lab.env("PYTHONWARNINGS", "error").env("FAVOURITE", "socket").env("HOME", folder.path());
    assert_eq!(report(lab), "1 page: 1 block as shown, 0 not checked, 0 failures\n");
}

#[test]
fn what_a_reader_has_configured_of_cargo_changes_no_word() {
    let page = "```console one\n$ cargo run -p hello\nhello none\n```\n";
    let folder = workspace(page);
    let files = [
        ("Cargo.toml", "[workspace]\n[package]\nname = \"hello\"\nedition = \"2024\"\n"),
        (
            "src/main.rs",
            "fn main() { println!(\"hello {}\", std::env::var(\"RUST_LOG\").ok().filter(|set| !set.is_empty()).unwrap_or(\"none\".into())); }\n",
        ),
        (".cargo/config.toml", "[term]\nverbose = true\ncolor = \"always\"\n[env]\nRUST_LOG = \"trace\"\n"),
    ];
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }
    let mut lab = Command::new(LAB);
    lab.args(["check", "page.md"]).current_dir(folder.path());
    lab.env_remove("LAB_REQUIRE").env_remove("CARGO_TARGET_DIR");
    assert_eq!(report(lab), "1 page: 1 block as shown, 0 not checked, 0 failures\n");
}

#[test]
fn a_checkout_may_be_read_only() {
    if sandboxes("a_checkout_may_be_read_only") {
        let target = "mount --rbind . .; mkdir -p target; mount --rbind target target; mount -o remount,bind,ro .; cd \"$PWD\"";
        let text = report(lab_after(
            &format!("{target}\nif touch new 2>/dev/null; then exit 9; fi"),
            &["check", "docs/part-three.md"],
        ));
        assert!(text.ends_with(", 0 failures\n"), "{text}");
    }
}

/// The doctor names what is missing, and counts what it costs; on the same machine the check finds the same.
#[test]
fn the_doctor_says_what_the_check_finds() {
    let folder = workspace(
        "```console one\n$ echo one\none\n```\n\n```console one trace\n$ echo two\ntwo\n```\n\n```text syscalls=one\n(none)\n```\n",
    );
    let path = path_without(&["strace"]);
    let lab = |argument: &str| {
        let mut lab = Command::new(LAB);
        lab.arg(argument).current_dir(folder.path()).env("PATH", path.path()).env_remove("LAB_REQUIRE");
        fs::rename(folder.path().join("page.md"), folder.path().join("README.md")).ok();
        report(lab)
    };
    let text = lab("doctor");
    assert!(text.contains("  strace     NO: strace is not installed (Debian: strace)\n"), "{text}");
    let cost = "NOT CHECKED here: 1 of the 3 blocks that are played\n  strace is not installed (Debian: strace)\n    README.md: 1\n";
    assert!(text.ends_with(cost), "{text}");
    let text = lab("check");
    assert!(text.ends_with("1 page: 2 blocks as shown, 1 not checked, 0 failures\n"), "{text}");
}
