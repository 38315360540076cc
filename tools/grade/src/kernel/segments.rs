//! How many packets with data have come over a connection: `TCP_INFO`, tcp(7).

use std::os::fd::AsFd;

use lab::error::{Error, Result};
use nix::libc;
use nix::sys::socket::getsockopt;
use nix::{getsockopt_impl, sockopt_impl};

sockopt_impl!(
    /// The beginning of `struct tcp_info` (linux/tcp.h), which has grown with every kernel, in words of 32 bits.
    TcpInfo,
    GetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_INFO,
    [u32; DATA_SEGS_IN + 1]
);

/// Which of its words is `tcpi_data_segs_in` (Linux 4.6).
const DATA_SEGS_IN: usize = 38;

/// The segments with data that have come over this connection: what `ss -ti` calls `data_segs_in`.
///
/// # Errors
/// The kernel refuses it.
pub fn data_segments(connection: &impl AsFd) -> Result<u32> {
    let info = getsockopt(connection, TcpInfo).map_err(|errno| Error::of("getsockopt TCP_INFO", errno))?;
    info.last().copied().ok_or_else(|| Error::new("getsockopt TCP_INFO: it is empty"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn each_answered_write_is_a_segment() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let mut sender = TcpStream::connect(listener.local_addr().expect("an address")).expect("a client");
        let (mut receiver, _) = listener.accept().expect("a connection");
        assert_eq!(data_segments(&receiver).expect("a number"), 0);
        for count in 1..=3 {
            sender.write_all(b"segment").expect("it is sent");
            receiver.read_exact(&mut [0; 7]).expect("it comes");
            assert_eq!(data_segments(&receiver).expect("a number"), count);
        }
    }
}
