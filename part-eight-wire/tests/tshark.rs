//! tshark, the field's own decoder, opens what we write and reads in it what we read: field by field, by name.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use harness::private::network;
use harness::process::{Process, built, installed};
use part_eight_wire::pcap::{Reader, Writer};
use part_eight_wire::{brief, decode};
use support::{frames, street};

/// Every name that the decoder uses.
const NAMES: [&str; 86] = [
    "eth.dst",
    "eth.src",
    "eth.type",
    "eth.len",
    "arp.hw.type",
    "arp.proto.type",
    "arp.hw.size",
    "arp.proto.size",
    "arp.opcode",
    "arp.src.hw_mac",
    "arp.src.proto_ipv4",
    "arp.dst.hw_mac",
    "arp.dst.proto_ipv4",
    "ip.version",
    "ip.hdr_len",
    "ip.dsfield.dscp",
    "ip.dsfield.ecn",
    "ip.len",
    "ip.id",
    "ip.flags.rb",
    "ip.flags.df",
    "ip.flags.mf",
    "ip.frag_offset",
    "ip.ttl",
    "ip.proto",
    "ip.checksum",
    "ip.checksum.status",
    "ip.src",
    "ip.dst",
    "ip.opt.type",
    "ipv6.version",
    "ipv6.tclass.dscp",
    "ipv6.tclass.ecn",
    "ipv6.flow",
    "ipv6.plen",
    "ipv6.nxt",
    "ipv6.hlim",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.hopopts.nxt",
    "ipv6.hopopts.len",
    "ipv6.dstopts.nxt",
    "ipv6.dstopts.len",
    "ipv6.opt.type",
    "ipv6.fraghdr.nxt",
    "ipv6.fraghdr.offset",
    "ipv6.fraghdr.more",
    "ipv6.fraghdr.ident",
    "icmp.type",
    "icmp.code",
    "icmp.checksum",
    "icmp.checksum.status",
    "icmp.ident",
    "icmp.seq",
    "icmp.mtu",
    "icmpv6.type",
    "icmpv6.code",
    "icmpv6.checksum",
    "icmpv6.checksum.status",
    "icmpv6.echo.identifier",
    "icmpv6.echo.sequence_number",
    "icmpv6.mtu",
    "icmpv6.nd.ns.target_address",
    "icmpv6.nd.na.flag.r",
    "icmpv6.nd.na.flag.s",
    "icmpv6.nd.na.flag.o",
    "icmpv6.nd.na.target_address",
    "icmpv6.opt.type",
    "icmpv6.opt.length",
    "icmpv6.opt.linkaddr",
    "udp.srcport",
    "udp.dstport",
    "udp.length",
    "udp.checksum",
    "udp.checksum.status",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.hdr_len",
    "tcp.window_size_value",
    "tcp.checksum",
    "tcp.checksum.status",
    "tcp.urgent_pointer",
    "tcp.option_kind",
    "tcp.option_len",
];

/// Without following streams or fragments, since each frame is read for itself; with every checksum looked at.
const OPTIONS: [&str; 9] = [
    "ip.defragment:FALSE",
    "ipv6.defragment:FALSE",
    "ip.check_checksum:TRUE",
    "udp.check_checksum:TRUE",
    "tcp.check_checksum:TRUE",
    "tcp.relative_sequence_numbers:FALSE",
    "tcp.analyze_sequence_numbers:FALSE",
    "tcp.desegment_tcp_streams:FALSE",
    "ip.use_geoip:FALSE",
];

