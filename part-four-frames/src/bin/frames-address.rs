//! Part four, addresses: what a name stands for, and how an address lies in memory.
//!
//! Read `show` from top to bottom; the page beside it is `docs/part-four.md`.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Result;
use common::arguments::text;
use common::program;
use nix::libc;
use nix::sys::socket::{SockaddrIn, SockaddrIn6};
use part_four_frames::address::{or_default, resolve};
use tracing::info;

const HELP: &str = "\
Shows the addresses that a name stands for, and the bytes of each. Part four of Sockets, Part by Part.

Usage: frames-address [HOST:PORT]

  HOST:PORT      a name or an address, such as localhost:6797, 127.0.0.1:6797 or '[::1]:6797'
                 [default: 127.0.0.1:6797]

  -h, --help     print this help
  -V, --version  print the version
";

fn main() -> ExitCode {
    program::run(
        env!("CARGO_BIN_NAME"),
        HELP,
        |words| Ok(or_default(words.operand()?.map(text).transpose()?)),
        |name| show_all(&name),
    )
}

fn show_all(name: &str) -> Result<()> {
    // 1. resolve: from a name to a list of addresses.
    for address in resolve(name)? {
        show(address);
    }
    Ok(())
}

fn show(address: SocketAddr) {
    // 2. sockaddr_in, sockaddr_in6: the structure that bind and connect give to the kernel, field by field.
    //    `to_ne_bytes` takes a number apart into its bytes as they lie in memory.
    match address {
        SocketAddr::V4(v4) => {
            let structure = SockaddrIn::from(v4);
            let raw: &libc::sockaddr_in = structure.as_ref();
            info!("{address}: AF_INET, {} bytes", size_of_val(raw));
            info!("  family: {}", raw.sin_family);
            show_port(raw.sin_port);
            // 3. s_addr: 32 bits in network order, whatever the machine's own order is.
            let number = raw.sin_addr.s_addr;
            info!("  address bytes: {:?}", number.to_ne_bytes());
            info!("    as a number of this machine: {number}");
            info!("    from network order: {}", u32::from_be(number));
        }
        SocketAddr::V6(v6) => {
            let structure = SockaddrIn6::from(v6);
            let raw: &libc::sockaddr_in6 = structure.as_ref();
            info!("{address}: AF_INET6, {} bytes", size_of_val(raw));
            info!("  family: {}", raw.sin6_family);
            show_port(raw.sin6_port);
            info!("  flow information bytes: {:?}", raw.sin6_flowinfo.to_ne_bytes());
            info!("  address bytes: {:?}", raw.sin6_addr.s6_addr);
            info!("    as a number of this machine: {}", u128::from_ne_bytes(raw.sin6_addr.s6_addr));
            info!("    from network order: {}", u128::from_be_bytes(raw.sin6_addr.s6_addr));
            // The number of an interface, and no part of what is sent: in this machine's own order.
            info!("  scope bytes: {:?}", raw.sin6_scope_id.to_ne_bytes());
        }
    }
}

/// The port: 16 bits in network order.
fn show_port(port: u16) {
    info!("  port bytes: {:?}", port.to_ne_bytes());
    info!("    as a number of this machine: {port}");
    info!("    from network order: {}", u16::from_be(port));
}
