//! The clients of the servers on tokio: who is there, and what each may wait for.
//!
//! Lay it beside [`executor_clients`](crate::executor_clients). Tasks may be polled by several threads, so what was a
//! `Cell` there is a lock here; and a semaphore does what our list of clients did.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker, ready};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use common::Dump;
use nix::errno::Errno;
use nix::sys::socket::{Shutdown, shutdown};
use part_six_connections::options::Options;
use part_six_connections::tally::Tally;
use part_six_connections::{BUFFER, GRACE, PAUSE, QUIET};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time;
use tracing::{debug, info, warn};

use crate::accept::Fault;
use crate::runtime::{First, race};

/// As many places as there can be clients, and more than there are descriptors.
const NO_LIMIT: usize = 1 << 24;

/// How many descriptors tokio and the listener need.
const DESCRIPTORS: usize = 8;

/// How long the queue of connections may be. The kernel shortens it to what the system allows (`net.core.somaxconn`).
const QUEUE: u32 = 65_535;

/// A runtime whose tasks are polled by so many threads; by none but this one for 0.
///
/// # Errors
/// There are no descriptors for it. tokio would panic where it has none left for its signals, so they are asked for first.
pub fn runtime(workers: usize) -> Result<Runtime> {
    let wanted = (0..DESCRIPTORS).map(|_| {
        File::open("/dev/null")
            .map_err(named)
            .context("open /dev/null: tokio wants 8 descriptors, see ulimit -n")
    });
    drop(wanted.collect::<Result<Vec<_>>>()?);
    let mut builder = match workers {
        0 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(workers.max(1)).enable_all().build().map_err(named).context("start tokio")
}

/// Listens, and gives each client to `task`, which becomes a task of its own; until the stop.
///
/// # Errors
/// The listener cannot be made, or breaks.
pub async fn serve<Task>(options: Options, task: impl Fn(Client) -> Task) -> Result<()>
where
    Task: Future<Output = ()> + Send + 'static,
{
    let (mut interrupt, mut terminate) = (caught(SignalKind::interrupt())?, caught(SignalKind::terminate())?);
    let stop = race(interrupt.recv(), terminate.recv());
    let listener = listen_on(options.address)?;
    let clients = Clients::new(options);
    // When the stop comes first, `accept` is dropped where it waits. `race` is ours: a future does not mind who polls it.
    if let First::Right(broken) = race(stop, accept(&listener, &clients, task)).await {
        return broken;
    }
    drop(listener);
    clients.finish().await;
    Ok(())
}

fn caught(kind: SignalKind) -> Result<Signal> {
    signal(kind).context("catch SIGINT and SIGTERM")
}

/// Takes one client after another from the queue, for ever, and gives each a task of its own.
async fn accept<Task>(
    listener: &TcpListener,
    clients: &Arc<Clients>,
    task: impl Fn(Client) -> Task,
) -> Result<()>
where
    Task: Future<Output = ()> + Send + 'static,
{
    loop {
        let place = clients.place().await?;
        // accept: takes the first connection from the queue. Where the queue is empty, this task waits.
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(task(Client::new(clients, stream, place)))),
            Err(error) => clients.survive(error).await?,
        }
    }
}

/// Part one's calls up to `listen`, by tokio's names.
fn listen_on(address: SocketAddr) -> Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.map_err(named).context("socket")?;
    info!("Socket file descriptor: {}", socket.as_raw_fd());
    socket.set_reuseaddr(true).map_err(named).context("setsockopt SO_REUSEADDR")?;
    socket.bind(address).map_err(named).with_context(|| format!("bind {address}"))?;
    let bound = socket.local_addr().map_err(named).context("getsockname")?;
    info!("Socket bound to address: {bound}");
    let listener = socket.listen(QUEUE).map_err(named).with_context(|| format!("listen on {bound}"))?;
    info!("Listening for incoming connections...");
    Ok(listener)
}

/// One client. It must be told goodbye: [`Client::left`].
pub struct Client {
    stream: TcpStream,
    clients: Arc<Clients>,
    place: OwnedSemaphorePermit,
    /// As it stands on the list: what wakes its task at the stop.
    waker: Waker,
    /// Bytes that went back.
    echoed: u64,
}

impl Client {
    fn new(clients: &Arc<Clients>, stream: TcpStream, place: OwnedSemaphorePermit) -> Self {
        let (clients, descriptor) = (Arc::clone(clients), stream.as_raw_fd());
        let mut state = clients.lock();
        state.1.connected(descriptor);
        state.0.insert(descriptor, Waker::noop().clone());
        drop(state);
        Self { stream, clients, place, waker: Waker::noop().clone(), echoed: 0 }
    }

    /// Waits until something has come, and takes it; nothing at the client's end of file, or after the stop.
    ///
    /// # Errors
    /// The client is lost, or silent for longer than `--idle` allows.
    pub async fn recv(&mut self) -> Result<Option<Box<[u8]>>> {
        let descriptor = self.descriptor();
        let silence = self.clients.silence(descriptor, &mut self.waker);
        let message = match race(receive(&mut self.stream), silence).await {
            First::Left(received) => received.map_err(named).context("recv")?,
            First::Right(silent) => return silent.map(|()| None),
        };
        if message.is_empty() {
            return Ok(None);
        }
        debug!("received {} bytes from descriptor {descriptor}\n{}", message.len(), Dump(&message));
        Ok(Some(message))
    }

