//! The programs of part five as processes, and the kernel's tables, for every test beside this folder.
#![allow(dead_code, reason = "each file of tests uses its own share of this")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, SocketAddrV4};
use std::process::Stdio;
use std::time::{Duration, Instant};

use harness::process::{BOUND, Process, command};

pub const LISTENER: &str = env!("CARGO_BIN_EXE_queue-listener");
pub const FILL: &str = env!("CARGO_BIN_EXE_queue-fill");
pub const END: &str = env!("CARGO_BIN_EXE_life-end");
pub const OPTIONS: &str = env!("CARGO_BIN_EXE_life-options");
pub const SMALL_WRITES: &str = env!("CARGO_BIN_EXE_life-small-writes");
pub const TIMEOUTS: &str = env!("CARGO_BIN_EXE_life-timeouts");

/// `program` with a keyboard, for [`type_line`].
pub fn keyed(program: &str, arguments: &[&str]) -> Process {
    let mut command = command(program);
    command.args(arguments).stdin(Stdio::piped());
    Process::spawn(command).unwrap()
}

pub fn type_line(process: &mut Process, line: &str) {
    let keyboard = process.child().stdin.as_mut().unwrap();
    writeln!(keyboard, "{line}").unwrap();
}

/// Types a word into a `life-end`, and gives what it answers.
pub fn ask(end: &mut Process, line: &str) -> String {
    type_line(end, line);
    let word = line.split(' ').next().unwrap();
    end.wait_for(&format!("{word}: ")).unwrap()
}

/// The listener on a port of the kernel's choice, and where it is.
pub fn listener(options: &[&str]) -> (Process, SocketAddr) {
    let mut listener = keyed(LISTENER, &[options, &["127.0.0.1:0"]].concat());
    let line = listener.wait_for("Listening on ").unwrap();
    let address = line.split(',').next().unwrap().parse().unwrap();
    (listener, address)
}

/// Two ends of one connection, the one that listened and the one that connected, and where each of them is.
pub struct Pair {
    pub server: Process,
    pub client: Process,
    pub at_server: SocketAddr,
    pub at_client: SocketAddr,
}

impl Pair {
    /// With buffers that are soon full.
    pub fn new() -> Self {
        let mut server = keyed(END, &["listen", "--buffer", "4096", "127.0.0.1:0"]);
        let at_server = server.wait_for_address("Listening on ").unwrap();
        let mut client = connecting(at_server);
        let at_client = connected(&mut client);
        assert_eq!(server.wait_for_address("Accepted ").unwrap(), at_client);
        Self { server, client, at_server, at_client }
    }

    /// The kernel's states of both ends, the client's first; waits until they are these.
    pub fn reaches(&self, client: &str, server: &str) {
        until(
            &format!("{client} and {server}"),
            || (state(self.at_client, self.at_server), state(self.at_server, self.at_client)),
            (client, server),
        );
    }
}

/// A `life-end` that connects, with buffers that are soon full.
pub fn connecting(server: SocketAddr) -> Process {
    keyed(END, &["connect", "--buffer", "4096", &server.to_string()])
}

/// Waits until it has connected; from where.
pub fn connected(client: &mut Process) -> SocketAddr {
    let line = client.wait_for("Connected from ").unwrap();
    line.split(' ').next().unwrap().parse().unwrap()
}

/// Waits until `seen` gives `wanted`.
pub fn until<T: PartialEq<U> + Debug, U: Copy>(what: &str, mut seen: impl FnMut() -> T, wanted: U) {
    let begun = Instant::now();
    loop {
        let now = seen();
        if now == wanted {
            return;
        }
        assert!(begun.elapsed() < BOUND, "{what}: not in time; now it is {now:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A row of the kernel's table of sockets.
#[derive(Debug)]
pub struct Row {
    pub local: SocketAddr,
    pub peer: SocketAddr,
    pub state: &'static str,
    /// What waits to be sent, and what waits to be received; for a listener the latter is its queue.
    pub waiting: (u32, u32),
}

/// The table of TCP sockets of IPv4: what `ss -tan` shows, from where everybody may read it (proc(5)).
pub fn table() -> Vec<Row> {
    let text = fs::read_to_string("/proc/net/tcp").unwrap();
    text.lines().skip(1).map(row).collect()
}

fn row(line: &str) -> Row {
    let hex = |text: &str| u32::from_str_radix(text, 16).unwrap();
    let address = |text: &str| {
        let (ip, port) = text.split_once(':').unwrap();
        // The number in memory, as this machine writes it.
        let ip = hex(ip).to_ne_bytes();
        SocketAddrV4::new(ip.into(), hex(port).try_into().unwrap()).into()
    };
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, local, peer, state, queues] = *fields.first_chunk().unwrap();
    let (tx, rx) = queues.split_once(':').unwrap();
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
    Row {
        local: address(local),
        peer: address(peer),
        state: names.get(hex(state) as usize).unwrap(),
        waiting: (hex(tx), hex(rx)),
    }
}

/// The state of the socket at `local` whose peer is `peer`; `gone` where there is none.
pub fn state(local: SocketAddr, peer: SocketAddr) -> &'static str {
    table().iter().find(|row| row.local == local && row.peer == peer).map_or("gone", |row| row.state)
}

/// How many sockets there are in each state, those that listen left out, with one end at `address`.
pub fn states_at(address: SocketAddr) -> BTreeMap<(&'static str, &'static str), usize> {
    let mut states = BTreeMap::new();
    for row in table() {
        let side = if row.local == address { "server" } else { "client" };
        if (row.local == address || row.peer == address) && row.state != "LISTEN" {
            *states.entry((side, row.state)).or_default() += 1;
        }
    }
    states
}

/// How many connections wait for `accept` at `address`.
pub fn queued_at(address: SocketAddr) -> u32 {
    table().iter().find(|row| row.local == address && row.state == "LISTEN").unwrap().waiting.1
}

/// A counter of this network (`/proc/net/netstat`, what `nstat` shows): `ListenDrops`.
pub fn counter(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/net/netstat").unwrap();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let at = names.split(' ').position(|it| it == name).unwrap();
    values.split(' ').nth(at).unwrap().parse().unwrap()
}
