//! Runs the real `lab observe` and `lab enter`, and types into them.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use harness::missing::Missing;
use harness::process::{BOUND, Process, command, installed, not_checked};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn lab(arguments: &[&str]) -> Command {
    let mut lab = command(env!("CARGO_BIN_EXE_lab"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
    lab.args(arguments).current_dir(root);
    lab
}

fn observe(arguments: &[&str]) -> Process {
    let mut lab = lab(&["observe", "--"]);
    lab.args(arguments).stdin(Stdio::piped());
    Process::spawn(lab).expect("lab starts")
}

fn type_line(lab: &mut Process, line: &str) {
    let input = lab.child().stdin.as_mut().expect("standard input is a pipe");
    writeln!(input, "{line}").expect("lab reads what is typed");
}

fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + BOUND;
    loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            return status;
        }
        assert!(Instant::now() < deadline, "it did not end in time");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Where the first line with this text stands.
#[track_caller]
fn position(lines: &[String], text: &str) -> usize {
    let at = lines.iter().position(|line| line.contains(text));
    at.unwrap_or_else(|| panic!("no line says {text}:\n{}", lines.join("\n")))
}

/// Whether the lane could be shown here; if not, the gap is named.
fn is_shown(lines: &[String], lane: &str) -> bool {
    let Some(gap) = lines.iter().find_map(|line| line.strip_prefix(&format!("# no {lane}: "))) else {
        return true;
    };
    let missing = Missing { what: gap.to_owned(), remedy: None };
    not_checked(&format!("lab observe shows {lane}"), missing).expect("LAB_REQUIRE=all");
    false
}

#[test]
fn a_server_is_seen_while_a_client_is_typed_into_the_second_terminal() {
    let mut lab = observe(&["cargo", "run", "-q", "-p", "lab", "--example", "echo", "--", "serve", "0"]);
    let port = loop {
        let line = lab.line().expect("the server");
        if let Some(port) = line.strip_prefix("command       | listening at 127.0.0.1:") {
            break port.to_owned();
        }
    };
    type_line(&mut lab, &format!("cargo run -q -p lab --example echo -- say {port} hello"));
    lab.wait_for("second        | answer \"hello\\n\"").expect("the client");
    let ended = lab.end().expect("the server ends after one client");
    assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);

    // What is late on a busy machine stands late: only the order within a lane is certain.
    let at = |text: &str| position(&ended.lines, text);
    assert!(at("second        | $ cargo run") < at("second        | answer"));
    assert!(at("command       | listening") < at("says \"hello\\n\""));
    if is_shown(&ended.lines, "packets") {
        let message = format!("> 127.0.0.1:{port} TCP PSH ACK, 6 bytes \"hello\\n\"");
        assert!(at(&format!(":{port} TCP SYN")) < at(&message));
    }
    if is_shown(&ended.lines, "system calls") {
        assert!(at("command calls | listen(3") < at("command calls | accept4(3"));
        assert!(at("command calls | accept4(3") < at("command calls | recvfrom(4, \"hello\\n\""));
    }
}

#[test]
fn the_exit_status_is_that_of_the_command() {
    for (script, expected) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)] {
        let ended = observe(&["sh", "-c", script]).end().expect("it ends");
        assert_eq!(ended.status.code(), Some(expected), "{script}: {}", ended.errors);
    }
}

#[test]
fn the_command_may_open_packet_sockets_and_nothing_else() {
    let script = "grep -e CapEff -e CapAmb /proc/self/status | tr '\\t' ' '";
    let mut lab = observe(&["sh", "-c", script]);
    type_line(&mut lab, script);
    let ended = lab.end().expect("it ends");
    if ended.lines.iter().any(|line| line.starts_with("# on the host's own network")) {
        return; // `another_window_joins_the_private_network` names the gap
    }
    for lane in ["command", "second "] {
        for set in ["CapEff", "CapAmb"] {
            let expected = format!("{lane}       | {set}: 0000000000002000");
            assert!(ended.lines.contains(&expected), "{}", ended.lines.join("\n"));
        }
    }
}

/// Whether any process of this machine has this word among its arguments.
fn runs(word: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    processes.map(|process| process.path().join("cmdline")).any(|path| {
        let arguments = std::fs::read(path).unwrap_or_default();
        arguments.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
    })
}

