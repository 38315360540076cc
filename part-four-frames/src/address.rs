//! From a name to addresses.

use std::net::{SocketAddr, ToSocketAddrs};

use anyhow::{Context, Result, bail};
use common::arguments::DEFAULT_ADDRESS;

/// What a name can stand for, in the order in which they should be tried.
///
/// # Errors
/// The word is not HOST:PORT, or no such name is known (`getaddrinfo(3)`). std hides the number of that error and
/// gives its text.
pub fn resolve(host_and_port: &str) -> Result<Vec<SocketAddr>> {
    // 1. getaddrinfo: no system call but a function of the C library. It reads /etc/hosts and may ask a name server,
    //    with packets. The answer is a list: a name may have many addresses, and of both families.
    let addresses: Vec<SocketAddr> =
        host_and_port.to_socket_addrs().with_context(|| format!("getaddrinfo {host_and_port:?}"))?.collect();
    if addresses.is_empty() {
        bail!("getaddrinfo {host_and_port:?}: the name has no address");
    }
    Ok(addresses)
}

/// The word of the command line, or the address of the series as text.
#[must_use]
pub fn or_default(word: Option<String>) -> String {
    word.unwrap_or_else(|| DEFAULT_ADDRESS.to_string())
}
