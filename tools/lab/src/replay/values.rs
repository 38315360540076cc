//! The values in a line that the kernel chose, or a clock. Which numbers are such values is said by named rules with
//! context, never by "a big number".

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use regex::Regex;

/// What kind of value the kernel chose. Two classes never exchange values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A port from the ephemeral range (ip(7), `ip_local_port_range`).
    Port,
    /// The inode of a socket or a pipe.
    Inode,
    /// A process id.
    Pid,
    /// A user id.
    Uid,
    /// A group id.
    Gid,
    /// A socket's cookie, by which `sock_diag(7)` names it.
    Cookie,
}

impl Class {
    /// How reports name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Port => "port",
            Self::Inode => "inode",
            Self::Pid => "pid",
            Self::Uid => "uid",
            Self::Gid => "gid",
            Self::Cookie => "socket cookie",
        }
    }
}

/// The rules: what the first group matches is a value of that class, or, without a class, a measured time or an
/// address in memory, which is equal to any other.
static RULES: LazyLock<Vec<(Option<Class>, Regex)>> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the patterns are constants; every test compiles them")]
    [
        // After an address: 127.0.0.1:40000, [::1]:40000, *:40000, localhost:40000.
        (
            Some(Class::Port),
            r"(?:\b\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:.%\w]*\]|\*|\blocalhost):(\d{1,5})\b",
        ),
        (Some(Class::Port), r"\bhtons\((\d{1,5})\)"),
        (Some(Class::Port), r"\b[sd]port = :(\d{1,5})\b"),
        (Some(Class::Port), r"\b(?:source|destination) port (\d{1,5})\b"),
        (Some(Class::Inode), r"\b(?:socket|pipe):\[(\d+)\]"),
        (Some(Class::Inode), r"\bino:(\d+)\b"),
        // ss -x: path and inode, peer's path and inode.
        (Some(Class::Inode), r"^u_(?:str|dgr|seq) .* (\d+) +\* \d+\b"),
        (Some(Class::Inode), r"^u_(?:str|dgr|seq) .* \* (\d+)\b"),
        (Some(Class::Pid), r"\bpid[= ](\d+)\b"),
        (Some(Class::Pid), r"/proc/(\d+)\b"),
        (Some(Class::Pid), r"\bkill (?:-\w+ )?(\d+)\b"),
        // The shell about a job in the background: [1] 4242
        (Some(Class::Pid), r"^\[\d+\] +(\d+)$"),
        (Some(Class::Uid), r"\buid[=: ](\d+)\b"),
        (Some(Class::Gid), r"\bgid[=: ](\d+)\b"),
        (Some(Class::Cookie), r"\bsk:([0-9a-f]+)\b"),
        (None, r"\b(?:in|after|took) (\d+(?:\.\d+)? ?(?:ns|us|µs|ms|s))\b"),
        (None, r"\b(\d+\.\d+ ?(?:ns|us|µs|ms|s))\b"),
        // ss -o: timer:(timewait,59sec,0)
        (None, r"\btimer:\(\w+,([^,)]+),\d+\)"),
        // Where in memory a buffer lies, for strace the argument of a call that did not fill it.
        (None, r"\b(0x[0-9a-f]{9,16})\b"),
    ]
    .map(|(class, pattern)| (class, Regex::new(pattern).expect("a constant pattern")))
    .into()
});

/// A piece of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// What is compared as it is.
    Text(&'a str),
    /// What may have another name.
    Value(Class, &'a str),
    /// What is equal to any other.
    Time(&'a str),
}

/// The line, taken apart; a port outside of `ephemeral` is text.
pub(super) fn tokens<'a>(line: &'a str, ephemeral: &RangeInclusive<u16>) -> Vec<Token<'a>> {
    let line = line.trim_end();
    let mut spans: Vec<(usize, usize, Option<Class>)> = Vec::new();
    for (class, rule) in RULES.iter() {
        for found in rule.captures_iter(line).filter_map(|captures| captures.get(1)) {
            let renamed = match class {
                Some(Class::Port) => found.as_str().parse().is_ok_and(|port| ephemeral.contains(&port)),
                _ => true,
            };
            if renamed {
                spans.push((found.start(), found.end(), *class));
            }
        }
    }
    spans.sort_unstable();
    let mut tokens = Vec::new();
    let mut at = 0;
    for (start, end, class) in spans {
        let (Some(text), Some(value)) = (line.get(at..start), line.get(start..end)) else {
            continue; // overlaps the one before
        };
        if !text.is_empty() {
            tokens.push(Token::Text(text));
        }
        tokens.push(class.map_or(Token::Time(value), |class| Token::Value(class, value)));
        at = end;
    }
    if let Some(text) = line.get(at..).filter(|text| !text.is_empty()) {
        tokens.push(Token::Text(text));
    }
    tokens
}

/// Columns are padded to the width of their widest value, of which the kernel chooses some: one space is as good as
/// five, everywhere. The parts' own tests compare their lines to the letter.
pub(super) fn squeeze(text: &str) -> String {
    let mut squeezed = String::with_capacity(text.len());
    for character in text.chars() {
        if character != ' ' || !squeezed.ends_with(' ') {
            squeezed.push(character);
        }
    }
    squeezed
}