/// A program that makes a session of its own, and loses its parent, ends with the laboratory all the same: in a process
/// namespace, and where there is none.
#[test]
fn nobody_outlives_the_laboratory() {
    let mut wrappers = vec![""];
    let can = Command::new("unshare").args(["-Ur", "true"]).status().is_ok_and(|status| status.success());
    if can {
        wrappers.push("unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_pid_namespaces; exec \"$@\"' sh");
    } else {
        let what = "no process namespace to be denied".to_owned();
        let remedy = Some("it takes unprivileged user namespaces".to_owned());
        not_checked("nobody outlives the laboratory", Missing { what, remedy }).expect("LAB_REQUIRE=all");
    }
    for (nth, wrapper) in wrappers.into_iter().enumerate() {
        let seconds = format!("98{}{nth}", std::process::id());
        // It ends when the other has begun.
        let script =
            format!("(setsid sh -c 'echo there; exec sleep {seconds} >/dev/null 2>&1' &) | head -n 1");
        let line = format!("exec {wrapper} \"$0\" observe -- sh -c \"$1\"");
        let mut shell = command("sh");
        shell.args(["-c", &line, env!("CARGO_BIN_EXE_lab"), &script]).stdin(Stdio::piped());
        let mut lab = Process::spawn(shell).expect("sh starts");
        // Who lives on in the namespace is watched until the reader has seen enough.
        let (ended, status) = if nth == 0 && can {
            lab.wait_for("# COMMAND has ended, and left 1 running").expect("it says so");
            (lab.interrupt().expect("it ends"), 130)
        } else {
            (lab.end().expect("it ends"), 0)
        };
        position(&ended.lines, "command       | there");
        assert_eq!(ended.status.code(), Some(status), "{}", ended.errors);
        assert!(!runs(&seconds), "sleep {seconds} still runs");
    }
}

#[test]
fn interrupted_the_command_has_the_last_word() {
    let script = "trap 'echo interrupted; exit 3' INT; echo ready; while :; do sleep 0.05; done";
    let mut lab = observe(&["sh", "-c", script]);
    lab.wait_for("command       | ready").expect("the command");
    let pid = Pid::from_raw(i32::try_from(lab.child().id()).expect("a pid"));
    kill(pid, Signal::SIGINT).expect("it runs");
    let ended = lab.end().expect("it ends");
    position(&ended.lines, "interrupted");
    assert_eq!(ended.status.code(), Some(3), "{}", ended.errors);
}

#[test]
fn a_command_that_ignores_an_interrupt_is_ended() {
    let mut lab = observe(&["sh", "-c", "trap '' INT; echo ready; while :; do sleep 0.05; done"]);
    lab.wait_for("command       | ready").expect("the command");
    let pid = Pid::from_raw(i32::try_from(lab.child().id()).expect("a pid"));
    kill(pid, Signal::SIGINT).expect("it runs");
    assert_eq!(lab.end().expect("it ends").status.code(), Some(130));
}

#[test]
fn the_end_of_input_closes_the_second_terminal_only() {
    let mut lab =
        observe(&["sh", "-c", "while [ ! -e \"$0\" ]; do sleep 0.05; done; echo done", "/nonexistent"]);
    type_line(&mut lab, "echo one; cat");
    lab.wait_for("second        | one").expect("the second terminal");
    drop(lab.child().stdin.take());
    // The end of input reaches cat, then the shell, which says so.
    lab.wait_for("second        | $ exit").expect("the shell ends");
    assert!(lab.child().try_wait().expect("it is our child").is_none(), "the command still runs");
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let mut lab = lab(&["observe", "--", "sh", "-c", "while :; do echo line; done"]);
    let mut child = lab.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("lab starts");
    let mut first = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    output.read_line(&mut first).expect("a line");
    assert!(first.starts_with("# on "), "{first}");
    drop(output);
    assert_eq!(wait(&mut child).code(), Some(0));
    let errors = std::io::read_to_string(child.stderr.take().expect("a pipe")).expect("text");
    assert_eq!(errors, "");
}

