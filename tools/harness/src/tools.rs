//! The programs that pages use and a machine may lack, with the Debian package that brings each.

use std::path::PathBuf;

use crate::missing::Missing;

const TOOLS: [(&str, &str); 20] = [
    ("curl", "curl"),
    ("dig", "bind9-dnsutils"),
    ("ethtool", "ethtool"),
    ("ip", "iproute2"),
    ("lsof", "lsof"),
    ("nc", "netcat-openbsd"),
    ("nsenter", "util-linux"),
    ("ping", "iputils-ping"),
    ("prlimit", "util-linux"),
    ("ps", "procps"),
    ("python3", "python3"),
    ("setpriv", "util-linux"),
    ("socat", "socat"),
    ("ss", "iproute2"),
    ("strace", "strace"),
    ("sysctl", "procps"),
    ("tcpdump", "tcpdump"),
    ("telnet", "inetutils-telnet"),
    ("tshark", "tshark"),
    ("unshare", "util-linux"),
];

/// The first program of `command` that is known and not installed. A name that is not known is not a gap of the
/// machine but a matter of the page: it is run, and fails.
#[must_use]
pub fn missing(command: &str) -> Option<Missing> {
    let mut words = command.split(|c: char| !(c.is_alphanumeric() || "-_./:=".contains(c)));
    words.find_map(|word| {
        let (name, package) = TOOLS.iter().find(|(name, _)| *name == word)?;
        find(name).is_none().then(|| Missing::program(name, package))
    })
}

/// Where `program` is in `PATH`.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}
