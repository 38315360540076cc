//! The reactor: part six's `epoll`, which wakes the task that waits for a descriptor.

use std::cell::{Cell, RefCell};
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use part_six_connections::timeout;

use super::task::Ready;

/// Who waits for which descriptor.
pub(crate) struct Reactor {
    epoll: Epoll,
    /// By descriptor. The kernel always gives the smallest number that is free, so there are no large gaps.
    watched: RefCell<Vec<Option<Rc<State>>>>,
    ready: Arc<Ready>,
}

/// What is known of a descriptor.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) read: Side,
    pub(crate) write: Side,
    /// The other end has closed its side: no further event will come, so what is there must be read to its end.
    pub(crate) closed: Cell<bool>,
}

/// One direction of a descriptor.
#[derive(Default)]
pub(crate) struct Side {
    /// An event came, and nobody has seen EAGAIN since.
    pub(crate) ready: Cell<bool>,
    /// Of the task that waits for the event.
    waker: Cell<Option<Waker>>,
}

impl Side {
    /// Tells whether the event has come; until then our waker stays with it, and whoever is told of the event calls it.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<()> {
        if self.ready.get() {
            return Poll::Ready(());
        }
        self.waker.set(Some(context.waker().clone()));
        Poll::Pending
    }

    fn wake(&self) {
        self.ready.set(true);
        self.waker.take().into_iter().for_each(Waker::wake);
    }
}

impl Reactor {
    pub(super) fn new(ready: Arc<Ready>) -> nix::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&ready.event, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, u64::MAX))?;
        Ok(Self { epoll, watched: RefCell::default(), ready })
    }

    /// Sleeps until something is ready, or for `limit`, and wakes who waits for it.
    pub(super) fn wait(&self, limit: Option<Duration>, events: &mut [EpollEvent]) -> nix::Result<()> {
        // 1. asleep: a wake-up from another thread, between our last look at the list and our sleep, must not be slept through.
        //    So we say first that we sleep, and look then; the waker puts its number on the list first, and looks then
        //    whether we sleep. At least one of the two sees the other.
        self.ready.asleep.store(true, SeqCst);
        let limit = if self.ready.numbers().is_empty() { limit } else { Some(Duration::ZERO) };
        // 2. epoll_wait: the only call of the whole program that sleeps.
        let count = match self.epoll.wait(events, timeout([limit])) {
            Err(Errno::EINTR) => 0,
            result => result?,
        };
        self.ready.asleep.store(false, SeqCst);
        // 3. wake: an event wakes the task that has left its waker. Nobody is there for the eventfd, which has done its
        //    work.
        let watched = self.watched.borrow();
        for event in &events[..count] {
            let Some(Some(state)) = usize::try_from(event.data()).ok().and_then(|number| watched.get(number))
            else {
                continue;
            };
            let over = event.events().intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP);
            let closed = over || event.events().contains(EpollFlags::EPOLLRDHUP);
            state.closed.set(closed || state.closed.get());
            if closed || event.events().contains(EpollFlags::EPOLLIN) {
                state.read.wake();
            }
            if over || event.events().contains(EpollFlags::EPOLLOUT) {
                state.write.wake();
            }
        }
        Ok(())
    }

    /// Puts `fd` on the list, once, for both directions, and to be told when something changes.
    pub(crate) fn watch(&self, fd: &OwnedFd) -> nix::Result<Rc<State>> {
        let events =
            EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
        let number = number(fd);
        self.epoll.add(fd, EpollEvent::new(events, number as u64))?;
        let (state, mut watched) = (Rc::<State>::default(), self.watched.borrow_mut());
        let length = watched.len().max(number + 1);
        watched.resize(length, None);
        watched[number] = Some(Rc::clone(&state));
        Ok(state)
    }

    /// Takes `fd` off the list. The kernel does it by itself only when nobody has it open any more.
    pub(crate) fn forget(&self, fd: &OwnedFd) {
        // It fails for what is not on the list, and that is what we want.
        let _ = self.epoll.delete(fd);
        self.watched.borrow_mut()[number(fd)] = None;
    }
}

/// The kernel's number, which is never negative.
fn number(fd: &OwnedFd) -> usize {
    usize::try_from(fd.as_raw_fd()).unwrap_or_default()
}
