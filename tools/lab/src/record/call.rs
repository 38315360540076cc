//! A system call, as strace saw it.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// How many bytes of a string a sentence shows; `...` stands for the rest.
const STRING_SHOWN: usize = 64;

/// One system call. Its `Display` is the sentence that a page shows: strace's own words, without time and padding, and
/// with `[pid N]` before them where it takes that to tell programs of one terminal apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The process that made it.
    pub process: u32,
    /// Its thread.
    pub thread: u32,
    /// The sentence names the process.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub numbered: bool,
    /// `recvfrom`
    pub name: String,
    /// What stands between the brackets; while the call runs, what is known of it. Of a string as many bytes as strace
    /// was asked for.
    pub arguments: String,
    /// What stands after `=`, such as `-1 EAGAIN (Resource temporarily unavailable)`; `None` while the call runs.
    pub result: Option<String>,
    /// The descriptor on which it is made, the first argument of most calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Descriptor>,
    /// The descriptor that it gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gave: Option<Descriptor>,
    /// When it began: exact, to the microsecond.
    #[serde(skip, default = "epoch")]
    pub began: SystemTime,
    /// For how long it ran at least: strace counts from when it has written the beginning down.
    #[serde(skip)]
    pub took: Duration,
    /// When it returned: derived. Not before it had run for `took`, nor before what woke it; and before the next call of
    /// its thread began.
    #[serde(skip)]
    pub returned: Option<SystemTime>,
    /// A page shows it; others are watched only for what they cause.
    #[serde(skip)]
    pub shown: bool,
}

fn epoch() -> SystemTime {
    SystemTime::UNIX_EPOCH
}

/// A number by which a process knows something open, and what that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// The number.
    pub number: i32,
    /// What it stands for.
    pub kind: Kind,
    /// The socket's own address, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<SocketAddr>,
    /// The address of its peer, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<SocketAddr>,
    /// The inodes of a Unix socket: its own and, where there is one, its peer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inodes: Option<(u64, Option<u64>)>,
}

/// What a descriptor stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A TCP socket.
    Tcp,
    /// A UDP socket.
    Udp,
    /// A Unix-domain socket.
    Unix,
    /// A socket of another family.
    Socket,
    /// epoll(7)
    Epoll,
    /// eventfd(2)
    Eventfd,
    /// `timerfd_create(2)`
    Timerfd,
    /// signalfd(2)
    Signalfd,
    /// `io_uring(7)`
    Uring,
    /// pipe(7)
    Pipe,
    /// A terminal, pty(7).
    Terminal,
    /// Anything else: a file, a device.
    File,
}

impl Kind {
    /// Whether it is a socket of any family.
    #[must_use]
    pub fn is_socket(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp | Self::Unix | Self::Socket)
    }
}

impl Descriptor {
    /// What strace's `-yy` writes behind a number, between `<` and `>`.
    #[must_use]
    pub(crate) fn parse(number: i32, mark: &str) -> Self {
        let mut descriptor = Self { number, kind: Kind::File, local: None, peer: None, inodes: None };
        let inside = mark.split_once('[').map_or("", |(_, rest)| rest.trim_end_matches(']'));
        let (own, other) = match inside.split_once("->") {
            Some((own, other)) => (own, Some(other)),
            None => (inside, None),
        };
        let family = mark.split(':').next().unwrap_or_default();
        descriptor.kind = match family {
            "TCP" | "TCPv6" => Kind::Tcp,
            "UDP" | "UDPv6" => Kind::Udp,
            name if name.starts_with("UNIX") => Kind::Unix,
            "RAW" | "RAWv6" | "ICMP" | "PACKET" | "NETLINK" | "socket" | "PING" => Kind::Socket,
            "pipe" => Kind::Pipe,
            "anon_inode" => match inside {
                "eventpoll" => Kind::Epoll,
                "eventfd" => Kind::Eventfd,
                "timerfd" => Kind::Timerfd,
                "signalfd" => Kind::Signalfd,
                "io_uring" => Kind::Uring,
                _ => Kind::File,
            },
            path if path.starts_with("/dev/pts/") || path.starts_with("/dev/tty") => Kind::Terminal,
            _ => Kind::File,
        };
        match descriptor.kind {
            Kind::Tcp | Kind::Udp => {
                descriptor.local = own.parse().ok();
                descriptor.peer = other.and_then(|other| other.parse().ok());
            }
            Kind::Unix => {
                let number = |text: &str| text.split(',').next().and_then(|text| text.parse().ok());
                descriptor.inodes = number(own).map(|own| (own, other.and_then(number)));
            }
            _ => {}
        }
        descriptor
    }
}

