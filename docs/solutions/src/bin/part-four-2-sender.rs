//! Part four, exercise 2: a torn transfer goes on where it ended; the sender.
//!
//! What changes: after the header it waits for the receiver's word, and begins there.

use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use common::arguments::{Arg, Arguments, Error, text};
use common::program;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use nix::unistd::read;
use part_four_frames::address::{or_default, resolve};
use part_four_frames::frame::ByteOrder;
use part_four_frames::outgoing::{Flow, Progress, connect_to_any, finish, has_refused, open, send_all};
use tracing::info;

const HELP: &str = "\
Sends one file with its name and its length in front, and says what the receiver answers.
An answer of Sockets, Part by Part.

Usage: part-four-2-sender FILE [HOST:PORT]

  FILE              a regular file; its name goes with it, without its folder
  HOST:PORT         the receiver, by name or by address; each address of a name is tried
                    in turn [default: 127.0.0.1:6797]

  -h, --help        print this help
  -V, --version     print the version

Before it, in a first terminal: cargo run -p solutions --bin part-four-2-receiver
";

/// How much is read and sent at once. `cargo bench -p part-four-frames` shows what other sizes cost.
const CHUNK: usize = 64 * 1024;

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Options::from_words, |options| send_file(&options))
}

struct Options {
    file: PathBuf,
    server: String,
}

impl Options {
    fn from_words(words: &mut Arguments) -> Result<Self, Error> {
        let (mut file, mut server) = (None::<OsString>, None);
        while let Some(word) = words.word()? {
            match word {
                Arg::Value(word) if file.is_none() => file = Some(word),
                Arg::Value(word) if server.is_none() => server = Some(text(word)?),
                word => return Err(word.unexpected().into()),
            }
        }
        let file = file.ok_or_else(|| Error::Unusable("write the FILE to send".into()))?;
        Ok(Self { file: file.into(), server: or_default(server) })
    }
}

fn send_file(options: &Options) -> Result<()> {
    // open: the length goes in front, so we promise now how many bytes will follow.
    let (file, header) = open(&options.file)?;

    // resolve: from a name to a list of addresses.
    let addresses = resolve(&options.server)?;

    // connect_to_any: each of them in turn, until one takes us.
    let (socket, server) = connect_to_any(&addresses)?;

    // header: in one call, so that it can go in one segment.
    let bytes = header.encode(ByteOrder::Big);
    let mut flow = send_all(&socket, &bytes)?;
    info!("Sent the header, {} bytes", bytes.len());

    // 1. answer: a byte 0 and eight bytes say how many are there. Anything else is the answer to a frame that is refused;
    //    so look at the first byte before it is taken (MSG_PEEK).
    let mut word = [0; 9];
    recv(socket.as_raw_fd(), &mut word[..1], MsgFlags::MSG_PEEK).context("recv the receiver's word")?;
    if word[0] != 0 {
        return finish(&socket, server, header.name());
    }
    if recv(socket.as_raw_fd(), &mut word, MsgFlags::MSG_WAITALL).context("recv the receiver's word")?
        < word.len()
    {
        bail!("recv: the receiver's word ended early");
    }
    let [_, number @ ..] = word;
    let here = u64::from_be_bytes(number).min(header.content_length());
    info!("The receiver has {here} bytes already");

    // 2. content: what the receiver has is read too, for the checksum, but not sent.
    let (mut buffer, mut checksum) = (vec![0; CHUNK], crc32fast::Hasher::new());
    let mut progress = Progress::of(header.content_length());
    while progress.left() > 0 && flow == Flow::Open {
        // A file that has grown meanwhile is sent as long as it was promised.
        let room = usize::try_from(progress.left()).unwrap_or(CHUNK).min(CHUNK);
        let read = match read(&file, &mut buffer[..room]) {
            Err(Errno::EINTR) => continue,
            read => read.with_context(|| format!("read {}", options.file.display()))?,
        };
        if read == 0 {
            bail!(
                "read {}: the file is shorter than it was: ended after {} of {} bytes",
                options.file.display(),
                progress.sent(),
                header.content_length()
            );
        }
        checksum.update(&buffer[..read]);
        let skipped = usize::try_from(here.saturating_sub(progress.sent())).unwrap_or(read).min(read);
        flow = send_all(&socket, &buffer[skipped..read])?;
        progress.advance(read);
        if progress.left() > 0 && has_refused(&socket) {
            break;
        }
    }

    // checksum: if all of the content has gone.
    if progress.left() == 0 && flow == Flow::Open {
        let checksum = checksum.finalize();
        send_all(&socket, &ByteOrder::Big.u32(checksum))?;
        info!("Sent the content, {} bytes, CRC-32 {checksum:#010x}", progress.sent() - here);
    } else {
        info!("Stopped after {} bytes: the receiver takes no more", progress.sent());
    }

    // finish: half-closes, and reads what the receiver says.
    finish(&socket, server, header.name())
}
