//! The loop of the view: keys and news of the run arrive at one place; it draws when something has changed, and sleeps
//! otherwise.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};

use crate::error::{Error, Result};
use crate::observe::terminal::Takes;
use crate::record::event::{Lane, What};
use crate::record::order::Ordered;
use crate::show::view::draw::draw;
use crate::show::view::keys;
use crate::show::view::screen::Screen;
use crate::show::view::state::{Act, Stage, View};
use crate::signals::Signals;

/// So much news may wait: when the view is slower than the run, the run waits. A key waits behind no more than this.
const WAITING: usize = 256;
/// How often signals are asked for.
const TICK: Duration = Duration::from_millis(100);
/// Not drawn more often than this, however fast the news comes.
const FRAME: Duration = Duration::from_millis(33);

/// What the view is told.
#[derive(Debug)]
pub enum News {
    /// Something happened in the run.
    Event(Box<Ordered>),
    /// A block begins, and nobody need be asked.
    Begins(usize),
    /// The run waits for the reader before this block; what it shows that only the run can tell; what it will do.
    Asks(usize, Vec<String>, String),
    /// What the run waits for.
    Status(String),
    /// A terminal takes what is typed in this way from here on.
    Takes(String, Takes),
    /// The laboratory has something to say.
    Remark(String),
    /// The run has ended, and how.
    Ended(String),
    /// Something was typed, or the window has another size.
    Input(Event),
    /// Nobody can type any more.
    NoInput,
    /// Nothing, but a key was pressed: the view wakes and takes it.
    Nothing,
}

/// Who runs what is watched, and tells the view about it.
#[derive(Debug)]
pub struct Teller {
    news: SyncSender<News>,
    has_left: Arc<AtomicBool>,
}

impl Teller {
    /// Tells it; waits while too much is still untold.
    ///
    /// # Errors
    /// `BrokenPipe`: the reader has left.
    pub fn tell(&self, news: News) -> io::Result<()> {
        self.news.send(news).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Whether the reader is still there.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        !self.has_left.load(Ordering::Relaxed)
    }
}

/// What the view hears.
struct Inbox {
    /// What is typed. It has a way of its own: a key waits behind no news.
    keys: Receiver<Event>,
    news: Receiver<News>,
    has_left: Arc<AtomicBool>,
}

impl Inbox {
    fn open() -> Result<(Self, Teller)> {
        let (sender, news) = sync_channel(WAITING);
        let (press, keys) = channel();
        let wake = sender.clone();
        std::thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || {
                while let Ok(event) = event::read() {
                    if press.send(event).is_err() {
                        return;
                    }
                    // Where there is no room for it the view is awake.
                    let _ = wake.try_send(News::Nothing);
                }
                let _ = wake.send(News::NoInput);
            })
            .map_err(|error| Error::of("start a thread for the keys", error))?;
        let has_left = Arc::<AtomicBool>::default();
        let teller = Teller { news: sender, has_left: Arc::clone(&has_left) };
        Ok((Self { keys, news, has_left }, teller))
    }

    fn key(&self) -> Option<News> {
        self.keys.try_recv().ok().map(News::Input)
    }

    /// The next: a key if there is one, and news otherwise.
    fn next(&self, timeout: Duration) -> Option<News> {
        self.key().or_else(|| match self.news.recv_timeout(timeout) {
            Ok(News::Nothing) => self.key(),
            Ok(news) => Some(news),
            Err(RecvTimeoutError::Timeout) => None,
            // The keys' thread holds the other end as long as there are keys.
            Err(RecvTimeoutError::Disconnected) => Some(News::NoInput),
        })
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.has_left.store(true, Ordering::Relaxed);
    }
}

/// Shows in the whole window what `work` tells until the reader leaves or a signal comes, and waits for the work to end.
/// Gives the exit status of the signal, if it was one, and what the work gave.
///
/// # Errors
/// The window takes nothing any more, or the work fails.
pub fn watch<T: Send>(
    view: &mut View,
    signals: &Signals,
    act: &mut dyn FnMut(Act),
    work: impl FnOnce(Teller) -> Result<T> + Send,
) -> Result<(Option<u8>, T)> {
    let (inbox, teller) = Inbox::open()?;
    let screen = Screen::enter()?;
    std::thread::scope(|scope| {
        // Both go when this ends, by a panic too: the window is given back before the programs are ended, which may
        // take a moment; and the work ends, since nobody hears it.
        let (inbox, mut screen) = (inbox, screen);
        let worker = std::thread::Builder::new()
            .name("work".to_owned())
            .spawn_scoped(scope, move || work(teller))
            .map_err(|error| Error::of("start a thread for what is watched", error))?;
        let left = show(view, &mut screen, &inbox, signals, act);
        drop(screen);
        drop(inbox);
        let done = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((left?, done))
    })
}

