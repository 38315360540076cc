//! The whole window for the view, and the window given back as it was: at the end, after a panic, after a signal.

use std::io::{self, BufWriter, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use ratatui::crossterm::execute;
use ratatui::crossterm::style::ResetColor;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::layout::Rect;

use crate::error::{Error, Result};

/// Whether the window is ours. After a panic in another thread nothing may be drawn any more.
static IS_OURS: AtomicBool = AtomicBool::new(false);

/// So many bytes a picture may have and still be written at once: a terminal shows no half of it, and nobody else gets the
/// processor between two pieces.
const PICTURE: usize = 1 << 16;

/// The hook that gives it back is set once.
static HOOK: Once = Once::new();

/// The window.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
}

impl Screen {
    /// Takes the whole window.
    ///
    /// # Errors
    /// It is no terminal that could be used so.
    pub fn enter() -> Result<Self> {
        let failed = |error| Error::of("use the whole window (lab --plain does not)", error);
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |information| {
                restore();
                before(information);
            }));
        });
        enable_raw_mode().map_err(failed)?;
        IS_OURS.store(true, Ordering::SeqCst);
        let entered = execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste);
        let terminal = entered.and_then(|()| {
            Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(PICTURE, io::stdout())))
        });
        match terminal {
            Ok(terminal) => {
                let mut screen = Self { terminal };
                // Not every terminal has a second screen, or gives it empty.
                screen.forget();
                Ok(screen)
            }
            Err(error) => {
                restore();
                Err(failed(error))
            }
        }
    }

    /// Draws, unless the window is no longer ours.
    ///
    /// # Errors
    /// The window takes nothing any more.
    pub fn draw(&mut self, draw: impl FnOnce(&mut ratatui::Frame<'_>)) -> Result<()> {
        Self::still_ours()?;
        let drawn = self.terminal.draw(draw);
        drawn.map(drop).map_err(|error| Error::of("draw", error))
    }

    /// That it has not been given back.
    ///
    /// # Errors
    /// A thread has panicked, and said so in the window that was given back.
    pub fn still_ours() -> Result<()> {
        if IS_OURS.load(Ordering::SeqCst) {
            return Ok(());
        }
        Err(Error::new("a fault of the laboratory ended it: what panicked stands above"))
    }

    /// Draws everything anew next time, not only what has changed. (`Terminal::clear` would ask the terminal where its
    /// cursor is, and the answer would go to whoever reads the keys.)
    pub fn forget(&mut self) {
        if let Ok(size) = self.terminal.size() {
            let _ = self.terminal.resize(Rect::new(0, 0, size.width, size.height)); // drawing says if it is gone
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the window back. Done twice it does nothing.
fn restore() {
    if !IS_OURS.swap(false, Ordering::SeqCst) {
        return;
    }
    // Nobody is left to tell if the window has gone.
    let _ = execute!(io::stdout(), ResetColor, DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    let _ = io::stdout().flush();
}
