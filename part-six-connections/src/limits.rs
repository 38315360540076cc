//! How many descriptors this process may have.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::{debug, warn};

/// Raises the limit of descriptors (`ulimit -n`, usually 1024) to what this process is allowed without asking anybody
/// (`ulimit -Hn`), and gives it. Every connection is a descriptor: it is the first thing that many clients use up.
pub fn raise_descriptors() -> u64 {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) => match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
            Ok(()) => {
                debug!("at most {hard} descriptors");
                hard
            }
            Err(errno) => {
                warn!("setrlimit RLIMIT_NOFILE: {errno}: going on with {soft} descriptors");
                soft
            }
        },
        Err(errno) => {
            warn!("getrlimit RLIMIT_NOFILE: {errno}");
            0
        }
    }
}
