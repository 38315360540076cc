//! Part five, what time does: four calls that would sleep for ever, and what ends each of them.
//!
//! Read `in_connect`, `in_recv`, `in_send` and `in_silence`; the page beside them is `docs/part-five-time.md`.

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use common::arguments::{Arg, Arguments, DEFAULT_ADDRESS, address, number};
use common::{arguments, program};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{KeepAlive, ReceiveTimeout, SendTimeout, SocketError};
use nix::sys::socket::sockopt::{TcpKeepCount, TcpKeepInterval};
use nix::sys::socket::{MsgFlags, SockaddrStorage, connect, getsockopt, recv, send, setsockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use part_five_queues::stream::{set_nonblocking, stream};
use tracing::info;

const HELP: &str = "\
Waits in a call that may sleep for ever, and says what ended it and after how long.
Part five of Sockets, Part by Part.

Usage: life-timeouts connect|recv|send|silence [--timeout MS] [ADDR]

  connect        connect to a peer that does not answer: poll with a timeout
  recv           receive from a peer that says nothing: SO_RCVTIMEO
  send           send to a peer that does not read: SO_SNDTIMEO, then TCP_USER_TIMEOUT of
                 three times as long (Linux only)
  silence        hear nothing from a peer that may be gone: keepalive, which asks after a
                 second, every second, three times

  ADDR           IP:PORT of the peer [default: 127.0.0.1:6797]
  --timeout MS   wait for MS milliseconds, 1 to 60000; not for silence [default: 500]
  -h, --help     print this help
  -V, --version  print the version

A peer for all four, in a first terminal: cargo run -p part-five-queues
";

#[derive(Clone, Copy)]
enum Call {
    Connect,
    Recv,
    Send,
    Silence,
}

struct Options {
    call: Call,
    peer: SocketAddr,
    timeout: Duration,
}

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Options::from_words, |options| match options.call {
        Call::Connect => in_connect(&options),
        Call::Recv => in_recv(&options),
        Call::Send => in_send(&options),
        Call::Silence => in_silence(&options),
    })
}

impl Options {
    fn from_words(words: &mut Arguments) -> Result<Self, arguments::Error> {
        let (mut call, mut peer, mut timeout) = (None, None, 500);
        while let Some(word) = words.word()? {
            match word {
                Arg::Long("timeout") => timeout = number("--timeout", words.value()?, 1..=60_000)?,
                Arg::Value(word) if call.is_none() => call = Some(which(&word.to_string_lossy())?),
                Arg::Value(word) if peer.is_none() => peer = Some(address(word)?),
                word => return Err(word.unexpected().into()),
            }
        }
        let call = call.map_or_else(|| which(""), Ok)?;
        Ok(Self { call, peer: peer.unwrap_or(DEFAULT_ADDRESS), timeout: Duration::from_millis(timeout) })
    }
}

fn which(word: &str) -> Result<Call, arguments::Error> {
    match word {
        "connect" => Ok(Call::Connect),
        "recv" => Ok(Call::Recv),
        "send" => Ok(Call::Send),
        "silence" => Ok(Call::Silence),
        _ => Err(arguments::Error::Unusable(format!(
            "the first word must be connect, recv, send or silence, not {word:?}"
        ))),
    }
}

fn in_connect(options: &Options) -> Result<()> {
    // 1. connect: in a socket that does not sleep it begins the handshake and comes back.
    let socket = stream(options.peer)?;
    set_nonblocking(&socket)?;
    let begun = Instant::now();
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(options.peer)) {
        Ok(()) | Err(Errno::EINPROGRESS) => {}
        Err(errno) => return Err(errno).with_context(|| format!("connect {}", options.peer)),
    }
    // 2. poll: sleeps until the handshake is over, but no longer than we say. It is begun again after a signal, for
    //    what is left of the time.
    if !ready(&socket, PollFlags::POLLOUT, begun + options.timeout)? {
        return timed_out("connect", "poll: nothing", begun);
    }
    // 3. getsockopt: how it ended. POLLOUT says no more than that it did.
    match getsockopt(&socket, SocketError).context("getsockopt SO_ERROR")? {
        0 => info!("connect: connected after {}", seconds(begun)),
        errno => return Err(Errno::from_raw(errno)).with_context(|| format!("connect {}", options.peer)),
    }
    Ok(())
}

fn in_recv(options: &Options) -> Result<()> {
    let socket = connected(options.peer)?;
    // 4. setsockopt: no recv on this socket sleeps longer than SO_RCVTIMEO, nor does accept on a listener.
    setsockopt(&socket, ReceiveTimeout, &timeval(options.timeout)?).context("setsockopt SO_RCVTIMEO")?;
    let begun = Instant::now();
    // 5. recv: EAGAIN is all that it says when the time is over. The connection is as it was; one may ask again.
    match recv(socket.as_raw_fd(), &mut [0; 1024], MsgFlags::empty()) {
        Err(Errno::EAGAIN) => timed_out("recv", "EAGAIN", begun),
        Err(errno) => Err(errno).with_context(|| format!("recv from {}", options.peer)),
        Ok(received) => {
            info!("recv: {received} bytes after {}", seconds(begun));
            Ok(())
        }
    }
}

