//! The exercises of part five: what each check says of the unsolved state, and what of the answer.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use harness::private;
use harness::process::{BOUND, Process, built, command};
use support::{Checked, State, exercise};

/// A program of part five with a keyboard.
fn part_five(program: &str, arguments: &[&str]) -> Process {
    let program = built("part-five-queues", program).unwrap();
    let mut command = command(program.to_str().unwrap());
    command.args(arguments).stdin(Stdio::piped());
    Process::spawn(command).unwrap()
}

fn type_line(process: &mut Process, line: &str) {
    writeln!(process.child().stdin.as_mut().unwrap(), "{line}").unwrap();
}

/// Two ends of a connection, and where they are: the one that connected, the one that accepted.
struct Ends {
    server: Process,
    client: Process,
    ports: (u16, u16),
}

impl Ends {
    fn new(buffer: &[&str]) -> Self {
        let mut server = part_five("life-end", &[&["listen", "127.0.0.1:0"], buffer].concat());
        let address = server.wait_for_address("Listening on ").unwrap();
        let mut client = part_five("life-end", &[&["connect", &address.to_string()], buffer].concat());
        let from = client.wait_for("Connected from ").unwrap();
        let from: SocketAddr = from.split(' ').next().unwrap().parse().unwrap();
        server.wait_for("Accepted ").unwrap();
        Self { server, client, ports: (from.port(), address.port()) }
    }

    /// Types `client: send bye` and the like, one after another; gives the last answer of the server.
    fn drive(&mut self, words: &[&str]) -> String {
        let mut said = String::new();
        for word in words {
            let (end, word) = word.split_once(": ").unwrap();
            let process = if end == "server" { &mut self.server } else { &mut self.client };
            type_line(process, word);
            let answer = process.wait_for(&format!("{}: ", word.split(' ').next().unwrap())).unwrap();
            if end == "server" {
                said = answer;
            }
        }
        said
    }

