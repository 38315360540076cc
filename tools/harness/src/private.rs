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

/// What a test of IPv6 asks of [`settings`]: `::1` is there, and a socket of IPv6 may serve both families.
pub const IPV6: [&str; 2] = ["net.ipv6.conf.lo.disable_ipv6=0", "net.ipv6.bindv6only=0"];

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
/// Where this gives `false` the test has been run inside and has passed, or the machine has no private networks or no
/// such setting, and the gap is named as [`not_checked`].
///
/// # Panics
/// The test failed inside, or `LAB_REQUIRE=all` is set and there is a gap.
#[must_use]
#[track_caller]
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub fn network(test: &str, settings: &[&str]) -> bool {
    let missing = if is_inside(test) {
        let refused = pairs(settings).find_map(|(name, value)| network::set(name, value).err());
        let Some(error) = refused else { return true };
        Missing { what: error.whole(), remedy: None }
    } else {
        match run(test) {
            Ok(true) => return false,
            Ok(false) => panic!("{test} failed in its private network"),
            Err(error) => no_network(&error),
        }
    };
    if let Err(missing) = not_checked(test, missing) {
        panic!("LAB_REQUIRE=all: {missing}");
    }
    false
}

/// As [`network()`], for a test that relies on nothing but these settings: where the kernel has them already, it runs
/// right where it is. So it is checked on a machine without private networks, too, unless that has other settings.
///
/// # Panics
/// As [`network()`].
#[must_use]
#[track_caller]
pub fn settings(test: &str, settings: &[&str]) -> bool {
    let as_wanted = |(name, value): (&str, &str)| network::get(name).is_some_and(|has| has == value);
    (!is_inside(test) && pairs(settings).all(as_wanted)) || network(test, settings)
}

fn is_inside(test: &str) -> bool {
    std::env::var_os(INSIDE).as_deref() == Some(OsStr::new(test))
}

/// `name=value`, cut.
fn pairs<'a>(settings: &'a [&'a str]) -> impl Iterator<Item = (&'a str, &'a str)> {
    settings.iter().map(|setting| setting.split_once('=').unwrap_or((setting, "")))
}

fn no_network(error: &io::Error) -> Missing {
    Missing {
        what: format!("no private network: {error}"),
        remedy: Some("it takes unprivileged user namespaces".to_owned()),
    }
}

/// Runs the test inside; whether it passed.
fn run(test: &str) -> io::Result<bool> {
    // Of a name that no test has none runs, and that passes.
    let listed = Command::new(std::env::current_exe()?).args(["--exact", test, "--list"]).output()?;
    let is_there =
        String::from_utf8_lossy(&listed.stdout).lines().any(|line| line == format!("{test}: test"));
    assert!(is_there, "there is no test {test} here: its modules belong to its name");
    let mut command = command(std::env::current_exe()?);
    command.args(["--exact", test, "--nocapture"]).env(INSIDE, test);
    Ok(command.status()?.success())
}

/// A sandbox: a shell that is root of a network, of mounts and of limits of its own, runs `script` there. What the
/// script is given as `"$@"` are the command's arguments; by `exec "$@"` it becomes that program. Nothing that it
/// mounts or sets is seen outside, and it takes no root: it is root only over what is the caller's.
///
/// ```no_run
/// // A machine without namespaces.
/// harness::private::sandbox("echo 0 > /proc/sys/user/max_user_namespaces; exec \"$@\"").arg("true").status();
/// ```
#[must_use]
pub fn sandbox(script: &str) -> Command {
    let mut command = command("sh");
    command.args(["-euc", script, "sandbox"]);
    command
}

/// What this machine lacks for a [`sandbox`], if anything.
#[must_use]
pub fn sandbox_missing() -> Option<Missing> {
    match sandbox("mount --bind /dev/null /dev/null").output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(Missing {
            what: format!("no private mounts: {}", String::from_utf8_lossy(&output.stderr).trim()),
            remedy: None,
        }),
        Err(error) => Some(no_network(&error)),
    }
}

/// `program`, to be started as root of a new network, with loopback up, and of new mounts.
fn command(program: impl AsRef<OsStr>) -> Command {
    let maps = [
        (c"/proc/self/setgroups", "deny".to_owned()),
        (c"/proc/self/uid_map", format!("0 {} 1", geteuid())),
        (c"/proc/self/gid_map", format!("0 {} 1", getegid())),
    ];
    let mut command = Command::new(program);
    let enter = move || {
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)?;
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
    command
}

#[cfg(test)]
mod tests {
    #[test]
    #[should_panic(expected = "there is no test nobody here")]
    fn a_name_that_no_test_has_is_no_test() {
        let _ = super::network("nobody", &[]);
    }

    #[test]
    fn a_test_is_known_by_its_full_name() {
        if super::network("private::tests::a_test_is_known_by_its_full_name", &[]) {
            assert_eq!(nix::unistd::geteuid().as_raw(), 0);
        }
    }
}
