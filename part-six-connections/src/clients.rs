//! For the designs whose calls sleep: one client from `recv` to `close`, and who is there.
//!
//! A thread that sleeps in `recv` sees no signal and looks at no flag. What reaches it is `shutdown` on its socket, by
//! another thread: `recv` then gives what has come and after that the end of file, as if the client were done.

use std::collections::BTreeMap;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail};
use common::Dump;
use common::stop::Stop;
use nix::errno::Errno;
use nix::sys::socket::sockopt::{ReceiveTimeout, SendTimeout};
use nix::sys::socket::{MsgFlags, Shutdown, SockFlag, recv, send, setsockopt, shutdown};
use nix::sys::time::{TimeVal, TimeValLike};
use tracing::{debug, info, warn};

use crate::listener::{Accepted, accept};
use crate::options::Options;
use crate::tally::Tally;
use crate::{BUFFER, GRACE, PAUSE, QUIET};

/// Everyone who is being served, and the rules for them.
#[derive(Debug)]
pub struct Clients {
    options: Options,
    state: Mutex<State>,
    /// Somebody came or left, or the stop was asked for.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Their sockets, which are closed by being taken from here.
    present: BTreeMap<RawFd, OwnedFd>,
    tally: Tally,
    stopping: bool,
    /// No descriptor was left, and nobody has left since: it has been said.
    full: bool,
}

impl Clients {
    /// Nobody yet. From here on a thread waits for the stop and then lets everyone finish: it shuts the reading side
    /// of each connection, and after [`GRACE`] cuts off who is still there.
    ///
    /// # Errors
    /// That thread cannot be started.
    pub fn until(stop: &Arc<Stop>, options: Options) -> Result<Arc<Self>> {
        let clients = Arc::new(Self { options, state: Mutex::default(), changed: Condvar::new() });
        let (watched, asked) = (Arc::clone(&clients), Arc::clone(stop));
        thread::Builder::new()
            .name("stop".into())
            .spawn(move || match asked.wait() {
                Ok(()) => watched.finish(),
                Err(errno) => warn!("poll: {errno}: clients will not be told to finish"),
            })
            .context("start a thread")?;
        Ok(clients)
    }

