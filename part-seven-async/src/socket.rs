//! Part one's calls as futures, on our own runtime: what sleeps there waits here.

use std::cell::RefCell;
use std::future::poll_fn;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::task::{Poll, ready};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockFlag, accept4, recv, send};
use part_six_connections::BUFFER;

use crate::runtime::Runtime;
use crate::runtime::reactor::{Side, State};

/// A socket, non-blocking, on the reactor's list. Dropped, it is taken off the list and closed.
pub struct Socket {
    fd: OwnedFd,
    state: Rc<State>,
    runtime: Runtime,
}

thread_local! {
    /// Where `recv` puts what has come. One for all sockets: nobody waits while it is in use.
    static RECEIVED: RefCell<[u8; BUFFER]> = const { RefCell::new([0; BUFFER]) };
}

impl Socket {
    /// Puts `fd` on the list.
    ///
    /// # Errors
    /// What `epoll_ctl(2)` lists.
    pub fn new(runtime: &Runtime, fd: OwnedFd) -> nix::Result<Self> {
        Ok(Self { state: runtime.reactor.watch(&fd)?, fd, runtime: runtime.clone() })
    }

    /// Waits for the next client, and takes it from the queue.
    ///
    /// # Errors
    /// What `accept(2)` lists.
    pub fn accept(&self) -> impl Future<Output = nix::Result<OwnedFd>> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        retry(&self.state.read, move || accept4(&self.fd, flags))
    }

    /// Waits until something has come, and takes it, at most 4096 bytes; nothing at the end of the stream. What waits
    /// has no buffer: what has come is copied into one of its own size.
    ///
    /// # Errors
    /// What `recv(2)` lists.
    pub fn recv(&self) -> impl Future<Output = nix::Result<Box<[u8]>>> {
        retry(&self.state.read, || {
            RECEIVED.with_borrow_mut(|buffer| {
                let received = recv(self.descriptor(), buffer, MsgFlags::empty())?;
                // Less than there was room for: that was all, and the call that would say EAGAIN can be spared. But the
                // end of the stream may stand behind it, for that was in the same event.
                self.state.read.ready.set(received == BUFFER || self.state.closed.get());
                Ok(buffer[..received].into())
            })
        })
    }

    /// Waits until the kernel has room, and hands it `bytes`, or a part of them; gives how many it took.
    ///
    /// # Errors
    /// What `send(2)` lists.
    pub fn send(&self, bytes: &[u8]) -> impl Future<Output = nix::Result<usize>> {
        retry(&self.state.write, || send(self.descriptor(), bytes, MsgFlags::empty()))
    }

    /// Waits until there is something to read.
    pub fn readable(&self) -> impl Future<Output = ()> {
        poll_fn(|context| self.state.read.poll(context))
    }

    /// Its number.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.runtime.reactor.forget(&self.fd);
    }
}

/// Makes `call` until it has more to say than EAGAIN. Each try waits for an event, and nothing else here waits.
fn retry<T>(side: &Side, mut call: impl FnMut() -> nix::Result<T>) -> impl Future<Output = nix::Result<T>> {
    poll_fn(move |context| {
        loop {
            ready!(side.poll(context));
            match call() {
                Err(Errno::EAGAIN) => side.ready.set(false),
                Err(Errno::EINTR) => {}
                result => return Poll::Ready(result),
            }
        }
    })
}
