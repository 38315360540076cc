//! Part three, the third thing that no network socket can do: one process opens a file, another one reads it.
//!
//! `sendmsg` and `recvmsg` with `SCM_RIGHTS`, and `socketpair`. The page beside it is `docs/part-three.md`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IoSlice, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use common::arguments::{self, Arg, Arguments};
use common::dump::Text;
use common::stop::Stop;
use common::{Dump, fd, program};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::PollFlags;
use nix::sys::socket::{AddressFamily, Backlog, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr};
use nix::sys::socket::{accept, bind, connect, listen, sendmsg, socket, socketpair};
use nix::sys::stat::{Mode, umask};
use part_three_unix::address::{Shown, address};
use part_three_unix::peer::peer;
use part_three_unix::socket_file::{SocketFile, claim};
use tracing::{info, warn};

const HELP: &str = "\
Passes an open file to another process. Part three of Sockets, Part by Part.

Usage: unix-pass give FILE [PATH]
       unix-pass take [--hold] [PATH]
       unix-pass child FILE

  give           open FILE, and pass it to everybody who connects, until Ctrl-C or SIGTERM
  take           receive a file and read it to its end; with PATH -, from the socket that is standard input
  child          open FILE, and pass it to a child process, over a socket pair
  PATH           the giver's socket file; on Linux also @NAME, a name without a file
                 [default: part-three-pass.sock, in the current folder]

  --hold         keep the file open until Enter, time enough to look at /proc/PID/fd
  -h, --help     print this help
  -V, --version  print the version
";

enum Role {
    Give(OsString, UnixAddr),
    Take(Source, bool),
    Child(OsString),
}

enum Source {
    Server(UnixAddr),
    StandardInput,
}

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, role, |role| match role {
        Role::Give(file, address) => give(&file, address),
        Role::Take(Source::Server(server), hold) => take_from(server, hold),
        Role::Take(Source::StandardInput, hold) => take(io::stdin(), hold),
        Role::Child(file) => child(&file),
    })
}

fn role(words: &mut Arguments) -> Result<Role, arguments::Error> {
    let (mut hold, mut operands) = (false, Vec::new());
    while let Some(word) = words.word()? {
        match word {
            Arg::Long("hold") => hold = true,
            Arg::Value(operand) => operands.push(operand),
            option => return Err(option.unexpected().into()),
        }
    }
    let default = OsStr::new("part-three-pass.sock");
    let operands: Vec<_> = operands.iter().map(OsString::as_os_str).collect();
    let Some((role, operands)) = operands.split_first() else {
        return Err(arguments::Error::Unusable("the first word must be give, take or child".into()));
    };
    match (role.to_str(), operands, hold) {
        (Some("give"), [file], false) => Ok(Role::Give((*file).into(), address(default)?)),
        (Some("give"), [file, path], false) => Ok(Role::Give((*file).into(), address(path)?)),
        (Some("take"), [], _) => Ok(Role::Take(Source::Server(address(default)?), hold)),
        (Some("take"), [path], _) if *path == "-" => Ok(Role::Take(Source::StandardInput, hold)),
        (Some("take"), [path], _) => Ok(Role::Take(Source::Server(address(path)?), hold)),
        (Some("child"), [file], false) => Ok(Role::Child((*file).into())),
        _ => Err(arguments::Error::Unusable(
            "write give FILE [PATH], take [--hold] [PATH] or child FILE".into(),
        )),
    }
}

fn give(name: &OsStr, address: UnixAddr) -> Result<()> {
    // 1. open: here, and only here, the kernel looks at the file's permissions.
    let file = open(name)?;

    // 2. bind, listen: as in the stream server.
    let listener =
        socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).context("socket")?;
    let claim = claim(&address)?;
    let stop = Stop::on_signals().context("catch SIGINT and SIGTERM")?;
    umask(Mode::from_bits_truncate(0o177));
    bind(listener.as_raw_fd(), &address).with_context(|| format!("bind {}", Shown(&address)))?;
    let _socket_file = SocketFile::made_at(&address)?;
    listen(&listener, Backlog::new(128)?).with_context(|| format!("listen on {}", Shown(&address)))?;
    drop(claim);
    info!("Listening on {}", Shown(&address));

    while stop.wait_for(&listener).context("poll")? {
        // 3. accept: as in the stream server. The connection ends right behind the one message.
        let connection = match accept(&listener) {
            Ok(connection) => connection,
            Err(errno) => {
                warn!("accept on {}: {errno}: trying again in a second", Shown(&address));
                stop.wait_within(&listener, PollFlags::empty(), Duration::from_secs(1)).context("poll")?;
                continue;
            }
        };
        let taker = peer(&connection).context("getsockopt SO_PEERCRED");
        match taker.and_then(|taker| pass(&connection, &file, name).map(|()| taker)) {
            Ok(taker) => info!("Passed descriptor {} to {taker}", file.as_raw_fd()),
            Err(error) => warn!("{error:#}"),
        }
    }
    Ok(())
}

