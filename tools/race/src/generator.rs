//! Who asks: as many connections as wanted, each with one message on its way.

use std::fs::File;
use std::hint;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::socket::{MsgFlags, recv, send};

use crate::server::Place;

/// How long the server may take for what is on its way at the end of a turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// The connections to one server.
#[derive(Debug)]
pub struct Generator {
    epoll: Epoll,
    connections: Vec<Connection>,
    message: Vec<u8>,
    buffer: Vec<u8>,
    /// Echoes since the beginning.
    pub echoes: u64,
}

#[derive(Debug)]
struct Connection {
    socket: OwnedFd,
    /// How much of the echo has come.
    received: usize,
}

impl Generator {
    /// Opens `connections` to `place`; messages have `size` bytes.
    ///
    /// # Errors
    /// One is refused.
    pub fn connect(place: &Place, connections: usize, size: usize) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("epoll_create1")?;
        let mut all = Vec::with_capacity(connections);
        for index in 0..connections {
            let socket = place.connect().with_context(|| format!("connection {index} of {connections}"))?;
            epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, index as u64)).context("epoll_ctl")?;
            all.push(Connection { socket, received: 0 });
        }
        let message: Vec<u8> = (0..=u8::MAX).cycle().take(size).collect();
        Ok(Self { epoll, connections: all, buffer: vec![0; size], message, echoes: 0 })
    }

    /// Keeps one message of each connection on its way for `time`, then waits for what is still out. How many echoes.
    ///
    /// # Errors
    /// An echo is not what was sent, does not come, or the connection is lost.
    pub fn turn(&mut self, time: Duration) -> Result<u64> {
        let begun = Instant::now();
        let mut events = [EpollEvent::empty(); 256];
        let (mut out, mut echoes) = (0, 0);
        for index in 0..self.connections.len() {
            self.send(index)?;
            out += 1;
        }
        while out > 0 {
            let count = match self.epoll.wait(&mut events, 1000_u16) {
                Err(Errno::EINTR) => continue,
                result => result.context("epoll_wait")?,
            };
            let elapsed = begun.elapsed();
            ensure!(elapsed < time + PATIENCE, "{out} of {} echoes do not come", self.connections.len());
            for event in &events[..count] {
                let index = usize::try_from(event.data())?;
                if self.receive(index)? {
                    echoes += 1;
                    if elapsed < time {
                        self.send(index)?;
                    } else {
                        out -= 1;
                    }
                }
            }
        }
        self.echoes += echoes;
        Ok(echoes)
    }

    fn send(&mut self, index: usize) -> Result<()> {
        let connection = &mut self.connections[index];
        connection.received = 0;
        let sent = send(connection.socket.as_raw_fd(), &self.message, MsgFlags::empty()).context("send")?;
        // One message fits into the buffer of a connection that holds nothing else.
        ensure!(sent == self.message.len(), "send took {sent} of {} bytes", self.message.len());
        Ok(())
    }

    /// Whether the echo is complete now.
    fn receive(&mut self, index: usize) -> Result<bool> {
        let connection = &mut self.connections[index];
        let expected = &self.message[connection.received..];
        let room = &mut self.buffer[..expected.len()];
        let received = match recv(connection.socket.as_raw_fd(), room, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => bail!("the server closed a connection"),
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(false),
            result => result.context("recv")?,
        };
        ensure!(room[..received] == expected[..received], "an echo is not what was sent");
        connection.received += received;
        Ok(connection.received == self.message.len())
    }

    /// The same for the floor, a server that waits for nobody: all messages, then a byte on `control`, which is answered
    /// with the time that their echoes took; all echoes; and again. How many echoes, and the time of all.
    ///
    /// # Errors
    /// As [`turn`](Self::turn).
    pub fn turn_in_step(&mut self, time: Duration, control: &mut File) -> Result<(u64, Duration)> {
        let begun = Instant::now();
        let (mut echoes, mut worked) = (0, 0);
        while echoes == 0 || begun.elapsed() < time {
            for index in 0..self.connections.len() {
                self.send(index)?;
            }
            control.write_all(b".").context("send")?;
            let mut answer = [0; 8];
            control.read_exact(&mut answer).context("recv")?;
            worked += u64::from_ne_bytes(answer);
            for index in 0..self.connections.len() {
                while !self.receive(index)? {
                    ensure!(begun.elapsed() < time + PATIENCE, "an echo does not come");
                    hint::spin_loop();
                }
                echoes += 1;
            }
        }
        self.echoes += echoes;
        Ok((echoes, Duration::from_nanos(worked)))
    }
}

/// The second generator, which the first is checked against: one connection, blocking, the standard library.
#[derive(Debug)]
pub struct Simple {
    connection: File,
    message: Vec<u8>,
}

impl Simple {
    /// Connects to `place`.
    ///
    /// # Errors
    /// It is refused.
    pub fn connect(place: &Place, size: usize) -> Result<Self> {
        let connection = File::from(place.connect().context("connect")?);
        let mut simple = Self { connection, message: vec![b'x'; size] };
        simple.turn(Duration::ZERO)?;
        Ok(simple)
    }

    /// Write, read, write, read for `time`; how many echoes.
    ///
    /// # Errors
    /// The connection is lost, or an echo is another.
    pub fn turn(&mut self, time: Duration) -> Result<u64> {
        let begun = Instant::now();
        let mut echo = vec![0; self.message.len()];
        let mut echoes = 0;
        while echoes == 0 || begun.elapsed() < time {
            self.connection.write_all(&self.message).context("write")?;
            self.connection.read_exact(&mut echo).context("read")?;
            ensure!(echo == self.message, "an echo is not what was sent");
            echoes += 1;
        }
        Ok(echoes)
    }
}
