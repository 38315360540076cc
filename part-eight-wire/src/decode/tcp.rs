//! TCP (RFC 9293): from one program to another, a stream of bytes in order. 20 bytes and perhaps options.

use super::reader::{Reader, Stop};
use super::transport::Carrier;

/// The flags, from the lowest bit; with Wireshark's names.
const FLAGS: [(&str, &str); 8] = [
    ("FIN", "tcp.flags.fin"),
    ("SYN", "tcp.flags.syn"),
    ("RST", "tcp.flags.reset"),
    ("PSH", "tcp.flags.push"),
    ("ACK", "tcp.flags.ack"),
    ("URG", "tcp.flags.urg"),
    ("ECE", "tcp.flags.ece"),
    ("CWR", "tcp.flags.cwr"),
];

pub(super) fn tcp(r: &mut Reader<'_>, carrier: &Carrier) -> Result<(), Stop> {
    r.layer("TCP");
    let segment = r.rest();
    let source = r.u16()?;
    r.means(format!("source port {source}")).is("tcp.srcport", source);
    let destination = r.u16()?;
    r.means(format!("destination port {destination}")).is("tcp.dstport", destination);
    let sequence = r.u32()?;
    r.means(format!("sequence number {sequence}")).is("tcp.seq_raw", sequence);
    let acknowledgment = r.u32()?;
    r.means(format!("acknowledgment number {acknowledgment}")).is("tcp.ack_raw", acknowledgment);

    // Four bits of length, three reserved, one that is obsolete (RFC 3540).
    let words = r.u8()? >> 4;
    let header = usize::from(words) * 4;
    r.means(format!("header of {words} words ({header} bytes)")).is("tcp.hdr_len", header);
    if header < 20 {
        return Err(Stop::Damaged(format!("no TCP header has {header} bytes: 20 is the least")));
    }
    let flags = r.u8()?;
    r.means(format!("flags: {}", names(flags)));
    for (bit, (_, name)) in FLAGS.iter().enumerate() {
        r.is(name, flags >> bit & 1);
    }
    let window = r.u16()?;
    r.means(format!("window {window}")).is("tcp.window_size_value", window);
    let found = r.u16()?;
    let verdict = carrier.verdict(found, segment);
    r.checksum("checksum", found, verdict, ["tcp.checksum", "tcp.checksum.status"]);
    let urgent = r.u16()?;
    r.means(format!("urgent pointer {urgent}")).is("tcp.urgent_pointer", urgent);
    if header > carrier.length {
        return Err(Stop::Damaged(format!(
            "a header of {header} bytes, where the packet has {} for it",
            carrier.length
        )));
    }
    options(r, header - 20)
}

/// Those that are set, in the order in which one speaks of them: `SYN ACK`, `PSH ACK`.
fn names(flags: u8) -> String {
    let set = [1, 0, 2, 3, 5, 4, 6, 7].into_iter().filter(|bit| flags >> bit & 1 == 1);
    let names: Vec<&str> = set.filter_map(|bit| FLAGS.get(bit)).map(|(name, _)| *name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}

fn options(r: &mut Reader<'_>, mut left: usize) -> Result<(), Stop> {
    while left > 0 {
        let before = r.rest().len();
        let [kind, ..] = *r.rest() else { return Err(Stop::Cut) };
        match kind {
            0 => {
                r.row(left)?;
                r.means("end of options").is("tcp.option_kind", kind);
                return Ok(());
            }
            1 => {
                r.u8()?;
                r.means("option: no operation").is("tcp.option_kind", kind);
            }
            _ => option(r, left)?,
        }
        left -= before - r.rest().len();
    }
    Ok(())
}

/// An option with a length: `left` bytes are left for it.
fn option(r: &mut Reader<'_>, left: usize) -> Result<(), Stop> {
    let [kind, length, ..] = *r.rest() else { return Err(Stop::Cut) };
    if !(2..=left).contains(&usize::from(length)) {
        r.u8()?;
        r.means(format!("option {kind}")).is("tcp.option_kind", kind);
        return Err(Stop::Damaged(format!("an option of {length} bytes, where {left} are left")));
    }
    r.row(2)?;
    let name = match (kind, length) {
        (2, 4) => "maximum segment size".to_owned(),
        (3, 3) => "window scale".to_owned(),
        (4, 2) => "selective acknowledgments permitted".to_owned(),
        (5, _) => "selective acknowledgment".to_owned(),
        (8, 10) => "timestamps".to_owned(),
        _ => kind.to_string(),
    };
    r.means(format!("option: {name}")).is("tcp.option_kind", kind).is("tcp.option_len", length);
    match (kind, length) {
        (2, 4) => {
            let largest = r.u16()?;
            r.means(format!("at most {largest} bytes to a segment")).is("tcp.options.mss_val", largest);
        }
        (3, 3) => {
            let shift = r.u8()?;
            r.means(format!("windows count times 2 to the power of {shift}"));
            r.is("tcp.options.wscale.shift", shift);
        }
        (8, 10) => {
            let time = r.u32()?;
            r.means(format!("timestamp of the sender {time}")).is("tcp.options.timestamp.tsval", time);
            let time = r.u32()?;
            r.means(format!("timestamp echoed {time}")).is("tcp.options.timestamp.tsecr", time);
        }
        (5, length) if length % 8 == 2 => {
            for _ in 0..length / 8 {
                let from = r.u32()?;
                r.means(format!("received from {from}")).is("tcp.options.sack_le", from);
                let to = r.u32()?;
                r.means(format!("and before {to}")).is("tcp.options.sack_re", to);
            }
        }
        (_, 2) => {}
        _ => {
            r.row(usize::from(length) - 2)?;
            r.means("what the option says");
        }
    }
    Ok(())
}
