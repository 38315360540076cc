use std::path::Path;

use super::*;

fn recording(name: &str) -> Recording {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
    Recording::read(&root.join("docs/recordings").join(name)).expect("a recording")
}

fn kept() -> Vec<(String, Scene)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
    let files = std::fs::read_dir(root.join("docs/recordings")).expect("docs/recordings");
    let names = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
    let names = names.filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "json"));
    names.map(|name| (name.clone(), Scene::of(&recording(&name)))).collect()
}

fn find<'a>(scene: &'a Scene, kind: Kind, label: &str) -> (usize, &'a Row) {
    let rows = scene.rows.iter().enumerate();
    let found = rows.into_iter().find(|(_, row)| row.kind == kind && row.label.starts_with(label));
    found.unwrap_or_else(|| panic!("no {kind:?} {label}"))
}

#[test]
fn no_effect_stands_before_its_cause() {
    for (name, scene) in kept() {
        assert!(scene.rows.len() > 10, "{name}");
        for (at, row) in scene.rows.iter().enumerate() {
            assert!(row.cause.is_none_or(|cause| cause < at), "{name}, row {at}: {row:?}");
            assert!(
                row.until.is_none_or(|until| until > at || until + 1 == scene.rows.len()),
                "{name}, row {at}"
            );
            if let Some(began) = row.began {
                assert_eq!(scene.rows.get(began).and_then(|row| row.until), Some(at), "{name}, row {at}");
                assert!(
                    row.cause.is_none_or(|cause| cause > began),
                    "{name}, row {at}: woken before it waited"
                );
            }
            assert!(row.say.ends_with('.') && row.say.len() > 10, "{name}, row {at}: {:?}", row.say);
            assert!(row.end.is_none_or(|end| end < scene.ends.len()), "{name}, row {at}");
        }
    }
}

#[test]
fn every_byte_of_a_packet_has_its_field_or_is_payload() {
    for (name, scene) in kept() {
        for row in scene.rows.iter().filter(|row| row.kind == Kind::Packet) {
            let fields: usize = row.fields.iter().map(|(_, length, _)| length).sum();
            let payload = row.payload.map_or(0, |(_, length)| length);
            assert_eq!((fields + payload) * 2, row.bytes.len(), "{name}: {}", row.label);
        }
    }
}

#[test]
fn part_one_says_what_ran_and_why() {
    let scene = Scene::of(&recording("part-one.json"));
    let names: Vec<_> = scene.ends.iter().map(|end| (end.name.as_str(), end.program.as_str())).collect();
    assert_eq!(names, [("server", "part-one-server"), ("client", "telnet")]);
    let (accept, row) = find(&scene, Kind::Call, "accept");
    assert_eq!((row.say.as_str(), row.result.as_deref()), ("part-one-server waits for a connection.", None));
    let (back, row) = find(&scene, Kind::Return, "accept");
    assert_eq!((row.began, row.result.as_deref()), (Some(accept), Some("4")));
    // The ACK of the handshake woke it, which no call of telnet's sent.
    let (ack, row) = find(&scene, Kind::Packet, "ACK");
    assert_eq!(scene.rows.get(back).and_then(|row| row.cause), Some(ack));
    assert!(row.say.contains("It ends the wait of part-one-server in accept."), "{}", row.say);
    let (_, row) = find(&scene, Kind::Packet, "SYN");
    assert!(row.say.contains("connect of telnet made the kernel send it."), "{}", row.say);
    assert!(row.say.ends_with("Now client’s socket is SYN-SENT."), "{}", row.say);
}

#[test]
fn queues_fill_and_empty() {
    let scene = Scene::of(&recording("part-one.json"));
    let changes = |at: usize| &scene.rows.get(at).expect("a row").sockets;
    let (sent, _) = find(&scene, Kind::Call, "sendto(3)");
    assert_eq!(changes(sent).iter().map(|change| change.send).collect::<Vec<_>>(), [Some(22)]);
    let (data, row) = find(&scene, Kind::Packet, "PSH ACK 22 B");
    assert_eq!(row.cause, Some(sent));
    assert_eq!(changes(data).iter().map(|change| change.receive).collect::<Vec<_>>(), [Some(22)]);
    let (taken, _) = find(&scene, Kind::Return, "recvfrom(4)");
    assert_eq!(changes(taken).iter().map(|change| change.receive).collect::<Vec<_>>(), [Some(0)]);
}