    /// Hands `bytes` to the kernel, all of them, and waits where it has no room.
    ///
    /// # Errors
    /// The client is lost, or does not read for longer than `--idle` allows.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let write = poll_fn(|context| Pin::new(&mut self.stream).poll_write(context, rest));
            let First::Left(sent) = race(write, sleep(self.clients.options.idle)).await else {
                bail!("does not read, for longer than --idle allows");
            };
            let sent = sent.map_err(named).context("send")?;
            self.echoed += sent as u64;
            rest = &rest[sent..];
        }
        debug!("Sent {} bytes back to descriptor {}", bytes.len(), self.descriptor());
        // tokio makes a task wait now and then that never does: its calls have a budget.
        Ok(())
    }

    /// Its descriptor.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.stream.as_raw_fd()
    }

    /// Closes the connection, and says how it `ended`.
    pub fn left(self, ended: Result<()>) {
        let mut state = self.clients.lock();
        state.0.remove(&self.descriptor());
        state.1.closed(self.descriptor(), self.echoed, ended);
        drop(state);
        // It is off our list; closed before its place is free; and then whoever waits for a place is told.
        drop(self.stream);
        drop(self.place);
        self.clients.left.notify_waiters();
    }
}

thread_local! {
    /// Where `recv` puts what has come. One for all clients of a thread: nobody waits while it is in use.
    static RECEIVED: RefCell<[u8; BUFFER]> = const { RefCell::new([0; BUFFER]) };
}

/// Waits until something has come, and takes it; nothing at the end of the stream. tokio's `AsyncReadExt::read` would
/// need a buffer that stays with the task while it waits.
async fn receive(client: &mut TcpStream) -> io::Result<Box<[u8]>> {
    poll_fn(|context| {
        RECEIVED.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut *client).poll_read(context, &mut buffer))?;
            Poll::Ready(Ok(buffer.filled().into()))
        })
    })
    .await
}

/// Waits for `duration`; without one, for ever.
async fn sleep(duration: Option<Duration>) {
    match duration {
        Some(duration) => time::sleep(duration).await,
        None => pending().await,
    }
}

/// The error by its name, as in all other parts.
fn named(error: io::Error) -> anyhow::Error {
    match error.raw_os_error() {
        Some(number) => Errno::from_raw(number).into(),
        None => error.into(),
    }
}

/// Everyone who is being served.
struct Clients {
    options: Options,
    most: usize,
    /// A place for each client that may be here. When all are free, everyone has left.
    places: Arc<Semaphore>,
    /// Somebody has left.
    left: Notify,
    stopping: AtomicBool,
    /// Who is there, with what wakes their tasks, and the sum.
    state: Mutex<(BTreeMap<RawFd, Waker>, Tally)>,
}

impl Clients {
    fn new(options: Options) -> Arc<Self> {
        let most = options.most.unwrap_or(NO_LIMIT);
        Arc::new(Self {
            options,
            most,
            places: Arc::new(Semaphore::new(most)),
            left: Notify::new(),
            stopping: AtomicBool::new(false),
            state: Mutex::default(),
        })
    }

    /// Waits for a free place.
    async fn place(&self) -> Result<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        info!("{} clients at a time: the next ones wait in the queue", self.most);
        Ok(Arc::clone(&self.places).acquire_owned().await?)
    }

    /// After an `accept` that failed: waits where that helps, and gives the error back where nothing helps.
    async fn survive(&self, error: io::Error) -> Result<()> {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
        match Fault::of(errno) {
            Fault::Full => {
                warn!("accept: {errno}: no new clients until one leaves; they wait in the queue");
                // Over when somebody has left, or after a second.
                let _ = time::timeout(PAUSE, self.left.notified()).await;
            }
            Fault::Lost => warn!("accept: {errno}: that client is lost, on to the next"),
            Fault::Broken => return Err(named(error)).context("accept"),
        }
        Ok(())
    }

    /// Waits until a client has been silent for too long: for `--idle`, or, after the stop, for a moment.
    async fn silence(&self, descriptor: RawFd, known: &mut Waker) -> Result<()> {
        let stop = poll_fn(|context| {
            if !known.will_wake(context.waker()) {
                known.clone_from(context.waker());
                self.lock().0.insert(descriptor, known.clone());
            }
            // Looked at when we are on the list: whoever sets it wakes those on the list after that.
            if self.stopping.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        });
        if let First::Left(()) = race(sleep(self.options.idle), stop).await {
            bail!("silent for longer than --idle allows");
        }
        time::sleep(QUIET).await;
        Ok(())
    }

    /// After the last `accept`: those who are here get the echo of what has come and of what is still on its way, until
    /// they are quiet, or until we have waited long enough. Then says the sum.
    async fn finish(&self) {
        self.stopping.store(true, Ordering::Release);
        self.lock().0.values().for_each(Waker::wake_by_ref);
        let everyone = u32::try_from(self.most).unwrap_or(u32::MAX);
        let _ = time::timeout(GRACE, self.places.acquire_many(everyone)).await;
        for &descriptor in self.lock().0.keys() {
            // Whoever waits to be read is cut off. It fails for a client that is gone; its task will see that.
            let _ = shutdown(descriptor, Shutdown::Both);
        }
        let _ = self.places.acquire_many(everyone).await;
        self.lock().1.stopped();
    }

    fn lock(&self) -> MutexGuard<'_, (BTreeMap<RawFd, Waker>, Tally)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
