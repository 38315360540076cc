//! The reader at the keyboard: what is typed, and whether anybody still looks.

use std::io::{self, BufRead, IsTerminal};
use std::sync::mpsc::{Receiver, channel};

use crate::error::{Error, Result};

/// What the reader does on standard input, or in the whole window.
pub(crate) enum Typed {
    /// A line, for whoever reads lines.
    Line(String),
    /// Nothing more.
    End,
    /// A line for this terminal.
    To(String, String),
    /// A key for this terminal, as its byte.
    Key(String, u8),
    /// Keys for the program in this terminal, as their bytes, and the line that they end.
    Strokes(String, Vec<u8>, Option<String>),
    /// This terminal has so many rows and columns.
    Size(String, (u16, u16)),
}

/// Reads standard input line by line, in a thread that ends with it.
pub(crate) fn typed() -> Result<Receiver<Typed>> {
    let (sender, typed) = channel();
    std::thread::Builder::new()
        .name("standard input".to_owned())
        .spawn(move || {
            for line in io::stdin().lock().split(b'\n') {
                let Ok(line) = line else { break };
                let line = String::from_utf8_lossy(&line).into_owned();
                if sender.send(Typed::Line(line)).is_err() {
                    return;
                }
            }
            let _ = sender.send(Typed::End);
        })
        .map_err(|error| Error::of("start a thread for standard input", error))?;
    Ok(typed)
}

/// How wide the terminal is on which we write, where we write on one.
pub(crate) fn columns() -> Option<usize> {
    let (columns, _) = ratatui::crossterm::terminal::size().ok().filter(|_| io::stdout().is_terminal())?;
    Some(usize::from(columns)).filter(|columns| *columns > 0)
}

/// Whether the reader of our output has gone.
pub(crate) fn is_broken_pipe(error: &Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::BrokenPipe;
        }
        source = error.source();
    }
    false
}

pub(crate) fn not_shown(error: io::Error) -> Error {
    Error::of("write to standard output", error)
}