fn open(name: &OsStr) -> Result<File> {
    let shown = Text(name.as_bytes());
    let file = File::open(name).with_context(|| format!("open {shown}"))?;
    info!("Opened {shown}: descriptor {}", file.as_raw_fd());
    Ok(file)
}

fn pass(connection: &OwnedFd, file: &File, name: &OsStr) -> Result<()> {
    // 4. sendmsg: the bytes go as always; the control message asks the kernel to give the receiver a descriptor of
    //    its own for this open file. A stream must carry a byte at least, or there is nothing to fasten it to.
    let bytes = [IoSlice::new(name.as_bytes())];
    let descriptors = [file.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    sendmsg(connection.as_raw_fd(), &bytes, &rights, MsgFlags::MSG_DONTWAIT, None::<&UnixAddr>)
        .context("sendmsg")?;
    Ok(())
}

fn take_from(server: UnixAddr, hold: bool) -> Result<()> {
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).context("socket")?;
    connect(socket.as_raw_fd(), &server).with_context(|| format!("connect {}", Shown(&server)))?;
    info!("Connected to {}", peer(&socket).context("getsockopt SO_PEERCRED")?);
    take(socket, hold)
}

fn take<Fd: AsFd>(socket: Fd, hold: bool) -> Result<()> {
    // 5. recvmsg: has room for one descriptor. What comes has an owner at once: a second one is closed here, and more
    //    than there is room for never gets in.
    let mut buffer = [0; 4096];
    let message = fd::recvmsg(socket, &mut buffer, 1).context("recvmsg")?;
    let name = Text(buffer.get(..message.length).unwrap_or_default());
    let mut descriptors = message.descriptors.into_iter();
    let Some(descriptor) = descriptors.next() else {
        bail!("recvmsg: {} bytes and no descriptor", message.length)
    };
    info!("received {name} and descriptor {}", descriptor.as_raw_fd());
    if descriptors.len() > 0 {
        warn!("closing {} more that nobody asked for", descriptors.len());
        drop(descriptors);
    }

    // 6. read: no permission is asked for again. Both processes share one open file, and with it the position: who
    //    reads later goes on where the other has stopped.
    let mut file = File::from(descriptor);
    let mut buffer = [0; 1024];
    loop {
        let received = file.read(&mut buffer).context("read")?;
        info!("read {received} bytes");
        if received == 0 {
            break;
        }
        info!("{}", Dump(buffer.get(..received).unwrap_or_default()));
    }

    if hold {
        info!("Holding descriptor {} until Enter", file.as_raw_fd());
        io::stdin().read_line(&mut String::new()).context("read standard input")?;
    }
    Ok(())
}

fn child(name: &OsStr) -> Result<()> {
    // 7. socketpair: two connected sockets and no address. Only who inherits an end has one; so neither may be
    //    inherited by accident.
    let (ours, theirs) =
        socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::empty()).context("socketpair")?;
    for end in [&ours, &theirs] {
        fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).context("fcntl F_SETFD")?;
    }
    info!("Socket pair: descriptors {} and {}", ours.as_raw_fd(), theirs.as_raw_fd());
    let file = open(name)?;

    // 8. spawn: the child gets its end as standard input, and nothing else of ours.
    let program = env::current_exe().context("find this program")?;
    pass(&ours, &file, name)?;
    let status =
        Command::new(program).args(["take", "-"]).stdin(theirs).status().context("start the child")?;
    if !status.success() {
        bail!("the child failed: {status}");
    }
    info!("Child ended");
    Ok(())
}
