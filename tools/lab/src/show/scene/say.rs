//! The sentences: what ran, and why.

use super::ends::{self, Ends};
use super::rows::{self, Draft};
use super::shown::short;
use super::{End, Kind, Row, Socket, arguments, links};
use crate::record::call::{Call, Kind as On};
use crate::record::packet::{Headers, Packet, count};
use crate::record::recording::Recorded;

/// What happened in the row at this place, and why.
pub(super) fn say(at: usize, drafts: &[Draft<'_>], row: &Row, who: &Ends, sockets: &[Socket]) -> String {
    let Some(draft) = drafts.get(at) else { return String::new() };
    let name = |end: Option<usize>| {
        end.and_then(|end| who.list.get(end)).map_or("somebody", |end| end.name.as_str()).to_owned()
    };
    let program = |draft: &Draft<'_>| {
        let program = draft.command.map(ends::program).unwrap_or_default();
        let end = draft.end.and_then(|end| who.list.get(end));
        let other = end.map_or("", |end| if end.program.is_empty() { &end.name } else { &end.program });
        let program = if program.is_empty() { other } else { &program };
        let is_twin = |other: &End| !program.is_empty() && other.program == program;
        match end {
            _ if program.is_empty() => "The program".to_owned(),
            Some(end) if who.list.iter().filter(|end| is_twin(end)).count() > 1 => {
                format!("{program} ({})", end.name)
            }
            _ => program.to_owned(),
        }
    };
    let text = row.lines.first().map(String::as_str).unwrap_or_default();
    let mut said = match draft.kind {
        Kind::Typed => typed(text, draft.is_command, &name(draft.end)),
        Kind::Line => {
            // Of several commands on one line it may be any.
            let is_one = draft.command.is_some_and(|command| !command.contains([';', '|', '&']));
            let speaker = if is_one {
                program(draft)
            } else {
                format!("A program in the terminal “{}”", name(draft.end))
            };
            match row.lines.len() {
                1 => format!("{speaker} prints a line."),
                lines => format!("{speaker} prints {lines} lines."),
            }
        }
        Kind::Ended => match &draft.entries.first().map(|entry| &entry.what) {
            Some(Recorded::Prompt { status, .. }) => {
                format!("In the terminal “{}” the program has ended, with status {status}.", name(draft.end))
            }
            _ => String::new(),
        },
        Kind::Table => table(draft, text),
        Kind::Call | Kind::Return => draft.call().map_or_else(String::new, |call| {
            format!("{} {}.", program(draft), called(call, draft.until.is_some(), draft.kind == Kind::Return))
        }),
        Kind::Packet => draft.packet().map_or_else(String::new, |packet| {
            let to = draft.to.map_or_else(String::new, |to| format!(" to {}", name(Some(to))));
            let why = match draft.arrived {
                Some(_) => links::passed_on(packet),
                None => why(draft, drafts, &program),
            };
            format!("{}, from {}{to}. {why}", contents(packet), name(draft.end))
        }),
        Kind::Note => draft.packet().map_or_else(|| text.to_owned(), |packet| format!("{packet}.")),
    };
    if draft.kind == Kind::Packet
        && let Some(taken) = draft.taken.and_then(|taken| drafts.get(taken))
    {
        let call = taken.call().map_or("", |call| call.name.as_str());
        let whose = program(taken);
        said = match taken.kind {
            Kind::Return => format!("{said} It ends the wait of {whose} in {call}."),
            _ => format!("{said} {whose} will take it with {call}."),
        };
    }
    let states: Vec<String> = row
        .sockets
        .iter()
        .filter(|change| change.fresh)
        .filter_map(|change| {
            let socket = sockets.get(change.socket)?;
            let which = if socket.listens || change.state == "LISTEN" { "listener" } else { "socket" };
            Some(format!("{}’s {which} is {}", name(Some(socket.end)), change.state))
        })
        .collect();
    if !states.is_empty() {
        said = format!("{said} Now {}.", states.join(", "));
    }
    said
}

