//! Two machines and a router between them, in the private network of a test; all of it goes when the test ends.
//!
//! ```text
//! here 10.67.1.2 ---- 10.67.1.1 router 10.67.2.1 ---- 10.67.2.2 there
//! ```
//!
//! The test's own network is the router. A machine is a process in a network of its own, and a cable is a pair of
//! virtual cards (veth(4)).

use std::fs::File;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use harness::private;
use harness::process::{BOUND, Process, command, installed};
use nix::sched::{CloneFlags, setns};

use super::{PING, ROUTE, SEND, SNIFF};

pub struct Street {
    pub here: Host,
    pub there: Host,
}

pub struct Host {
    /// It does nothing but be there; when its standard input is closed it ends, and its network with it.
    holder: Process,
}

/// What the network of such a test is: a router, for IPv4 and IPv6, whose addresses are there at once. (Elsewhere a
/// machine first asks for a second whether somebody has the IPv6 address already.)
const ROUTER: &[&str] = &[
    "net.ipv4.ip_forward=1",
    "net.ipv6.conf.all.forwarding=1",
    "net.ipv6.conf.default.accept_dad=0",
    "net.ipv6.conf.default.router_solicitations=0",
];

/// Whether the calling test runs in a private network now, where a street can be made; as `private::network`.
pub fn network(test: &str) -> bool {
    ["ip", "nsenter", "sysctl", "unshare"].iter().all(|tool| installed(tool, test).unwrap())
        && private::network(test, ROUTER)
}

/// Makes them; the test runs inside [`network`].
pub fn street() -> Street {
    let here = Host::new("r0", 1);
    let there = Host::new("r1", 2);
    Street { here, there }
}

/// Runs a command in the test's own network, which must succeed.
pub fn run(words: &str) {
    let ended = Process::start("sh", &["-c", words]).unwrap().end().unwrap();
    assert!(ended.status.success(), "{words}: {}", ended.errors);
}

/// Waits until the kernel has noticed that both ends of a cable are up: before that it drops what is sent.
fn wait_for_cable(ip: impl Fn(&[&str]) -> Process, card: &str) {
    let begun = Instant::now();
    let said = |words: &[&str]| ip(words).end().unwrap().lines.join("\n");
    while !said(&["-o", "link", "show", "dev", card]).contains("state UP")
        || !said(&["-o", "-6", "address", "show", "dev", card, "tentative"]).is_empty()
    {
        assert!(begun.elapsed() < BOUND, "{card} does not come up");
    }
}

impl Host {
    fn new(card: &str, street: u8) -> Self {
        let mut holder = command("unshare");
        holder
            .args([
                "--net",
                "sh",
                "-c",
                "ip link set lo up && sysctl -qw net.ipv6.conf.default.accept_dad=0 \
             net.ipv6.conf.default.router_solicitations=0 && echo ready && exec cat",
            ])
            .stdin(Stdio::piped());
        let mut holder = Process::spawn(holder).unwrap();
        holder.wait_for("ready").unwrap();
        let id = holder.id();
        run(&format!(
            "ip link add {card} address 02:00:00:00:0{street}:01 type veth \
             peer name eth0 address 02:00:00:00:0{street}:02 netns {id}\n\
             ip address add 10.67.{street}.1/24 dev {card}\n\
             ip address add fd00:{street}::1/64 dev {card}\n\
             ip link set {card} up\n"
        ));
        let host = Self { holder };
        host.run(&format!(
            "ip address add 10.67.{street}.2/24 dev eth0\n\
             ip address add fd00:{street}::2/64 dev eth0\n\
             ip link set eth0 up\n\
             ip route add default via 10.67.{street}.1\n\
             ip route add default via fd00:{street}::1"
        ));
        wait_for_cable(|words| Process::start("ip", words).unwrap(), card);
        wait_for_cable(|words| host.start("ip", words), "eth0");
        host
    }

    /// A program on this machine.
    pub fn command(&self, program: &str) -> Command {
        let mut command = command("nsenter");
        command.args(["--net", "--target", &self.holder.id().to_string(), program]);
        command
    }

    pub fn start(&self, program: &str, arguments: &[&str]) -> Process {
        let mut command = self.command(program);
        command.args(arguments);
        Process::spawn(command).unwrap()
    }

    /// A command that must succeed.
    pub fn run(&self, words: &str) {
        let ended = self.start("sh", &["-ec", words]).end().unwrap();
        assert!(ended.status.success(), "{words}: {}", ended.errors);
    }

    /// A sniffer that listens already.
    pub fn sniff(&self, arguments: &[&str]) -> Process {
        let mut sniffer = self.start(SNIFF, arguments);
        sniffer.wait_for("Sniffing on ").unwrap();
        sniffer
    }

    pub fn send(&self, arguments: &[&str]) -> Process {
        self.start(SEND, arguments)
    }

    pub fn ping(&self, arguments: &[&str]) -> Process {
        self.start(PING, arguments)
    }

    pub fn route(&self, arguments: &[&str]) -> Process {
        self.start(ROUTE, arguments)
    }

    /// Runs `work` in a thread on this machine; a socket that is made there belongs there for good.
    pub fn inside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let network = File::open(format!("/proc/{}/ns/net", self.holder.id())).unwrap();
        let thread = thread::spawn(move || {
            setns(network, CloneFlags::CLONE_NEWNET).unwrap();
            work()
        });
        thread.join().unwrap()
    }
}
