//! The server, with sockets of the standard library at the other end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use harness::datagrams::{echo, peer, received};
use harness::limits::descriptors;
use harness::private::{IPV6, settings};
use harness::process::{BOUND, Process, command, installed};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::socket::sockopt::ReuseAddr;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket};
use support::{SERVER, listening, quiet_server, server, server_on};

#[test]
fn says_what_it_does_until_ctrl_c() {
    let (server, address) = server(&[]);
    let peer = peer("127.0.0.1:0");
    let me = peer.local_addr().unwrap();
    assert_eq!(echo(&peer, address, b"Hi\xff"), b"Hi\xff");
    let ended = server.interrupt().unwrap();
    let expected = [
        format!("received 3 bytes from {me}"),
        "bytes: [72, 105, 255]".into(),
        r#"hex repr: ["0x48", "0x69", "0xff"]"#.into(),
        r#"str repr: "Hi\xff""#.into(),
        format!("Sent 3 bytes back to {me}"),
        "Stopped: 1 datagrams received, 1 answered".into(),
    ];
    assert_eq!(ended.lines[3..], expected);
    assert_eq!(ended.errors, "");
    assert!(ended.status.success());
}

#[test]
fn its_first_socket_is_descriptor_3() {
    let mut server = Process::start(SERVER, &["127.0.0.1:0"]).unwrap();
    assert_eq!(server.line().unwrap(), "Socket file descriptor: 3");
}

#[test]
fn every_size_comes_back_unchanged() {
    let (_server, address) = quiet_server();
    let peer = peer("127.0.0.1:0");
    for size in [0, 1, 2, 511, 512, 1472, 1473, 1500, 8192, 65_506, 65_507] {
        let message: Vec<u8> = (0..=255).cycle().take(size).collect();
        assert!(echo(&peer, address, &message) == message, "{size} bytes");
    }
    let refused = peer.send_to(&vec![0; 65_508], address).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(Errno::EMSGSIZE as i32));
    assert_eq!(echo(&peer, address, b"still there"), b"still there");
}

#[test]
fn a_datagram_of_no_bytes_is_a_datagram() {
    let (mut server, address) = server(&[]);
    let peer = peer("127.0.0.1:0");
    assert_eq!(echo(&peer, address, b""), b"");
    assert!(server.wait_for("received ").unwrap().starts_with("0 bytes from"));
    assert_eq!(server.line().unwrap(), "bytes: []");
    assert!(server.wait_for("Sent ").unwrap().starts_with("0 bytes back"));
    assert_eq!(echo(&peer, address, b"more"), b"more");
}

#[test]
fn ipv6_has_room_for_twenty_more() {
    if !settings("ipv6_has_room_for_twenty_more", &IPV6) {
        return;
    }
    let (_server, address) = server_on("[::1]:0", &[]);
    let peer = peer("[::1]:0");
    for size in [0, 1, 65_507, 65_527] {
        assert!(echo(&peer, address, &vec![b'x'; size]) == vec![b'x'; size], "{size} bytes");
    }
}

