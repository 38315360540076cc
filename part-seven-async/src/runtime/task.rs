//! Tasks: futures that are polled again whenever somebody has woken them.

use std::future::poll_fn;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use nix::sys::epoll::EpollEvent;
use nix::sys::eventfd::EventFd;

use super::Runtime;

/// A future, and the waker that it leaves with whomever it waits for.
pub(super) struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    waker: Waker,
}

/// The number of the future that `block_on` was called with.
const MAIN: usize = 0;

impl Runtime {
    /// One more task. It is first polled when the one that is running now waits.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let number = self.free.borrow_mut().pop().unwrap_or_else(|| {
            self.tasks.borrow_mut().push(None);
            self.tasks.borrow().len() - 1
        });
        let task = Task { future: Box::pin(future), waker: self.waker(number) };
        task.waker.wake_by_ref();
        self.tasks.borrow_mut()[number] = Some(task);
    }

    /// Runs `main` and every task, until `main` is done. Tasks that are not done then are dropped.
    ///
    /// # Errors
    /// What `epoll_wait(2)` lists.
    pub fn block_on<T>(&self, main: impl Future<Output = T>) -> nix::Result<T> {
        let (mut main, waker) = (pin!(main), self.waker(MAIN));
        let (mut woken, mut events) = (Vec::new(), vec![EpollEvent::empty(); 1024]);
        waker.wake_by_ref();
        loop {
            // 1. poll: everyone who was woken is polled once. Who is woken meanwhile waits for the next round, so that
            //    the reactor gets its turn whatever the tasks do.
            mem::swap(&mut woken, &mut self.ready.numbers());
            for number in woken.drain(..) {
                if number != MAIN {
                    self.poll(number);
                } else if let Poll::Ready(value) = main.as_mut().poll(&mut Context::from_waker(&waker)) {
                    // A task may own a clone of this runtime, which owns the task.
                    drop(self.tasks.take());
                    return Ok(value);
                }
            }
            // 2. wait: nobody can go on. Sleep until a descriptor is ready or a moment has come. That wakes tasks.
            self.reactor.wait(self.timers.next(), &mut events)?;
            self.timers.fire();
        }
    }

    /// Wakes every task. Those for whom nothing has changed go on waiting.
    pub fn wake_all(&self) {
        self.tasks.borrow().iter().flatten().for_each(|task| task.waker.wake_by_ref());
    }

    fn poll(&self, number: usize) {
        // Out of its place, since it may spawn others while it runs. Nobody is there if a waker outlived its task.
        let Some(mut task) = self.tasks.borrow_mut()[number].take() else { return };
        match task.future.as_mut().poll(&mut Context::from_waker(&task.waker)) {
            Poll::Pending => self.tasks.borrow_mut()[number] = Some(task),
            Poll::Ready(()) => self.free.borrow_mut().push(number),
        }
    }

    fn waker(&self, number: usize) -> Waker {
        Arc::new(TaskWaker(number, Arc::clone(&self.ready))).into()
    }
}

/// Lets the others have their turn: wakes its own task at once, and waits.
pub async fn yield_now() {
    let mut waited = false;
    poll_fn(|context| {
        if mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The numbers of the tasks that were woken and not polled since. Wakers may be on other threads, hence the lock.
pub(super) struct Ready {
    pub(super) numbers: Mutex<Vec<usize>>,
    /// Whether the reactor sleeps, or is about to: then it must be woken, too.
    pub(super) asleep: AtomicBool,
    /// What wakes it.
    pub(super) event: EventFd,
}

impl Ready {
    pub(super) fn numbers(&self) -> MutexGuard<'_, Vec<usize>> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a waker knows of its task: the number, and the list to put it on. Woken twice, a task is polled twice.
struct TaskWaker(usize, Arc<Ready>);

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        // In this order: see Reactor::wait.
        self.1.numbers().push(self.0);
        if self.1.asleep.swap(false, SeqCst) {
            // It fails only where the count is near 2^64, and then the reactor is awake.
            let _ = self.1.event.write(1);
        }
    }
}