    /// Sleeps while there are as many clients as `--most` allows. The others wait in the kernel's queue, where they
    /// are connected, but nobody has read a byte of them. Gives up at the stop.
    pub fn wait_for_room(&self) {
        let most = self.options.most.unwrap_or(usize::MAX);
        let mut state = self.lock();
        if state.present.len() >= most && !state.stopping {
            info!("{most} clients at a time: the next ones wait in the queue");
        }
        while state.present.len() >= most && !state.stopping {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes the next client from the queue, if there is one. Where no descriptor is left for it, it stays in the
    /// queue, and this sleeps until somebody leaves, or for [`PAUSE`].
    ///
    /// # Errors
    /// The listener is broken.
    pub fn accept(self: &Arc<Self>, listener: &OwnedFd) -> Result<Option<Client>> {
        match accept(listener, SockFlag::empty())? {
            Accepted::Client(socket) => self.admit(socket).map(Some),
            Accepted::Nobody => Ok(None),
            Accepted::Full(errno) => {
                let mut state = self.lock();
                if !mem::replace(&mut state.full, true) {
                    warn!("accept: {errno}: no new clients until one leaves; they wait in the queue");
                }
                if !state.stopping {
                    drop(self.changed.wait_timeout(state, PAUSE));
                }
                Ok(None)
            }
        }
    }

    fn admit(self: &Arc<Self>, socket: OwnedFd) -> Result<Client> {
        if let Some(idle) = self.options.idle {
            // The kernel's own alarm clock: a recv or send that sleeps for longer fails with EAGAIN.
            let idle = TimeVal::seconds(idle.as_secs().try_into().unwrap_or(i64::MAX));
            setsockopt(&socket, ReceiveTimeout, &idle).context("setsockopt SO_RCVTIMEO")?;
            setsockopt(&socket, SendTimeout, &idle).context("setsockopt SO_SNDTIMEO")?;
        }
        let descriptor = socket.as_raw_fd();
        let mut state = self.lock();
        state.tally.connected(descriptor);
        if state.stopping {
            let _ = shutdown(descriptor, Shutdown::Read);
        }
        state.present.insert(descriptor, socket);
        Ok(Client { descriptor, echoed: 0, clients: Arc::clone(self) })
    }

    /// Lets everyone finish; the thread of [`until`](Self::until) is here after the stop.
    fn finish(&self) {
        let mut state = self.lock();
        state.stopping = true;
        self.changed.notify_all();
        let quiet = QUIET.as_millis().try_into().unwrap_or(i64::MAX);
        for (&descriptor, socket) in &state.present {
            // The next recv gives up when nothing has come for QUIET.
            let _ = setsockopt(socket, ReceiveTimeout, &TimeVal::milliseconds(quiet));
            // One that sleeps already has the old limit, and is woken. Only where nothing waits to be received: after
            // this shutdown the kernel no longer tells the client when there is room again.
            if recv(descriptor, &mut [0], MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT) == Err(Errno::EAGAIN) {
                let _ = shutdown(descriptor, Shutdown::Read);
            }
        }
        let waited = self.changed.wait_timeout_while(state, GRACE, |state| !state.present.is_empty());
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        for &descriptor in state.present.keys() {
            let _ = shutdown(descriptor, Shutdown::Both);
        }
    }

    /// After the last `accept`: sleeps until everyone has left, and says the sum.
    pub fn wait_for_the_last(&self) {
        let waited = self.changed.wait_while(self.lock(), |state| !state.present.is_empty());
        waited.unwrap_or_else(PoisonError::into_inner).tally.stopped();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client. Dropped, it is closed.
#[derive(Debug)]
pub struct Client {
    descriptor: RawFd,
    /// Bytes that went back.
    echoed: u64,
    clients: Arc<Clients>,
}

impl Client {
    /// Echoes until the client's end of file, or until it is lost, and closes.
    pub fn serve(mut self) {
        let ended = self.echo();
        self.clients.lock().tally.closed(self.descriptor, self.echoed, ended);
    }

    fn echo(&mut self) -> Result<()> {
        let descriptor = self.descriptor;
        let (mut buffer, mut quiet) = ([0; BUFFER], false);
        loop {
            // recv: sleeps until something comes. 0 bytes are the client's end of file.
            let received = match recv(descriptor, &mut buffer, MsgFlags::empty()) {
                // At the stop it may be ours: what is on its way can still come, so there is one more look.
                Ok(0) if !quiet && self.clients.lock().stopping => {
                    thread::sleep(QUIET);
                    quiet = true;
                    continue;
                }
                Ok(0) => return Ok(()),
                Ok(received) => received,
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) if self.clients.lock().stopping => return Ok(()),
                Err(Errno::EAGAIN) => bail!("silent for longer than --idle allows"),
                Err(errno) => return Err(errno).context("recv"),
            };
            quiet = false;
            let mut rest = buffer.get(..received).unwrap_or_default();
            debug!("received {received} bytes from descriptor {descriptor}\n{}", Dump(rest));

            // send: sleeps until the kernel has room. A signal or a limit may leave a part of it to us.
            while !rest.is_empty() {
                match send(descriptor, rest, MsgFlags::empty()) {
                    Ok(sent) => {
                        rest = rest.get(sent..).unwrap_or_default();
                        self.echoed += sent as u64;
                    }
                    Err(Errno::EINTR) => {}
                    Err(Errno::EAGAIN) => bail!("does not read, for longer than --idle allows"),
                    Err(errno) => return Err(errno).context("send"),
                }
            }
            debug!("Sent {received} bytes back to descriptor {descriptor}");
        }
    }

    /// Its descriptor, to speak of it.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.descriptor
    }
}

impl Drop for Client {
    /// It leaves the list and is closed in one step: nobody can shut down a number that the kernel has given to the next
    /// client meanwhile, and who waits for room finds a free descriptor.
    fn drop(&mut self) {
        let mut state = self.clients.lock();
        state.present.remove(&self.descriptor);
        state.full = false;
        self.clients.changed.notify_all();
    }
}