fn in_send(options: &Options) -> Result<()> {
    let socket = connected(options.peer)?;
    // 6. setsockopt: no send sleeps longer than SO_SNDTIMEO. It holds for connect too, which then ends with
    //    EINPROGRESS.
    setsockopt(&socket, SendTimeout, &timeval(options.timeout)?).context("setsockopt SO_SNDTIMEO")?;
    // 7. send: takes what there is room for, here and at the peer. Then it sleeps, and when the time is over it says how
    //    much it had taken, or EAGAIN if that was nothing.
    let piece = [b'x'; 16_384];
    let begun = loop {
        let begun = Instant::now();
        match send(socket.as_raw_fd(), &piece, MsgFlags::empty()) {
            Ok(taken) if taken == piece.len() => {}
            Ok(_) | Err(Errno::EAGAIN) => break begun,
            Err(errno) => return Err(errno).with_context(|| format!("send to {}", options.peer)),
        }
    };
    timed_out("send", "no room", begun)?;
    // 8. setsockopt: SO_SNDTIMEO ends the call; TCP_USER_TIMEOUT ends the connection, when what we sent has waited so
    //    long for an acknowledgment, or for room at the peer.
    user_timeout(&socket, options.timeout * 3)?;
    // 9. poll: asks for nothing, and is woken by an error all the same.
    ready(&socket, PollFlags::empty(), begun + Duration::from_secs(300))?;
    let error = Errno::from_raw(getsockopt(&socket, SocketError).context("getsockopt SO_ERROR")?);
    info!("TCP_USER_TIMEOUT: {error:?} after {}: the connection is over", seconds(begun));
    Ok(())
}

fn in_silence(options: &Options) -> Result<()> {
    let socket = connected(options.peer)?;
    // 10. setsockopt: SO_KEEPALIVE lets the kernel ask a silent peer for an acknowledgment. It would begin after two
    //     hours; here it is after a second, then every second, and the third question without an answer is the last.
    setsockopt(&socket, KeepAlive, &true).context("setsockopt SO_KEEPALIVE")?;
    idle(&socket, 1).context("setsockopt TCP_KEEPIDLE")?;
    setsockopt(&socket, TcpKeepInterval, &1).context("setsockopt TCP_KEEPINTVL")?;
    setsockopt(&socket, TcpKeepCount, &3).context("setsockopt TCP_KEEPCNT")?;
    info!("Connected to {}, waiting in recv", options.peer);
    let begun = Instant::now();
    // 11. recv: sleeps as long as the peer's kernel answers. When it does not any more: ETIMEDOUT.
    match recv(socket.as_raw_fd(), &mut [0; 1024], MsgFlags::empty()) {
        Err(Errno::ETIMEDOUT) => {
            info!("recv: ETIMEDOUT after {}: the peer is gone", seconds(begun));
            Ok(())
        }
        Err(errno) => Err(errno).with_context(|| format!("recv from {}", options.peer)),
        Ok(received) => {
            info!("recv: {received} bytes after {}", seconds(begun));
            Ok(())
        }
    }
}

/// Says that the time was over, which is what this program is for.
#[expect(clippy::unnecessary_wraps, reason = "the last word of a lesson")]
fn timed_out(call: &str, why: &str, begun: Instant) -> Result<()> {
    info!("{call}: {why} after {}: the time is over", seconds(begun));
    Ok(())
}

fn seconds(begun: Instant) -> String {
    format!("{:.2} s", begun.elapsed().as_secs_f64())
}

fn connected(peer: SocketAddr) -> Result<OwnedFd> {
    let socket = stream(peer)?;
    connect(socket.as_raw_fd(), &SockaddrStorage::from(peer)).with_context(|| format!("connect {peer}"))?;
    Ok(socket)
}

/// Sleeps until the socket is ready for `events` or has an error (true), or until the deadline (false).
fn ready(socket: &OwnedFd, events: PollFlags, deadline: Instant) -> Result<bool> {
    loop {
        // Whole milliseconds, rounded up: or the last one would be a loop without sleep.
        let left = deadline.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(socket.as_fd(), events)], left) {
            Err(Errno::EINTR) => {}
            woken => return Ok(woken.context("poll")? > 0),
        }
    }
}

fn timeval(time: Duration) -> Result<TimeVal> {
    Ok(TimeVal::milliseconds(time.as_millis().try_into()?))
}

#[cfg(target_os = "linux")]
fn user_timeout(socket: &OwnedFd, timeout: Duration) -> Result<()> {
    let milliseconds = u32::try_from(timeout.as_millis())?;
    setsockopt(socket, nix::sys::socket::sockopt::TcpUserTimeout, &milliseconds)
        .context("setsockopt TCP_USER_TIMEOUT")
}

#[cfg(not(target_os = "linux"))]
fn user_timeout(_: &OwnedFd, _: Duration) -> Result<()> {
    anyhow::bail!("setsockopt TCP_USER_TIMEOUT: only Linux has it")
}

#[cfg(not(target_vendor = "apple"))]
fn idle(socket: &OwnedFd, seconds: u32) -> nix::Result<()> {
    setsockopt(socket, nix::sys::socket::sockopt::TcpKeepIdle, &seconds)
}

/// Apple's name for it.
#[cfg(target_vendor = "apple")]
fn idle(socket: &OwnedFd, seconds: u32) -> nix::Result<()> {
    setsockopt(socket, nix::sys::socket::sockopt::TcpKeepAlive, &seconds)
}
