//! An asynchronous runtime, small enough to read at breakfast: one thread, no `unsafe`.
//!
//! Read [`task`] first: what a task is, and who polls it. Then [`reactor`]: who wakes it when a descriptor is ready, by
//! part six's `epoll`. Then [`time`]: who wakes it when a moment has come.
//!
//! What is left out: more than one thread, and a task's result (there is no `JoinHandle`; an exercise adds it).

pub mod reactor;
pub mod task;
pub mod time;

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use nix::sys::eventfd::{EfdFlags, EventFd};

use reactor::Reactor;
use task::{Ready, Task};
use time::Timers;

pub use task::yield_now;
pub use time::{First, race};

/// The runtime. A clone is the same one.
#[derive(Clone)]
pub struct Runtime(Rc<Parts>);

/// The tasks, and the two who wake them.
pub struct Parts {
    /// By number. A task that is being polled is not in its place.
    tasks: RefCell<Vec<Option<Task>>>,
    /// The numbers that are nobody's any more.
    free: RefCell<Vec<usize>>,
    ready: Arc<Ready>,
    pub(crate) reactor: Reactor,
    timers: Timers,
}

impl Deref for Runtime {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Runtime {
    /// A runtime without tasks.
    ///
    /// # Errors
    /// What `eventfd(2)`, `epoll_create1(2)` and `epoll_ctl(2)` list.
    pub fn new() -> nix::Result<Self> {
        let event = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let ready = Arc::new(Ready { numbers: Mutex::default(), asleep: AtomicBool::new(false), event });
        let (tasks, free) = (RefCell::new(vec![None]), RefCell::default());
        let reactor = Reactor::new(Arc::clone(&ready))?;
        Ok(Self(Rc::new(Parts { tasks, free, ready, reactor, timers: Timers::default() })))
    }
}
