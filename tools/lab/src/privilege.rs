//! What a program on a private network may do beyond what everybody may. The laboratory's own process has every right
//! there; a program that it starts has none of them (capabilities(7)) unless it is started in here.

pub use caps::Capability;
use caps::{CapSet, CapsHashSet};

use crate::error::{Error, Result};

/// What a program under `lab observe` may do: open raw and packet sockets (raw(7), packet(7)).
pub const OBSERVED: [Capability; 1] = [Capability::CAP_NET_RAW];

/// The capability of this name, written as a page does: `net_raw`.
///
/// # Errors
/// There is none, as a sentence.
pub fn named(name: &str) -> std::result::Result<Capability, String> {
    format!("CAP_{}", name.to_uppercase())
        .parse()
        .map_err(|_| format!("cap={name}: not a capability, such as net_raw (capabilities(7))"))
}

/// Does `work`, which starts a program: that program has these capabilities, and those that it starts have them too.
///
/// # Errors
/// The calling thread does not have them itself, or what `work` gives.
pub fn with<T>(capabilities: &[Capability], work: impl FnOnce() -> Result<T>) -> Result<T> {
    if capabilities.is_empty() {
        return work();
    }
    // An exec keeps what is ambient; ambient can be what is permitted and inheritable.
    for set in [CapSet::Inheritable, CapSet::Ambient] {
        for capability in capabilities {
            caps::raise(None, set, *capability)
                .map_err(|error| Error::of(format!("pass on {capability}"), error))?;
        }
    }
    let result = work();
    for set in [CapSet::Ambient, CapSet::Inheritable] {
        caps::set(None, set, &CapsHashSet::new())
            .map_err(|error| Error::of("take capabilities back", error))?;
    }
    result
}
