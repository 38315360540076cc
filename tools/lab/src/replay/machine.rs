//! What a page takes and this machine lacks: asked before a block is played, so that it is named and nothing is red.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::OnceLock;

use crate::book::block::{Console, Input, Kind};
use crate::book::page::Page;
use crate::missing::Missing;
use crate::network;
use crate::tools;

/// The key ^Z.
const STOP_KEY: u8 = 0x1a;

/// Tries every tool of the page while nobody watches the network.
pub fn try_tools(page: &Page) {
    for command in page.commands() {
        let _ = tools::missing(command); // remembered
    }
}

/// Why nothing of the page can be played, if that is so, where `no_network` says why there is no private network. To
/// be asked before the page has changed anything.
#[must_use]
pub fn lacks_all(page: &Page, no_network: Option<&Missing>) -> Option<Missing> {
    let missing = no_network?;
    let settings = &page.settings;
    if settings.private || !settings.hosts.hosts.is_empty() {
        return Some(missing.clone());
    }
    let differs = |(name, value): &(String, String)| {
        let here = network::get(name);
        (here.as_ref() != Some(value)).then(|| Missing {
            what: format!(
                "{name} is {} here, not {value}; {}",
                here.as_deref().unwrap_or("not known"),
                missing.what
            ),
            remedy: missing.remedy.clone(),
        })
    };
    settings.sysctls.iter().find_map(differs).or_else(|| {
        let port = ports(page).into_iter().find(|port| is_taken(*port))?;
        Some(Missing {
            what: format!("port {port} is taken on this machine; {}", missing.what),
            remedy: Some(format!("end who has it: ss -tulnp 'sport = :{port}'")),
        })
    })
}

/// What the commands and keys of a block take that is not to be had here.
#[must_use]
pub fn lacks(console: &Console) -> Option<Missing> {
    // Of a program that ended by a signal or was stopped, each shell speaks in words of its own.
    let shell_speaks = console.exit.is_some_and(|status| status > 128)
        || console.steps.iter().any(|step| step.input == Input::Control(STOP_KEY));
    let bash = shell_speaks.then(|| tools::missing("bash")).flatten();
    bash.or_else(|| console.commands().find_map(tools::missing))
        .or_else(|| console.commands().any(speaks_ipv6).then(no_ipv6).flatten())
        .or_else(no_terminal)
}

/// Whether the command has an address of IPv6 in it.
fn speaks_ipv6(command: &str) -> bool {
    command.contains("[::") || command.contains("::1")
}

/// That this network has no `::1`, if so: asked once, on the network of the first page.
#[must_use]
pub fn no_ipv6() -> Option<Missing> {
    static MISSING: OnceLock<Option<Missing>> = OnceLock::new();
    let ask = || {
        let error = UdpSocket::bind("[::1]:0").err()?;
        Some(Missing { what: format!("there is no IPv6 here: bind [::1]:0: {error}"), remedy: None })
    };
    MISSING.get_or_init(ask).clone()
}

/// That this machine has no pseudoterminals, if so.
#[must_use]
pub fn no_terminal() -> Option<Missing> {
    static MISSING: OnceLock<Option<Missing>> = OnceLock::new();
    let ask = || {
        let error = pty_process::blocking::open().err()?;
        Some(Missing {
            what: format!("no pseudoterminal: {error}"),
            remedy: Some("it takes /dev/ptmx and a mounted /dev/pts".to_owned()),
        })
    };
    MISSING.get_or_init(ask).clone()
}

/// The ports that the page names and the kernel does not choose from.
fn ports(page: &Page) -> BTreeSet<u16> {
    let consoles = page.blocks.iter().filter(|block| matches!(block.kind, Kind::Console(_)));
    let words = consoles.flat_map(|block| &block.lines).flat_map(|line| line.split_whitespace());
    let chosen = network::ephemeral_ports();
    words
        .filter_map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '[').parse().ok())
        .map(|address: SocketAddr| address.port())
        .filter(|port| *port > 0 && !chosen.contains(port))
        .collect()
}

/// Whether somebody has the port, whatever the protocol. A privileged port is nobody's.
fn is_taken(port: u16) -> bool {
    let taken = |error: io::Error| error.kind() == io::ErrorKind::AddrInUse;
    // The standard library's listeners set SO_REUSEADDR: a connection in TIME-WAIT is in nobody's way.
    [IpAddr::from([0_u8; 4]), IpAddr::from([0_u8; 16])].into_iter().any(|any| {
        TcpListener::bind((any, port)).is_err_and(taken) || UdpSocket::bind((any, port)).is_err_and(taken)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_ports_of_a_page_are_those_that_it_names() {
        let text = "```console one\n$ telnet 127.0.0.1 6797\n$ x 127.0.0.1:7000 '[::1]:80'\nfrom 127.0.0.1:54321\n```\n";
        let page = Page::parse(Path::new("p.md"), text.to_owned());
        assert_eq!(ports(&page), BTreeSet::from([80, 7000]));
    }

    #[test]
    fn a_port_is_taken_while_somebody_has_it() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = socket.local_addr().expect("its address").port();
        assert!(is_taken(port));
    }
}
