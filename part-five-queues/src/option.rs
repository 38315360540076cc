//! The socket options of `tcp(7)` and `socket(7)` that nix does not have, one macro each.
//!
//! nix exports the macro by which it makes its own. The type in it is what the kernel writes: another size would be a
//! panic.

use nix::libc;
use nix::{getsockopt_impl, setsockopt_impl, sockopt_impl};

sockopt_impl!(
    /// `SO_RCVLOWAT`, in bytes: `recv` and `poll` take less for nothing.
    RcvLowat,
    Both,
    libc::SOL_SOCKET,
    libc::SO_RCVLOWAT,
    i32
);

/// Those that only Linux has.
#[cfg(target_os = "linux")]
pub mod linux {
    use super::{getsockopt_impl, libc, setsockopt_impl, sockopt_impl};

    sockopt_impl!(
        /// `TCP_DEFER_ACCEPT`, in seconds: a connection without data is not accepted, and waits as SYN-RECV.
        TcpDeferAccept,
        Both,
        libc::IPPROTO_TCP,
        libc::TCP_DEFER_ACCEPT,
        i32
    );
    sockopt_impl!(
        /// `TCP_QUICKACK`: acknowledge at once. The kernel takes it back when it likes.
        TcpQuickAck,
        Both,
        libc::IPPROTO_TCP,
        libc::TCP_QUICKACK,
        bool
    );
    sockopt_impl!(
        /// `TCP_SYNCNT`: how many times a SYN is sent again.
        TcpSynCnt,
        Both,
        libc::IPPROTO_TCP,
        libc::TCP_SYNCNT,
        i32
    );
    sockopt_impl!(
        /// `TCP_LINGER2`, in seconds: how long a closed socket stays in FIN-WAIT-2.
        TcpLinger2,
        Both,
        libc::IPPROTO_TCP,
        libc::TCP_LINGER2,
        i32
    );
    sockopt_impl!(
        /// `TCP_FASTOPEN`: how many clients may send data with their SYN before they are checked.
        TcpFastOpen,
        Both,
        libc::IPPROTO_TCP,
        libc::TCP_FASTOPEN,
        i32
    );
    sockopt_impl!(
        /// `TCP_NOTSENT_LOWAT`, in bytes: with more than this not yet sent, the socket is not writable.
        TcpNotsentLowat,
        Both,
        libc::IPPROTO_TCP,
        libc::TCP_NOTSENT_LOWAT,
        u32
    );
    sockopt_impl!(
        /// `TCP_INFO`: what a connection says of itself, see [`state`](crate::state).
        TcpInfo,
        GetOnly,
        libc::IPPROTO_TCP,
        libc::TCP_INFO,
        crate::state::Info
    );
}
