//! IPv4 (RFC 791): from one machine to another, over many links. 20 bytes and perhaps options.

use std::net::Ipv4Addr;

use super::reader::{Reader, Stop};
use super::transport::{Carrier, inside, padding, protocol_name};
use crate::checksum::Verdict;

pub(super) fn ipv4(r: &mut Reader<'_>) -> Result<(), Stop> {
    r.layer("IPv4");
    let available = r.rest().len();
    let first = r.u8()?;
    let (version, header) = (first >> 4, usize::from(first & 0xf) * 4);
    r.means(format!("version {version}, header of {} words ({header} bytes)", first & 0xf));
    r.is("ip.version", version).is("ip.hdr_len", header);
    if version != 4 {
        return Err(Stop::Damaged(format!("version {version} in a frame that says IPv4")));
    }
    if header < 20 {
        return Err(Stop::Damaged(format!("no IPv4 header has {header} bytes: 20 is the least")));
    }

    let service = r.u8()?;
    let (dscp, ecn) = (service >> 2, service & 3);
    r.means(format!("DSCP {dscp}, ECN {ecn}")).is("ip.dsfield.dscp", dscp).is("ip.dsfield.ecn", ecn);
    let total = r.u16()?;
    r.means(format!("total length {total}")).is("ip.len", total);
    let total = usize::from(total);
    if total < header {
        return Err(Stop::Damaged(format!("a total length of {total} is shorter than the header")));
    }
    let identification = r.u16()?;
    r.means(format!("identification {identification:#06x}"));
    r.is("ip.id", format_args!("{identification:#06x}"));

    let flags = r.u16()?;
    let (reserved, dont, more) = (flags >> 15, flags >> 14 & 1, flags >> 13 & 1);
    let offset = usize::from(flags & 0x1fff) * 8;
    r.means(format!(
        "{}{}{}fragment offset {offset}",
        if reserved == 1 { "reserved flag, " } else { "" },
        if dont == 1 { "don't fragment, " } else { "" },
        if more == 1 { "more fragments, " } else { "" },
    ));
    r.is("ip.flags.rb", reserved).is("ip.flags.df", dont).is("ip.flags.mf", more);
    // Wireshark counts these in units of 8 bytes, as the field does.
    r.is("ip.frag_offset", offset / 8);

    let ttl = r.u8()?;
    r.means(format!("time to live {ttl}")).is("ip.ttl", ttl);
    let protocol = r.u8()?;
    r.means(format!("protocol: {}", protocol_name(protocol))).is("ip.proto", protocol);

    let found = r.u16()?;
    let so_far = r.back(12);
    let whole = so_far.iter().chain(r.rest().get(..header - 12).unwrap_or_default()).copied();
    let whole: Vec<u8> = whole.collect();
    let verdict = if whole.len() == header { Verdict::of(found, &[], &whole) } else { Verdict::Unknown };
    r.checksum("header checksum", found, verdict, ["ip.checksum", "ip.checksum.status"]);

    let source = r.take::<4>()?;
    let address = Ipv4Addr::from(source);
    r.means(format!("source {address}")).is("ip.src", address);
    let destination = r.take::<4>()?;
    let address = Ipv4Addr::from(destination);
    r.means(format!("destination {address}")).is("ip.dst", address);
    options(r, header - 20)?;

    let length = total - header;
    let carrier = Carrier {
        source: source.to_vec(),
        destination: destination.to_vec(),
        protocol,
        length,
        whole: total <= available && offset == 0 && more == 0,
        first: offset == 0,
        v6: false,
    };
    inside(r, &carrier);
    padding(r);
    Ok(())
}

/// Options, which nobody sends nowadays: the kind, and what else there is as it stands.
fn options(r: &mut Reader<'_>, mut left: usize) -> Result<(), Stop> {
    while left > 0 {
        let (length, name) = match *r.rest() {
            [0, ..] => (left, "end of options, padding"),
            [1, ..] => (1, "option: no operation"),
            [7, length, ..] => (length.into(), "option: record route"),
            [68, length, ..] => (length.into(), "option: time stamp"),
            [131, length, ..] => (length.into(), "option: loose source route"),
            [137, length, ..] => (length.into(), "option: strict source route"),
            [148, length, ..] => (length.into(), "option: router alert"),
            [_, length, ..] => (length.into(), "option"),
            _ => return Err(Stop::Cut),
        };
        let [kind, ..] = *r.rest() else { return Err(Stop::Cut) };
        if length > left || (kind > 1 && length < 2) {
            return Err(Stop::Damaged(format!("an option of {length} bytes, where {left} are left")));
        }
        r.row(length)?;
        r.means(if name == "option" { format!("option {kind}") } else { name.to_owned() });
        r.is("ip.opt.type", kind);
        left -= length;
    }
    Ok(())
}
