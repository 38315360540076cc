//! Part seven, the second server: the same `echo` on tokio, in one thread or in several.
//!
//! Lay it beside async-executor. `echo` is the same function; what our own list of clients did there is done by tokio's
//! semaphore here. The page beside it is `docs/part-seven-tokio.md`.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use common::arguments::{Arguments, Error, number};
use common::{Dump, program};
use nix::errno::Errno;
use nix::sys::socket::{Shutdown, shutdown};
use part_seven_async::accept::Fault;
use part_seven_async::runtime::{First, race};
use part_six_connections::options::Options;
use part_six_connections::tally::Tally;
use part_six_connections::{BUFFER, GRACE, PAUSE, QUIET, limits};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time;
use tracing::{debug, info, warn};

const HELP: &str = "\
Echoes all clients, each in a task on tokio, until Ctrl-C or SIGTERM. Part seven of
Sockets, Part by Part.

Usage: async-tokio [OPTIONS] [ADDR]

  ADDR            IP:PORT to listen on; port 0 lets the kernel choose one
                  [default: 127.0.0.1:6797]

  --workers N     how many threads poll the tasks, 0 to 512; 0 is tokio's current-thread
                  runtime, which has no threads besides this one [default: 0]
  --most N        at most N clients at a time; the others wait in the queue
                  [default: as many as there are descriptors]
  --idle SECONDS  close a client that neither sends nor reads for so long [default: never]
  -h, --help      print this help
  -V, --version   print the version

Every received byte is shown with RUST_LOG=debug.
Beside it, in a second terminal: cargo run -p part-six-connections --bin crowd
";

/// As many places as there can be clients: more than there are descriptors.
const NO_LIMIT: usize = 1 << 24;

/// How long the queue of connections may be. The kernel shortens it to what the system allows (`net.core.somaxconn`).
const QUEUE: u32 = 65_535;

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, arguments, |(options, workers)| run(options, workers))
}

fn arguments(words: &mut Arguments) -> Result<(Options, usize), Error> {
    let mut workers = 0;
    let options = Options::from_words(words, |name, words| {
        let known = name == "workers";
        if known {
            workers = number("--workers", words.value()?, 0..=512)?;
        }
        Ok(known)
    })?;
    Ok((options, workers))
}

fn run(options: Options, workers: usize) -> Result<()> {
    limits::raise_descriptors();
    let mut builder = match workers {
        0 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(workers.max(1)).enable_all().build().context("start tokio")?;
    runtime.block_on(serve(options))
}

async fn serve(options: Options) -> Result<()> {
    let (mut interrupt, mut terminate) = (caught(SignalKind::interrupt())?, caught(SignalKind::terminate())?);
    let stop = race(interrupt.recv(), terminate.recv());
    let listener = listen_on(options.address)?;
    let clients = Arc::new(Clients::new(options.most));
    // When the stop comes first, `accept` is dropped where it waits. `race` is ours: a future does not mind who polls it.
    if let First::Right(broken) = race(stop, accept(&listener, options, &clients)).await {
        return broken;
    }
    drop(listener);
    clients.finish().await;
    Ok(())
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

fn caught(kind: SignalKind) -> Result<Signal> {
    signal(kind).context("catch SIGINT and SIGTERM")
}

/// Takes one client after another from the queue, for ever, and gives each a task of its own.
async fn accept(listener: &TcpListener, options: Options, clients: &Arc<Clients>) -> Result<()> {
    loop {
        let place = clients.place().await?;
        // 6. accept: takes the first connection from the queue. Where the queue is empty, this task waits.
        let mut client = match listener.accept().await {
            Ok((client, _)) => client,
            Err(error) => {
                clients.survive(error).await?;
                continue;
            }
        };
        clients.came(client.as_raw_fd());
        let clients = Arc::clone(clients);
        tokio::spawn(async move {
            let mut echoed = 0;
            let ended = echo(&mut client, &clients, options.idle, &mut echoed).await;
            clients.left(client.as_raw_fd(), echoed, ended);
            // 9. close: off our list first, then closed, and then its place is free.
            drop(client);
            drop(place);
            clients.left.notify_waiters();
        });
    }
}

/// Echoes one client until its end of file.
async fn echo(
    client: &mut TcpStream,
    clients: &Clients,
    idle: Option<Duration>,
    echoed: &mut u64,
) -> Result<()> {
    let mut stop = pin!(clients.stop.notified());
    stop.as_mut().enable();
    loop {
        // 7. recv: takes what has come. Where nothing has, the others have their turn until something does.
        let received = match race(recv(client), clients.silence(idle, stop.as_mut())).await {
            First::Left(received) => received,
            First::Right(silent) => return silent,
        };
        let message = received.map_err(named).context("recv")?;
        if message.is_empty() {
            return Ok(());
        }
        debug!("received {} bytes from descriptor {}\n{}", message.len(), client.as_raw_fd(), Dump(&message));

        // 8. send: hands the bytes to the kernel, and waits where it has no room.
        let mut rest = &message[..];
        while !rest.is_empty() {
            let First::Left(sent) = race(send(client, rest), sleep(idle)).await else {
                bail!("does not read, for longer than --idle allows");
            };
            let sent = sent.map_err(named).context("send")?;
            *echoed += sent as u64;
            rest = &rest[sent..];
        }
        debug!("Sent {} bytes back to descriptor {}", message.len(), client.as_raw_fd());
        // tokio itself makes a task wait now and then that never does: its calls have a budget.
    }
}

thread_local! {
    /// Where `recv` puts what has come. One for all clients of a thread: nobody waits while it is in use.
    static RECEIVED: RefCell<[u8; BUFFER]> = const { RefCell::new([0; BUFFER]) };
}

/// Waits until something has come, and takes it; nothing at the end of the stream. tokio's `AsyncReadExt::read` would
/// need a buffer that stays with the task while it waits.
async fn recv(client: &mut TcpStream) -> io::Result<Box<[u8]>> {
    poll_fn(|context| {
        RECEIVED.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut *client).poll_read(context, &mut buffer))?;
            Poll::Ready(Ok(buffer.filled().into()))
        })
    })
    .await
}

