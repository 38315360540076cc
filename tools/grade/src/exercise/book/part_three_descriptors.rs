//! Part three: descriptors and credentials.

use std::fs::{self, File};
use std::io::{IoSlice, IoSliceMut, Seek, SeekFrom};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};

use lab::error::Error;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, UnixAddr, cmsg_space, recv, recvmsg, sendmsg,
};

use super::exercise;
use crate::bench::Bench;
use crate::check::Transport;
use crate::exercise::clients::{ended, said};
use crate::exercise::listens;
use crate::fault::{Judged, fault};
use crate::kernel;
use crate::page::page;
use crate::program::ending;

exercise! {
    /// 2. Hand over a connection.
    HAND_OVER: "part-three-descriptors/2", "who connects to its path gets the TCP connection, and keeps it when the giver has ended",
    page("docs/part-three-descriptors.md", "2. Hand over a connection"), Transport::Tcp, listens, hand_over
}

exercise! {
    /// 3. One position.
    ONE_POSITION: "part-three-descriptors/3", "a taker reads all of a file that another one has read to its end",
    page("docs/part-three-descriptors.md", "3. One position"), Transport::Unix, client, one_position
}

fn hand_over(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    let path = bench.place.path.clone();
    let at_path = |bench: &mut Bench<'_>| {
        Ok(kernel::unix()?.iter().any(|row| row.is_at(&bench.place.path) && row.listens))
    };
    bench.until(at_path)?;
    if !at_path(bench)? {
        bench.lives()?;
        return fault(
            "Your program listens with TCP, and not at its path (SOCKET_PATH, or {path} in a word of your command): that is \
             where the taker comes.",
        );
    }
    let mut client = bench.connect()?;
    let doing = |error| Error::of(format!("connect {}", path.display()), error);
    let taker = UnixStream::connect(&path).map_err(doing)?;
    let Some(connection) = received(bench, &taker)? else {
        return fault(format!(
            "A client has connected with TCP and a taker at the path, and the taker got no descriptor{}. sendmsg passes it, as \
             SCM_RIGHTS beside at least one byte.",
            said(bench)
        ));
    };
    let came = after_the_end(bench, &mut client, connection);
    // Nobody else has this number.
    let _ = nix::unistd::close(connection);
    came
}

/// The giver ends, and what the client says after that comes out of the descriptor that it has passed.
fn after_the_end(bench: &mut Bench<'_>, client: &mut crate::client::Client, connection: RawFd) -> Judged {
    const WORDS: &[u8] = b"after the giver's end";
    let status = ended(bench, "The connection was handed over")?;
    if !status.success() {
        return fault(format!(
            "The connection was handed over, and your program ended with {}{}.",
            ending(status),
            said(bench)
        ));
    }
    client.write(WORDS);
    let mut buffer = [0; 64];
    let mut came = Ok(0);
    bench.by_the_clock(bench.limits().wait, |_| {
        came = recv(connection, &mut buffer, MsgFlags::MSG_DONTWAIT);
        Ok(came != Err(Errno::EAGAIN))
    })?;
    match came {
        Ok(length) if buffer.get(..length) == Some(WORDS) => Ok(()),
        Ok(_) | Err(Errno::EAGAIN) => fault(
            "The giver has ended, and what the client says does not come out of the descriptor that it passed: was that the \
             accepted connection? And was it ended with shutdown? close is right.",
        ),
        Err(errno) => {
            fault(format!("What was passed cannot be received from ({errno}): pass the accepted connection."))
        }
    }
}

/// The descriptor that comes with the next bytes, if one does.
fn received(bench: &mut Bench<'_>, taker: &UnixStream) -> Judged<Option<RawFd>> {
    let mut passed = None;
    bench.until(|_| {
        let mut buffer = [0; 64];
        let mut pieces = [IoSliceMut::new(&mut buffer)];
        let mut space = vec![0; cmsg_space::<[RawFd; 1]>()];
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
        match recvmsg::<UnixAddr>(taker.as_raw_fd(), &mut pieces, Some(&mut space), flags) {
            Ok(message) => {
                let rights = message.cmsgs().into_iter().flatten().find_map(|control| match control {
                    ControlMessageOwned::ScmRights(numbers) => numbers.first().copied(),
                    _ => None,
                });
                passed = rights;
                Ok(true)
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(false),
            Err(_) => Ok(true),
        }
    })?;
    Ok(passed)
}

fn one_position(bench: &mut Bench<'_>) -> Judged {
    const SECRET: &str = "top secret\n";
    bench.fresh_network()?;
    let path = bench.place.path.clone();
    let doing = |what: &str| {
        let what = what.to_owned();
        move |error| Error::of(what, error)
    };
    let name = bench.scratch.join("secret.txt");
    fs::write(&name, SECRET).map_err(doing("write a file"))?;
    let mut file = File::open(&name).map_err(doing("open a file"))?;
    // An earlier taker has read it: the position that all share is at the end.
    file.seek(SeekFrom::End(0)).map_err(doing("lseek"))?;
    let listener = UnixListener::bind(&path).map_err(doing("bind the giver's path"))?;
    listener.set_nonblocking(true).map_err(doing("make a socket non-blocking"))?;
    bench.launch_here()?;
    let mut taker = None;
    // A start takes long on a busy machine; one that rests before is given up at once.
    let limit = bench.limits().compile;
    bench.until_within(limit, |_| {
        taker = listener.accept().ok();
        Ok(taker.is_some())
    })?;
    let Some((taker, _)) = taker else {
        return fault(format!(
            "Your program has not connected to the giver's path{}. It stands in SOCKET_PATH, and in place of {{path}} in a \
             word of your command.",
            said(bench)
        ));
    };
    let descriptors = [file.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    let bytes = [IoSlice::new(b"secret.txt")];
    sendmsg(taker.as_raw_fd(), &bytes, &rights, MsgFlags::MSG_NOSIGNAL, None::<&UnixAddr>)
        .map_err(|errno| Error::of("sendmsg", errno))?;
    drop(taker);
    let status = ended(bench, "The file was passed")?;
    if !status.success() {
        return fault(format!(
            "The file was passed, and your program ended with {}{}.",
            ending(status),
            said(bench)
        ));
    }
    if bench.printed().contains(SECRET.trim_end()) {
        return Ok(());
    }
    fault(
        "The file that was passed has 11 bytes, its position stands at the end, and your program does not print them. Move the \
         position with lseek, or read with pread, which does not use it.",
    )
}
