//! An address that does not answer: whoever connects to it hears nothing, as if a firewall dropped the packets.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;

use lab::error::Error;
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, socket};

use crate::bench::Bench;
use crate::client::Client;
use crate::fault::Judged;

impl Bench<'_> {
    /// Makes `address` silent, in the network as it is, until the check is over.
    ///
    /// # Errors
    /// The kernel refuses a call.
    pub fn silence(&mut self, address: SocketAddr) -> Judged {
        let doing = |errno| Error::of(format!("listen on {address}"), errno);
        let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let listener = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).map_err(doing)?;
        bind(listener.as_raw_fd(), &SockaddrStorage::from(address)).map_err(doing)?;
        // A queue with room for nobody takes one all the same. From here on the kernel drops every SYN.
        listen(&listener, Backlog::new(0).map_err(doing)?).map_err(doing)?;
        let from = SocketAddr::new(address.ip(), self.next_address().port());
        let mut first = Client::begin(from, address, &self.kept())?;
        self.until(|_| Ok(first.is_connected()))?;
        self.kept().borrow_mut().push(TcpStream::from(listener));
        Ok(())
    }
}