#[test]
fn a_passed_descriptor_is_in_the_takers_table() {
    let scene = Scene::of(&recording("part-three-descriptor.json"));
    let taken = scene.rows.iter().find(|row| row.label.starts_with("recvmsg") && row.result.is_some());
    let taken = taken.expect("a message was taken");
    assert_eq!(
        taken.descriptors.last().map(|(_, number, what)| (*number, what.as_str())),
        Some((4, "came with a message"))
    );
    assert!(taken.say.ends_with("and with them descriptor 4, which is new here."), "{}", taken.say);
    let sent = taken.cause.and_then(|cause| scene.rows.get(cause)).expect("somebody sent it");
    assert!(sent.label.starts_with("sendmsg"), "{}", sent.label);
}

#[test]
fn a_wait_keeps_what_it_will_read_for_itself() {
    let scene = Scene::of(&recording("part-one.json"));
    let (_, row) = find(&scene, Kind::Call, "recvfrom(4)");
    assert_eq!(row.arguments.get(1).map(|(value, _)| value.as_str()), Some("..."));
    let (_, row) = find(&scene, Kind::Return, "recvfrom(4)");
    assert_eq!(row.arguments.get(1).map(|(value, _)| value.as_str()), Some(r#""Hello from KungfuDev\r\n""#));
}

#[test]
fn a_table_of_sockets_is_as_narrow_as_its_words() {
    let scene = Scene::of(&recording("part-one.json"));
    let (_, row) = find(&scene, Kind::Table, "ss: LISTEN, ESTAB");
    let lines: Vec<&str> = row.lines.iter().map(String::as_str).collect();
    assert_eq!(lines[0], "ss -tanp 'sport = :6797'");
    assert!(
        lines[1].starts_with("State   Recv-Q  Send-Q  Local Address:Port  Peer Address:Port  Process"),
        "{lines:?}"
    );
    assert!(lines[2].starts_with("LISTEN  0       1       127.0.0.1:6797      0.0.0.0:*"), "{lines:?}");
}

#[test]
fn a_scene_can_stand_in_a_page() {
    let json = Scene::of(&recording("part-one.json")).to_json().expect("data");
    assert!(!json.contains('<'));
}

#[test]
fn a_router_stands_between_two_links() {
    let scene = Scene::of(&recording("part-eight.json"));
    let ends: Vec<_> = scene.ends.iter().map(|end| (end.name.as_str(), end.is_router)).collect();
    assert_eq!(ends, [("bob", false), ("middle", true), ("alice", false)]);
    let seen = |label: &str| -> Vec<_> {
        let rows = scene.rows.iter().enumerate();
        let rows = rows.filter(|(_, row)| row.kind == Kind::Packet && row.label.starts_with(label));
        rows.map(|(at, row)| (at, row.end, row.to, row.cause)).collect()
    };
    // Alice asks for the card of the router, the router for bob's, and bob for the router's.
    let asked: Vec<_> = seen("who has").into_iter().map(|(_, end, to, _)| (end, to)).collect();
    assert_eq!(asked, [(Some(2), Some(1)), (Some(1), Some(0)), (Some(0), Some(1))]);
    for (at, _, to, cause) in seen("fd67") {
        let question = cause.and_then(|cause| scene.rows.get(cause)).expect("an answer has its question");
        assert_eq!((question.end, question.to), (to, scene.rows.get(at).expect("a row").end));
    }
    // The same data on both links, to bob and back; only the first of each was sent by a call.
    let data = seen("PSH ACK 20 B");
    let ways: Vec<_> = data.iter().map(|(_, end, to, _)| (*end, *to)).collect();
    assert_eq!(ways, [(Some(2), Some(1)), (Some(1), Some(0)), (Some(0), Some(1)), (Some(1), Some(2))]);
    let (first, behind) = (data.first().expect("data").0, data.get(1).expect("data"));
    assert_eq!(behind.3, Some(first), "what came to the router made it send");
    let row = scene.rows.get(behind.0).expect("a row");
    assert!(
        row.say.contains(
            "The router takes it out of its frame and passes it on in a new one, with a hop limit of 63."
        ),
        "{}",
        row.say
    );
    // Bob has the bytes when they have come to him, and not when they have come to the router.
    let receive =
        |at: usize| scene.rows.get(at).expect("a row").sockets.iter().find_map(|change| change.receive);
    assert_eq!((receive(first), receive(behind.0)), (None, Some(20)));
    let (taken, _) = find(&scene, Kind::Call, "recvfrom(4)");
    assert_eq!(scene.rows.get(taken).expect("a row").cause, Some(behind.0));
    // So it is with states.
    let syn = seen("SYN");
    let states = |at: usize| -> Vec<_> {
        let row = scene.rows.get(at).expect("a row");
        row.sockets.iter().map(|change| change.state.as_str()).collect()
    };
    let (sent, came) = (syn.first().expect("a SYN").0, syn.get(1).expect("a SYN").0);
    assert_eq!((states(sent), states(came)), (vec!["SYN-SENT"], vec![]));
}
