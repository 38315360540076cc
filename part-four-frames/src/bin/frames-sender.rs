//! Part four, the sender: one file in a frame, then the receiver's answer.
//!
//! `getaddrinfo`, `socket`, `connect`, `send`, `shutdown`, `recv`. Read `send_file` from top to bottom; the page beside it is
//! `docs/part-four.md`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use common::arguments::{Arg, Arguments, Error, text};
use common::program;
use nix::errno::Errno;
use nix::unistd::read;
use part_four_frames::address::{or_default, resolve};
use part_four_frames::frame::ByteOrder;
use part_four_frames::outgoing::{Flow, Progress, connect_to_any, finish, has_refused, open, send_all};
use tracing::info;

const HELP: &str = "\
Sends one file with its name and its length in front, and says what the receiver answers.
Part four of Sockets, Part by Part.

Usage: frames-sender [--little-endian] FILE [HOST:PORT]

  FILE              a regular file; its name goes with it, without its folder
  HOST:PORT         the receiver, by name or by address; each address of a name is tried
                    in turn [default: 127.0.0.1:6797]

  --little-endian   send every number in the other order of bytes, to see what happens
  -h, --help        print this help
  -V, --version     print the version

Before it, in a first terminal: cargo run -p part-four-frames
";

/// How much is read and sent at once. `cargo bench -p part-four-frames` shows what other sizes cost.
const CHUNK: usize = 64 * 1024;

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Options::from_words, |options| send_file(&options))
}

struct Options {
    file: PathBuf,
    server: String,
    order: ByteOrder,
}

impl Options {
    fn from_words(words: &mut Arguments) -> Result<Self, Error> {
        let (mut file, mut server, mut order) = (None::<OsString>, None, ByteOrder::Big);
        while let Some(word) = words.word()? {
            match word {
                Arg::Long("little-endian") => order = ByteOrder::Little,
                Arg::Value(word) if file.is_none() => file = Some(word),
                Arg::Value(word) if server.is_none() => server = Some(text(word)?),
                word => return Err(word.unexpected().into()),
            }
        }
        let file = file.ok_or_else(|| Error::Unusable("write the FILE to send".into()))?;
        Ok(Self { file: file.into(), server: or_default(server), order })
    }
}

fn send_file(options: &Options) -> Result<()> {
    // 1. open: the length goes in front, so we promise now how many bytes will follow.
    let (file, header) = open(&options.file)?;

    // 2. resolve: from a name to a list of addresses.
    let addresses = resolve(&options.server)?;

    // 3. connect_to_any: each of them in turn, until one takes us.
    let (socket, server) = connect_to_any(&addresses)?;

    // 4. header: in one call, so that it can go in one segment.
    let bytes = header.encode(options.order);
    let mut flow = send_all(&socket, &bytes)?;
    info!("Sent the header, {} bytes", bytes.len());

    // 5. content: through a buffer of ours. That is two copies for each byte, and we see it: the
    //    checksum costs nothing extra. A receiver that refuses says so before the end, and we stop.
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
        flow = send_all(&socket, &buffer[..read])?;
        progress.advance(read);
        if progress.left() > 0 && has_refused(&socket) {
            break;
        }
    }

    // 6. checksum: if all of the content has gone.
    if progress.left() == 0 && flow == Flow::Open {
        let checksum = checksum.finalize();
        send_all(&socket, &options.order.u32(checksum))?;
        info!("Sent the content, {} bytes, CRC-32 {checksum:#010x}", progress.sent());
    } else {
        info!("Stopped after {} bytes: the receiver takes no more", progress.sent());
    }

    // 7. finish: half-closes, and reads what the receiver says.
    finish(&socket, server, header.name())
}
