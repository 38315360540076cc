//! Part four, exercise 2: a torn transfer goes on where it ended; the receiver.
//!
//! What changes: the bytes that came stay in `NAME.part`, and after the header the receiver says how many it has.

use std::fs::File;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use common::arguments::{Arg, Arguments, DEFAULT_ADDRESS, Error, address, number};
use common::program;
use common::stop::Stop;
use part_four_frames::connection::{Connection, End, Torn};
use part_four_frames::frame::{Answer, PART, Status, check_name, content_length, name_length};
use part_four_frames::listener::Listener;
use part_four_frames::part_file::errno;
use tracing::{info, warn};

const HELP: &str = "\
Receives one file a connection and keeps it in a folder, until Ctrl-C. An answer of Sockets, Part by Part.

Usage: part-four-2-receiver [OPTIONS] [ADDR] [FOLDER]

  ADDR           IP:PORT to listen on; '[::]:6797' is every address of this machine,
                 IPv4 too; port 0 lets the kernel choose one [default: 127.0.0.1:6797]
  FOLDER         where the files are kept; a file that has the same name is replaced,
                 which is said [default: the current folder]

  --limit BYTES  refuse a longer file before it comes [default: 1048576]
  --v6only       at an IPv6 address, leave IPv4 clients alone
  -h, --help     print this help
  -V, --version  print the version

Beside it, in a second terminal: cargo run -p solutions --bin part-four-2-sender FILE
";

/// How long a client may be silent while others wait for their turn.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How much of a content is in our memory at once, however long it is.
const CHUNK: usize = 64 * 1024;

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Options::from_words, |options| serve(&options))
}

struct Options {
    address: SocketAddr,
    folder: PathBuf,
    limit: u64,
    v6only: bool,
}

impl Options {
    fn from_words(words: &mut Arguments) -> Result<Self, Error> {
        let (mut place, mut folder, mut limit, mut v6only) = (None, None, 1024 * 1024, false);
        while let Some(word) = words.word()? {
            match word {
                Arg::Long("limit") => limit = number("--limit", words.value()?, 0..=u64::MAX)?,
                Arg::Long("v6only") => v6only = true,
                Arg::Value(word) if place.is_none() => place = Some(address(word)?),
                Arg::Value(word) if folder.is_none() => folder = Some(PathBuf::from(word)),
                word => return Err(word.unexpected().into()),
            }
        }
        let (address, folder) = (place.unwrap_or(DEFAULT_ADDRESS), folder.unwrap_or_else(|| ".".into()));
        Ok(Self { address, folder, limit, v6only })
    }
}

fn serve(options: &Options) -> Result<()> {
    let folder = options.folder.display();
    let found = std::fs::metadata(&options.folder).map_err(|error| errno(&error));
    if !found.with_context(|| format!("stat {folder}: make the folder first"))?.is_dir() {
        bail!("stat {folder}: not a folder");
    }
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;

    // listen: socket, bind and listen as in part one, with one option more.
    let listener = Listener::open(options.address, options.v6only)?;

    // accept: one client after another. What is left out: a client that sends a byte now and then keeps its turn,
    // and the others wait. Part six serves many at once.
    let (mut clients, mut kept) = (0_u64, 0_u64);
    while let Some(connection) = listener.accept(&stop, TIMEOUT)? {
        clients += 1;
        let answer = match receive(&connection, &options.folder, options.limit) {
            Ok(text) => {
                kept += 1;
                info!("Kept {text}");
                Answer { status: Status::Kept, text }
            }
            Err(answer) => {
                warn!("{}: {}", answer.status, answer.text);
                answer
            }
        };

        // answer: also to a client that we refuse; and only then a close that does not reset.
        if let Err(end) = connection.send_all(&answer.encode()) {
            warn!("send the answer: {end}");
        }
        connection.close();
    }
    info!("Stopped after {clients} clients: {kept} files kept");
    Ok(())
}

