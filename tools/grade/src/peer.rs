//! A client that sends datagrams: a socket that never waits by itself, and every datagram that came.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use lab::error::{Error, Result};

/// One socket, connected to the learner's server.
#[derive(Debug)]
pub struct Peer {
    socket: Socket,
    /// Its own address, by which the program's calls know it; none in the Unix domain.
    pub address: Option<SocketAddr>,
    /// Every datagram that came.
    pub got: Vec<Vec<u8>>,
    /// That the kernel has said: nobody is there (ECONNREFUSED).
    pub refused: bool,
}

#[derive(Debug)]
enum Socket {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

/// The longest datagram that IPv4 carries is 65507 bytes long.
const LONGEST: usize = 65_536;

impl Peer {
    /// Over UDP, from `from` to `to`.
    ///
    /// # Errors
    /// The call that the kernel refuses.
    pub fn udp(from: SocketAddr, to: SocketAddr) -> Result<Self> {
        let doing = |what: &str| {
            let what = what.to_owned();
            move |error| Error::of(what, error)
        };
        let socket = UdpSocket::bind(from).map_err(doing(&format!("bind {from}")))?;
        socket.connect(to).map_err(doing(&format!("connect {to}")))?;
        socket.set_nonblocking(true).map_err(doing("make a socket non-blocking"))?;
        Ok(Self { socket: Socket::Udp(socket), address: Some(from), got: Vec::new(), refused: false })
    }

    /// In the Unix domain, with the name `from` if there is one, to the server at `to`.
    ///
    /// # Errors
    /// The call that the kernel refuses.
    pub fn unix(from: Option<&Path>, to: &Path) -> Result<Self> {
        let socket = from.map_or_else(UnixDatagram::unbound, UnixDatagram::bind);
        let socket = socket.map_err(|error| Error::of("make a client's socket", error))?;
        socket.connect(to).map_err(|error| Error::of(format!("connect {}", to.display()), error))?;
        socket.set_nonblocking(true).map_err(|error| Error::of("make a socket non-blocking", error))?;
        Ok(Self { socket: Socket::Unix(socket), address: None, got: Vec::new(), refused: false })
    }

    /// Sends one datagram; whether the kernel has taken it. It does not while the server's queue is full.
    ///
    /// # Errors
    /// The kernel refuses it for good.
    pub fn send(&mut self, bytes: &[u8]) -> Result<bool> {
        let sent = match &self.socket {
            Socket::Udp(socket) => socket.send(bytes),
            Socket::Unix(socket) => socket.send(bytes),
        };
        match sent {
            Ok(_) => Ok(true),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(false),
                // What an earlier datagram came to; this one has not gone.
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => {
                    self.refused = true;
                    Ok(false)
                }
                _ => Err(Error::of(format!("send a datagram of {} bytes", bytes.len()), error)),
            },
        }
    }

    /// Takes what has come, without waiting.
    pub fn read(&mut self) {
        let mut buffer = vec![0; LONGEST];
        // A program that sends without end must not hold us here.
        for _ in 0..64 {
            let received = match &self.socket {
                Socket::Udp(socket) => socket.recv(&mut buffer),
                Socket::Unix(socket) => socket.recv(&mut buffer),
            };
            match received {
                Ok(length) => self.got.push(buffer.get(..length).unwrap_or_default().to_vec()),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => self.refused = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }
}
