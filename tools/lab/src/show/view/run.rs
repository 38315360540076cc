//! The loop of the view: keys and news of the run arrive at one place; it draws when something has changed, and sleeps
//! otherwise.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};

use crate::error::{Error, Result};
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
    /// The laboratory has something to say.
    Remark(String),
    /// The run has ended, and how.
    Ended(String),
    /// Something was typed, or the window has another size.
    Input(Event),
    /// Nothing: whoever asks wants to know if anybody still listens.
    Nothing,
    /// Nobody can type any more.
    NoInput,
}

/// The way by which news comes.
///
/// # Errors
/// No thread is to be had for the keys.
pub fn news() -> Result<(SyncSender<News>, Receiver<News>)> {
    let (sender, news) = sync_channel(WAITING);
    let keys = sender.clone();
    std::thread::Builder::new()
        .name("keys".to_owned())
        .spawn(move || {
            while let Ok(event) = event::read() {
                if keys.send(News::Input(event)).is_err() {
                    return;
                }
            }
            let _ = keys.send(News::NoInput);
        })
        .map_err(|error| Error::of("start a thread for the keys", error))?;
    Ok((sender, news))
}

/// Shows the view until the reader leaves or a signal comes; gives the exit status of the signal, if it was one. `act` does
/// what is to be done outside.
///
/// # Errors
/// The window takes nothing any more.
pub fn watch(
    view: &mut View,
    screen: &mut Screen,
    news: &Receiver<News>,
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
        let mut next = match news.recv_timeout(until.saturating_duration_since(now)) {
            Ok(next) => Some(next),
            Err(RecvTimeoutError::Timeout) => None,
            // The keys' thread holds the other end as long as there are keys.
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        };
        // Not all at once: a program may print without end.
        let enough = Instant::now() + FRAME / 2;
        while let Some(one) = next.take() {
            is_stale |= !matches!(one, News::Nothing);
            match hear(view, screen, one) {
                Some(Act::Leave) => return Ok(None),
                Some(Act::Interrupt) => return Ok(Some(crate::signals::INTERRUPTED)),
                Some(other) => act(other),
                None => {}
            }
            if Instant::now() < enough {
                next = news.try_recv().ok();
            }
        }
        if let Some(status) = signals.status() {
            return Ok(Some(status));
        }
        if view.due().is_some_and(|due| due <= Instant::now()) {
            is_stale = true;
            if let Some(one) = view.tick() {
                act(one);
            }
        }
        let is_due = drawn.elapsed() >= FRAME;
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
            let keyboard = view.keyboard.as_mut()?;
            keyboard.terminal()?;
            // Of several lines only the first: nothing is run that was not looked at.
            text.lines().next().unwrap_or_default().chars().for_each(|letter| keyboard.put(letter));
        }
        News::Input(_) | News::Nothing => {}
        News::NoInput => return Some(Act::Leave),
    }
    None
}