#[test]
fn another_window_joins_the_private_network() {
    let mut lab = observe(&["sh", "-c", "echo ready; while :; do sleep 0.05; done"]);
    let first = lab.line().expect("the first line");
    lab.wait_for("command       | ready").expect("the command");
    let Some((_, pid)) = first.rsplit_once(" enter ") else {
        let what = first.trim_start_matches("# ").to_owned();
        not_checked("lab enter", Missing { what, remedy: None }).expect("LAB_REQUIRE=all");
        return;
    };
    assert_eq!(pid, lab.child().id().to_string());
    let mut window = crate::lab(&["enter", pid]);
    let mut window = window
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("lab enter starts");
    let mut input = window.stdin.take().expect("a pipe");
    input.write_all(b"readlink /proc/self/ns/net; exit 5\n").expect("the shell reads");
    drop(input);
    assert_eq!(wait(&mut window).code(), Some(5));
    let its = std::io::read_to_string(window.stdout.take().expect("a pipe")).expect("text");
    let of = |process: &str| {
        let link = std::fs::read_link(format!("/proc/{process}/ns/net")).expect("a namespace");
        link.display().to_string()
    };
    assert_eq!(its.trim(), of(pid));
    assert_ne!(its.trim(), of("self"));
}

#[test]
fn what_cannot_be_is_said() {
    for (arguments, code, expected) in [
        (&["observe"][..], 2, "lab: which command?"),
        (&["observe", "--loud", "ls"], 2, "lab: arguments (see lab --help): invalid option '--loud'"),
        (&["observe", "--", "no-such-program"], 127, "lab: no-such-program: there is no such program"),
        (&["enter"], 2, "lab: which process?"),
        (&["enter", "x"], 2, "lab: enter x: the number of a process is needed"),
        (&["enter", "4194305"], 2, "lab: there is no process 4194305"),
        (&["enter", &std::process::id().to_string()], 2, "has no network of its own"),
    ] {
        let output = lab(arguments).output().expect("lab starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        assert!(errors.contains(expected), "{arguments:?}: {errors}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn every_command_explains_itself() {
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["help"],
        &["check", "--help"],
        &["play", "-h"],
        &["observe", "--help"],
        &["enter", "-h"],
    ] {
        let output = lab(arguments).output().expect("lab starts");
        assert!(output.status.success(), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("\nUsage: lab "), "{arguments:?}");
        assert!(output.stderr.is_empty());
    }
}

/// A flood is slowed down by the terminals that show it; what the capture loses all the same is counted and said.
#[test]
fn a_flood_of_datagrams_is_shown_or_counted() {
    let program = "import socket\n\
                   s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
                   for n in range(5000): s.sendto(b'%05d' % n, ('127.0.0.1', 9))\n\
                   print('all sent')";
    if !installed("python3", "lab observe and a flood").expect("LAB_REQUIRE=all") {
        return;
    }
    let lab = observe(&["python3", "-c", program]);
    let lines = lab.end().expect("it ends").lines;
    if !is_shown(&lines, "packets") || !is_shown(&lines, "system calls") {
        return;
    }
    position(&lines, "all sent");
    let shown = lines.iter().filter(|line| line.contains(" > 127.0.0.1:9 UDP, 5 bytes")).count();
    let sent = lines.iter().filter(|line| line.contains("sendto(") && line.contains(") = ")).count();
    let lost: usize = lines
        .iter()
        .filter_map(|line| line.strip_prefix("# packets: ")?.split(' ').next()?.parse::<usize>().ok())
        .sum();
    assert_eq!(sent, 5_000, "calls");
    // Each datagram is answered by an ICMP message, which may be among the lost.
    assert!(shown + lost >= 5_000, "{shown} shown and {lost} lost");
    assert!(shown <= 5_000, "{shown} shown");
}

#[test]
fn a_strace_that_is_gone_is_said() {
    if !installed("python3", "lab observe without its strace").expect("LAB_REQUIRE=all") {
        return;
    }
    let kill = "import os, re, time\n\
                tracer = int(re.search(r'TracerPid:\\s*(\\d+)', open('/proc/self/status').read())[1])\n\
                if tracer: os.kill(tracer, 9)\n\
                time.sleep(20)";
    let mut lab = observe(&["python3", "-c", kill]);
    loop {
        let line = lab.line().expect("the laboratory says it");
        if line.starts_with("# no system calls: ") {
            assert!(!is_shown(&[line], "system calls"));
            return;
        }
        if line == "# command calls: strace has ended; from here on no call is seen" {
            break;
        }
    }
    lab.interrupt().expect("it ends");
}
