//! Time: wakes the task that waits for a moment, and lets one future race another.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::Runtime;

/// Who waits for which moment. The number tells apart those who wait for the same one.
#[derive(Default)]
pub(super) struct Timers {
    waiting: RefCell<BTreeMap<(Instant, u64), Waker>>,
    last: Cell<u64>,
}

impl Timers {
    /// How long until the first moment; nothing where nobody waits.
    pub(super) fn next(&self) -> Option<Duration> {
        let waiting = self.waiting.borrow();
        waiting.keys().next().map(|(moment, _)| moment.saturating_duration_since(Instant::now()))
    }

    /// Wakes everybody whose moment has come.
    pub(super) fn fire(&self) {
        while self.next() == Some(Duration::ZERO) {
            let first = self.waiting.borrow_mut().pop_first();
            if let Some((_, waker)) = first {
                waker.wake();
            }
        }
    }
}

/// A future that is done at its moment; without one, never.
pub struct Sleep(Runtime, Option<(Instant, u64)>);

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(key) = self.1 else { return Poll::Pending };
        if key.0 <= Instant::now() {
            return Poll::Ready(());
        }
        self.0.timers.waiting.borrow_mut().insert(key, context.waker().clone());
        Poll::Pending
    }
}

/// Dropped, it no longer waits.
impl Drop for Sleep {
    fn drop(&mut self) {
        self.1.inspect(|key| drop(self.0.timers.waiting.borrow_mut().remove(key)));
    }
}

impl Runtime {
    /// Waits for `duration`; without one, for ever.
    #[must_use]
    pub fn sleep(&self, duration: Option<Duration>) -> Sleep {
        let number = self.timers.last.get() + 1;
        self.timers.last.set(number);
        Sleep(self.clone(), duration.map(|duration| (Instant::now() + duration, number)))
    }
}

pin_project! {
    /// Two futures, of which the first that is done counts. The other is then dropped where it is, and that is all that
    /// a timeout or a cancellation is.
    pub struct Race<L, R> {
        #[pin]
        left: L,
        #[pin]
        right: R,
    }
}

/// What was done first.
pub enum First<L, R> {
    /// The left future, and what it gave.
    Left(L),
    /// The right one.
    Right(R),
}

impl<L: Future, R: Future> Future for Race<L, R> {
    type Output = First<L::Output, R::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // 1. race: both get the waker of the one task. Whoever calls it, both are asked, the left one first.
        let this = self.project();
        match this.left.poll(context) {
            Poll::Ready(value) => Poll::Ready(First::Left(value)),
            Poll::Pending => this.right.poll(context).map(First::Right),
        }
    }
}

/// Waits for both at once, and gives what the first one gives.
pub fn race<L: Future, R: Future>(left: L, right: R) -> Race<L, R> {
    Race { left, right }
}
