//! What the compiler makes of an `async fn`: the same echo twice, once as it is written and once as it becomes.

use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::task::{Context as Polled, Poll, ready};

use anyhow::{Context, Result};
use common::program;
use nix::sys::socket::{AddressFamily, Shutdown, SockFlag, SockType, shutdown, socketpair};
use part_seven_async::runtime::{Runtime, yield_now};
use part_seven_async::socket::Socket;
use tracing::info;

const HELP: &str = "\
Runs the same echo twice: as an async fn, and as a state machine written by hand.

Usage: by_hand
";

fn main() -> ExitCode {
    program::run("by_hand", HELP, |_| Ok(()), |()| show())
}

async fn echo(socket: &Socket) -> nix::Result<()> {
    loop {
        let message = socket.recv().await?;
        if message.is_empty() {
            return Ok(());
        }
        socket.send(&message).await?;
    }
}

fn show() -> Result<()> {
    let runtime = Runtime::new().context("start the runtime")?;
    runtime.block_on(async {
        let (one, other) = pair(&runtime)?;
        info!("echo, as the compiler made it: {} bytes", size_of_val(&echo(&other)));
        talk(&runtime, one, async move { echo(&other).await }).await?;
        let (one, other) = pair(&runtime)?;
        info!("Echo, made by hand: {} bytes", size_of::<Echo<'_>>());
        talk(&runtime, one, by_hand(other)).await
    })?
}

/// The future by hand, and the socket that it borrows.
async fn by_hand(socket: Socket) -> nix::Result<()> {
    Echo::Receiving(&socket).await
}

/// A client at the one end, and at the other end a task whose polls are told.
async fn talk(
    runtime: &Runtime,
    client: Socket,
    echo: impl Future<Output = nix::Result<()>> + 'static,
) -> Result<()> {
    runtime.spawn(async move {
        let (mut echo, mut polls) = (pin!(echo), 0);
        let told = std::future::poll_fn(|context| {
            polls += 1;
            let polled = echo.as_mut().poll(context);
            info!("  poll {polls}: {polled:?}");
            polled
        });
        let _ = told.await;
    });
    yield_now().await;
    info!("  the client sends");
    client.send(b"hello").await.context("send")?;
    client.recv().await.context("recv")?;
    info!("  the client has its echo, and closes its side");
    shutdown(client.descriptor(), Shutdown::Write).context("shutdown")?;
    client.recv().await.context("recv")?;
    Ok(())
}

fn pair(runtime: &Runtime) -> Result<(Socket, Socket)> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let (one, other) =
        socketpair(AddressFamily::Unix, SockType::Stream, None, flags).context("socketpair")?;
    Ok((Socket::new(runtime, one).context("epoll_ctl")?, Socket::new(runtime, other).context("epoll_ctl")?))
}

// 1. states: where the function stands, before which `.await`, and with which of its variables.
enum Echo<'a> {
    Receiving(&'a Socket),
    Sending(&'a Socket, Box<[u8]>),
}

// 2. poll: on from there, as far as it goes.
impl Future for Echo<'_> {
    type Output = nix::Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Polled<'_>) -> Poll<nix::Result<()>> {
        loop {
            match &*self {
                Self::Receiving(socket) => {
                    let message = ready!(pin!(socket.recv()).poll(context))?;
                    if message.is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    *self = Self::Sending(socket, message);
                }
                Self::Sending(socket, message) => {
                    ready!(pin!(socket.send(message)).poll(context))?;
                    *self = Self::Receiving(socket);
                }
            }
        }
    }
}