/// tshark counts each byte behind the end of TCP's options as another end.
fn once((name, mut values): (&'static str, Vec<String>)) -> (&'static str, Vec<String>) {
    if name == "tcp.option_kind" {
        values.dedup_by(|next, before| next == "0" && before == "0");
    }
    (name, values)
}

/// The folder of the book's pages.
const BOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");

/// A page may take so long on a machine that does other things as well.
const PLAY: Duration = Duration::from_secs(300);

type Fields = BTreeMap<&'static str, Vec<String>>;

/// What tshark reads in each frame of `file`; it must not complain.
fn tshark(file: &Path) -> Vec<Fields> {
    let mut words = vec!["-n", "-r", file.to_str().unwrap(), "-T", "fields", "-E", "occurrence=a"];
    words.extend(["-E", "aggregator= ", "-E", "separator=/t"]);
    words.extend(OPTIONS.iter().flat_map(|option| ["-o", option]));
    words.extend(NAMES.iter().flat_map(|name| ["-e", name]));
    let ended = Process::start("tshark", &words).unwrap().end().unwrap();
    let complaints: Vec<&str> =
        ended.errors.lines().filter(|line| !line.starts_with("Running as user")).collect();
    assert!(complaints.is_empty() && ended.status.success(), "{complaints:?}");
    let fields = |line: &String| {
        let values = line.split('\t').map(|values| values.split_whitespace().map(str::to_owned).collect());
        NAMES
            .into_iter()
            .zip(values)
            .map(once)
            .filter(|(_, values): &(_, Vec<_>)| !values.is_empty())
            .collect()
    };
    ended.lines.iter().map(fields).collect()
}

/// What we read: in headers that are whole, and in one that is damaged or cut.
fn ours(frame: &[u8]) -> (Fields, Fields) {
    let (mut whole, mut damaged) = (Fields::new(), Fields::new());
    for layer in decode::frame(frame).layers {
        let fields = if layer.damage.is_none() { &mut whole } else { &mut damaged };
        for (name, value) in layer.rows.into_iter().flat_map(|row| row.values) {
            fields.entry(name).or_default().push(value);
        }
    }
    (whole, damaged)
}

/// A file of these frames, each with its length on the wire.
fn written<'a>(frames: impl Iterator<Item = (usize, &'a [u8])>, folder: &Path) -> PathBuf {
    let path = folder.join("frames.pcap");
    let mut writer = Writer::new(File::create(&path).unwrap(), 262_144).unwrap();
    for (length, frame) in frames {
        writer.frame(SystemTime::UNIX_EPOCH, length, frame).unwrap();
    }
    path
}

#[test]
fn every_kind_of_frame_is_read_as_tshark_reads_it() {
    if installed("tshark", "the decoder beside tshark's").unwrap() {
        are_read_alike(
            &frames::all().into_iter().map(|(name, frame)| (name.to_owned(), frame)).collect::<Vec<_>>(),
        );
    }
}

/// What is in the files of the book: whole frames, and one from which a byte was stolen.
#[test]
fn the_files_of_the_book_are_read_as_tshark_reads_them() {
    if !installed("tshark", "the files of the book beside tshark").unwrap() {
        return;
    }
    let mut frames = Vec::new();
    for entry in std::fs::read_dir(BOOK).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "pcap") {
            let file = Reader::new(File::open(&path).unwrap()).unwrap();
            frames.extend(file.map(|frame| (path.display().to_string(), frame.unwrap().bytes)));
        }
    }
    assert!(frames.len() >= 16, "{}", frames.len());
    are_read_alike(&frames);
}

/// What passes between two machines and a router when things fail, as on the failures' page.
#[test]
fn what_passes_between_machines_is_read_as_tshark_reads_it() {
    let name = "what_passes_between_machines_is_read_as_tshark_reads_it";
    if !installed("tshark", name).unwrap() || !street::network(name) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("here.pcap");
    let street = street::street();
    let sniffer = street.here.sniff(&["--quiet", "--write", file.to_str().unwrap()]);
    for words in [
        &["--count", "1", "10.67.2.2"][..],
        &["--count", "1", "fd00:2::2"],
        &["--count", "1", "--size", "4000", "10.67.2.2"],
        &["--count", "1", "--size", "4000", "fd00:2::2"],
        &["--count", "1", "192.0.2.1"],
        &["--count", "1", "fd00:9::1"],
    ] {
        street.here.ping(words).end().unwrap();
    }
    street.here.route(&["10.67.2.2"]).end().unwrap();
    street.here.route(&["fd00:2::2"]).end().unwrap();
    street.here.send(&["syn", "10.67.2.2:6797"]).end().unwrap();
    street.here.send(&["udp", "10.67.2.2:6797"]).end().unwrap();
    sniffer.interrupt().unwrap();

    let frames = Reader::new(File::open(&file).unwrap()).unwrap().map(|frame| frame.unwrap().bytes);
    let frames: Vec<_> = frames.map(|frame| (name.to_owned(), frame)).collect();
    assert!(frames.len() > 30, "{}", frames.len());
    are_read_alike(&frames);
}

