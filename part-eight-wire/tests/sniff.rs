//! The sniffer on one machine: what it shows, what it writes, what it refuses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;

use harness::private::network;
use harness::process::{Process, command, installed};
use part_eight_wire::pcap::{Frame, Reader, Writer};
use support::SNIFF;
use support::frames;

fn sniff(arguments: &[&str]) -> Process {
    let mut sniffer = Process::start(SNIFF, arguments).unwrap();
    sniffer.wait_for("Sniffing on ").unwrap();
    sniffer
}

/// Eight packets: a handshake, a message and its acknowledgment, and an end.
fn one_message(address: &str) {
    let listener = TcpListener::bind(address).unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"Hello from KungfuDev\r\n").unwrap();
    let mut server = listener.accept().unwrap().0;
    server.read_exact(&mut [0; 22]).unwrap();
    drop(client);
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
}

fn frames(path: &Path) -> Vec<Frame> {
    Reader::new(File::open(path).unwrap()).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_message_is_shown_field_by_field() {
    if !network("a_message_is_shown_field_by_field", &[]) {
        return;
    }
    let mut sniffer = Process::start(SNIFF, &["--count", "4", "6797"]).unwrap();
    assert_eq!(sniffer.line().unwrap(), "Socket file descriptor: 3");
    assert_eq!(sniffer.line().unwrap(), "Filter, 11 instructions:");
    sniffer.wait_for("Sniffing on every interface, until Ctrl-C").unwrap();
    one_message("127.0.0.1:6797");
    sniffer.wait_for("frame 4 on lo, 88 bytes").unwrap();
    let expected = [
        "Ethernet, 14 bytes",
        "    0  00 00 00 00 00 00        destination 00:00:00:00:00:00",
        "    6  00 00 00 00 00 00        source 00:00:00:00:00:00",
        "   12  08 00                    type: IPv4",
        "IPv4, 20 bytes",
        "   14  45                       version 4, header of 5 words (20 bytes)",
        "   15  00                       DSCP 0, ECN 0",
        "   16  00 4a                    total length 74",
    ];
    for line in expected {
        assert_eq!(sniffer.line().unwrap(), line);
    }
    let rest = sniffer.wait_for("   50  fe 3e                    checksum 0xfe3e: ").unwrap();
    assert!(rest.starts_with("not finished, the addresses' part only; 0x"), "{rest}");
    assert!(rest.ends_with(" would be right"), "{rest}");
    sniffer.wait_for("payload, 22 bytes").unwrap();
    assert_eq!(sniffer.line().unwrap(), r#"   66  48 65 6c 6c 6f 20 66 72  "Hello fr""#);
    let ended = sniffer.end().unwrap();
    assert!(ended.status.success());
    assert_eq!(ended.lines.last().unwrap(), "Frames: 4 seen, 0 dropped by the kernel for want of room");
}

#[test]
fn other_ports_are_not_seen_and_what_was_there_before_the_filter_neither() {
    let name = "other_ports_are_not_seen_and_what_was_there_before_the_filter_neither";
    if !network(name, &[]) {
        return;
    }
    let sniffer = sniff(&["--brief", "6797"]);
    one_message("127.0.0.1:6798");
    one_message("127.0.0.1:6797");
    let ended = sniffer.interrupt().unwrap();
    let frames: Vec<_> = ended.lines.iter().filter(|line| line.starts_with("lo: ")).collect();
    assert!(frames.len() >= 8, "{frames:?}");
    assert!(frames.iter().all(|line| line.contains(":6797")), "{frames:?}");
    // Each passes loopback once, though the kernel shows it twice.
    assert_eq!(frames.iter().filter(|line| line.contains("22 bytes")).count(), 1, "{frames:?}");
}

#[test]
fn what_is_written_is_read_again_here_and_by_tshark() {
    let name = "what_is_written_is_read_again_here_and_by_tshark";
    if !network(name, &[]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("message.pcap");
    let path = file.to_str().unwrap();
    let sniffer = sniff(&["--write", path, "6797"]);
    one_message("127.0.0.1:6797");
    let live = sniffer.interrupt().unwrap();
    let begin = live.lines.iter().position(|line| line.starts_with("frame 1 on lo")).unwrap();

    let again = Process::start(SNIFF, &["--read", path]).unwrap().end().unwrap();
    let count = frames(&file).len();
    assert_eq!(again.lines.last().unwrap(), &format!("Frames: {count} in {path}"));
    // But for the interface, of which such a file does not know, the same lines.
    let live: Vec<_> = live.lines[begin..].iter().map(|line| line.replace(" on lo,", ",")).collect();
    assert_eq!(again.lines[1..again.lines.len() - 1], live[..live.len() - 1]);

    if !installed("tshark", "the file of the sniffer, opened by tshark").unwrap() {
        return;
    }
    let words = ["-n", "-r", path, "-T", "fields", "-e", "frame.len", "-e", "frame.cap_len", "-e", "tcp.len"];
    let ended = Process::start("tshark", &words).unwrap().end().unwrap();
    assert!(ended.status.success() && !ended.errors.contains("pcap"), "{}", ended.errors);
    assert_eq!(ended.lines.len(), count);
    assert_eq!(ended.lines[3], "88\t88\t22");
}

#[test]
fn no_more_than_the_snap_length_is_kept() {
    if !network("no_more_than_the_snap_length_is_kept", &[]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("snap.pcap");
    let sniffer = sniff(&["--snap", "60", "--write", file.to_str().unwrap(), "6797"]);
    one_message("127.0.0.1:6797");
    let ended = sniffer.interrupt().unwrap();
    assert!(
        ended.lines.iter().any(|line| line == "frame 4 on lo, 88 bytes, 60 of them kept"),
        "{:?}",
        ended.lines
    );
    let frames = frames(&file);
    assert!(frames.len() >= 8);
    assert!(frames.iter().all(|frame| frame.bytes.len() == 60 && frame.length >= 66), "{frames:?}");
    assert_eq!(frames[3].length, 88);
}

#[test]
fn without_the_privilege_three_ways_are_named() {
    let name = "without_the_privilege_three_ways_are_named";
    if !installed("setpriv", name).unwrap() || !network(name, &[]) {
        return;
    }
    for (program, call) in [
        (SNIFF, "socket AF_PACKET"),
        (support::SEND, "socket SOCK_RAW"),
        (support::PING, "socket SOCK_RAW"),
        (support::ROUTE, "socket SOCK_RAW"),
    ] {
        let name = Path::new(program).file_name().unwrap().to_str().unwrap();
        let operand = match name {
            "wire-sniff" => "6797",
            "wire-send" => "udp",
            _ => "127.0.0.1",
        };
        let words = ["--bounding-set", "-net_raw", program, operand];
        let ended = Process::start("setpriv", &words).unwrap().end().unwrap();
        let errors = ended.errors;
        assert!(
            errors.starts_with(&format!(
                "{name}: {call}: EPERM: Operation not permitted: it takes the capability"
            )),
            "{errors}"
        );
        for way in
            ["cargo run -p lab -- observe -- cargo run", "unshare -rn sh -c", "sudo setcap cap_net_raw+ep"]
        {
            assert_eq!(errors.matches(way).count(), 1, "{way}: {errors}");
        }
        assert_eq!(ended.status.code(), Some(1));
    }
}

#[test]
fn what_cannot_be_had_is_named() {
    if !network("what_cannot_be_had_is_named", &[]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let no_pcap = folder.path().join("no.pcap");
    fs::write(&no_pcap, "Dear diary, today I met a packet.").unwrap();
    let cut = folder.path().join("cut.pcap");
    let mut bytes = Vec::new();
    Writer::new(&mut bytes, 96).unwrap().frame(std::time::SystemTime::now(), 14, &[0; 14]).unwrap();
    fs::write(&cut, &bytes[..bytes.len() - 1]).unwrap();
    for (words, complaint) in [
        (vec!["--interface", "nosuch0"], "bind nosuch0: ENODEV: No such device: `ip link` lists".to_owned()),
        (vec!["--write", "/nosuch/file"], "open /nosuch/file: No such file or directory".to_owned()),
        (vec!["--read", "/nosuch/file"], "open /nosuch/file: No such file or directory".to_owned()),
        (
            vec!["--read", no_pcap.to_str().unwrap()],
            format!("read {}: this is no pcap file", no_pcap.display()),
        ),
        (
            vec!["--read", cut.to_str().unwrap()],
            format!("read {}: the file ends within frame 1", cut.display()),
        ),
    ] {
        let ended = Process::start(SNIFF, &words).unwrap().end().unwrap();
        assert!(ended.errors.starts_with(&format!("wire-sniff: {complaint}")), "{words:?}: {}", ended.errors);
        assert_eq!(ended.status.code(), Some(1), "{words:?}");
    }
    // A full disk: said when the buffer is written, and not taken for success.
    let sniffer = sniff(&["--quiet", "--write", "/dev/full"]);
    one_message("127.0.0.1:6797");
    let ended = sniffer.interrupt().unwrap();
    assert!(ended.errors.starts_with("wire-sniff: write /dev/full: No space left"), "{}", ended.errors);
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
fn a_reader_who_leaves_ends_it_quietly() {
    if !network("a_reader_who_leaves_ends_it_quietly", &[]) {
        return;
    }
    let mut sniffer =
        command(SNIFF).arg("6797").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One line, and the pipe is closed.
    let mut first = [0; 26];
    sniffer.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"Socket file descriptor: 3\n");
    one_message("127.0.0.1:6797");
    let output = sniffer.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_file_of_every_kind_of_frame_is_shown_without_a_privilege() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.pcap");
    let mut writer = Writer::new(File::create(&file).unwrap(), 65_535).unwrap();
    for (_, frame) in frames::all() {
        writer.frame(std::time::SystemTime::UNIX_EPOCH, frame.len(), &frame).unwrap();
    }
    let ended = Process::start(SNIFF, &["--brief", "--read", file.to_str().unwrap()]).unwrap().end().unwrap();
    let lines: Vec<&str> = ended.lines.iter().map(|line| line.split(" | ").last().unwrap()).collect();
    for line in [
        "ARP who has 10.67.1.1? 10.67.1.2 asks",
        "TCP SYN",
        "TCP SYN ACK",
        r#"TCP PSH ACK, 22 bytes "Hello from KungfuDev\r\n""#,
        "UDP",
        "ICMP echo request, 22 bytes",
        "ICMP destination unreachable: port unreachable (about 10.67.1.2:40000 > 10.67.2.2:6797 UDP)",
        "ICMP time exceeded: time to live exceeded in transit (about 10.67.1.2:40000 > 10.67.2.2:6797 UDP)",
        "UDP fragment, from byte 24, 6 bytes",
        "UDP fragment, from byte 16, 14 bytes",
        "protocol 47, 22 bytes \"Hello from KungfuDev\\r\\n\"",
        "ICMPv6 packet too big (about [fd00:1::2]:40000 > [fd00:2::2]:6797 UDP)",
        "ICMPv6 neighbour solicitation: who has fd00:2::2?",
        "ICMPv6 neighbour advertisement: fd00:2::2 is at 02:00:00:00:01:02",
        "type 0x88b5, 36 bytes",
        "length 22, 36 bytes",
    ] {
        assert!(lines.contains(&line), "no {line:?} in {lines:#?}");
    }
}
