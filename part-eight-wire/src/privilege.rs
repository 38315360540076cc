//! What a program needs that watches packets or makes them itself, and three ways to have it.

use anyhow::anyhow;
use nix::errno::Errno;

/// The error of `call`. Where a privilege is what is missing (`EPERM`), it says how to get it for `program`.
///
/// Who sees packets sees what others say to each other, and who makes them can speak in another's name: so the kernel
/// asks for the capability `CAP_NET_RAW` (`capabilities(7)`), in the network that is watched.
#[must_use]
pub fn error(call: &str, errno: Errno, program: &str) -> anyhow::Error {
    if errno != Errno::EPERM {
        return anyhow!(errno).context(call.to_owned());
    }
    let run = format!("cargo run -p part-eight-wire --bin {program}");
    anyhow!(
        "{call}: {errno}: it takes the capability CAP_NET_RAW. Three ways to have it, each with your arguments behind:\n\
         \x20 cargo run -p lab -- observe -- {run} --\n\
         \x20     in a private network, with a second terminal in it\n\
         \x20 unshare -rn sh -c 'ip link set lo up; \"$@\"' sh {run} --\n\
         \x20     in a private network, as its root\n\
         \x20 sudo setcap cap_net_raw+ep target/debug/{program}; target/debug/{program}\n\
         \x20     on this machine's own network; it must be given again after each build"
    )
}

/// What a system other than Linux is told.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn only_on_linux(program: &str) -> std::process::ExitCode {
    use std::io::Write as _;
    // A closed standard error leaves the exit code to speak.
    let _ = writeln!(
        std::io::stderr(),
        "{program}: it runs on Linux: packet sockets and raw sockets are made otherwise on other systems"
    );
    std::process::ExitCode::FAILURE
}
