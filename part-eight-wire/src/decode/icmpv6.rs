//! ICMP for IPv6 (RFC 4443), and neighbour discovery in it (RFC 4861), which does there what ARP does for IPv4.

use std::net::Ipv6Addr;

use super::ethernet_address;
use super::reader::{Reader, Stop};
use super::transport::{Carrier, quote};

pub(super) fn icmpv6(r: &mut Reader<'_>, carrier: &Carrier) -> Result<(), Stop> {
    r.layer("ICMPv6");
    let message = r.rest();
    let kind = r.u8()?;
    r.means(format!("type {kind}{}", kind_name(kind))).is("icmpv6.type", kind);
    let code = r.u8()?;
    r.means(format!("code {code}{}", code_name(kind, code))).is("icmpv6.code", code);
    let found = r.u16()?;
    let verdict = carrier.verdict(found, message);
    r.checksum("checksum", found, verdict, ["icmpv6.checksum", "icmpv6.checksum.status"]);
    match kind {
        128 | 129 => {
            let identifier = r.u16()?;
            r.means(format!("identifier {identifier}"));
            r.is("icmpv6.echo.identifier", format_args!("{identifier:#06x}"));
            let sequence = r.u16()?;
            r.means(format!("sequence number {sequence}")).is("icmpv6.echo.sequence_number", sequence);
            Ok(())
        }
        2 => {
            let mtu = r.u32()?;
            r.means(format!("MTU of the next hop {mtu}")).is("icmpv6.mtu", mtu);
            quote(r);
            Ok(())
        }
        1 | 3 => {
            r.u32()?;
            r.means("unused");
            quote(r);
            Ok(())
        }
        133 => {
            r.u32()?;
            r.means("reserved");
            options(r)
        }
        135 => {
            r.u32()?;
            r.means("reserved");
            let target = Ipv6Addr::from(r.take::<16>()?);
            r.means(format!("target {target}: its card is asked for"));
            r.is("icmpv6.nd.ns.target_address", target);
            options(r)
        }
        136 => {
            let flags = r.u32()?;
            let [router, solicited, replaces] = [31, 30, 29].map(|bit| flags >> bit & 1);
            r.means(format!(
                "flags:{}{}{}",
                if router == 1 { " from a router" } else { "" },
                if solicited == 1 { " solicited" } else { "" },
                if replaces == 1 { " override" } else { "" },
            ));
            r.is("icmpv6.nd.na.flag.r", router).is("icmpv6.nd.na.flag.s", solicited);
            r.is("icmpv6.nd.na.flag.o", replaces);
            let target = Ipv6Addr::from(r.take::<16>()?);
            r.means(format!("target {target}")).is("icmpv6.nd.na.target_address", target);
            options(r)
        }
        _ => Ok(()),
    }
}

/// The options of neighbour discovery; the length counts 8 bytes each.
fn options(r: &mut Reader<'_>) -> Result<(), Stop> {
    while let [kind, words, ..] = *r.rest() {
        if words == 0 {
            return Err(Stop::Damaged("an option of no length".to_owned()));
        }
        r.row(2)?;
        let name = match kind {
            1 => "option: link-layer address of the sender".to_owned(),
            2 => "option: link-layer address of the target".to_owned(),
            _ => format!("option {kind}"),
        };
        r.means(name).is("icmpv6.opt.type", kind).is("icmpv6.opt.length", words);
        if matches!((kind, words), (1 | 2, 1)) {
            let mac = ethernet_address(r.take()?);
            r.means(mac.clone()).is("icmpv6.opt.linkaddr", mac);
        } else {
            r.row(usize::from(words) * 8 - 2)?;
            r.means("what the option says");
        }
    }
    if r.rest().is_empty() { Ok(()) } else { Err(Stop::Cut) }
}

pub(super) fn kind_name(kind: u8) -> &'static str {
    match kind {
        1 => ": destination unreachable",
        2 => ": packet too big",
        3 => ": time exceeded",
        4 => ": parameter problem",
        128 => ": echo request",
        129 => ": echo reply",
        133 => ": router solicitation",
        134 => ": router advertisement",
        135 => ": neighbour solicitation",
        136 => ": neighbour advertisement",
        143 => ": multicast listener report",
        _ => "",
    }
}

/// RFC 4443 sections 3.1 and 3.3.
pub(super) fn code_name(kind: u8, code: u8) -> &'static str {
    match (kind, code) {
        (1, 0) => ": no route to the destination",
        (1, 1) => ": prohibited",
        (1, 3) => ": address unreachable",
        (1, 4) => ": port unreachable",
        (3, 0) => ": hop limit exceeded in transit",
        (3, 1) => ": fragment reassembly time exceeded",
        _ => "",
    }
}