/// Waits until the kernel has room, and hands it `bytes`, or a part of them.
async fn send(client: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    poll_fn(|context| Pin::new(&mut *client).poll_write(context, bytes)).await
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
    most: usize,
    /// A place for each client that may be here. When all are free, everyone has left.
    places: Arc<Semaphore>,
    /// Somebody has left.
    left: Notify,
    /// The stop, for those who wait for it, and for those who come too late to be told.
    stop: Notify,
    stopping: AtomicBool,
    state: Mutex<(BTreeSet<RawFd>, Tally)>,
}

impl Clients {
    fn new(most: Option<usize>) -> Self {
        let most = most.unwrap_or(NO_LIMIT);
        let places = Arc::new(Semaphore::new(most));
        Self {
            most,
            places,
            left: Notify::new(),
            stop: Notify::new(),
            stopping: AtomicBool::new(false),
            state: Mutex::default(),
        }
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
        let errno = error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw);
        match Fault::of(errno) {
            Fault::Full => {
                warn!("accept: {errno}: no new clients until one leaves; they wait in the queue");
                // Over when somebody has left, or after a second.
                let _ = time::timeout(PAUSE, self.left.notified()).await;
                Ok(())
            }
            Fault::Lost => {
                warn!("accept: {errno}: that client is lost, on to the next");
                Ok(())
            }
            Fault::Broken => Err(error).context("accept"),
        }
    }

    fn came(&self, descriptor: RawFd) {
        let mut state = self.lock();
        state.1.connected(descriptor);
        state.0.insert(descriptor);
    }

    fn left(&self, descriptor: RawFd, echoed: u64, ended: Result<()>) {
        let mut state = self.lock();
        state.0.remove(&descriptor);
        state.1.closed(descriptor, echoed, ended);
    }

    /// Waits until a client has been silent for too long: for `idle`, or, after the stop, for a moment.
    async fn silence(&self, idle: Option<Duration>, stop: Pin<&mut Notified<'_>>) -> Result<()> {
        if !self.stopping.load(Ordering::Acquire)
            && let First::Left(()) = race(sleep(idle), stop).await
        {
            bail!("silent for longer than --idle allows");
        }
        time::sleep(QUIET).await;
        Ok(())
    }

    /// After the last `accept`: those who are here get the echo of what has come and of what is still on its way, until
    /// they are quiet, or until we have waited long enough.
    async fn finish(&self) {
        self.stopping.store(true, Ordering::Release);
        self.stop.notify_waiters();
        let everyone = u32::try_from(self.most).unwrap_or(u32::MAX);
        let _ = time::timeout(GRACE, self.places.acquire_many(everyone)).await;
        for &descriptor in &self.lock().0 {
            // Whoever waits to be read is cut off. It fails for a client that is gone; its task will see that.
            let _ = shutdown(descriptor, Shutdown::Both);
        }
        let _ = self.places.acquire_many(everyone).await;
        self.lock().1.stopped();
    }

    fn lock(&self) -> MutexGuard<'_, (BTreeSet<RawFd>, Tally)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
