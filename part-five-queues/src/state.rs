//! What a connection says of itself (`TCP_INFO`, `tcp(7)`): its state, and what it waits for.

use std::fmt::{self, Display, Formatter};
use std::os::fd::AsFd;

use nix::sys::socket::getsockopt;

use crate::option::linux::TcpInfo;

/// The first 104 bytes of the kernel's `struct tcp_info` (`linux/tcp.h`), which every kernel since 2.6 has.
///
/// The structure has grown with almost every release, and an older kernel fills less of it: nix panics where the
/// kernel has filled less than the type has. So this is as much as we read, and no more. It has the first fields under
/// their names in `linux/tcp.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Info {
    state: u8,
    ca_state: u8,
    /// How many times in a row the oldest segment was sent again, without an answer.
    pub retransmits: u8,
    /// How many keepalive or zero-window probes have no answer yet.
    pub probes: u8,
    backoff: u8,
    options: u8,
    wscale: u8,
    delivery_rate_app_limited: u8,
    /// The retransmission timeout in µs.
    pub rto: u32,
    ato: u32,
    snd_mss: u32,
    rcv_mss: u32,
    /// How many segments were sent and not yet acknowledged. For a listener: how many connections wait for `accept`.
    pub unacked: u32,
    /// How many segments the peer acknowledged out of order. For a listener: its backlog.
    pub sacked: u32,
    lost: u32,
    retrans: u32,
    fackets: u32,
    last: [u32; 4],
    pmtu: u32,
    rcv_ssthresh: u32,
    rtt: u32,
    rttvar: u32,
    snd_ssthresh: u32,
    snd_cwnd: u32,
    advmss: u32,
    reordering: u32,
    rcv_rtt: u32,
    rcv_space: u32,
    /// How many segments were sent again, since the connection began.
    pub total_retrans: u32,
}

const _: () = assert!(size_of::<Info>() == 104, "nix panics at any other size");

impl Info {
    /// Asks for it: `getsockopt(2)`.
    ///
    /// # Errors
    /// What `getsockopt(2)` lists.
    pub fn of<Fd: AsFd>(socket: Fd) -> nix::Result<Self> {
        getsockopt(&socket, TcpInfo)
    }

    /// The state, by the name that `ss` gives it.
    #[must_use]
    pub fn state(&self) -> &'static str {
        // net/tcp_states.h
        match self.state {
            1 => "ESTAB",
            2 => "SYN-SENT",
            3 => "SYN-RECV",
            4 => "FIN-WAIT-1",
            5 => "FIN-WAIT-2",
            6 => "TIME-WAIT",
            7 => "UNCONN",
            8 => "CLOSE-WAIT",
            9 => "LAST-ACK",
            10 => "LISTEN",
            11 => "CLOSING",
            _ => "a state that we do not know",
        }
    }
}

impl Display for Info {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, segments not acknowledged: {}, sent again: {} in a row, {} in all, probes not answered: {}",
            self.state(),
            self.unacked,
            self.retransmits,
            self.total_retrans,
            self.probes
        )
    }
}
