//! The programs that pages and tests use and a machine may lack, with the Debian package that brings each. A tool is what it can
//! do: programs of several makes go by the names `nc` and `telnet`, and each is tried once before it counts.

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::environment;
use crate::missing::Missing;

/// How long a tool may take to end: a large one that nobody has started since the machine began takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long telnet may take for a connection that is closed at once. One that has said nothing by then is another one.
const CONNECTED: Duration = Duration::from_secs(5);

/// A program that pages use.
#[derive(Debug)]
pub struct Tool {
    /// Its name on a page.
    pub name: &'static str,
    /// The Debian package that brings the one that pages are written for.
    pub package: &'static str,
    /// The arguments that make it say who it is.
    version: &'static [&'static str],
    probe: Probe,
}

/// How a tool shows that it can do what pages ask.
#[derive(Debug)]
enum Probe {
    /// It ends well with these arguments.
    EndsWell(&'static [&'static str]),
    /// It knows these options: with them and `-h` it finds none invalid.
    Knows(&'static [&'static str]),
    /// It says what happens to a connection, as pages show it.
    SaysWhatHappens,
}

/// Every such program.
pub const TOOLS: [Tool; 22] = [
    tool("bash", "bash", &["--version"], Probe::EndsWell(&["-c", "exec 3<>/dev/udp/127.0.0.1/9"])),
    tool("chromium", "chromium", &["--version"], Probe::EndsWell(&["--version"])),
    tool("curl", "curl", &["-V"], Probe::EndsWell(&["-V"])),
    tool("dig", "bind9-dnsutils", &["-v"], Probe::EndsWell(&["-v"])),
    tool("ip", "iproute2", &["-V"], Probe::EndsWell(&["-o", "link"])),
    tool("lsof", "lsof", &["-v"], Probe::EndsWell(&["-v"])),
    tool("nc", "netcat-openbsd", &["-h"], Probe::Knows(&["-N", "-U", "-C", "-q", "1"])),
    tool("nsenter", "util-linux", &["-V"], Probe::EndsWell(&["-V"])),
    tool("nstat", "iproute2", &["-V"], Probe::EndsWell(&["-V"])),
    tool("ping", "iputils-ping", &["-V"], Probe::EndsWell(&["-V"])),
    tool("prlimit", "util-linux", &["-V"], Probe::EndsWell(&["--nofile"])),
    tool("ps", "procps", &["-V"], Probe::EndsWell(&["-o", "pid=,stat=", "-p", "1"])),
    tool(
        "python3",
        "python3",
        &["-V"],
        Probe::EndsWell(&["-c", "import select, socket, struct; socket.AF_UNIX"]),
    ),
    tool("setpriv", "util-linux", &["-V"], Probe::EndsWell(&["-V"])),
    tool("socat", "socat", &["-V"], Probe::EndsWell(&["-V"])),
    tool("ss", "iproute2", &["-V"], Probe::EndsWell(&["-tuxanpmH", "src", "127.0.0.1:9"])),
    tool("strace", "strace", &["-V"], Probe::EndsWell(&["-V"])),
    tool("sysctl", "procps", &["-V"], Probe::EndsWell(&["-n", "net.ipv4.ip_forward"])),
    tool("tcpdump", "tcpdump", &["--version"], Probe::EndsWell(&["--version"])),
    tool("telnet", "inetutils-telnet", &["--version"], Probe::SaysWhatHappens),
    tool("tshark", "tshark", &["--version"], Probe::EndsWell(&["--version"])),
    tool("unshare", "util-linux", &["-V"], Probe::EndsWell(&["-V"])),
];

const fn tool(
    name: &'static str,
    package: &'static str,
    version: &'static [&'static str],
    probe: Probe,
) -> Tool {
    Tool { name, package, version, probe }
}

/// The first program that `command` takes and that this machine does not have, or has in another make. A name that is
/// not known is not a gap of the machine but a matter of the page: it is run, and fails.
#[must_use]
pub fn missing(command: &str) -> Option<Missing> {
    let mut words = command.split(|c: char| !(c.is_alphanumeric() || "-_./:=".contains(c)));
    let bash = needs_bash(command).then_some("bash");
    let of_a_tool = |word: &str| TOOLS.iter().find(|tool| tool.name == word)?.missing();
    bash.and_then(of_a_tool).or_else(|| words.find_map(of_a_tool))
}

/// That `program` is not installed and what brings it, if it is one of the known.
#[must_use]
pub fn not_installed(program: &str) -> Option<Missing> {
    let tool = TOOLS.iter().find(|tool| tool.name == program)?;
    find(program).is_none().then(|| Missing::program(tool.name, tool.package))
}

/// Whether other shells do not know what is typed, or speak otherwise of it: jobs, and what only bash has.
fn needs_bash(command: &str) -> bool {
    let first = command.split_whitespace().next().unwrap_or_default();
    ["bg", "disown", "fg", "jobs"].contains(&first)
        || ["/dev/tcp/", "/dev/udp/", "<<<", "[[", "<(", ">("].iter().any(|sign| command.contains(sign))
}

/// Where `program` is in `PATH`.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