/// Shows the view until the reader leaves or a signal comes; gives the exit status of the signal, if it was one.
fn show(
    view: &mut View,
    screen: &mut Screen,
    inbox: &Inbox,
    signals: &Signals,
    act: &mut dyn FnMut(Act),
) -> Result<Option<u8>> {
    let mut drawn = Instant::now();
    let mut is_stale = true;
    let mut sizes = Vec::new();
    screen.draw(|frame| draw(view, frame))?;
    loop {
        let now = Instant::now();
        let mut until = now + TICK;
        if is_stale || view.model.sockets.is_stale() {
            until = until.min(drawn + FRAME);
        }
        until = view.due().map_or(until, |due| until.min(due));
        let mut next = inbox.next(until.saturating_duration_since(now));
        // Not all at once: a program may print without end. And a key is answered before more is heard.
        let enough = Instant::now() + FRAME / 2;
        let mut is_asked = false;
        while let Some(one) = next.take() {
            is_stale = true;
            is_asked |= matches!(one, News::Input(_));
            match hear(view, screen, one) {
                Some(Act::Leave) => return Ok(None),
                Some(Act::Interrupt) => return Ok(Some(crate::signals::INTERRUPTED)),
                Some(other) => act(other),
                None => {}
            }
            if is_asked {
                next = inbox.key();
            } else if Instant::now() < enough {
                next = inbox.next(Duration::ZERO);
            }
        }
        if let Some(status) = signals.status() {
            return Ok(Some(status));
        }
        Screen::still_ours()?;
        if view.due().is_some_and(|due| due <= Instant::now()) {
            is_stale = true;
            if let Some(one) = view.tick() {
                act(one);
            }
        }
        let is_due = is_asked || drawn.elapsed() >= FRAME;
        if (is_stale || view.model.sockets.is_stale()) && is_due {
            screen.draw(|frame| draw(view, frame))?;
            drawn = Instant::now();
            is_stale = false;
            if view.keyboard.is_some() && sizes != view.sizes {
                sizes.clone_from(&view.sizes);
                view.sizes.iter().for_each(|(name, size)| act(Act::Size(name.clone(), *size)));
            }
        }
    }
}

fn hear(view: &mut View, screen: &mut Screen, news: News) -> Option<Act> {
    match news {
        News::Event(ordered) => {
            if let (Some(keyboard), Lane::Terminal(name), What::Line(text)) =
                (&mut view.keyboard, &ordered.event.lane, &ordered.event.what)
            {
                keyboard.echoed(name, text);
            }
            view.model.add(*ordered);
            view.grew();
        }
        News::Begins(block) => {
            view.model.block = block;
            view.stage = Stage::Running;
        }
        News::Asks(block, extra, status) => {
            view.extras.insert(block, extra);
            view.status = status;
            return view.waits_before(block);
        }
        News::Status(status) => view.status = status,
        News::Remark(text) => {
            view.model.remark(text);
            view.grew();
        }
        News::Takes(terminal, how) => return view.keyboard.as_mut()?.takes(&terminal, how),
        News::Ended(status) => {
            view.status = status;
            view.stage = Stage::Ended;
        }
        News::Input(Event::Key(key)) => {
            if key.code == KeyCode::Char('l') && key.modifiers.contains(KeyModifiers::CONTROL) {
                screen.forget();
            }
            return keys::press(view, key);
        }
        News::Input(Event::Paste(text)) => {
            // Of several lines only the first: nothing is run that was not looked at.
            return view.keyboard.as_mut()?.paste(text.lines().next().unwrap_or_default());
        }
        News::Input(_) | News::Nothing => {}
        News::NoInput => return Some(Act::Leave),
    }
    None
}

#[cfg(test)]
mod tests;
