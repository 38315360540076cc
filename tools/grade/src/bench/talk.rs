//! What clients do to the program, and every wait for what it does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use lab::error::Result;
use nix::poll::{PollFlags, PollTimeout};

use super::Bench;
use crate::check::Transport;
use crate::client::Client;
use crate::explain;
use crate::fault::{How, Judged};
use crate::kernel::{self, Quiet, Row};

/// How long one look for something to happen waits, in milliseconds.
const TICK: u8 = 10;

impl Bench<'_> {
    /// The rows of the kernel's table for the connection with this client: the program's end of it.
    ///
    /// # Errors
    /// There is no /proc.
    pub fn row(&self, client: &Client) -> Result<Option<Row>> {
        let is_its = |row: &Row| {
            row.peer.port() == client.address.port() && row.local.port() == self.place.address.port()
        };
        Ok(kernel::tcp()?.into_iter().find(is_its))
    }

    /// How many connections wait to be accepted.
    ///
    /// # Errors
    /// There is no /proc.
    pub fn waiting(&self) -> Result<u32> {
        if self.subject.exercise.transport == Transport::Unix {
            let waits = |row: &kernel::UnixRow| row.is_at(&self.place.path) && row.waits_for_accept();
            return Ok(u32::try_from(kernel::unix()?.into_iter().filter(waits).count()).unwrap_or(u32::MAX));
        }
        let listens = |row: &Row| row.listens() && row.local.port() == self.place.address.port();
        Ok(kernel::tcp()?.into_iter().filter(listens).map(|row| row.waiting).sum())
    }

    /// An address of its own for the next client, on the same loopback interface.
    pub fn next_address(&mut self) -> SocketAddr {
        let port = self.next_port;
        self.next_port += 1;
        let host = match self.place.address {
            SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
        };
        SocketAddr::new(host, port)
    }

    /// A new client, connected.
    ///
    /// # Errors
    /// It is refused, or nobody answers.
    pub fn connect(&mut self) -> Judged<Client> {
        let mut client = if self.subject.exercise.transport == Transport::Unix {
            Client::at_path(&self.place.path, &self.kept)?
        } else {
            let from = self.next_address();
            Client::begin(from, self.place.address, &self.kept)?
        };
        self.wait_connected(&mut client)?;
        Ok(client)
    }

    /// Waits until the handshake of this client is over.
    ///
    /// # Errors
    /// It is refused, or nobody answers.
    pub fn wait_connected(&mut self, client: &mut Client) -> Judged {
        let begun = Instant::now();
        while !client.is_connected() {
            self.go_on()?;
            if begun.elapsed() > self.limits().wait {
                return Err(explain::no_answer_to_connect(self)?.into());
            }
            let _ = client.is_ready(PollFlags::POLLOUT, PollTimeout::from(TICK));
        }
        match client.how {
            How::Open => Ok(()),
            _ => Err(explain::refused(self)?.into()),
        }
    }

    /// Waits until `done`, which looks at the client, and meanwhile reads what comes back. Gives up when the connection
    /// is over or nothing more will come, which then shows in the client.
    ///
    /// # Errors
    /// The grader has to stop.
    pub fn wait(&mut self, client: &mut Client, done: impl Fn(&Client) -> bool) -> Judged {
        self.exchange(client, &[], done).map(|_| ())
    }

    /// The same, and sends `bytes` meanwhile. Gives how many were taken.
    fn exchange(
        &mut self,
        client: &mut Client,
        bytes: &[u8],
        done: impl Fn(&Client) -> bool,
    ) -> Judged<usize> {
        let mut last = Instant::now();
        let mut quiet = Quiet::from_now();
        let mut taken = 0;
        while client.how == How::Open {
            self.go_on()?;
            if client.read() {
                quiet.moved();
                last = Instant::now();
            }
            let rest = bytes.get(taken..).unwrap_or_default();
            if !rest.is_empty() {
                let now = client.write(rest);
                taken += now;
                if now > 0 {
                    quiet.moved();
                    last = Instant::now();
                    continue;
                }
            }
            if taken == bytes.len() && done(client) {
                break;
            }
            let flags =
                if rest.is_empty() { PollFlags::POLLIN } else { PollFlags::POLLIN | PollFlags::POLLOUT };
            if client.how != How::Open || client.is_ready(flags, PollTimeout::from(TICK)) {
                continue;
            }
            let Some(program) = &mut self.program else { break };
            if program.ended().is_some() && !client.read() {
                client.how = How::Exit;
            } else if program.quiet(&mut quiet) > self.subject.limits.quiet {
                client.how = How::Silent;
            } else if last.elapsed() > self.subject.limits.busy {
                client.how = How::Slow;
            }
        }
        if client.how == How::Reset {
            // A program whose end has reset the connection is on its way to it.
            self.settle()?;
        }
        Ok(taken)
    }

    /// Sends all of `bytes` and reads what comes back meanwhile.
    ///
    /// # Errors
    /// They are not taken.
    pub fn send(&mut self, client: &mut Client, bytes: &[u8]) -> Judged {
        let taken = self.exchange(client, bytes, |_| true)?;
        if taken == bytes.len() {
            return Ok(());
        }
        // It should have come back all the same.
        client.sent.extend(bytes.iter().skip(taken));
        Err(explain::echo(self, client)?.into())
    }

    /// Waits until everything that the client has sent has come back, and nothing more.
    ///
    /// # Errors
    /// Something else comes back, or less, or more.
    pub fn comes_back(&mut self, client: &mut Client) -> Judged {
        self.wait(client, |client| client.got.len() >= client.sent.len())?;
        if client.got.len() >= client.sent.len() {
            self.drain(client)?;
        }
        if client.got == client.sent { Ok(()) } else { Err(explain::echo(self, client)?.into()) }
    }

    /// Takes what comes back until the program rests and nothing more comes.
    ///
    /// # Errors
    /// The grader has to stop.
    pub fn drain(&mut self, client: &mut Client) -> Judged {
        loop {
            self.settle()?;
            let before = client.got.len();
            client.read();
            if client.got.len() == before {
                return Ok(());
            }
        }
    }

    /// Sends `bytes` and waits until all that the client has sent has come back.
    ///
    /// # Errors
    /// As [`Self::send`] and [`Self::comes_back`].
    pub fn echo(&mut self, client: &mut Client, bytes: &[u8]) -> Judged {
        self.send(client, bytes)?;
        self.comes_back(client)
    }

    /// Sends the end of the stream, and waits until the program has sent all, and then its own end.
    ///
    /// # Errors
    /// Something is missing, or the end does not come, or a reset.
    pub fn ends_well(&mut self, client: &mut Client) -> Judged {
        client.finish();
        self.wait(client, |_| false)?;
        match client.how {
            How::End if client.got == client.sent => Ok(()),
            _ => Err(explain::echo(self, client)?.into()),
        }
    }

    /// Waits until the program has taken everything that the client has sent out of the kernel.
    ///
    /// # Errors
    /// It does not.
    pub fn consumed(&mut self, client: &mut Client) -> Judged {
        if self.subject.exercise.transport == Transport::Unix {
            // The kernel does not tell how much waits in somebody else's Unix-domain socket. But a send wakes who waits.
            return self.settle();
        }
        let begun = Instant::now();
        let mut quiet = Quiet::from_now();
        while self.row(client)?.is_some_and(|row| row.waiting > 0) || self.waiting()? > 0 {
            self.go_on()?;
            client.read();
            let Some(program) = &mut self.program else { break };
            let is_quiet = program.quiet(&mut quiet) > self.subject.limits.quiet;
            if is_quiet || program.ended().is_some() || begun.elapsed() > self.subject.limits.busy {
                client.how = if is_quiet { How::Silent } else { How::Slow };
                return Err(explain::echo(self, client)?.into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Sends without reading until the kernel takes no more and the program does not move, or `most` bytes were taken.
    /// Gives how many were.
    ///
    /// # Errors
    /// The grader has to stop.
    pub fn offer(&mut self, client: &mut Client, bytes: &[u8]) -> Judged<usize> {
        let mut quiet = Quiet::from_now();
        let mut last_taken = Instant::now();
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            self.go_on()?;
            let now = client.write(rest);
            taken += now;
            if now > 0 {
                quiet.moved();
                last_taken = Instant::now();
                continue;
            }
            if client.how != How::Open || client.is_ready(PollFlags::POLLOUT, PollTimeout::from(TICK)) {
                if client.how != How::Open {
                    break;
                }
                continue;
            }
            let Some(program) = &mut self.program else { break };
            // TCP looks again after 200 ms whether its peer has room: nothing moves for longer only if there is none.
            let stands = program.quiet(&mut quiet) > Duration::from_millis(500);
            let (limits, since) = (self.subject.limits, last_taken.elapsed());
            // While nothing waits to be received, the kernel has yet to bring what it took.
            let is_left = self.row(client)?.is_none_or(|row| row.waiting > 0);
            if is_left && (stands || since > limits.wait) || since > limits.busy {
                break;
            }
        }
        Ok(taken)
    }
}
