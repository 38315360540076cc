//! The clients of the server on our own runtime: who is there, and what each may wait for.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::mem;
use std::os::fd::{OwnedFd, RawFd};
use std::rc::Rc;
use std::task::{Poll, Waker};

use anyhow::{Context, Result, bail};
use common::Dump;
use nix::sys::socket::{Shutdown, shutdown};
use part_six_connections::options::Options;
use part_six_connections::tally::Tally;
use part_six_connections::{BUFFER, GRACE, QUIET};
use tracing::debug;

use crate::runtime::{First, Runtime, race, yield_now};
use crate::socket::Socket;

/// One client. It must be told goodbye: [`Client::left`].
pub struct Client {
    socket: Socket,
    clients: Rc<Clients>,
    /// Bytes that went back.
    echoed: u64,
}

impl Client {
    /// The client at the other end of `connection`.
    ///
    /// # Errors
    /// What `epoll_ctl(2)` lists.
    pub fn new(clients: &Rc<Clients>, connection: OwnedFd) -> nix::Result<Self> {
        let socket = Socket::new(&clients.runtime, connection)?;
        clients.tally.borrow_mut().connected(socket.descriptor());
        clients.present.borrow_mut().insert(socket.descriptor());
        Ok(Self { socket, clients: Rc::clone(clients), echoed: 0 })
    }

    /// Waits until something has come, and takes it; nothing at the client's end of file, or after the stop.
    ///
    /// # Errors
    /// The client is lost, or silent for longer than `--idle` allows.
    pub async fn recv(&mut self) -> Result<Option<Box<[u8]>>> {
        let message = match race(self.socket.recv(), self.clients.silence()).await {
            First::Left(received) => received.context("recv")?,
            First::Right(silent) => return silent.map(|()| None),
        };
        if message.is_empty() {
            return Ok(None);
        }
        debug!("received {} bytes from descriptor {}\n{}", message.len(), self.descriptor(), Dump(&message));
        Ok(Some(message))
    }

    /// Hands `bytes` to the kernel, all of them, and waits where it has no room.
    ///
    /// # Errors
    /// The client is lost, or does not read for longer than `--idle` allows.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let sleep = self.clients.runtime.sleep(self.clients.options.idle);
            let First::Left(sent) = race(self.socket.send(rest), sleep).await else {
                bail!("does not read, for longer than --idle allows");
            };
            let sent = sent.context("send")?;
            self.echoed += sent as u64;
            rest = &rest[sent..];
        }
        debug!("Sent {} bytes back to descriptor {}", bytes.len(), self.descriptor());
        // A client that sends without a pause would never let us wait. A full buffer is a good moment to let the others
        // have their turn.
        if bytes.len() == BUFFER {
            yield_now().await;
        }
        Ok(())
    }

    /// Its descriptor.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.socket.descriptor()
    }

    /// Closes the connection, and says how it `ended`.
    pub fn left(self, ended: Result<()>) {
        self.clients.present.borrow_mut().remove(&self.descriptor());
        self.clients.tally.borrow_mut().closed(self.descriptor(), self.echoed, ended);
        self.clients.waiting.take().into_iter().for_each(Waker::wake);
    }
}

/// Everyone who is being served.
pub struct Clients {
    runtime: Runtime,
    options: Options,
    present: RefCell<BTreeSet<RawFd>>,
    tally: RefCell<Tally>,
    stopping: Cell<bool>,
    /// Of the one task that waits until somebody leaves.
    waiting: Cell<Option<Waker>>,
}

impl Clients {
    /// Nobody yet.
    #[must_use]
    pub fn new(runtime: &Runtime, options: Options) -> Rc<Self> {
        Rc::new(Self {
            runtime: runtime.clone(),
            options,
            present: RefCell::default(),
            tally: RefCell::default(),
            stopping: Cell::new(false),
            waiting: Cell::new(None),
        })
    }

    /// How many are there.
    #[must_use]
    pub fn present(&self) -> usize {
        self.present.borrow().len()
    }

    /// Waits until somebody leaves. It may also end for nothing: look again.
    pub async fn changed(&self) {
        let mut waited = false;
        poll_fn(|context| {
            if mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            self.waiting.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Waits until a client has been silent for too long: for `--idle`, or, after the stop, for a moment.
    async fn silence(&self) -> Result<()> {
        let stop = poll_fn(|_| if self.stopping.get() { Poll::Ready(()) } else { Poll::Pending });
        if let First::Left(()) = race(self.runtime.sleep(self.options.idle), stop).await {
            bail!("silent for longer than --idle allows");
        }
        self.runtime.sleep(Some(QUIET)).await;
        Ok(())
    }

    /// After the last `accept`: those who are here get the echo of what has come and of what is still on its way, until
    /// they are quiet, or until we have waited long enough. Then says the sum.
    pub async fn finish(&self) {
        self.stopping.set(true);
        // Nobody keeps our clients' wakers for this. A task may be woken for nothing, so we wake them all.
        self.runtime.wake_all();
        race(self.everyone_left(), self.runtime.sleep(Some(GRACE))).await;
        for &descriptor in &*self.present.borrow() {
            // Whoever waits to be read is cut off. It fails for a client that is gone; its task will see that.
            let _ = shutdown(descriptor, Shutdown::Both);
        }
        self.everyone_left().await;
        self.tally.borrow().stopped();
    }

    async fn everyone_left(&self) {
        while self.present() > 0 {
            self.changed().await;
        }
    }
}
