//! Real logs of strace, whole and damaged.

use proptest::prelude::*;

use super::*;

/// A shell that starts an echo server with `cargo run` (rustup, cargo, the server with a thread, a child of its
/// own) in the background and then nc.
const THREADS: &str = include_str!("../../../tests/strace/threads.txt");
/// A shell that starts a Python program: it forks, accepts, and passes the connection to its child.
const FORK: &str = include_str!("../../../tests/strace/fork.txt");

fn shown(log: &str, also: &[&str]) -> Vec<String> {
    let also: Vec<String> = also.iter().map(ToString::to_string).collect();
    let mut trace = Trace::new(&also);
    log.lines()
        .flat_map(|line| trace.line(line))
        .filter(|call| call.shown && call.result.is_some())
        .map(|call| call.to_string())
        .collect()
}

/// The lines of the process that called `call` first.
fn of_process(log: &str, call: &str) -> String {
    let pid = log.lines().find(|line| line.contains(call)).and_then(|line| line.split(' ').next());
    let pid = pid.expect("the call is in the log");
    let lines: Vec<&str> = log.lines().filter(|line| line.starts_with(pid)).collect();
    lines.join("\n")
}

#[test]
fn programs_are_shown_and_what_starts_them_is_not() {
    let server = of_process(THREADS, "listen(");
    assert_eq!(
        shown(&format!("{}\n{server}", THREADS.lines().next().expect("a shell")), &[]),
        [
            "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3",
            "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0",
            r#"bind(3, {sa_family=AF_INET, sin_port=htons(6797), sin_addr=inet_addr("127.0.0.1")}, 16) = 0"#,
            "listen(3, 128) = 0",
        ]
    );
}

#[test]
fn two_programs_of_one_terminal_are_told_apart_once_both_make_calls() {
    assert_eq!(
        shown(THREADS, &[]),
        [
            "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3",
            "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0",
            r#"bind(3, {sa_family=AF_INET, sin_port=htons(6797), sin_addr=inet_addr("127.0.0.1")}, 16) = 0"#,
            "listen(3, 128) = 0",
            "[pid 12680] socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3",
            r#"[pid 12680] connect(3, {sa_family=AF_INET, sin_port=htons(6797), sin_addr=inet_addr("127.0.0.1")}, 16) = -1 EINPROGRESS (Operation now in progress)"#,
            r#"[pid 12631] accept4(3, {sa_family=AF_INET, sin_port=htons(40300), sin_addr=inet_addr("127.0.0.1")}, [128 => 16], SOCK_CLOEXEC) = 4"#,
            "[pid 12680] getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0",
            r#"[pid 12631] recvfrom(4, "hello", 1024, 0, NULL, NULL) = 5"#,
            "[pid 12680] shutdown(3, SHUT_WR) = 0",
            r#"[pid 12631] sendto(4, "hello", 5, MSG_NOSIGNAL, NULL, 0) = 5"#,
            "[pid 12631] close(4) = 0",
            "[pid 12680] shutdown(3, SHUT_RD) = -1 ENOTCONN (Transport endpoint is not connected)",
            "[pid 12680] close(3) = 0",
            "[pid 12631] close(3) = 0",
        ]
    );
}

