//! UDP (RFC 768): from one program to another, one datagram at a time. 8 bytes.

use super::reader::{Reader, Stop};
use super::transport::Carrier;

pub(super) fn udp(r: &mut Reader<'_>, carrier: &Carrier) -> Result<(), Stop> {
    r.layer("UDP");
    let datagram = r.rest();
    let source = r.u16()?;
    r.means(format!("source port {source}")).is("udp.srcport", source);
    let destination = r.u16()?;
    r.means(format!("destination port {destination}")).is("udp.dstport", destination);
    let length = r.u16()?;
    r.means(format!("length {length}")).is("udp.length", length);
    let length = usize::from(length);
    if length < 8 {
        return Err(Stop::Damaged(format!("a length of {length} is shorter than the header")));
    }
    if length > carrier.length && carrier.whole {
        return Err(Stop::Damaged(format!(
            "a length of {length}, where the packet has {} bytes for it",
            carrier.length
        )));
    }

    let found = r.u16()?;
    if found == 0 && !carrier.v6 {
        r.means("checksum 0: the sender made none");
        r.is("udp.checksum", "0x0000").is("udp.checksum.status", 3);
    } else {
        let verdict = carrier.verdict(found, datagram.get(..length).unwrap_or(datagram));
        r.checksum("checksum", found, verdict, ["udp.checksum", "udp.checksum.status"]);
    }
    r.payload(length - 8);
    Ok(())
}