#[test]
fn one_socket_of_ipv6_serves_both_families_unless_told_not_to() {
    if !settings("one_socket_of_ipv6_serves_both_families_unless_told_not_to", &IPV6) {
        return;
    }
    let v4 = peer("127.0.0.1:0");
    let me = v4.local_addr().unwrap();

    let (mut server, address) = server_on("[::]:0", &[]);
    let here = SocketAddr::from(([127, 0, 0, 1], address.port()));
    assert_eq!(echo(&v4, here, b"four"), b"four");
    assert_eq!(
        server.wait_for("received 4 bytes from ").unwrap(),
        format!("[::ffff:127.0.0.1]:{}", me.port())
    );
    assert_eq!(
        echo(&peer("[::1]:0"), SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], address.port())), b"six"),
        b"six"
    );

    let (_server, address) = server_on("[::]:0", &["--v6only"]);
    v4.connect(("127.0.0.1", address.port())).unwrap();
    v4.send(b"four").unwrap();
    assert_eq!(v4.recv(&mut [0; 9]).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_truncated_datagram_is_said_with_its_real_length() {
    let (mut server, address) = server(&["--buffer", "512"]);
    let peer = peer("127.0.0.1:0");
    let warning = "warning: truncated: the datagram had ";
    for (size, said) in
        [(6000, Some("6000 bytes, 5488 are lost")), (512, None), (513, Some("513 bytes, 1 are lost"))]
    {
        assert_eq!(echo(&peer, address, &vec![b'x'; size]), [b'x'; 512]);
        server.wait_for("received 512 bytes from ").unwrap();
        let next = server.line().unwrap();
        assert_eq!(next.strip_prefix(warning), said, "{next}");
    }
    let ended = server.interrupt().unwrap();
    assert_eq!(ended.lines.iter().filter(|line| line.starts_with("warning: ")).count(), 2);
}

#[test]
fn a_buffer_of_one_byte_is_a_buffer() {
    let (mut server, address) = server(&["--buffer=1"]);
    let peer = peer("127.0.0.1:0");
    assert_eq!(echo(&peer, address, b"abc"), b"a");
    server.wait_for("warning: truncated: the datagram had 3 bytes, 2 are lost").unwrap();
    assert_eq!(echo(&peer, address, b""), b"");
}

#[test]
fn ten_thousand_random_datagrams_come_back_unchanged() {
    let (_server, address) = quiet_server();
    let peer = peer("127.0.0.1:0");
    let mut rng = Rng::with_seed(6797);
    let mut message = vec![0; 65_507];
    rng.fill(&mut message);
    for turn in 0..10_000 {
        let message = &mut message[..rng.usize(..=65_507)];
        // New bytes at random places; to draw all of them again would take longer than the network.
        let at = rng.usize(..=message.len());
        let end = message.len().min(at + 64);
        rng.fill(&mut message[at..end]);
        assert!(echo(&peer, address, message) == message, "datagram {turn}, {} bytes", message.len());
    }
}

#[test]
fn a_hundred_peers_at_once_get_their_own() {
    if !descriptors("a_hundred_peers_at_once_get_their_own", 120) {
        return;
    }
    let (_server, address) = server(&[]);
    let peers: Vec<UdpSocket> = (0..100).map(|_| peer("127.0.0.1:0")).collect();
    for round in 0..10 {
        for (number, peer) in peers.iter().enumerate() {
            peer.send_to(format!("{round} of {number}").as_bytes(), address).unwrap();
        }
        for (number, peer) in peers.iter().enumerate().rev() {
            assert_eq!(received(peer, address), format!("{round} of {number}").as_bytes());
        }
    }
}

#[test]
fn a_slow_peer_is_served_while_another_sends_garbage_at_speed() {
    let (server, address) = quiet_server();
    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let peer = peer("127.0.0.1:0");
            let mut rng = Rng::with_seed(1);
            let mut garbage = [0; 1400];
            let begun = Instant::now();
            // A failure beside it must not be waited for by garbage without end.
            while !enough.load(Ordering::Relaxed) && begun.elapsed() < 3 * BOUND {
                rng.fill(&mut garbage);
                let _ = peer.send_to(&garbage[..rng.usize(..1400)], address);
            }
        });
        let slow = peer("127.0.0.1:0");
        slow.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut buffer = [0; 2000];
        for turn in 0..20 {
            let message = format!("slow {turn}");
            // The queue may be full of garbage just now: a datagram is allowed to be lost, a peer is not.
            let answered = (0..300).any(|_| {
                slow.send_to(message.as_bytes(), address).unwrap();
                slow.recv(&mut buffer).is_ok_and(|length| buffer[..length] == *message.as_bytes())
            });
            assert!(answered, "{message}");
        }
        server.signal(Signal::SIGTERM).unwrap();
        let ended = server.end().unwrap();
        enough.store(true, Ordering::Relaxed);
        assert!(ended.status.success(), "{:?}", ended.status);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn descriptors_and_memory_stay_flat() {
    let (mut server, address) = quiet_server();
    let serve = |peers: usize| {
        for _ in 0..peers {
            let peer = peer("127.0.0.1:0");
            for size in [0, 1, 100, 65_507] {
                assert_eq!(echo(&peer, address, &vec![7; size]).len(), size);
            }
        }
    };
    let process = format!("/proc/{}", server.child().id());
    let used = || {
        let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kilobytes: u32 = memory.trim().strip_suffix(" kB").unwrap().parse().unwrap();
        (std::fs::read_dir(format!("{process}/fd")).unwrap().count(), kilobytes)
    };
    serve(200);
    let (descriptors, before) = used();
    serve(2000);
    let (descriptors_after, after) = used();
    assert_eq!(descriptors, descriptors_after);
    assert!(after <= before + 256, "{before} kB before, {after} kB after");
}

#[test]
fn ends_cleanly_whenever_it_is_asked() {
    let start = || Process::start(SERVER, &["127.0.0.1:0"]).unwrap();
    for asked in [Signal::SIGINT, Signal::SIGTERM] {
        for line in 1..=3 {
            let mut server = start();
            for _ in 0..line {
                server.line().unwrap();
            }
            server.signal(asked).unwrap();
            let ended = server.end().unwrap();
            assert_eq!(ended.lines.last().unwrap(), "Stopped: 0 datagrams received, 0 answered");
            assert!(ended.status.success(), "{asked} after line {line}: {:?}", ended.status);
        }
        // Before its first line a program may not have got to catching signals: then it dies of them, as any would.
        for _ in 0..20 {
            let server = start();
            server.signal(asked).unwrap();
            let ended = server.end().unwrap();
            assert_eq!(ended.errors, "");
            assert!(ended.status.success() || ended.lines.is_empty(), "{:?}", ended.status);
        }
    }
}

