//! The exercises of part two: what each check says of the lesson, and what of the answer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;

use harness::process::{Process, built, command, installed};
use support::{Checked, State, exercise};

fn lesson(program: &str) -> State {
    State::lesson("part-two-datagram", program)
}

/// Part two's server, and a relay to it with these options: both processes, and the relay's address.
fn relayed(options: &[&str]) -> std::io::Result<(Process, Process, SocketAddr)> {
    let mut server = lesson("datagram-server").start(&["127.0.0.1:0"])?;
    let address = server.wait_for_address("Socket bound to address: ")?.to_string();
    let relay = built("relay", "datagram-relay")?;
    let words = [&["127.0.0.1:0", address.as_str()][..], options].concat();
    let mut relay = Process::start(relay.to_str().unwrap(), &words)?;
    let said = relay.wait_for("Relaying what comes to ")?;
    let at = said.split(' ').next().unwrap().parse().unwrap();
    Ok((server, relay, at))
}

#[test]
fn exercise_1_the_largest_of_ipv6() {
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        let missing = harness::missing::Missing { what: "this machine has no ::1".into(), remedy: None };
        return harness::process::not_checked("the largest datagram of IPv6", missing).unwrap();
    }
    // What is tried is a length: IPv4's largest, and IPv6's.
    exercise(&65_507, "one byte more is answered as well", &65_527, |length: &usize| -> Checked {
        let mut server = lesson("datagram-server").start(&["[::1]:0"])?;
        let address = server.wait_for_address("Socket bound to address: ")?.to_string();
        let client = |length: usize| lesson("datagram-client").start(&[&address, &"x".repeat(length)])?.end();
        if !client(*length)?.status.success() {
            return Err(format!("{length} bytes are not answered").into());
        }
        if !client(*length + 1)?.errors.contains("EMSGSIZE") {
            return Err("one byte more is answered as well".into());
        }
        Ok(())
    });
}

#[test]
fn exercise_2_a_worse_network() {
    let answer = lesson("datagram-client").with(&["--tries", "60", "--timeout", "1"]);
    exercise(&lesson("datagram-client"), "of 10 messages answered", &answer, |client| -> Checked {
        for seed in ["1", "2", "3", "4", "5"] {
            let (_server, _relay, relay) = relayed(&["--drop", "50", "--seed", seed])?;
            let messages: Vec<String> = (0..10).map(|number| number.to_string()).collect();
            let words: Vec<&str> = messages.iter().map(String::as_str).collect();
            let ended = client.start(&[&[relay.to_string().as_str()][..], &words].concat())?.end()?;
            let last = ended.lines.last().unwrap();
            if !last.starts_with("10 of 10") {
                return Err(format!("with seed {seed}: {last}").into());
            }
        }
        Ok(())
    });
}

#[test]
fn exercise_3_late_is_not_lost() {
    let answer = lesson("datagram-client").with(&["--timeout", "3000"]);
    exercise(&lesson("datagram-client"), "answers ignored", &answer, |client| -> Checked {
        let (_server, _relay, relay) = relayed(&["--delay", "100", "--late", "400"])?;
        let ended = client.start(&[&relay.to_string(), "a", "b"])?.end()?;
        assert!(ended.status.success(), "{ended:?}");
        match ended.lines.iter().filter(|line| line.starts_with("warning: ignored")).count() {
            0 => Ok(()),
            ignored => Err(format!("{ignored} answers ignored").into()),
        }
    });
}

#[test]
fn exercise_4_numbered_messages() {
    let answer = State::answer(env!("CARGO_BIN_EXE_part-two-4"));
    exercise(&lesson("datagram-client"), "0 ignored", &answer, |client| -> Checked {
        let (_server, _relay, relay) = relayed(&["--duplicate", "100"])?;
        let ended = client.start(&[&[relay.to_string().as_str()][..], &["a"; 10]].concat())?.end()?;
        assert!(ended.lines.last().unwrap().starts_with("10 of 10"), "{ended:?}");
        match ended.lines.iter().filter(|line| line.starts_with("warning: ignored")).count() {
            27 => Ok(()),
            ignored => Err(format!("{ignored} ignored instead of nine times three").into()),
        }
    });
}

#[test]
#[cfg(target_os = "linux")]
fn exercise_5_multicast() {
    if !installed("socat", "the answer with multicast").unwrap() {
        return;
    }
    if !harness::private::network("exercise_5_multicast", &[]) {
        return;
    }
    let answer = State::answer(env!("CARGO_BIN_EXE_part-two-5"));
    exercise(&lesson("datagram-server"), "nothing came back", &answer, |server| -> Checked {
        let mut first = server.start(&["0.0.0.0:6797"])?;
        first.wait_for("Waiting for datagrams...")?;
        if group()? != ["all"] {
            return Err("nothing came back".into());
        }
        let mut second = server.start(&["0.0.0.0:6797"])?;
        second.wait_for("Waiting for datagrams...")?;
        if group()? != ["all", "all"] {
            return Err("with two servers it does not come twice".into());
        }
        Ok(())
    });
}

/// Sends `all` to the group, and gives the lines that come back within a second.
fn group() -> std::io::Result<Vec<String>> {
    let mut socat = command("socat");
    let to = "UDP4-DATAGRAM:239.1.2.3:6797,ip-multicast-if=127.0.0.1";
    socat.args(["-t", "1", "-", to]).stdin(Stdio::piped());
    let mut socat = Process::spawn(socat)?;
    socat.child().stdin.take().unwrap().write_all(b"all\n")?;
    Ok(socat.end()?.lines)
}
