//! Part seven, exercise 4: part four's receiver, for many senders at a time.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, Result};
use common::program;
use common::stop::Stop;
use nix::sys::socket::{Shutdown, shutdown};
use part_four_frames::frame::{Answer, Status, check_name, content_length, name_length};
use part_four_frames::part_file::PartFile;
use part_seven_async::accept::Fault;
use part_seven_async::runtime::{First, Runtime, race};
use part_seven_async::socket::Socket;
use part_six_connections::limits;
use part_six_connections::listener::listen_on;
use tracing::{info, warn};

const HELP: &str = "\
Receives one file a connection and keeps it in a folder, from many senders at a time.

Usage: part-seven-4 [ADDR] [FOLDER]

  ADDR           IP:PORT to listen on; port 0 lets the kernel choose one
                 [default: 127.0.0.1:6797]
  FOLDER         where the files are kept [default: the current folder]

  -h, --help     print this help
  -V, --version  print the version
";

/// A longer file is refused, in bytes.
const LIMIT: u64 = 1024 * 1024;

fn main() -> ExitCode {
    program::run(
        env!("CARGO_BIN_NAME"),
        HELP,
        |words| Ok((words.address()?, words.operand()?.map_or_else(|| ".".into(), PathBuf::from))),
        |(address, folder)| run(address, folder),
    )
}

fn run(address: SocketAddr, folder: PathBuf) -> Result<()> {
    limits::raise_descriptors();
    let (listener, stop) = listen_on(address)?;
    let runtime = Runtime::new().context("start the runtime")?;
    runtime.block_on(serve(&runtime, listener, stop, folder)).context("epoll_wait")?
}

async fn serve(runtime: &Runtime, listener: OwnedFd, stop: Stop, folder: PathBuf) -> Result<()> {
    let listener = Socket::new(runtime, listener).context("epoll_ctl")?;
    let stop = Socket::new(runtime, stop.as_fd().try_clone_to_owned()?).context("epoll_ctl")?;
    // What is left out: a timeout, and a sender in the middle of a file when the stop comes loses it.
    match race(stop.readable(), accept(runtime, &listener, folder.into())).await {
        First::Left(()) => Ok(()),
        First::Right(broken) => broken,
    }
}

async fn accept(runtime: &Runtime, listener: &Socket, folder: Rc<Path>) -> Result<()> {
    loop {
        let sender = match listener.accept().await.and_then(|sender| Socket::new(runtime, sender)) {
            Ok(sender) => sender,
            Err(errno) if Fault::of(errno) == Fault::Broken => return Err(errno).context("accept"),
            Err(errno) => {
                warn!("accept: {errno}");
                continue;
            }
        };
        // 1. task: each sender has one, and takes as long as it takes.
        let folder = Rc::clone(&folder);
        runtime.spawn(async move {
            let mut sender = Sender { socket: sender, came: Vec::new() };
            let answer = match receive(&mut sender, &folder).await {
                Ok(text) => Answer { status: Status::Kept, text },
                Err(answer) => answer,
            };
            info!("{}: {}", answer.status, answer.text);
            if let Err(errno) = sender.say(&answer.encode()).await {
                warn!("send the answer: {errno}");
            }
        });
    }
}

/// Part four's `receive`, with an `.await` behind each field.
async fn receive(sender: &mut Sender, folder: &Path) -> Result<String, Answer> {
    // 2. fields: the same checks in the same order; only the waiting is new.
    let length = name_length(sender.field("name length").await?)?;
    let name = check_name(&sender.exactly("name", length).await?)?;
    let length = content_length(sender.field("content length").await?, LIMIT)?;
    let mut part = PartFile::begin(folder, &name)?;
    let (mut checksum, mut received) = (crc32fast::Hasher::new(), 0);
    while received < length {
        let room = usize::try_from(length - received).unwrap_or(usize::MAX);
        let piece = sender.piece("content", room).await?;
        checksum.update(&piece);
        part.write(&piece)?;
        received += piece.len() as u64;
    }
    let (theirs, ours) = (u32::from_be_bytes(sender.field("checksum").await?), checksum.finalize());
    if theirs != ours {
        return Err(Answer::broken(format!(
            "checksum {theirs:#010x}: the content that came has {ours:#010x}"
        )));
    }
    part.keep()?;
    Ok(format!("{name}: {length} bytes, CRC-32 {ours:#010x}"))
}

/// A sender, and what has come from it and was not used yet.
struct Sender {
    socket: Socket,
    came: Vec<u8>,
}

impl Sender {
    /// The next bytes, `room` of them at most, and one at least.
    async fn piece(&mut self, field: &str, room: usize) -> Result<Vec<u8>, Answer> {
        if self.came.is_empty() {
            let some = self.socket.recv().await;
            let some = some.map_err(|errno| Answer::broken(format!("{field}: recv: {errno}")))?;
            if some.is_empty() {
                return Err(Answer::broken(format!("{field}: end of file")));
            }
            self.came = some.into();
        }
        Ok(self.came.drain(..room.min(self.came.len())).collect())
    }

    async fn exactly(&mut self, field: &str, count: usize) -> Result<Vec<u8>, Answer> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            bytes.extend(self.piece(field, count - bytes.len()).await?);
        }
        Ok(bytes)
    }

    async fn field<const N: usize>(&mut self, field: &str) -> Result<[u8; N], Answer> {
        let bytes = self.exactly(field, N).await?;
        bytes.try_into().map_err(|_| Answer::broken(format!("{field}: not whole")))
    }

    /// Sends the last word, and waits until the sender has closed, so that nothing of it is lost by a reset.
    async fn say(&mut self, mut bytes: &[u8]) -> nix::Result<()> {
        while !bytes.is_empty() {
            bytes = &bytes[self.socket.send(bytes).await?..];
        }
        shutdown(self.socket.descriptor(), Shutdown::Write)?;
        while !self.socket.recv().await?.is_empty() {}
        Ok(())
    }
}
