//! Part four's frames, read by a future that is dropped in the middle of one.

use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use common::program;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use part_seven_async::runtime::{First, Runtime, race};
use part_seven_async::socket::Socket;
use part_seven_async::words::whether;
use tracing::info;

const HELP: &str = "\
Reads two names, each behind its length, with a timeout that comes in the middle of the
first one.

Usage: cancelled_frame [kept]

  kept  keep the future that was not done, and go on with it
";

/// The longest name of part four, in bytes.
const LIMIT: u32 = 255;

fn main() -> ExitCode {
    program::run("cancelled_frame", HELP, |words| whether(words, "kept"), run)
}

/// What has come, and was not used yet.
struct Reader {
    socket: Socket,
    buffer: Vec<u8>,
}

impl Reader {
    /// The first two fields of a frame: four bytes of length, big-endian, and as many bytes of name.
    async fn name(&mut self) -> Result<String> {
        let length = self.exactly(4).await?;
        let length = u32::from_be_bytes(length.try_into().unwrap_or_default());
        if length > LIMIT {
            bail!("the name has {length} bytes, and {LIMIT} are allowed");
        }
        // Here the length is a variable of this future and nowhere else: whoever drops it drops the length.
        let name = self.exactly(length as usize).await?;
        Ok(String::from_utf8(name)?)
    }

    async fn exactly(&mut self, count: usize) -> Result<Vec<u8>> {
        while self.buffer.len() < count {
            let some = self.socket.recv().await.context("recv")?;
            if some.is_empty() {
                bail!("the end came after {} of {count} bytes", self.buffer.len());
            }
            self.buffer.extend_from_slice(&some);
        }
        Ok(self.buffer.drain(..count).collect())
    }
}

fn run(kept: bool) -> Result<()> {
    let runtime = Runtime::new().context("start the runtime")?;
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let (one, other) =
        socketpair(AddressFamily::Unix, SockType::Stream, None, flags).context("socketpair")?;
    let read = async {
        let client = Socket::new(&runtime, one).context("epoll_ctl")?;
        let mut reader =
            Reader { socket: Socket::new(&runtime, other).context("epoll_ctl")?, buffer: Vec::new() };
        let pause = || runtime.sleep(Some(Duration::from_millis(50)));
        // The length, half of the name; and later the other half, and a second name.
        client.send(b"\0\0\0\x09diary").await.context("send")?;
        let rest = b".txt\0\0\0\x05notes";
        if kept {
            let mut name = pin!(reader.name());
            if let First::Right(()) = race(name.as_mut(), pause()).await {
                info!("timeout in the middle of the name; the future is kept");
            }
            client.send(rest).await.context("send")?;
            info!("the name is {:?}", name.await?);
        } else {
            if let First::Right(()) = race(reader.name(), pause()).await {
                info!("timeout in the middle of the name; the future is dropped, and the length with it");
            }
            client.send(rest).await.context("send")?;
        }
        info!("the next name is {:?}", reader.name().await?);
        Ok(())
    };
    runtime.block_on(read).context("epoll_wait")?
}
