//! A page among others: side by side, ended by a signal, with processes and descriptors of its own.

use std::fs;
use std::process::Command;

use crate::{copy, lab, stdout};

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

/// Of a port that the page has shown the kernel would, by chance, make another connection's.
#[test]
fn a_port_that_was_shown_is_chosen_no_more() {
    if !harness::private::network("alone::a_port_that_was_shown_is_chosen_no_more", &[]) {
        return;
    }
    let copy = copy(&[]);
    let reserved = "/proc/sys/net/ipv4/ip_local_reserved_ports";
    let shown = format!(
        "```console a\n$ echo 127.0.0.1:40001\n127.0.0.1:40001\n```\n\n```console a\n$ cat {reserved}\n"
    );
    let range = "<!-- lab: sysctl net.ipv4.ip_local_port_range=40000 40009 -->\n\n";
    fs::write(copy.path().join("shown.md"), format!("{shown}40001\n```\n")).expect("written");
    fs::write(copy.path().join("range.md"), format!("{range}{shown}\n```\n")).expect("written");
    let output = lab().args(["shown.md", "range.md"]).current_dir(copy.path()).output();
    assert_eq!(stdout(&output.expect("lab runs")), "2 pages: 4 blocks as shown, 0 not checked, 0 failures\n");
}
