//! The arguments of a call, each with what it is.

use crate::record::call::Call;

/// The names of the arguments, as their manual pages have them.
const NAMES: &[(&str, &[&str])] = &[
    ("accept", &["the listener", "room for the peer's address", "its length"]),
    ("accept4", &["the listener", "room for the peer's address", "its length", "flags"]),
    ("bind", &["the socket", "the address", "its length in bytes"]),
    ("close", &["the descriptor"]),
    ("connect", &["the socket", "the peer's address", "its length in bytes"]),
    ("dup", &["the descriptor"]),
    ("dup2", &["the descriptor", "its new number"]),
    ("epoll_create1", &["flags"]),
    ("epoll_ctl", &["the epoll", "what to do", "the descriptor", "for which events"]),
    ("epoll_pwait", &["the epoll", "the events", "room for so many", "how long, in milliseconds", "signals"]),
    ("epoll_wait", &["the epoll", "the events", "room for so many", "how long, in milliseconds"]),
    ("fcntl", &["the descriptor", "what to do", "the value"]),
    ("getpeername", &["the socket", "the peer's address", "its length: room, and used"]),
    ("getsockname", &["the socket", "its address", "its length: room, and used"]),
    ("getsockopt", &["the socket", "the level", "the option", "its value", "its length in bytes"]),
    (
        "io_uring_enter",
        &["the ring", "how many to submit", "how many to wait for", "flags", "signals", "their size"],
    ),
    ("listen", &["the socket", "how many connections may wait for accept"]),
    ("poll", &["what to watch, and what happened", "how many", "how long, in milliseconds"]),
    ("read", &["the descriptor", "the bytes", "room for so many"]),
    ("recv", &["the socket", "the bytes", "room for so many", "flags"]),
    (
        "recvfrom",
        &["the socket", "the bytes", "room for so many", "flags", "the sender's address", "its length"],
    ),
    ("recvmsg", &["the socket", "the bytes, and what came with them", "flags"]),
    ("send", &["the socket", "the bytes", "how many", "flags"]),
    ("sendfile", &["to this socket", "from this file", "where in it", "how many bytes"]),
    ("sendmsg", &["the socket", "the bytes, and what goes with them", "flags"]),
    ("sendto", &["the socket", "the bytes", "how many", "flags", "to whom", "the address's length"]),
    ("setsockopt", &["the socket", "the level", "the option", "its value", "its length in bytes"]),
    ("shutdown", &["the socket", "which direction"]),
    ("socket", &["the family of its addresses", "its type", "the protocol"]),
    ("socketpair", &["the family", "the type", "the protocol", "the two descriptors"]),
    ("splice", &["from", "where in it", "to", "where in it", "how many bytes", "flags"]),
    ("unlink", &["the name"]),
    ("write", &["the descriptor", "the bytes", "how many"]),
];

/// How much of one argument is shown.
const SHOWN: usize = 160;

/// Each argument with what it is. While the call waits, what it will read is not known yet.
pub(crate) fn of(call: &Call, is_waiting: bool) -> Vec<(String, String)> {
    let names = NAMES.iter().find(|(name, _)| *name == call.name).map_or(&[][..], |(_, names)| names);
    let fills = is_waiting && call.result.is_some();
    let arguments = split(&call.arguments).into_iter().enumerate();
    let explained = arguments.map(|(at, argument)| {
        let name = names.get(at).copied().unwrap_or_default();
        let is_filled = fills && at == 1 && (call.receives() || call.name.starts_with("accept"))
            || fills && at > 0 && name.starts_with("the sender") && argument != "NULL"
            || fills && name.contains("events")
            || fills && name.contains("what happened");
        let argument = if is_filled && argument != "NULL" { "...".to_owned() } else { cut(argument) };
        (argument, name.to_owned())
    });
    explained.collect()
}

fn cut(argument: &str) -> String {
    match argument.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}...", argument.get(..at).unwrap_or_default()),
        None => argument.to_owned(),
    }
}

/// The arguments, without cutting strings, structures and lists.
pub(super) fn split(arguments: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start, mut is_quoted, mut is_escaped) = (0_usize, 0, false, false);
    for (at, character) in arguments.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(arguments.get(start..at).unwrap_or_default().trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(arguments.get(start..).unwrap_or_default().trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// The descriptors that came or went with the message (`SCM_RIGHTS`).
pub(super) fn passed(call: &Call) -> Vec<i32> {
    let lists = call.arguments.split("cmsg_type=SCM_RIGHTS, cmsg_data=[").skip(1);
    let list = lists.filter_map(|rest| rest.split_once(']')).flat_map(|(list, _)| list.split(", "));
    list.filter_map(|number| number.split('<').next()?.parse().ok()).collect()
}

/// The address in the arguments, as people write it: `127.0.0.1:6797`, a path.
pub(super) fn address(call: &Call) -> Option<String> {
    let between = |start: &str, end: char| Some(call.arguments.split_once(start)?.1.split_once(end)?.0);
    if let Some(path) = between("sun_path=\"", '"') {
        return Some(path.to_owned());
    }
    if let Some(name) = between("sun_path=@\"", '"') {
        return Some(format!("@{name}"));
    }
    let port = between("port=htons(", ')')?;
    match between("inet_pton(AF_INET6, \"", '"') {
        Some(ip) => Some(format!("[{ip}]:{port}")),
        None => Some(format!("{}:{port}", between("inet_addr(\"", '"')?)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn structures_and_strings_stay_whole() {
        assert_eq!(
            split(r#"3, {sa_family=AF_INET, sin_port=htons(1)}, "a, \", b", [1, 2]"#),
            ["3", "{sa_family=AF_INET, sin_port=htons(1)}", r#""a, \", b""#, "[1, 2]"]
        );
        assert_eq!(split(""), [""; 0]);
    }

    proptest! {
        #[test]
        fn any_arguments_at_all(arguments in "\\PC{0,80}") {
            let _ = split(&arguments);
        }
    }
}