#[test]
fn a_forked_child_is_told_apart_and_a_passed_descriptor_is_followed() {
    let calls = shown(FORK, &[]);
    assert_eq!(calls[3], "listen(3, 128) = 0");
    assert_eq!(calls[7], "[pid 12692] close(4) = 0");
    let child: Vec<&str> = calls.iter().filter_map(|call| call.strip_prefix("[pid 12692] ")).collect();
    assert!(child[1].starts_with("recvmsg(5, {msg_name="), "{}", child[1]);
    assert_eq!(
        child[5..],
        [r#"sendto(4, "from the child", 14, 0, NULL, 0) = 14"#, "close(4) = 0", "close(5) = 0"]
    );
}

#[test]
fn more_calls_on_request() {
    let calls = shown(FORK, &["clone"]);
    assert_eq!(
        calls.iter().find(|call| call.contains("clone")).expect("the server forks"),
        "[pid 12690] clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, \
         child_tidptr=0x7f02dbde9310) = 12692"
    );
    let log = "\
1  10.000000 execve(\"/usr/bin/echo-server\", [\"echo-server\"], 0x7ffc /* 9 vars */) = 0 <0.000100>
1  11.000000 read(3, \"\\177ELF\"..., 832) = 832 <0.000010>
1  12.000000 socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3 <0.000010>
1  13.000000 read(3, \"a) = 1\", 100)   = 6 <0.000010>
1  14.000000 poll([{fd=3, events=POLLIN}], 1, -1) = 1 ([{fd=3, revents=POLLIN}]) <0.000010>
";
    assert_eq!(
        shown(log, &["read", "poll"]),
        [
            "socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3",
            "read(3, \"a) = 1\", 100) = 6",
            "poll([{fd=3, events=POLLIN}], 1, -1) = 1 ([{fd=3, revents=POLLIN}])",
        ]
    );
}

#[test]
fn a_call_that_never_returned_is_not_shown() {
    let start =
        "1  10.000000 execve(\"/usr/bin/server\", [\"server\"], 0x7ffc /* 9 vars */) = 0 <0.000100>\n";
    for end in [
        "1  11.000000 accept(3,  <unfinished ...>) = ?\n1  12.000000 +++ killed by SIGINT +++\n",
        "1  11.000000 accept(3,  <unfinished ...>\n1  12.000000 +++ killed by SIGKILL +++\n",
        "1  11.000000 accept(3, 0x7ffc, [16]) = ? ERESTARTSYS (To be restarted if SA_RESTART is set) <1.000000>\n",
    ] {
        assert_eq!(shown(&format!("{start}{end}"), &[]), [""; 0]);
    }
}

#[test]
fn the_same_pid_may_run_one_program_after_another() {
    let log = "\
1  10.000000 execve(\"/bin/sh\", [\"sh\"], 0x7ffc /* 9 vars */) = 0 <0.000100>
1  11.000000 vfork( <unfinished ...>
2  12.000000 execve(\"./first\", [\"first\"], 0x7ffc /* 9 vars */ <unfinished ...>
1  13.000000 <... vfork resumed>) = 2 <0.000100>
2  13.000000 <... execve resumed>) = 0 <0.000100>
2  14.000000 socket(AF_INET, SOCK_DGRAM, IPPROTO_IP) = 3 <0.000100>
2  14.500000 execve(\"./second\", [\"second\"], 0x7ffc /* 9 vars */) = 0 <0.000100>
2  14.600000 close(3) = 0 <0.000100>
2  15.000000 +++ exited with 0 +++
1  16.000000 vfork( <unfinished ...>
3  17.000000 execve(\"./third\", [\"third\"], 0x7ffc /* 9 vars */) = 0 <0.000100>
1  18.000000 <... vfork resumed>) = 3 <0.000100>
3  19.000000 socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, IPPROTO_IP) = 3 <0.000100>
3  19.500000 execve(\"./fourth\", [\"fourth\"], 0x7ffc /* 9 vars */) = 0 <0.000100>
3  19.600000 close(3) = 0 <0.000100>
";
    assert_eq!(
        shown(log, &[]),
        [
            "socket(AF_INET, SOCK_DGRAM, IPPROTO_IP) = 3",
            "close(3) = 0",
            "socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, IPPROTO_IP) = 3",
        ]
    );
}

proptest! {
    #[test]
    fn any_damage_to_a_real_log(
        log in proptest::sample::select(vec![THREADS, FORK]),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), "\\PC{0,3}"), 0..20),
    ) {
        let mut lines: Vec<String> = log.lines().map(ToOwned::to_owned).collect();
        for (index, text) in damage {
            let at = index.index(lines.len());
            let place = index.index(lines[at].len() + 1);
            let mut line: Vec<char> = lines[at].chars().collect();
            let place = place.min(line.len());
            line.splice(place..place, text.chars());
            line.truncate(place + 40);
            lines[at] = line.into_iter().collect();
        }
        let mut trace = Trace::new(&[]);
        for line in lines {
            let _ = (trace.unended(&line), trace.line(&line));
        }
    }
}

#[test]
fn what_a_shell_closes_is_no_socket_for_the_programs_that_follow() {
    let log = |between: &str| {
        let lines = [
            "1  1.000001 socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 3<TCP:[77]> <0.000010>",
            "1  1.000002 read(4</etc/passwd>, \"root\", 4) = 4 <0.000010>",
            between,
            "1  1.000004 execve(\"/usr/bin/program\", [\"program\"], 0x1 /* 1 var */) = 0 <0.000010>",
            "1  1.000005 close(3</etc/hosts>) = 0 <0.000010>",
        ];
        shown(&lines.join("\n"), &[])
    };
    assert_eq!(log(""), ["close(3) = 0"]);
    assert_eq!(log("1  1.000003 close(4</etc/passwd>) = 0 <0.000010>"), ["close(3) = 0"]);
    assert!(log("1  1.000003 close(3<TCP:[77]>) = 0 <0.000010>").is_empty());
}