#[test]
fn ends_when_nobody_reads_its_words() {
    let mut server = command(SERVER).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let address =
        lines.find_map(|line| Some(line.unwrap().strip_prefix("Socket bound to address: ")?.to_owned()));
    lines.next();
    drop(lines);
    let (peer, address, begun) = (peer("127.0.0.1:0"), address.unwrap(), Instant::now());
    while server.try_wait().unwrap().is_none() {
        // More than one: a child that another test is just starting has our end of the pipe until its exec.
        peer.send_to(b"to whom?", &address).unwrap();
        if begun.elapsed() > BOUND {
            server.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert!(server.wait().unwrap().success());
}

#[test]
fn does_not_answer_its_own_port() {
    let (mut server, address) = server(&[]);
    // Another echo service of this kind, by its port; the forged datagram itself is sent in tests/forged.rs.
    let service = peer(&format!("127.0.0.2:{}", address.port()));
    service.send_to(b"for ever?", address).unwrap();
    let said = server.wait_for("warning: not answered: at ").unwrap();
    assert!(said.starts_with(&service.local_addr().unwrap().to_string()), "{said}");

    assert_eq!(echo(&peer("127.0.0.1:0"), address, b"you"), b"you");
    service.set_nonblocking(true).unwrap();
    assert_eq!(service.recv(&mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(
        server.interrupt().unwrap().lines.last().unwrap(),
        "Stopped: 2 datagrams received, 1 answered"
    );
}

#[test]
fn warns_when_it_is_bound_wider_than_loopback() {
    let mut server = Process::start(SERVER, &["0.0.0.0:0"]).unwrap();
    assert!(server.wait_for("warning: 0.0.0.0:").unwrap().contains("is more than loopback"));
    let mut server = Process::start(SERVER, &["127.0.0.1:0"]).unwrap();
    server.wait_for("Socket bound to address: ").unwrap();
    assert_eq!(server.line().unwrap(), "Waiting for datagrams...");
}

#[test]
fn shares_its_port_with_nobody() {
    let (_server, address) = server(&[]);
    let second = Process::start(SERVER, &[&address.to_string()]).unwrap().end().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert_eq!(
        second.errors,
        format!("datagram-server: bind {address}: EADDRINUSE: Address already in use\n")
    );

    // Not with one that is willing to share, either: it takes two.
    let willing = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::empty(), None).unwrap();
    setsockopt(&willing, ReuseAddr, &true).unwrap();
    assert_eq!(bind(willing.as_raw_fd(), &SockaddrStorage::from(address)), Err(Errno::EADDRINUSE));
}

/// The errors of a call cannot be had at will; strace makes the kernel give them. With -D it is
/// strace that is the child, and the server the process that we start and end.
fn injected(what: &str) -> Option<(Process, SocketAddr)> {
    installed("strace", "part two with strace").unwrap().then(|| {
        let inject = format!("inject={what}");
        let mut strace = command("strace");
        strace.args(["-D", "-f", "-o", "/dev/null", "-e", &inject, SERVER, "127.0.0.1:0"]);
        listening(strace)
    })
}

#[test]
fn an_error_of_one_answer_is_said_and_the_loop_goes_on() {
    let Some((mut server, address)) = injected("sendto:error=ENOBUFS:when=2") else { return };
    let (first, second) = (peer("127.0.0.1:0"), peer("127.0.0.1:0"));
    assert_eq!(echo(&first, address, b"1"), b"1");
    second.send_to(b"2", address).unwrap();
    let to = second.local_addr().unwrap();
    assert_eq!(
        server.wait_for("warning: ").unwrap(),
        format!("sendto {to}: ENOBUFS: No buffer space available")
    );
    assert_eq!(echo(&first, address, b"3"), b"3");
}

#[test]
fn an_error_of_one_receive_is_said_and_the_loop_goes_on() {
    let Some((mut server, address)) = injected("recvmsg:error=ECONNREFUSED:when=1") else { return };
    let peer = peer("127.0.0.1:0");
    assert_eq!(echo(&peer, address, b"1"), b"1");
    assert_eq!(server.wait_for("warning: ").unwrap(), "recvmsg: ECONNREFUSED: Connection refused");
}

#[test]
fn an_error_that_stays_does_not_spin() {
    let Some((mut server, address)) = injected("recvmsg:error=ENOMEM") else { return };
    peer("127.0.0.1:0").send_to(b"never taken", address).unwrap();
    let begun = Instant::now();
    for _ in 0..5 {
        assert_eq!(server.wait_for("warning: ").unwrap(), "recvmsg: ENOMEM: Out of memory");
    }
    assert!(begun.elapsed() >= Duration::from_millis(400), "five within {:?}", begun.elapsed());
    assert!(begun.elapsed() < BOUND);
}