/// Every packet of the pages that show whole sessions: the laboratory plays a page and writes down what passed. (A page
/// that traces something itself it cannot write down.)
#[test]
fn every_packet_of_the_book_is_read_as_tshark_reads_it() {
    let name = "every_packet_of_the_book_is_read_as_tshark_reads_it";
    if !["tshark", "strace", "telnet", "nc", "ss"].iter().all(|tool| installed(tool, name).unwrap())
        || !network(name, &[])
    {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let lab = built("lab", "lab").unwrap();
    let mut frames = Vec::new();
    for page in ["layers", "part-one", "part-two", "part-eight", "part-eight-packets"] {
        let file = folder.path().join("run.json");
        let words = ["record", &format!("{BOOK}/{page}.md"), "-o", file.to_str().unwrap()];
        // Whether a page comes as it is shown is another test's matter: on a busy machine it is played again.
        let play = || Process::start(lab.to_str().unwrap(), &words).unwrap().end_within(PLAY).unwrap();
        let mut played = play();
        for _ in 0..2 {
            if !played.status.success() {
                played = play();
            }
        }
        assert!(played.status.success(), "{page}: {}", played.errors);
        let run = std::fs::read_to_string(&file).unwrap();
        let before = frames.len();
        for event in run.lines().filter(|event| event.contains("\"kind\":\"packet\"")) {
            let hex = event.split_once("\"bytes\":\"").unwrap().1.split('"').next().unwrap();
            let bytes = hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
            frames.push((page.to_owned(), bytes.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()));
        }
        assert!(frames.len() > before, "{page} shows packets, and its run has none");
    }
    assert!(frames.len() > 100, "{}", frames.len());
    are_read_alike(&frames);
}

/// Whether both read the same. Where a checksum cannot be told, tshark is of another mind twice: in a packet that an ICMP
/// error quotes it leaves the checksum unverified (2), also if all of the packet is there and we find it right (1); and the
/// first fragment of an IPv6 datagram it calls wrong (0), though most of the datagram is missing (2).
fn is_alike(field: &str, ours: &Fields, theirs: &Fields) -> bool {
    let is_status = field.ends_with(".checksum.status");
    let is_fragment = ours.get("ipv6.fraghdr.more").is_some_and(|more| more == &["1"]);
    let (ours, theirs) = (ours.get(field), theirs.get(field));
    ours == theirs
        || (is_status
            && ours.is_some_and(|ours| ours == &["1", "1"])
            && theirs.is_some_and(|theirs| theirs == &["1", "2"]))
        || (is_fragment
            && field == "udp.checksum.status"
            && ours.is_some_and(|ours| ours == &["2"])
            && theirs.is_some_and(|theirs| theirs == &["0"]))
}

/// Every field of every frame has the same values here and there, under the same name.
#[track_caller]
fn are_read_alike(frames: &[(String, Vec<u8>)]) {
    let folder = tempfile::tempdir().unwrap();
    let file = written(frames.iter().map(|(_, frame)| (frame.len(), &frame[..])), folder.path());
    let theirs = tshark(&file);
    assert_eq!(theirs.len(), frames.len());
    let mut differences = String::new();
    for ((name, frame), theirs) in frames.iter().zip(&theirs) {
        let (ours, damaged) = ours(frame);
        assert!(damaged.is_empty(), "{name}");
        for field in NAMES.iter().filter(|field| !is_alike(field, &ours, theirs)) {
            let _ = writeln!(
                differences,
                "{name}: {field}: {:?}, tshark {:?} in {}",
                ours.get(field),
                theirs.get(field),
                brief::line(&decode::frame(frame))
            );
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

/// Whole headers are read alike here too. In the one that is damaged each stops at a place of its own: tshark wants a
/// header whole before it reads any of it. As far as both go, they agree.
#[test]
fn malformed_frames_are_read_as_tshark_reads_them() {
    if !installed("tshark", "the decoder beside tshark's, malformed frames").unwrap() {
        return;
    }
    let (folder, frames) = (tempfile::tempdir().unwrap(), frames::malformed());
    let file = written(frames.iter().map(|(_, length, frame)| (*length, &frame[..])), folder.path());
    let theirs = tshark(&file);
    assert_eq!(theirs.len(), frames.len());
    let mut differences = String::new();
    for ((name, _, frame), theirs) in frames.iter().zip(&theirs) {
        let (whole, damaged) = ours(frame);
        for field in NAMES {
            let [whole, damaged, theirs] =
                [&whole, &damaged, theirs].map(|fields| fields.get(field).map_or(&[][..], Vec::as_slice));
            let further = theirs.strip_prefix(whole);
            let agree = further.is_some_and(|further| further.iter().zip(damaged).all(|(a, b)| a == b));
            if !agree {
                let _ = writeln!(differences, "{name}: {field}: {whole:?} {damaged:?}, tshark {theirs:?}");
            }
        }
    }
    assert!(differences.is_empty(), "{differences}");
}
