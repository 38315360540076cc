//! One thread that reads whatever the observers have to tell: terminals, straces, packet sockets.
//!
//! It reads in rounds, and says when a round is over. What was seen in one round has all its causes in that round or in
//! the next: strace writes down that a call has begun before the kernel makes it, and a packet stands in the packet
//! socket before it wakes anybody. So whoever puts events in order needs to wait for one round more, and no longer.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::record::event::Event;

/// So many events may wait for whoever takes them. When they do not, a program that prints without end is slowed down
/// by its own terminal, and one that makes calls without end by its tracer.
const WAITING: usize = 1024;

/// How long, at the end, those may take who still hold a terminal or are still traced.
const LAST: Duration = Duration::from_secs(2);

/// What the thread tells.
#[derive(Debug)]
pub enum Told {
    /// Something was seen.
    Event(Event),
    /// A round is over: whatever had happened when it began has been told.
    Round,
}

/// Somebody who sees something.
pub(crate) trait Source: Send {
    /// What to wait for.
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// Among those that have something to tell, the lower reads first: effects before their causes.
    fn rank(&self) -> u8;

    /// Takes what is there, without waiting, and no more than was there when it was asked. Gives `false` when nothing
    /// will come any more.
    fn take(&mut self, events: &mut Vec<Event>) -> bool;

    /// Whether the end waits for it.
    fn is_awaited(&self) -> bool;

    /// The last that it has to say.
    fn last(&mut self, _events: &mut Vec<Event>) {}
}

/// The thread. Dropped, it ends as soon as nobody takes what it tells.
#[derive(Debug)]
pub struct Watch {
    sources: Option<Sender<Box<dyn Source>>>,
    wake: PipeWriter,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts it; the other end is where its words arrive.
    ///
    /// # Errors
    /// No pipe or no thread is to be had.
    pub fn start() -> io::Result<(Self, Receiver<Told>)> {
        let (sources, new) = channel();
        let (tell, told) = sync_channel(WAITING);
        let (woken, wake) = io::pipe()?;
        let thread = std::thread::Builder::new()
            .name("observers".to_owned())
            .spawn(move || Rounds { new, woken, tell, sources: Vec::new(), owed: 0 }.run())?;
        Ok((Self { sources: Some(sources), wake, thread: Some(thread) }, told))
    }

    /// Watches this one too.
    pub(crate) fn add(&self, source: Box<dyn Source>) {
        if let Some(sources) = &self.sources {
            // The thread ends before only if nobody takes what it tells.
            let _ = sources.send(source);
            let _ = (&self.wake).write_all(b"+");
        }
    }

    /// No more is to be watched: it ends when all that was has ended, or after two seconds, and with it what it tells.
    pub fn finish(&mut self) {
        self.sources = None;
        let _ = (&self.wake).write_all(b".");
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.finish();
    }
}

struct Rounds {
    new: Receiver<Box<dyn Source>>,
    woken: PipeReader,
    tell: SyncSender<Told>,
    sources: Vec<Box<dyn Source>>,
    /// How many rounds are to be told: two for each event, its own and the one after.
    owed: u8,
}

impl Rounds {
    fn run(mut self) {
        let mut deadline: Option<Instant> = None;
        while self.round(&mut deadline).is_some() {
            let is_awaited = self.sources.iter().any(|source| source.is_awaited());
            let is_over = deadline.is_some_and(|deadline| !is_awaited || Instant::now() > deadline);
            if is_over && self.owed == 0 {
                break;
            }
        }
        let mut events = Vec::new();
        self.sources.iter_mut().for_each(|source| source.last(&mut events));
        let _ = events.into_iter().try_for_each(|event| self.tell.send(Told::Event(event)));
    }

    /// One round; `None` when nobody takes what it tells.
    fn round(&mut self, deadline: &mut Option<Instant>) -> Option<()> {
        let ready = self.ready(*deadline);
        if ready.first() == Some(&true) {
            let mut words = [0; 64];
            let read = self.woken.read(&mut words).unwrap_or(0);
            if read == 0 || words.iter().take(read).any(|word| *word == b'.') {
                deadline.get_or_insert_with(|| Instant::now() + LAST);
            }
        }
        let mut events = Vec::new();
        let mut ready = ready.into_iter().skip(1);
        self.sources.retain_mut(|source| !ready.next().unwrap_or(false) || source.take(&mut events));
        let new = self.sources.len();
        self.sources.extend(self.new.try_iter());
        if self.sources.len() > new {
            self.sources.sort_by_key(|source| source.rank());
        }
        if !events.is_empty() {
            self.owed = 2;
        }
        events.into_iter().try_for_each(|event| self.tell.send(Told::Event(event))).ok()?;
        if self.owed > 0 {
            self.owed -= 1;
            self.tell.send(Told::Round).ok()?;
        }
        Some(())
    }

    /// Who has something to tell, the wake-up first. Waits only when no round is owed.
    fn ready(&self, deadline: Option<Instant>) -> Vec<bool> {
        let timeout = if self.owed > 0 {
            PollTimeout::ZERO
        } else {
            deadline.map_or(PollTimeout::NONE, |deadline| {
                let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
                PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO)
            })
        };
        let mut polled = vec![PollFd::new(self.woken.as_fd(), PollFlags::POLLIN)];
        polled.extend(self.sources.iter().map(|source| PollFd::new(source.descriptor(), PollFlags::POLLIN)));
        match poll(&mut polled, timeout) {
            Ok(_) => polled.iter().map(|polled| polled.any().unwrap_or(true)).collect(),
            // A signal, or no memory: the next round tries again.
            Err(_) => vec![false; polled.len()],
        }
    }
}
