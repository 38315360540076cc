//! Packets whose time is the kernel's own business: pure ACKs.

use std::collections::HashSet;

use crate::book::block::Kind;
use crate::book::page::Page;
use crate::record::event::Interface;

/// The pure ACKs among the packets that a page shows, as block and line: TCP with ACK as its only flag, no payload, and
/// not the third packet of a handshake.
pub(super) fn pure_acks(page: &Page) -> HashSet<(usize, usize)> {
    let mut handshakes: HashSet<(&Interface, &str, &str)> = HashSet::new();
    let mut found = HashSet::new();
    for (index, block) in page.blocks.iter().enumerate() {
        let Kind::Packets(interface) = &block.kind else { continue };
        for (line, text) in block.lines.iter().enumerate() {
            let Some((way, flags)) = text.trim_end().split_once(" TCP ") else {
                continue;
            };
            let Some((from, to)) = way.split_once(" > ") else {
                continue;
            };
            match flags {
                "SYN ACK" => {
                    handshakes.insert((interface, to, from));
                }
                "ACK" if !handshakes.remove(&(interface, from, to)) => {
                    found.insert((index, line));
                }
                _ => {}
            }
        }
    }
    found
}

/// Both ends of the connection that a packet's line is of, whichever way it goes.
pub(super) fn connection(line: &str) -> Option<(&str, &str)> {
    let (from, to) = line.split(" TCP ").next()?.split_once(" > ")?;
    Some(if from < to { (from, to) } else { (to, from) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_packet_of_a_handshake_is_not_a_pure_ack() {
        let text = "```text packets\na > b TCP SYN\nb > a TCP SYN ACK\na > b TCP ACK\na > b TCP ACK, 1 byte \"x\"\n```\n\n\
                    ```text packets\nb > a TCP ACK\na > b TCP FIN ACK\n```\n";
        let page = Page::parse(std::path::Path::new("p.md"), text.to_owned());
        assert_eq!(pure_acks(&page), HashSet::from([(1, 0)]));
    }
}
