//! A test in a private network of its own: every port is free, every setting is ours, and packets may be forged.
//!
//! A process with several threads, which a test runner is, cannot enter a user namespace (unshare(2)). So the test runs
//! once more: a child of ours enters the namespaces between fork and exec, and runs this one test there.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::unistd::{getegid, geteuid, write};

use crate::missing::Missing;
use crate::network;
use crate::process::not_checked;

/// Set in the process that runs inside.
const INSIDE: &str = "HARNESS_PRIVATE_NETWORK";

/// Whether the calling test runs in its private network now. The first line of such a test:
///
/// ```no_run
/// fn a_full_queue_is_said() {
///     if !harness::private::network("a_full_queue_is_said", &["net.unix.max_dgram_qlen=10"]) {
///         return;
///     }
///     // The test, as root of a network in which nobody else is.
/// }
/// ```
///
/// `test` is its own full name, as the test runner lists it; `settings` are written before it begins, as for sysctl(8).
/// Where this gives `false` the test has been run inside and has passed, or the machine has no private networks and
/// the gap is named as [`not_checked`].
///
/// # Panics
/// The test failed inside, or `LAB_REQUIRE=all` is set and there is no private network to be had.
#[must_use]
#[track_caller]
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub fn network(test: &str, settings: &[&str]) -> bool {
    if std::env::var_os(INSIDE).as_deref() == Some(OsStr::new(test)) {
        for setting in settings {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            if let Err(error) = network::set(name, value) {
                panic!("{error:?}");
            }
        }
        return true;
    }
    match run(test) {
        Ok(true) => {}
        Ok(false) => panic!("{test} failed in its private network"),
        Err(error) => {
            let missing = Missing {
                what: format!("no private network: {error}"),
                remedy: Some("it takes unprivileged user namespaces".to_owned()),
            };
            if let Err(missing) = not_checked(test, missing) {
                panic!("LAB_REQUIRE=all: {missing}");
            }
        }
    }
    false
}

/// Runs the test inside; whether it passed.
fn run(test: &str) -> io::Result<bool> {
    let maps = [
        (c"/proc/self/setgroups", "deny".to_owned()),
        (c"/proc/self/uid_map", format!("0 {} 1", geteuid())),
        (c"/proc/self/gid_map", format!("0 {} 1", getegid())),
    ];
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--exact", test, "--nocapture"]).env(INSIDE, test);
    let enter = move || {
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?;
        for (path, line) in &maps {
            let file = open(*path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
            write(file, line.as_bytes())?;
        }
        network::set_loopback(true)
    };
    // SAFETY: between fork and exec only system calls are made, and nothing is allocated: the lines were made before.
    #[expect(unsafe_code, reason = "only a process of one thread may enter a user namespace")]
    unsafe {
        command.pre_exec(enter);
    }
    Ok(command.status()?.success())
}