    /// The states of the connection's rows in the kernel's table, waited for until `wanted` accepts them.
    fn states(&self, wanted: impl Fn(&[&'static str]) -> bool) -> Vec<&'static str> {
        let begun = Instant::now();
        loop {
            let states = states_of(self.ports);
            if wanted(&states) || begun.elapsed() > Duration::from_secs(2) {
                return states;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The states of the rows of the connection between these ports: of the end that has the first one before the other's.
fn states_of(ports: (u16, u16)) -> Vec<&'static str> {
    let names = [
        "",
        "ESTAB",
        "SYN-SENT",
        "SYN-RECV",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "TIME-WAIT",
        "UNCONN",
        "CLOSE-WAIT",
        "LAST-ACK",
        "LISTEN",
        "CLOSING",
    ];
    let mut rows = rows(ports);
    rows.extend(self::rows((ports.1, ports.0)));
    rows.into_iter().map(|state| names[state]).collect()
}

/// The states, as numbers, of the rows whose own port is the first and whose peer's is the second.
fn rows((own, peer): (u16, u16)) -> Vec<usize> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let (own, peer) = (format!(":{own:04X}"), format!(":{peer:04X}"));
    let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row[1].ends_with(&own) && row[2].ends_with(&peer))
        .map(|row| usize::from_str_radix(row[3], 16).unwrap())
        .collect()
}

#[test]
fn exercise_between_1_no_time_wait_on_your_side() {
    // As the page before did it, and as one may be tempted to.
    let first = ["client: send bye", "server: recv", "client: close", "server: recv", "server: close"];
    let answer = [
        "client: send bye",
        "server: recv",
        "server: shutdown",
        "client: recv",
        "client: close",
        "server: recv",
        "server: close",
    ];
    let reset = ["client: send bye", "server: recv", "client: reset", "server: recv"];
    let check = |words: &&[&str]| -> Checked {
        let mut ends = Ends::new(&[]);
        let mut end = String::new();
        for word in *words {
            let said = ends.drive(&[word]);
            end = if *word == "server: recv" { said } else { end };
        }
        if end != "0 bytes, the end" {
            return Err(format!("the server's recv says {end}").into());
        }
        let client = states_of(ends.ports);
        // The one row is the server's.
        if client != ["TIME-WAIT"] || !rows(ends.ports).is_empty() {
            return Err(format!("the client's end is in {}", client.first().unwrap_or(&"no state")).into());
        }
        Ok(())
    };
    exercise(&first.as_slice(), "the client's end is in TIME-WAIT", &answer.as_slice(), check);
    exercise(&reset.as_slice(), "the server's recv says ECONNRESET", &answer.as_slice(), check);
}

#[test]
fn exercise_between_2_drive_it_to_closing() {
    let naive = ["client: shutdown", "server: shutdown"];
    let answer = ["client: fill", "server: fill", "client: shutdown", "server: shutdown", "server: drain"];
    exercise(&naive.as_slice(), "no end is in CLOSING", &answer.as_slice(), |words: &&[&str]| {
        let mut ends = Ends::new(&["--buffer", "4096"]);
        ends.drive(words);
        let states = ends.states(|states| states.contains(&"CLOSING"));
        if states.contains(&"CLOSING") {
            Ok(())
        } else {
            Err(format!("no end is in CLOSING: {states:?}").into())
        }
    });
}

/// What a learner writes down: how many get in, Recv-Q, Send-Q, how many are dropped; how many after two accepts.
type Prediction = [u32; 5];

#[test]
fn exercise_queues_1_predict_it() {
    if !private::network("exercise_queues_1_predict_it", &[]) {
        return;
    }
    let naive: Prediction = [3, 3, 3, 5, 2];
    let answer: Prediction = [4, 4, 3, 4, 2];
    exercise(&naive, "4 got in, not 3", &answer, |predicted: &Prediction| {
        let mut listener = part_five("queue-listener", &["--backlog", "3", "127.0.0.1:0"]);
        let line = listener.wait_for("Listening on ")?;
        let address = line.split(',').next().unwrap().to_owned();
        let before = listen_drops();
        let (backlog, got_in) = fill(&address);
        let drops = listen_drops() - before;
        let queued = queued_at(&address);
        type_line(&mut listener, "\n");
        listener.wait_for("Accepted ")?;
        listener.wait_for("Accepted ")?;
        let (_, more) = fill(&address);
        let names = ["got in", "are Recv-Q", "is Send-Q", "were dropped", "got in after two accepts"];
        let seen = [got_in, queued, backlog, drops, more];
        for ((name, seen), predicted) in names.into_iter().zip(seen).zip(predicted) {
            if seen != *predicted {
                return Err(format!("{seen} {name}, not {predicted}").into());
            }
        }
        Ok(())
    });
}

/// The backlog that `queue-fill` sees at `address`, and how many of eight got in.
fn fill(address: &str) -> (u32, u32) {
    let program = built("part-five-queues", "queue-fill").unwrap();
    let ended =
        Process::start(program.to_str().unwrap(), &["--timeout", "50", address]).unwrap().end().unwrap();
    let last = ended.lines.last().unwrap();
    let words: Vec<&str> = last.split(' ').collect();
    (words[1].parse().unwrap(), words[4].parse().unwrap())
}

fn listen_drops() -> u32 {
    let text = std::fs::read_to_string("/proc/net/netstat").unwrap();
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let at = names.split(' ').position(|name| name == "ListenDrops").unwrap();
    values.split(' ').nth(at).unwrap().parse().unwrap()
}

/// How many connections wait at the listener: the receive queue of its row.
fn queued_at(address: &str) -> u32 {
    let address: SocketAddr = address.parse().unwrap();
    let port = format!(":{:04X}", address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let row = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    let row = row.filter(|row| row.len() > 4).find(|row| row[1].ends_with(&port) && row[3] == "0A").unwrap();
    u32::from_str_radix(row[4].split_once(':').unwrap().1, 16).unwrap()
}

#[test]
fn exercise_time_1_cure_the_40_milliseconds() {
    let lesson = || State::lesson("part-five-queues", "life-small-writes");
    for cure in ["--nodelay", "--cork", "--one-write"] {
        let unsolved = lesson();
        exercise(&unsolved, "more than 35 ms", &lesson().with(&[cure]), |client: &State| {
            let ended = client.start(&[])?.end()?;
            let last = ended.lines.last().unwrap();
            if last.ends_with("not more than 35 ms") { Ok(()) } else { Err(last.clone().into()) }
        });
    }
}

#[test]
fn exercise_time_2_a_connect_that_gives_up() {
    let settings = ["net.ipv4.tcp_syn_retries=2"];
    if !private::network("exercise_time_2_a_connect_that_gives_up", &settings) {
        return;
    }
    let answer = State::answer(env!("CARGO_BIN_EXE_part-five-time-2"));
    exercise(&State::lesson("part-one-client", "part-one-client"), "ETIMEDOUT", &answer, |client: &State| {
        // A server that answers: the client must still read to the end.
        let server = TcpListener::bind("127.0.0.1:0")?;
        let talking = client.start(&[&server.local_addr()?.to_string(), "Hello"])?;
        let (mut connection, _) = server.accept()?;
        connection.set_read_timeout(Some(BOUND))?;
        connection.read_exact(&mut [0; 5])?;
        connection.write_all(b"Hello")?;
        drop(connection);
        let ended = talking.end()?;
        if !ended.lines.contains(&r#"str repr: "Hello""#.to_owned()) {
            return Err(format!("with a server that answers: {ended:?}").into());
        }

        let mut full = part_five("queue-listener", &["--backlog", "0", "127.0.0.1:0"]);
        let line = full.wait_for("Listening on ")?;
        let address = line.split(',').next().unwrap().to_owned();
        let _first = TcpStream::connect(&address)?;
        // The kernel gives up after seven seconds here, with ETIMEDOUT; by default after two minutes.
        let ended = client.start(&[&address])?.end()?;
        if ended.errors.contains(&format!("connect {address}")) && ended.errors.contains("300ms") {
            Ok(())
        } else {
            Err(format!("with a full queue: {}", ended.errors).into())
        }
    });
}