impl Tool {
    /// Why it cannot be used here, if it cannot. Tried once, then remembered.
    #[must_use]
    pub fn missing(&self) -> Option<Missing> {
        static TRIED: Mutex<BTreeMap<&str, Option<Missing>>> = Mutex::new(BTreeMap::new());
        let mut tried = TRIED.lock().unwrap_or_else(PoisonError::into_inner);
        tried.entry(self.name).or_insert_with(|| self.probed()).clone()
    }

    /// What it says of itself: make and version. None where it is not installed or does not say.
    #[must_use]
    pub fn make(&self) -> Option<String> {
        let said = said(&find(self.name)?, self.version).ok()?.1;
        let lines = said.lines().map(str::trim).filter(|line| !line.is_empty() && !is_refusal(line));
        // The version, if a line has one: several programs begin with their authors.
        let mut lines = lines.skip_while(|line| !line.contains(|c: char| c.is_ascii_digit()));
        lines.next().map(str::to_owned)
    }

    fn probed(&self) -> Option<Missing> {
        let Some(program) = find(self.name) else {
            return Some(Missing::program(self.name, self.package));
        };
        let works = match self.probe {
            Probe::EndsWell(arguments) => said(&program, arguments).map(|(well, _)| well),
            Probe::Knows(options) => said(&program, &[options, &["-h"]].concat())
                .map(|(_, said)| said.contains("usage") && !said.lines().any(is_refusal)),
            Probe::SaysWhatHappens => says_what_happens(&program),
        };
        let make = self.make().map(|make| format!(": {make}")).unwrap_or_default();
        let why = match works {
            Ok(true) => return None,
            Ok(false) => format!("{} here is another one than pages use{make}", self.name),
            Err(error) => format!("{} does not run: {error}", self.name),
        };
        Some(Missing { what: why, remedy: Some(format!("Debian: {}", self.package)) })
    }
}

/// A line that finds an option invalid, in the words of getopt and others.
fn is_refusal(line: &str) -> bool {
    ["invalid option", "unrecognized option", "unknown option", "illegal option"]
        .iter()
        .any(|words| line.contains(words))
}

/// Whether `program` ends well with these arguments, and all that it says.
fn said(program: &Path, arguments: &[&str]) -> io::Result<(bool, String)> {
    let mut command = quiet(program);
    command.args(arguments).stdin(Stdio::null());
    let (output, ended) = bounded(command, PATIENCE)?;
    if !ended {
        let words = format!("it did not end within {} seconds", PATIENCE.as_secs());
        return Err(io::Error::new(io::ErrorKind::TimedOut, words));
    }
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

/// Whether `program`, as telnet, names a connection that is made and then closed from the other side.
fn says_what_happens(program: &Path) -> io::Result<bool> {
    let Ok(listener) = TcpListener::bind("127.0.0.1:0") else {
        return Ok(true); // no loopback to try it on: the page itself will tell
    };
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port().to_string();
    let mut command = quiet(program);
    // Its input stays open until the other side closes.
    command.args(["127.0.0.1", &port]).stdin(Stdio::piped());
    let server = std::thread::spawn(move || {
        let deadline = Instant::now() + CONNECTED;
        while listener.accept().is_err() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let output = bounded(command, CONNECTED);
    let _ = server.join();
    let said = String::from_utf8_lossy(&output?.0.stdout).into_owned();
    let words = ["Trying 127.0.0.1...", "Connected to 127.0.0.1.", "Escape character is '^]'."];
    Ok(words.iter().all(|words| said.contains(words)))
}

fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(environment::variables()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it for `patience` at most: all that it said, and whether it ended by itself.
fn bounded(mut command: Command, patience: Duration) -> io::Result<(std::process::Output, bool)> {
    let mut child = command.spawn()?;
    let deadline = Instant::now() + patience;
    let input = child.stdin.take();
    let mut in_time = true;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            in_time = false;
            child.kill()?;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(input);
    Ok((child.wait_with_output()?, in_time))
}

#[cfg(test)]
mod tests {
    use super::{PATIENCE, bounded, needs_bash, quiet};
    use std::path::Path;
    use std::time::Duration;

    /// A slow one must not pass for one of another make.
    #[test]
    fn a_tool_that_does_not_end_is_told_from_one_that_fails() {
        let sh = |script, patience| {
            let mut command = quiet(Path::new("/bin/sh"));
            command.args(["-c", script]);
            let (output, in_time) = bounded(command, patience).expect("it starts");
            (output.status.success(), in_time)
        };
        assert_eq!(sh("exit 1", PATIENCE), (false, true));
        assert_eq!(sh("exec sleep 100", Duration::from_millis(50)), (false, false));
    }

    #[test]
    fn what_only_bash_knows_is_seen() {
        for command in ["fg", "exec 5<>/dev/tcp/127.0.0.1/6797", "cat <<< x", "diff <(a) b"] {
            assert!(needs_bash(command), "{command}");
        }
        for command in ["fgrep x", "cat < x", "[ -e x ]", "echo /dev/tcp"] {
            assert!(!needs_bash(command), "{command}");
        }
    }
}
