//! How much of something a process may have: asked before a test takes it.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::missing::Missing;
use crate::process::not_checked;

/// What the test runner and other tests in the same process have open meanwhile.
const OTHERS: u64 = 64;

/// Whether this process, and a program that it starts, may open `needed` descriptors beside those of others; the soft
/// limit is raised where it stands in the way (getrlimit(2)). Where the hard one does, the gap is named as
/// [`not_checked`].
///
/// # Panics
/// There is a gap, and `LAB_REQUIRE=all` is set.
#[must_use]
#[track_caller]
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub fn descriptors(test: &str, needed: u64) -> bool {
    let needed = needed + OTHERS;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or_default();
    if soft >= needed || setrlimit(Resource::RLIMIT_NOFILE, needed.min(hard), hard).is_ok() && hard >= needed
    {
        return true;
    }
    let what = format!("it takes {needed} descriptors, and this process may have {hard}");
    let remedy = Some(format!("ulimit -n {needed}"));
    if let Err(missing) = not_checked(test, Missing { what, remedy }) {
        panic!("LAB_REQUIRE=all: {missing}");
    }
    false
}
