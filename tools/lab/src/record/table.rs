//! A row of the socket table, as `ss` prints it.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::record::state::State;

/// One TCP socket as the kernel's table has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its state.
    pub state: State,
    /// Of a connection: bytes that wait to be received; of a listener: connections that wait to be accepted.
    pub receive_queue: u64,
    /// Of a connection: bytes that are not acknowledged; of a listener: its backlog.
    pub send_queue: u64,
    /// Its own address.
    pub local: SocketAddr,
    /// Its peer's; `None` for a listener.
    pub peer: Option<SocketAddr>,
}

impl Row {
    /// The row in a line of `ss -t`; `None` if it is none, as of another family or with other columns.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace().peekable();
        if words.peek() == Some(&"tcp") {
            words.next();
        }
        let state = State::named(words.next()?)?;
        let receive_queue = words.next()?.parse().ok()?;
        let send_queue = words.next()?.parse().ok()?;
        let local = address(words.next()?)?;
        let peer = address(words.next()?);
        Some(Self { state, receive_queue, send_queue, local, peer })
    }
}

/// `127.0.0.1:6797`, `[::1]:6797`, `*:6797`, `127.0.0.1%lo:6797`
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.trim_matches(['[', ']']).split('%').next()?;
    let host = if host == "*" { "::" } else { host };
    let host: std::net::IpAddr = host.parse().ok()?;
    Some(SocketAddr::new(host.to_canonical(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_ss() {
        let row =
            |line| Row::parse(line).map(|row| (row.state.to_string(), row.send_queue, row.peer.is_some()));
        assert_eq!(row("LISTEN 0 128 127.0.0.1:6797 0.0.0.0:*"), Some(("LISTEN".into(), 128, false)));
        let estab = "ESTAB  0      0          127.0.0.1:6797      127.0.0.1:40000 users:((\"x\",pid=1,fd=4))";
        assert_eq!(row(estab), Some(("ESTAB".into(), 0, true)));
        assert_eq!(row("tcp TIME-WAIT 0 0 [::1]:6797 [::1]:40000"), Some(("TIME-WAIT".into(), 0, true)));
        assert_eq!(row("State Recv-Q Send-Q Local Address:Port Peer Address:Port Process"), None);
        assert_eq!(row("u_str ESTAB 0 0 * 1 * 2"), None);
    }
}
