//! The short words that stand in the lanes.

use std::net::SocketAddr;

use crate::record::call::Call;
use crate::record::packet::{Headers, Packet};
use crate::record::state::State;
use crate::show::view::places::{Places, Side};

/// `recvfrom(4)`, `socket(…)`; with the number of its process where it takes that to tell programs of one terminal apart.
#[must_use]
pub fn call(call: &Call) -> String {
    let first = call.arguments.split(',').next().unwrap_or_default().trim();
    let first = if first.is_empty() || first.parse::<i64>().is_ok() { first } else { "…" };
    let process = if call.numbered { format!("{} ", call.process) } else { String::new() };
    format!("{process}{}({first})", call.name)
}

/// `= 22`, `= -1 EAGAIN`; nothing while it runs.
#[must_use]
pub fn result(call: &Call) -> Option<String> {
    let result = call.result.as_deref()?;
    let words: Vec<&str> = result.split(' ').take(2).collect();
    let is_error = words.first().is_some_and(|word| word.starts_with('-'));
    Some(format!(
        "= {}",
        if is_error { words.join(" ") } else { words.first().copied().unwrap_or("?").to_owned() }
    ))
}

/// `PSH ACK 22 B`
#[must_use]
pub fn packet(packet: &Packet) -> String {
    let length = packet.payload.1;
    match &packet.headers {
        Headers::Tcp(tcp) if length == 0 && !tcp.ack() => tcp.flags(),
        Headers::Tcp(tcp) => format!("{} {length} B", tcp.flags()),
        Headers::Udp { .. } => format!("UDP {length} B"),
        Headers::Icmp { from, .. } => (if from.is_ipv4() { "ICMP" } else { "ICMPv6" }).to_owned(),
        Headers::Fragment { length, .. } => format!("fragment {length} B"),
        Headers::Other { .. } if is_arp(packet) => "ARP".to_owned(),
        Headers::Other { what } => what.split_whitespace().next().unwrap_or("packet").to_owned(),
    }
}

fn is_arp(packet: &Packet) -> bool {
    packet.bytes.get(12..14) == Some(&[0x08, 0x06])
}

/// From which side to which it goes.
#[must_use]
pub fn way(packet: &Packet, places: &Places) -> (Side, Side) {
    if let Some((from, to)) = packet.way() {
        return places.way(from, to);
    }
    match &packet.headers {
        Headers::Icmp { from, to, .. } | Headers::Fragment { from, to, .. } => {
            // Between hosts their addresses tell; on one machine the error goes back to whoever sent.
            match (places.of_host(*from), places.of_host(*to)) {
                (Some(from), _) => (from, from.other()),
                (None, Some(to)) => (to.other(), to),
                (None, None) => {
                    let port = |port| SocketAddr::new(*from, port);
                    places.way(port(0), port(1))
                }
            }
        }
        Headers::Other { .. } if is_arp(packet) => {
            // ARP: the sender's address stands at 28.
            let sender = packet.bytes.get(28..32).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
            let side = sender.and_then(|bytes| places.of_host(std::net::Ipv4Addr::from(bytes).into()));
            side.map_or((Side::Left, Side::Right), |side| (side, side.other()))
        }
        _ => (Side::Left, Side::Right),
    }
}

/// `ESTABLISHED`, where `ss` says ESTAB.
#[must_use]
pub fn state(state: State) -> String {
    match state {
        State::Established => "ESTABLISHED".to_owned(),
        State::Closed => "closed".to_owned(),
        other => other.to_string(),
    }
}

/// The states of several sockets, each once: `LISTEN, 3 ESTABLISHED`.
#[must_use]
pub fn states(all: &[State]) -> String {
    let mut counted: Vec<(State, usize)> = Vec::new();
    for one in all {
        match counted.iter_mut().find(|(known, _)| known == one) {
            Some((_, count)) => *count += 1,
            None => counted.push((*one, 1)),
        }
    }
    let words = counted.into_iter().map(|(one, count)| match count {
        1 => state(one),
        _ => format!("{count} {}", state(one)),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The text of the terminal `whose` in so many columns. Where there is no room for both, the name is cut first: the end
/// of a call is what it gave.
#[must_use]
pub fn beside(whose: &str, text: &str, columns: usize) -> String {
    let left = columns.saturating_sub(textwrap::core::display_width(text));
    if left >= textwrap::core::display_width(whose) || left < SHORTEST {
        return fit(&format!("{whose}{text}"), columns);
    }
    format!("{} {text}", fit(whose, left - 1))
}

/// A name in fewer columns, a space among them, says nothing.
const SHORTEST: usize = 4;

/// The text, or its beginning and `…`, in so many columns; control characters are left out.
#[must_use]
pub fn fit(text: &str, columns: usize) -> String {
    let clean: String =
        text.chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|c| !c.is_control()).collect();
    let width = textwrap::core::display_width(&clean);
    if width <= columns {
        return clean;
    }
    let mut short = String::new();
    let mut used = 0;
    for character in clean.chars() {
        used += textwrap::core::display_width(character.encode_utf8(&mut [0; 4]));
        if used + 1 > columns {
            break;
        }
        short.push(character);
    }
    if columns > 0 {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn what_a_call_gave_matters_more_than_the_whole_name() {
        assert_eq!(beside("naive: ", "recv(4) = 5", 19), "naive: recv(4) = 5");
        assert_eq!(beside("sender: ", "sendto(4) = 574", 19), "se… sendto(4) = 574");
        assert_eq!(beside("", "sendto(4) = 574", 15), "sendto(4) = 574");
        assert_eq!(beside("epoll: ", "epoll_wait(5) = 10", 19), "epoll: epoll_wait(…");
    }

    #[test]
    fn what_is_too_wide_says_so() {
        assert_eq!(fit("ESTABLISHED", 11), "ESTABLISHED");
        assert_eq!(fit("ESTABLISHED", 5), "ESTA…");
        assert_eq!(fit("äöü\u{1b}\tx", 9), "äöü x");
        assert_eq!(fit("x", 0), "");
    }

    #[test]
    fn states_are_counted() {
        use State::{Established, Listen};
        assert_eq!(states(&[Listen, Established, Established]), "LISTEN, 2 ESTABLISHED");
    }

    #[test]
    fn packets_in_a_few_words() {
        let mut decoder = crate::observe::decode::Decoder::new();
        let words: Vec<String> = sample::TCP_IPV4
            .iter()
            .filter_map(|frame| decoder.packet(&sample::bytes(frame)))
            .map(|one| packet(&one))
            .collect();
        assert_eq!(words.get(..4).unwrap_or_default(), ["SYN", "SYN ACK 0 B", "ACK 0 B", "PSH ACK 22 B"]);
    }
}
