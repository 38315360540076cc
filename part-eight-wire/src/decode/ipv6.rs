//! IPv6 (RFC 8200): 40 bytes, always, and no checksum. What IPv4 has as options are headers of their own behind it.

use std::net::Ipv6Addr;

use super::reader::{Reader, Stop};
use super::transport::{Carrier, inside, padding, protocol_name};

pub(super) fn ipv6(r: &mut Reader<'_>) -> Result<(), Stop> {
    r.layer("IPv6");
    let first = r.u32()?;
    let (version, dscp, ecn, flow) = (first >> 28, first >> 22 & 0x3f, first >> 20 & 3, first & 0xf_ffff);
    r.means(format!("version {version}, DSCP {dscp}, ECN {ecn}, flow {flow:#07x}"));
    r.is("ip.version", version)
        .is("ipv6.version", version)
        .is("ipv6.tclass.dscp", dscp)
        .is("ipv6.tclass.ecn", ecn);
    r.is("ipv6.flow", format_args!("{flow:#08x}"));
    if version != 6 {
        return Err(Stop::Damaged(format!("version {version} in a frame that says IPv6")));
    }
    let length = r.u16()?;
    r.means(format!("payload length {length}")).is("ipv6.plen", length);
    let protocol = r.u8()?;
    r.means(format!("next header: {}", protocol_name(protocol))).is("ipv6.nxt", protocol);
    let limit = r.u8()?;
    r.means(format!("hop limit {limit}")).is("ipv6.hlim", limit);
    let source = r.take::<16>()?;
    let address = Ipv6Addr::from(source);
    r.means(format!("source {address}")).is("ipv6.src", address);
    let destination = r.take::<16>()?;
    let address = Ipv6Addr::from(destination);
    r.means(format!("destination {address}")).is("ipv6.dst", address);

    let length = usize::from(length);
    let whole = length <= r.rest().len();
    let mut carrier = Carrier {
        source: source.to_vec(),
        destination: destination.to_vec(),
        protocol,
        length,
        whole,
        first: true,
        v6: true,
    };
    r.within(length, |r| {
        extensions(r, &mut carrier)?;
        inside(r, &carrier);
        Ok(())
    });
    padding(r);
    Ok(())
}

/// The headers between IPv6's and what it carries; each names the next. They leave in `carrier` what is behind them.
fn extensions(r: &mut Reader<'_>, carrier: &mut Carrier) -> Result<(), Stop> {
    // Each takes 8 bytes at least, so the frame's end bounds this.
    while carrier.first {
        let before = r.rest().len();
        match carrier.protocol {
            0 => {
                r.layer("IPv6 hop-by-hop options");
                carrier.protocol = options(r, ["ipv6.hopopts.nxt", "ipv6.hopopts.len"])?;
            }
            60 => {
                r.layer("IPv6 destination options");
                carrier.protocol = options(r, ["ipv6.dstopts.nxt", "ipv6.dstopts.len"])?;
            }
            44 => fragment(r, carrier)?,
            // Routing (43) and the headers of IPsec are left out: a router's business, and a secret.
            _ => return Ok(()),
        }
        carrier.length = carrier.length.saturating_sub(before - r.rest().len());
    }
    Ok(())
}

/// Options in type, length, value; a router must look at those of hop-by-hop.
fn options(r: &mut Reader<'_>, [of_next, of_length]: [&'static str; 2]) -> Result<u8, Stop> {
    let next = r.u8()?;
    r.means(format!("next header: {}", protocol_name(next))).is(of_next, next);
    let words = r.u8()?;
    let mut left = usize::from(words) * 8 + 6;
    r.means(format!("{words} times 8 bytes behind the first 8")).is(of_length, words);
    while left > 0 {
        let (length, name) = match *r.rest() {
            [0, ..] => (1, "option: one byte of padding"),
            [1, length, ..] => (usize::from(length) + 2, "option: padding"),
            [5, length, ..] => (usize::from(length) + 2, "option: router alert"),
            [0xc2, length, ..] => (usize::from(length) + 2, "option: jumbo payload"),
            [_, length, ..] => (usize::from(length) + 2, ""),
            _ => return Err(Stop::Cut),
        };
        let [kind, ..] = *r.rest() else { return Err(Stop::Cut) };
        if length > left {
            return Err(Stop::Damaged(format!("an option of {length} bytes, where {left} are left")));
        }
        r.row(length)?;
        r.means(if name.is_empty() { format!("option {kind}") } else { name.to_owned() });
        r.is("ipv6.opt.type", format_args!("{kind:#04x}"));
        left -= length;
    }
    Ok(next)
}

/// Only the sender fragments in IPv6, never a router.
fn fragment(r: &mut Reader<'_>, carrier: &mut Carrier) -> Result<(), Stop> {
    r.layer("IPv6 fragment header");
    let next = r.u8()?;
    r.means(format!("next header: {}", protocol_name(next))).is("ipv6.fraghdr.nxt", next);
    r.u8()?;
    r.means("reserved");
    let offset = r.u16()?;
    let (offset, more) = (offset & !7, offset & 1);
    r.means(format!("fragment offset {offset}{}", if more == 1 { ", more fragments" } else { "" }));
    // Wireshark counts these in units of 8 bytes.
    r.is("ipv6.fraghdr.offset", offset >> 3).is("ipv6.fraghdr.more", more);
    let identification = r.u32()?;
    r.means(format!("identification {identification:#010x}"));
    r.is("ipv6.fraghdr.ident", format_args!("{identification:#010x}"));
    carrier.protocol = next;
    carrier.first = offset == 0;
    carrier.whole &= offset == 0 && more == 0;
    Ok(())
}