impl Call {
    /// What it gave as a number: of bytes, of a descriptor.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        self.result.as_deref()?.split(' ').next()?.parse().ok()
    }

    /// Whether it takes bytes out of a descriptor.
    #[must_use]
    pub fn receives(&self) -> bool {
        ["recv", "read", "readv", "preadv"].iter().any(|name| self.name.starts_with(name))
            && self.name != "readlink"
    }

    /// Whether it puts bytes into a descriptor.
    #[must_use]
    pub fn sends(&self) -> bool {
        ["send", "write", "splice"].iter().any(|name| self.name.starts_with(name))
    }

    /// Whether it waits for what somebody else does.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.receives()
            || ["accept", "poll", "ppoll", "select", "pselect", "epoll_wait", "epoll_pwait", "io_uring_enter"]
                .iter()
                .any(|name| self.name.starts_with(name))
    }

    /// The strings among the arguments, as bytes: as many of each as strace was asked for.
    #[must_use]
    pub fn strings(&self) -> Vec<Vec<u8>> {
        let mut strings = Vec::new();
        let mut rest = self.arguments.as_str();
        while let Some((_, after)) = rest.split_once('"') {
            let (string, after) = unquoted(after);
            strings.push(string);
            rest = after;
        }
        strings
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.numbered {
            write!(f, "[pid {}] ", self.process)?;
        }
        write!(f, "{}({}", self.name, shown(&self.name, &self.arguments))?;
        match &self.result {
            Some(result) => write!(f, ") = {result}"),
            None => f.write_str(" ..."),
        }
    }
}

/// The arguments with their strings cut as strace would cut them. Paths stay whole: those of calls that take one first,
/// and those of Unix sockets.
fn shown(name: &str, arguments: &str) -> String {
    let takes_a_path = name.starts_with("open") || name.starts_with("exec") || name.starts_with("unlink");
    let mut text = String::with_capacity(arguments.len().min(1024));
    let mut rest = arguments;
    let mut is_first = true;
    while let Some((before, after)) = rest.split_once('"') {
        text.push_str(before);
        text.push('"');
        let (_, behind) = unquoted(after);
        let string = after.get(..after.len() - behind.len()).unwrap_or_default();
        let whole =
            before.ends_with("sun_path=") || before.ends_with("sun_path=@") || (is_first && takes_a_path);
        is_first = false;
        rest = behind;
        match cut(string) {
            Some(start) if !whole => {
                text.push_str(&start);
                text.push_str("\"...");
                rest = rest.strip_prefix("...").unwrap_or(rest);
            }
            _ => text.push_str(string),
        }
    }
    text.push_str(rest);
    text
}

/// The first bytes of a quoted string without its quotation mark; `None` if it is short enough.
fn cut(string: &str) -> Option<String> {
    let string = string.strip_suffix('"').unwrap_or(string);
    let mut units = units(string);
    let mut at = 0;
    let mut last = "";
    for _ in 0..STRING_SHOWN {
        last = units.next()?;
        at += last.len();
    }
    units.next()?;
    let mut start = string.get(..at)?.to_owned();
    // An octal escape is written with three digits only before a digit.
    if let Some(digits) = last.strip_prefix('\\').filter(|digits| digits.len() == 3) {
        start.truncate(at - last.len());
        let short = digits.trim_start_matches('0');
        start.push('\\');
        start.push_str(if short.is_empty() { "0" } else { short });
    }
    Some(start)
}

