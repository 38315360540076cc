//! Who computes checksums. A network card can do it, so the kernel leaves it to the card; the two ends of a veth pair
//! have no card and leave it undone, since nothing can happen to a packet between them. A page that shows packets wants
//! them whole: told so, the sender's kernel computes the sum before the packet leaves.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use nix::libc;

/// From linux/ethtool.h: set whether the interface computes the checksums of what it sends.
const ETHTOOL_STXCSUM: u32 = 0x17;

/// `struct ethtool_value` of linux/ethtool.h.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// `ethtool -K INTERFACE tx off`: nothing is left to the card. The interface is one of the calling thread's network.
///
/// # Errors
/// EOPNOTSUPP where this interface cannot be told.
pub fn by_the_sender(interface: &str) -> io::Result<()> {
    // Any socket will do; this one is bound to a port of the loopback interface and gone when we return.
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let mut off = EthtoolValue { command: ETHTOOL_STXCSUM, data: 0 };
    // SAFETY: ifreq is plain data, for which zeroes are valid.
    #[expect(unsafe_code, reason = "libc's ifreq has no constructor")]
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays 0.
    let room = libc::IFNAMSIZ - 1;
    if interface.len() > room {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request.ifr_ifru.ifru_data = (&raw mut off).cast();
    // SAFETY: netdevice(7): SIOCETHTOOL reads one ifreq, and reads and writes the struct to which ifr_data points; for
    // ETHTOOL_STXCSUM that is an ethtool_value. Both outlive the call.
    #[expect(unsafe_code, reason = "nix has no netdevice ioctls")]
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