fn typed(text: &str, is_command: bool, terminal: &str) -> String {
    if is_command {
        format!("In the terminal “{terminal}” you run {text}.")
    } else if text.starts_with('^') && text.len() == 2 {
        let key = text.get(1..).unwrap_or_default();
        format!("In the terminal “{terminal}” you press Ctrl-{key}.")
    } else if text.is_empty() {
        format!("In the terminal “{terminal}” you press Enter.")
    } else {
        format!(
            "In the terminal “{terminal}” you type “{text}” and press Enter. The terminal itself echoes it."
        )
    }
}

fn table(draft: &Draft<'_>, command: &str) -> String {
    let rows: Vec<String> = draft
        .entries
        .iter()
        .filter_map(|entry| match &entry.what {
            Recorded::Line { row: Some(row), .. } => Some(format!("{} at {}", row.state, row.local)),
            _ => None,
        })
        .collect();
    match rows.as_slice() {
        [] if draft.is_command => format!("In another terminal you run {command}."),
        [] => "Another terminal says something.".to_owned(),
        rows => format!("The kernel’s own table of sockets: {}.", rows.join(", ")),
    }
}

fn contents(packet: &Packet) -> String {
    let length = packet.payload.1;
    match &packet.headers {
        Headers::Tcp(tcp) if length == 0 => format!("{} without data", tcp.flags()),
        Headers::Tcp(tcp) => format!("{} with {}", tcp.flags(), count(length)),
        Headers::Udp { .. } => format!("A datagram of {}", count(length)),
        Headers::Icmp { message, .. } if message.ends_with('?') => format!("ICMP says “{message}”"),
        Headers::Icmp { message, .. } => format!("ICMP says: {message}"),
        Headers::Fragment { .. } => "A piece of a datagram".to_owned(),
        Headers::Other { what } => what.clone(),
    }
}

/// What made the packet fly.
fn why(draft: &Draft<'_>, drafts: &[Draft<'_>], program: &dyn Fn(&Draft<'_>) -> String) -> String {
    let Some(cause) = draft.cause.and_then(|cause| drafts.get(cause)) else {
        return if draft.packet().is_some_and(links::is_question) {
            "The kernel has a packet for that address, and does not know its card yet.".to_owned()
        } else if draft.packet().is_some_and(rows::is_asked_for) {
            "No call that was seen tells what made the kernel send it.".to_owned()
        } else {
            "The kernel sends it by itself.".to_owned()
        };
    };
    match (cause.call(), cause.packet()) {
        (Some(call), _) => format!("{} of {} made the kernel send it.", call.name, program(cause)),
        (_, Some(packet)) => match &packet.headers {
            Headers::Tcp(tcp) => format!("The kernel answers the {}; no call is needed for it.", tcp.flags()),
            _ => "The kernel answers; no call is needed for it.".to_owned(),
        },
        _ => String::new(),
    }
}