/// The text of each byte of a string that strace has quoted.
fn units(string: &str) -> impl Iterator<Item = &str> {
    let mut rest = string;
    std::iter::from_fn(move || {
        let length = match rest.as_bytes() {
            [] => return None,
            [b'\\', b'0'..=b'7', ..] => {
                1 + rest.bytes().skip(1).take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count()
            }
            [b'\\', _, ..] => 2,
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        let (unit, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        rest = after;
        Some(unit)
    })
}

/// The bytes of a quoted string, from behind its first quotation mark, and what stands behind its last one.
fn unquoted(text: &str) -> (Vec<u8>, &str) {
    let mut bytes = Vec::new();
    let mut at = 0;
    for unit in units(text) {
        at += unit.len();
        match unit {
            "\"" => break,
            "\\n" => bytes.push(b'\n'),
            "\\r" => bytes.push(b'\r'),
            "\\t" => bytes.push(b'\t'),
            "\\v" => bytes.push(0x0b),
            "\\f" => bytes.push(0x0c),
            unit => match unit.strip_prefix('\\') {
                Some(escape) => match u8::from_str_radix(escape, 8) {
                    Ok(byte) => bytes.push(byte),
                    Err(_) => bytes.extend(escape.bytes()),
                },
                None => bytes.extend(unit.bytes()),
            },
        }
    }
    (bytes, text.get(at..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn call(name: &str, arguments: &str) -> Call {
        Call {
            process: 1,
            thread: 1,
            numbered: false,
            name: name.into(),
            arguments: arguments.into(),
            result: Some("0".into()),
            on: None,
            gave: None,
            began: SystemTime::UNIX_EPOCH,
            took: Duration::ZERO,
            returned: None,
            shown: true,
        }
    }

    #[test]
    fn a_long_string_is_cut_as_strace_cuts_it() {
        let long = "x".repeat(100);
        assert_eq!(
            call("sendto", &format!("3, \"{long}\"..., 1024, 0, NULL, 0")).to_string(),
            format!("sendto(3, \"{}\"..., 1024, 0, NULL, 0) = 0", "x".repeat(64))
        );
        let exact = format!("3, \"{}\", 64", "y".repeat(64));
        assert_eq!(call("write", &exact).to_string(), format!("write({exact}) = 0"));
        // The byte at the cut was written with three digits, because a digit followed.
        let octal = format!("3, \"{}\\0011\", 65", "z".repeat(63));
        assert_eq!(
            call("write", &octal).to_string(),
            format!("write(3, \"{}\\1\"..., 65) = 0", "z".repeat(63))
        );
    }

    #[test]
    fn paths_stay_whole() {
        let path = format!("AT_FDCWD, \"/{}\", O_RDONLY", "p".repeat(90));
        assert_eq!(call("openat", &path).to_string(), format!("openat({path}) = 0"));
        let unix = format!("3, {{sa_family=AF_UNIX, sun_path=\"/{}\"}}, 110", "p".repeat(90));
        assert_eq!(call("connect", &unix).to_string(), format!("connect({unix}) = 0"));
    }

    #[test]
    fn strings_are_bytes_again() {
        assert_eq!(
            call("sendto", r#"3, "a\"\\\r\n\0\377\33b", 8, "é""#).strings(),
            [b"a\"\\\r\n\0\xff\x1bb".to_vec(), "é".as_bytes().to_vec()]
        );
    }

    #[test]
    fn descriptors_say_what_they_are() {
        let of = |mark| Descriptor::parse(4, mark);
        let tcp = of("TCP:[127.0.0.1:6797->127.0.0.1:40000]");
        assert_eq!(
            (tcp.kind, tcp.local.map(|a| a.port()), tcp.peer.map(|a| a.port())),
            (Kind::Tcp, Some(6797), Some(40000))
        );
        assert_eq!(of("TCPv6:[[::1]:6797]").local, "[::1]:6797".parse().ok());
        assert_eq!((of("TCP:[8123]").kind, of("TCP:[8123]").local), (Kind::Tcp, None));
        assert_eq!(of("UNIX-STREAM:[12->34]").inodes, Some((12, Some(34))));
        assert_eq!(of("UNIX-DGRAM:[12,\"/tmp/x\"]").inodes, Some((12, None)));
        assert_eq!(of("anon_inode:[eventpoll]").kind, Kind::Epoll);
        assert_eq!(of("/dev/pts/3<char 136:3>").kind, Kind::Terminal);
        assert_eq!(of("/etc/passwd").kind, Kind::File);
    }

    proptest! {
        #[test]
        fn any_arguments_at_all(arguments in "\\PC{0,200}") {
            let call = call("write", &arguments);
            let _ = (call.to_string(), call.strings());
        }
    }
}
