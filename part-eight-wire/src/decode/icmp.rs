//! ICMP (RFC 792): what IP itself has to say. 8 bytes, and behind an error the packet that it is about.

use super::reader::{Reader, Stop};
use super::transport::{Carrier, quote};
use crate::checksum::Verdict;

pub(super) fn icmp(r: &mut Reader<'_>, carrier: &Carrier) -> Result<(), Stop> {
    r.layer("ICMP");
    let message = r.rest();
    let kind = r.u8()?;
    r.means(format!("type {kind}{}", kind_name(kind))).is("icmp.type", kind);
    let code = r.u8()?;
    r.means(format!("code {code}{}", code_name(kind, code))).is("icmp.code", code);
    let found = r.u16()?;
    // No pseudo-header: it concerns machines, not programs.
    let verdict = if carrier.whole { Verdict::of(found, &[], message) } else { Verdict::Unknown };
    r.checksum("checksum", found, verdict, ["icmp.checksum", "icmp.checksum.status"]);
    match kind {
        0 | 8 => {
            let identifier = r.u16()?;
            r.means(format!("identifier {identifier}")).is("icmp.ident", identifier);
            let sequence = r.u16()?;
            r.means(format!("sequence number {sequence}")).is("icmp.seq", sequence);
            Ok(())
        }
        3 if code == 4 => {
            r.u16()?;
            r.means("unused");
            let mtu = r.u16()?;
            r.means(format!("MTU of the next hop {mtu}")).is("icmp.mtu", mtu);
            quote(r);
            Ok(())
        }
        3 | 11 => {
            r.u32()?;
            r.means("unused");
            quote(r);
            Ok(())
        }
        _ => Ok(()),
    }
}

pub(super) fn kind_name(kind: u8) -> &'static str {
    match kind {
        0 => ": echo reply",
        3 => ": destination unreachable",
        5 => ": redirect",
        8 => ": echo request",
        11 => ": time exceeded",
        12 => ": parameter problem",
        _ => "",
    }
}

/// RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1.
pub(super) fn code_name(kind: u8, code: u8) -> &'static str {
    match (kind, code) {
        (3, 0) => ": network unreachable",
        (3, 1) => ": host unreachable",
        (3, 2) => ": protocol unreachable",
        (3, 3) => ": port unreachable",
        (3, 4) => ": fragmentation needed, but don't fragment is set",
        (3, 9 | 10 | 13) => ": prohibited",
        (11, 0) => ": time to live exceeded in transit",
        (11, 1) => ": fragment reassembly time exceeded",
        _ => "",
    }
}
