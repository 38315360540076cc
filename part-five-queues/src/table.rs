//! The options of a socket with their values.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::sys::socket::sockopt::{
    Broadcast, KeepAlive, Linger, RcvBuf, ReceiveTimeout, ReuseAddr, ReusePort, SendTimeout, SndBuf,
    TcpKeepCount, TcpKeepInterval, TcpMaxSeg, TcpNoDelay,
};
use nix::sys::socket::{GetSockOpt, getsockopt};

use crate::option::RcvLowat;

/// The value of an option that this kind of socket does not have.
pub const NOT_OF_THIS_SOCKET: &str = "not of this socket";

/// Every option of TCP and of sockets in general that this part speaks about: its name and its value with its unit.
/// An option that cannot be read is shown with the error that says so.
pub fn of<Fd: AsFd>(socket: Fd) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("SO_REUSEADDR", on(&socket, ReuseAddr)),
        ("SO_REUSEPORT", on(&socket, ReusePort)),
        ("SO_KEEPALIVE", on(&socket, KeepAlive)),
        (
            "SO_LINGER",
            value(&socket, Linger, |it| if it.l_onoff == 0 { "off".into() } else { unit(it.l_linger, "s") }),
        ),
        ("SO_RCVTIMEO", value(&socket, ReceiveTimeout, |it| timeout(&it))),
        ("SO_SNDTIMEO", value(&socket, SendTimeout, |it| timeout(&it))),
        ("SO_RCVBUF", value(&socket, RcvBuf, |it| unit(it, "bytes"))),
        ("SO_SNDBUF", value(&socket, SndBuf, |it| unit(it, "bytes"))),
        ("SO_RCVLOWAT", value(&socket, RcvLowat, |it| unit(it, "bytes"))),
        ("SO_BROADCAST", on(&socket, Broadcast)),
        ("TCP_NODELAY", on(&socket, TcpNoDelay)),
        ("TCP_MAXSEG", value(&socket, TcpMaxSeg, |it| unit(it, "bytes"))),
        ("TCP_KEEPINTVL", value(&socket, TcpKeepInterval, |it| unit(it, "s"))),
        ("TCP_KEEPCNT", value(&socket, TcpKeepCount, |it| unit(it, "probes"))),
    ];
    #[cfg(target_vendor = "apple")]
    rows.push(("TCP_KEEPALIVE", value(&socket, nix::sys::socket::sockopt::TcpKeepAlive, |it| unit(it, "s"))));
    #[cfg(any(target_os = "linux", target_os = "freebsd"))]
    rows.push(("IP_TTL", value(&socket, nix::sys::socket::sockopt::Ipv4Ttl, |it| unit(it, "hops"))));
    #[cfg(any(target_os = "linux", target_os = "freebsd"))]
    rows.push(("TCP_KEEPIDLE", value(&socket, nix::sys::socket::sockopt::TcpKeepIdle, |it| unit(it, "s"))));
    #[cfg(any(target_os = "linux", target_os = "freebsd"))]
    rows.push((
        "TCP_CONGESTION",
        value(&socket, nix::sys::socket::sockopt::TcpCongestion, |it| {
            // The kernel fills a fixed array, with NUL behind the name.
            it.to_string_lossy().trim_end_matches('\0').to_owned()
        }),
    ));
    #[cfg(target_os = "linux")]
    linux(&socket, &mut rows);
    rows
}

#[cfg(target_os = "linux")]
fn linux<Fd: AsFd>(socket: &Fd, rows: &mut Vec<(&'static str, String)>) {
    use nix::sys::socket::sockopt::{TcpCork, TcpFastOpenConnect, TcpUserTimeout};

    use crate::option::linux::{
        TcpDeferAccept, TcpFastOpen, TcpInfo, TcpLinger2, TcpNotsentLowat, TcpQuickAck, TcpSynCnt,
    };
    rows.extend([
        ("TCP_INFO", value(socket, TcpInfo, |info| info.state().to_owned())),
        ("TCP_CORK", on(socket, TcpCork)),
        ("TCP_QUICKACK", on(socket, TcpQuickAck)),
        ("TCP_USER_TIMEOUT", value(socket, TcpUserTimeout, |it| unit(it, "ms"))),
        ("TCP_SYNCNT", value(socket, TcpSynCnt, |it| unit(it, "times"))),
        ("TCP_LINGER2", value(socket, TcpLinger2, |it| unit(it, "s"))),
        ("TCP_DEFER_ACCEPT", value(socket, TcpDeferAccept, |it| unit(it, "s"))),
        ("TCP_FASTOPEN", value(socket, TcpFastOpen, |it| unit(it, "clients"))),
        ("TCP_FASTOPEN_CONNECT", on(socket, TcpFastOpenConnect)),
        (
            "TCP_NOTSENT_LOWAT",
            value(socket, TcpNotsentLowat, |it| match it {
                0 | u32::MAX => "no limit".into(),
                limit => unit(limit, "bytes"),
            }),
        ),
    ]);
}

fn on<Fd: AsFd>(socket: &Fd, option: impl GetSockOpt<Val = bool>) -> String {
    value(socket, option, |on| if on { "on" } else { "off" }.into())
}

fn value<Fd: AsFd, O: GetSockOpt>(socket: &Fd, option: O, show: impl FnOnce(O::Val) -> String) -> String {
    match getsockopt(socket, option) {
        Ok(value) => show(value),
        Err(Errno::EOPNOTSUPP | Errno::ENOPROTOOPT | Errno::EINVAL) => NOT_OF_THIS_SOCKET.into(),
        // Its whole sentence would not fit into a column.
        Err(errno) => format!("{errno:?}"),
    }
}

/// `1 byte`, `2 bytes`.
fn unit(number: impl std::fmt::Display, unit: &str) -> String {
    match number.to_string().as_str() {
        "1" if unit.len() > 2 => format!("1 {}", unit.trim_end_matches('s')),
        number => format!("{number} {unit}"),
    }
}

fn timeout(time: &nix::sys::time::TimeVal) -> String {
    match (time.tv_sec(), time.tv_usec()) {
        (0, 0) => "none".into(),
        (seconds, microseconds) => format!("{seconds}.{microseconds:06} s"),
    }
}