/// Receives one frame and keeps its content in `folder`. What was kept, or the answer that says why nothing was.
fn receive(connection: &Connection, folder: &Path, limit: u64) -> Result<String, Answer> {
    // name_length: four bytes, in however many pieces they come.
    let mut bytes = [0; 4];
    connection.recv_exact("name length", &mut bytes)?;
    let length = name_length(bytes)?;

    // name: it has 255 bytes at most by now, so room for it can be reserved.
    let mut bytes = vec![0; length];
    connection.recv_exact("name", &mut bytes)?;
    let name = check_name(&bytes)?;

    // content_length: compared with our limit before anything is done about it.
    let mut bytes = [0; 8];
    connection.recv_exact("content length", &mut bytes)?;
    let length = content_length(bytes, limit)?;
    info!("{name:?}: {length} bytes announced");

    // 1. open: what an earlier connection has brought is still there. Its checksum is computed again, and what is longer
    //    than the content cannot be its beginning. (What is left out: the lock of frames-receiver.)
    let part = folder.join(format!("{name}{PART}"));
    let refused = |error: std::io::Error| Answer {
        status: Status::Refused,
        text: format!("{name}{PART}: {}", errno(&error)),
    };
    let mut file = File::options().read(true).append(true).create(true).open(&part).map_err(refused)?;
    let (mut buffer, mut checksum) = (vec![0; CHUNK], crc32fast::Hasher::new());
    let (mut received, mut pieces) = (0, 0_u64);
    if file.metadata().map_err(refused)?.len() > length {
        file.set_len(0).map_err(refused)?;
    }
    loop {
        match file.read(&mut buffer).map_err(refused)? {
            0 => break,
            read => {
                checksum.update(&buffer[..read]);
                received += read as u64;
            }
        }
    }

    // 2. answer: the sender waits for this word. A byte 0, where a refusal has a 1, and how many bytes we have.
    let word = [&[0][..], &received.to_be_bytes()].concat();
    connection
        .send_all(&word)
        .map_err(|end| Answer::broken(format!("send how many bytes are here: {end}")))?;
    info!("{received} of {length} bytes are here already");

    // 3. content: the rest of it. However this ends, what has come stays.
    while received < length {
        let room = usize::try_from(length - received).unwrap_or(CHUNK).min(CHUNK);
        let piece = connection.recv(&mut buffer[..room]).map_err(|end| Torn {
            field: "content",
            after: received,
            of: length,
            end,
        })?;
        checksum.update(&buffer[..piece]);
        file.write_all(&buffer[..piece]).map_err(refused)?;
        received += piece as u64;
        pieces += 1;
    }

    // 4. checksum: of the whole content. If it is wrong, the part that was here belonged to another file, and must not
    //    stay: the next try would begin with it again.
    let mut bytes = [0; 4];
    connection.recv_exact("checksum", &mut bytes)?;
    let (theirs, ours) = (u32::from_be_bytes(bytes), checksum.finalize());
    if theirs != ours {
        std::fs::remove_file(&part).map_err(refused)?;
        return Err(Answer::broken(format!(
            "checksum {theirs:#010x}: with what was here it is {ours:#010x}"
        )));
    }
    info!("received {received} bytes in {pieces} pieces, checksum right");

    // end: the end of the stream is the sender's half-close. One frame a connection, and nothing behind it.
    match connection.recv(&mut buffer) {
        Err(End::EndOfFile) => {}
        Ok(_) => return Err(Answer::broken("something follows the frame: one frame a connection".into())),
        Err(end) => {
            return Err(Answer::broken(format!(
                "the frame is whole, but the sender did not half-close: {end}"
            )));
        }
    }

    // keep: the file is whole, and gets its name.
    std::fs::rename(&part, folder.join(&name)).map_err(refused)?;
    Ok(format!("{name}: {length} bytes, CRC-32 {ours:#010x}"))
}
