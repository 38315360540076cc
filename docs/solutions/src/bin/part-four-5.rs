//! Part four, exercise 5: header, content and checksum in as few segments as they fit into.
//!
//! What changes is a cork that is in the socket from the header to the checksum. `TCP_CORK` is Linux's.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    use std::io::Write;

    let _ = writeln!(
        std::io::stderr(),
        "part-four-5: sendfile(2) as Linux has it is not here; use frames-sender"
    );
    std::process::ExitCode::FAILURE
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::os::fd::OwnedFd;
    use std::path::{Path, PathBuf};
    use std::process::ExitCode;

    use anyhow::{Context, Result, bail};
    use common::arguments::{Error, text};
    use common::program;
    use nix::errno::Errno;
    use nix::sys::sendfile::sendfile;
    use nix::sys::socket::setsockopt;
    use nix::sys::socket::sockopt::TcpCork;
    use nix::unistd::{Whence, lseek, read};
    use part_four_frames::address::{or_default, resolve};
    use part_four_frames::frame::ByteOrder;
    use part_four_frames::outgoing::{Progress, connect_to_any, finish, open, send_all};
    use tracing::info;

    const HELP: &str = "\
Sends one file in the frame of frames-sender; the kernel sends the content by itself.
An answer of Sockets, Part by Part.

Usage: part-four-5 FILE [HOST:PORT]

  FILE           a regular file; its name goes with it, without its folder
  HOST:PORT      the receiver, by name or by address; each address of a name is tried
                 in turn [default: 127.0.0.1:6797]

  -h, --help     print this help
  -V, --version  print the version

Before it, in a first terminal: cargo run -p part-four-frames
";

    pub fn main() -> ExitCode {
        program::run(
            env!("CARGO_BIN_NAME"),
            HELP,
            |words| {
                let file =
                    words.operand()?.ok_or_else(|| Error::Unusable("write the FILE to send".into()))?;
                Ok((PathBuf::from(file), or_default(words.operand()?.map(text).transpose()?)))
            },
            |(file, server)| send_file(&file, &server),
        )
    }

    fn send_file(path: &Path, server: &str) -> Result<()> {
        // open: and the checksum first, since later the bytes do not come by here. The file is read twice: that is
        // the price of not seeing them.
        let (file, header) = open(path)?;
        let checksum =
            checksum(&file, header.content_length()).with_context(|| format!("read {}", path.display()))?;

        // resolve: from a name to a list of addresses.
        let addresses = resolve(server)?;

        // connect_to_any: each of them in turn, until one takes us.
        let (socket, server) = connect_to_any(&addresses)?;

        cork(&socket, true)?;

        // header: in one call.
        let bytes = header.encode(ByteOrder::Big);
        send_all(&socket, &bytes)?;
        info!("Sent the header, {} bytes", bytes.len());

        // sendfile: from the file into the socket, without a copy through this process. One call takes 2,147,479,552
        // bytes at most and may take fewer; it moves the file's position. 0 is the end of the file: it is shorter than it was.
        let mut progress = Progress::of(header.content_length());
        while progress.left() > 0 {
            let count = usize::try_from(progress.left()).unwrap_or(usize::MAX);
            match sendfile(&socket, &file, None, count) {
                Ok(0) => bail!(
                    "sendfile {}: the file is shorter than it was: ended after {} of {} bytes",
                    path.display(),
                    progress.sent(),
                    header.content_length()
                ),
                Ok(sent) => progress.advance(sent),
                Err(Errno::EINTR) => {}
                // The receiver has closed, and may have told why.
                Err(Errno::EPIPE | Errno::ECONNRESET) => break,
                Err(Errno::EAGAIN) => bail!("sendfile {}: the receiver takes nothing", path.display()),
                Err(errno) => return Err(errno).with_context(|| format!("sendfile {}", path.display())),
            }
        }

        // checksum: the one of step 1.
        if progress.left() == 0 {
            send_all(&socket, &checksum.to_be_bytes())?;
            info!("Sent the content, {} bytes, CRC-32 {checksum:#010x}", progress.sent());
        }

        cork(&socket, false)?;

        // finish: half-closes, and reads what the receiver says.
        finish(&socket, server, header.name())
    }

    /// Puts the cork into the socket, or pulls it out.
    fn cork(socket: &OwnedFd, corked: bool) -> Result<()> {
        // 1. setsockopt: with the cork in, the kernel keeps what does not fill a segment, and waits for more. When it
        //    comes out, what is left goes at once. Forgotten, it costs 200 milliseconds: then the kernel sends anyway.
        setsockopt(socket, TcpCork, &corked).context("setsockopt TCP_CORK")
    }

    /// CRC-32 of the first `length` bytes. The file's position is at its beginning again afterwards.
    fn checksum(file: &File, length: u64) -> nix::Result<u32> {
        let (mut buffer, mut checksum, mut left) = (vec![0; 64 * 1024], crc32fast::Hasher::new(), length);
        while left > 0 {
            let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            match read(file, &mut buffer[..room]) {
                // It is shorter by now; sendfile will meet the same end.
                Ok(0) => break,
                Ok(read) => {
                    checksum.update(&buffer[..read]);
                    left -= read as u64;
                }
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        lseek(file, 0, Whence::SeekSet)?;
        Ok(checksum.finalize())
    }
}
