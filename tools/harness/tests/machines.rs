//! The parts' tests on other machines than this one: with the kernel's settings of a desktop, and of a machine that
//! somebody has tuned.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::process::{Command, Stdio};

use harness::private::network;

const PACKAGES: [&str; 6] =
    ["common", "relay", "part-one-server", "part-one-client", "part-two-datagram", "part-three-unix"];

/// Runs the tests of the parts, as this process is: in the network that it is in.
fn the_parts_pass() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tests = |package: &str| {
        let mut command = Command::new(&cargo);
        command.args(["test", "--offline", "--quiet", "--no-fail-fast", "--package", package]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        (package.to_owned(), command.spawn().unwrap())
    };
    // All at once: most of them wait for something most of the time.
    for (package, child) in PACKAGES.map(tests) {
        let output = child.wait_with_output().unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{package}:\n{}{}", said(&output.stdout), said(&output.stderr));
    }
}

fn settings(file: &str) -> Vec<&str> {
    file.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn the_parts_pass_on_a_desktop() {
    if network("the_parts_pass_on_a_desktop", &settings(include_str!("settings/desktop.conf"))) {
        the_parts_pass();
    }
}

#[test]
fn the_parts_pass_on_a_tuned_machine() {
    if network("the_parts_pass_on_a_tuned_machine", &settings(include_str!("settings/tuned.conf"))) {
        the_parts_pass();
    }
}
