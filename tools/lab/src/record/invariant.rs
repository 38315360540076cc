//! What must be true of any run that was put in order, whatever it did.

use std::collections::HashMap;
use std::time::SystemTime;

use crate::record::call::Kind;
use crate::record::event::{Event, What};
use crate::record::flow::Number;
use crate::record::order::Ordered;

/// Where the order is broken: the index of the event that stands wrong, and what is wrong with it.
///
/// Within a thread calls do not overlap; no event stands before its cause, and none has a time before its cause's; a
/// `recv` that took bytes stands after the packet that brought them.
#[must_use]
pub fn broken<'a>(events: impl Iterator<Item = &'a Ordered>) -> Vec<(usize, String)> {
    let mut broken = Vec::new();
    let mut stood: HashMap<Number, SystemTime> = HashMap::new();
    let mut threads: HashMap<(String, u32), (SystemTime, String)> = HashMap::new();
    // How many bytes packets have brought, and calls have taken, by the receiver's and the sender's address.
    let mut brought: HashMap<(String, String), (u64, u64)> = HashMap::new();
    let mut latest = SystemTime::UNIX_EPOCH;
    for (index, Ordered { number, cause, event, .. }) in events.enumerate() {
        let mut wrong = |what: String| broken.push((index, format!("{}: {what}", sentence(event))));
        if event.at < latest {
            wrong("its time is before that of the event before it".to_owned());
        }
        latest = latest.max(event.at);
        if let Some(cause) = cause {
            match stood.get(cause) {
                None => wrong("it stands before its cause".to_owned()),
                Some(at) if *at > event.at => wrong("it happened before its cause".to_owned()),
                Some(_) => {}
            }
        }
        stood.insert(*number, event.at);
        match &event.what {
            What::Packet(packet) if packet.payload.1 > 0 => {
                // Between hosts it is seen several times, which this count may not miss but may exceed.
                if let Some(tcp) = packet.tcp() {
                    let way = (tcp.to.to_string(), tcp.from.to_string());
                    brought.entry(way).or_default().0 += packet.payload.1 as u64;
                }
            }
            What::Call(call) if call.result.is_some() => {
                let thread = (event.lane.to_string(), call.thread);
                if let Some((returned, name)) = threads.get(&thread)
                    && *returned > call.began
                {
                    wrong(format!("it began before its thread had returned from {name}"));
                }
                threads.insert(thread, (call.returned.unwrap_or(call.began), call.name.clone()));
                let ends = call.on.as_ref().filter(|on| on.kind == Kind::Tcp);
                let ends = ends.and_then(|on| Some((on.local?.to_string(), on.peer?.to_string())));
                if let (Some(way), true) = (ends, call.receives() && !call.arguments.contains("MSG_PEEK")) {
                    let (brought, taken) = brought.entry(way).or_default();
                    *taken += call.number().and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
                    // Nothing was brought where nothing is captured.
                    if *brought > 0 && *taken > *brought {
                        wrong("it stands before the packet that brought its bytes".to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    broken
}

fn sentence(event: &Event) -> String {
    match &event.what {
        What::Line(text) | What::Partial(text) | What::Typed(text) | What::LeftOut(text) => {
            format!("{}: {text}", event.lane)
        }
        What::Call(call) => format!("{}: {call}", event.lane),
        What::Packet(packet) => packet.to_string(),
        What::Prompt { .. } => format!("{}: the prompt", event.lane),
        What::Closed => format!("{}: the end", event.lane),
    }
}