/// What a program does with this call, behind its name: `waits` where it has not returned yet, `is_return` where it
/// returns from such a wait.
pub(crate) fn called(call: &Call, waits: bool, is_return: bool) -> String {
    let on = call.on.as_ref().map_or(-1, |on| on.number);
    let result = call.result.as_deref().unwrap_or_default();
    let number = call.number().unwrap_or(-1);
    if !waits && number < 0 && call.result.is_some() {
        let what = short(result);
        let words = result.split_once('(').map_or("", |(_, words)| words.trim_end_matches(')'));
        let words = if words.is_empty() { String::new() } else { format!(" ({words})") };
        return match what {
            "EINPROGRESS" => format!("asks for a connection and does not wait for it: {what}"),
            "EAGAIN" => format!("gets nothing from {}: {what}{words}", call.name),
            _ => format!("is told that {} failed: {what}{words}", call.name),
        };
    }
    let address = arguments::address(call).unwrap_or_default();
    let to = if address.is_empty() { String::new() } else { format!(" to {address}") };
    let stream = call.on.as_ref().is_some_and(|on| on.kind != On::Udp);
    match call.name.as_str() {
        "socket" => format!("asks the kernel for a socket, and gets descriptor {number}"),
        "socketpair" => "asks the kernel for two sockets that are connected to each other".to_owned(),
        "bind" => format!("gives the socket its address, {address}"),
        "listen" => "makes the socket a listener: connections come out of it".to_owned(),
        "accept" | "accept4" if waits => "waits for a connection".to_owned(),
        "accept" | "accept4" if is_return => format!("gets a connection: descriptor {number}"),
        "accept" | "accept4" => format!("takes a connection that was there already: descriptor {number}"),
        "connect" if waits => format!("asks for a connection{to}, and waits for the answer"),
        "connect" if is_return => "is connected".to_owned(),
        "connect" => format!("connects{to}"),
        "getsockname" => format!("asks which address its socket has: {address}"),
        "getpeername" => format!("asks who the peer is: {address}"),
        "setsockopt" | "getsockopt" => {
            let option = arguments::split(&call.arguments).get(2).copied().unwrap_or_default().to_owned();
            let verb = if call.name == "setsockopt" { "sets" } else { "asks for" };
            format!("{verb} the option {option} of its socket")
        }
        "close" => format!("gives descriptor {on} back"),
        "shutdown" if call.arguments.contains("SHUT_RD)") => "will receive no more".to_owned(),
        "shutdown" => "says that it will send no more".to_owned(),
        "io_uring_enter" if waits => "hands over what it wants done, and waits until something is".to_owned(),
        "io_uring_enter" if is_return => "is told that something is done".to_owned(),
        "io_uring_enter" => "hands over what it wants done, and something is done at once".to_owned(),
        "epoll_create1" => format!("makes a list of descriptors to wait for: descriptor {number}"),
        "epoll_ctl" => {
            let arguments = arguments::split(&call.arguments);
            let which = arguments.get(2).copied().unwrap_or_default();
            match arguments.get(1).copied().unwrap_or_default() {
                "EPOLL_CTL_ADD" => format!("puts descriptor {which} on that list"),
                "EPOLL_CTL_DEL" => format!("takes descriptor {which} off that list"),
                _ => format!("changes what it wants to know of descriptor {which}"),
            }
        }
        "fcntl" | "ioctl" => {
            let what = arguments::split(&call.arguments).get(1).copied().unwrap_or_default().to_owned();
            format!("asks {} for {what}", call.name)
        }
        name if ["poll", "ppoll", "select", "pselect", "epoll_wait", "epoll_pwait"]
            .iter()
            .any(|wait| name.starts_with(wait)) =>
        {
            match number {
                _ if waits => "waits until a descriptor is ready".to_owned(),
                0 => "has waited for as long as it wanted, and nothing is ready".to_owned(),
                1 => "is told that one descriptor is ready".to_owned(),
                _ => format!("is told that {number} descriptors are ready"),
            }
        }
        _ if call.sends() => {
            let passed = arguments::passed(call);
            let with = match passed.as_slice() {
                [] => String::new(),
                [one] => format!(", and with them a copy of descriptor {one}"),
                _ => format!(", and with them copies of {} descriptors", passed.len()),
            };
            format!("hands {} to its kernel{to}{with}", bytes(number))
        }
        _ if call.receives() => {
            let passed = arguments::passed(call);
            let with = match passed.as_slice() {
                [] => String::new(),
                [one] => format!(", and with them descriptor {one}, which is new here"),
                _ => format!(", and with them {} descriptors, which are new here", passed.len()),
            };
            match number {
                _ if waits => format!("asks for bytes with {}; there are none, so it waits", call.name),
                0 if stream => "gets 0 bytes: the other end will send no more".to_owned(),
                _ if is_return => format!("gets {}{with}", bytes(number)),
                1 => format!("asks for bytes and gets 1 byte that was there already{with}"),
                _ => format!("asks for bytes and gets {} that were there already{with}", bytes(number)),
            }
        }
        name if waits => format!("waits in {name}"),
        name => format!("calls {name}, which gives {result}"),
    }
}

fn bytes(number: i64) -> String {
    count(usize::try_from(number).unwrap_or(0))
}
