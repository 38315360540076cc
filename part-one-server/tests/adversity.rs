//! Clients that reset, signals that stop the process: no end but the one that the server chooses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use std::{fs, thread};

use harness::process::Process;
use nix::libc::linger;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use support::server_on;

/// Closes with RST instead of FIN: the socket has no time to linger.
fn reset(client: TcpStream) {
    setsockopt(&client.as_fd(), sockopt::Linger, &linger { l_onoff: 1, l_linger: 0 }).unwrap();
    drop(client);
}

/// On a busy machine a packet on loopback may be delivered a little after the call that sent it: waits until the
/// kernel's table (proc(5)) has no connection to this client any more. Only Linux has the table.
fn wait_until_reset(client: SocketAddr) {
    let remote = format!(":{:04X} 01 ", client.port()); // ESTABLISHED
    let deadline = Instant::now() + Duration::from_secs(20);
    while fs::read_to_string("/proc/net/tcp").is_ok_and(|table| table.contains(&remote)) {
        assert!(Instant::now() < deadline, "the RST of {client} has not come");
        thread::yield_now();
    }
}

#[test]
fn a_client_that_resets_is_an_error_of_recv() {
    let (server, address) = server_on("127.0.0.1:0");
    let client = TcpStream::connect(address).unwrap();
    reset(client);
    let ended = server.end().unwrap();
    assert_eq!(
        ended.errors,
        "part-one-server: recv from descriptor 4: ECONNRESET: Connection reset by peer\n"
    );
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
fn a_client_that_is_gone_does_not_kill_the_server() {
    let (mut server, address) = server_on("127.0.0.1:0");
    let mut client = TcpStream::connect(address).unwrap();
    let peer = client.local_addr().unwrap();
    stop(&mut server);
    client.write_all(b"and gone").unwrap();
    // Its message waits in the kernel, then the connection is reset: recv or send of the server must fail, and the
    // server must live to say so.
    reset(client);
    wait_until_reset(peer);
    go_on(&mut server);
    let ended = server.end().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.errors.contains("ECONNRESET") || ended.errors.contains("EPIPE"), "{}", ended.errors);
}

#[test]
fn stopped_and_continued_the_server_goes_on_waiting() {
    let (mut server, address) = server_on("127.0.0.1:0");
    // In accept.
    stop(&mut server);
    go_on(&mut server);
    let mut client = TcpStream::connect(address).unwrap();
    // In recv.
    stop(&mut server);
    go_on(&mut server);
    client.write_all(b"still there").unwrap();
    let mut echo = Vec::new();
    client.read_to_end(&mut echo).unwrap();
    assert_eq!(echo, b"still there");
    assert_eq!(server.end().unwrap().status.code(), Some(0));
}

/// Sends SIGSTOP and waits until the process has stopped.
fn stop(server: &mut Process) {
    let pid = pid(server);
    kill(pid, Signal::SIGSTOP).unwrap();
    let status = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
    assert!(matches!(status, WaitStatus::Stopped(..)), "{status:?}");
}

fn go_on(server: &mut Process) {
    kill(pid(server), Signal::SIGCONT).unwrap();
}

fn pid(server: &mut Process) -> Pid {
    Pid::from_raw(i32::try_from(server.child().id()).unwrap())
}
