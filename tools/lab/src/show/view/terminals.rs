//! The terminals as they look at any position of the run: each is emulated, so that a line that is written over, a colour
//! or a cleared screen looks as it does in a terminal.

use std::collections::VecDeque;
use std::num::NonZeroU16;

/// So many pieces of one terminal are kept.
const KEPT: usize = 20_000;
/// So many bytes of them.
const WEIGHT: usize = 8 << 20;
/// After so many pieces the whole screen is kept as well: going back does not begin at the beginning.
const EVERY: usize = 256;

/// Rows and columns.
pub type Size = (NonZeroU16, NonZeroU16);

/// All terminals.
#[derive(Debug, Default)]
pub struct Terminals {
    all: Vec<Terminal>,
}

struct Terminal {
    name: String,
    /// What appeared, each piece with the number of rows at which it did.
    pieces: VecDeque<(usize, Box<str>)>,
    /// How many pieces before these are no longer kept.
    first: usize,
    weight: usize,
    /// What stands behind the last line end.
    partial: String,
    standing: Standing,
    size: Size,
    live: vt100::Parser,
    /// Whole screens: before which piece, and what draws it.
    kept: VecDeque<(usize, String)>,
    /// The screen of an earlier position, and before which piece it is.
    past: Option<(usize, vt100::Parser)>,
}

/// What its shell is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It has given no prompt; what it says before is not shown.
    Starting,
    /// A prompt stands there, and nothing behind it.
    AtPrompt,
    /// A command runs.
    Running,
    /// No shell: everything is a program's.
    Bare,
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal")
            .field("name", &self.name)
            .field("standing", &self.standing)
            .finish_non_exhaustive()
    }
}

impl Terminals {
    /// In this terminal a program runs without a shell.
    pub fn without_shell(&mut self, name: &str) {
        self.of(name).standing = Standing::Bare;
    }

    fn of(&mut self, name: &str) -> &mut Terminal {
        let at = self.all.iter().position(|terminal| terminal.name == name).unwrap_or_else(|| {
            self.all.push(Terminal::new(name));
            self.all.len() - 1
        });
        &mut self.all[at]
    }

    fn standing(&self, name: &str) -> Standing {
        self.all
            .iter()
            .find(|terminal| terminal.name == name)
            .map_or(Standing::Starting, |found| found.standing)
    }

    /// Whether its shell has given a prompt, or it has none.
    #[must_use]
    pub fn is_prompted(&self, name: &str) -> bool {
        self.standing(name) != Standing::Starting
    }

    /// Whether its shell waits for a command.
    #[must_use]
    pub fn is_at_prompt(&self, name: &str) -> bool {
        self.standing(name) == Standing::AtPrompt
    }

    /// Whether a command of its shell runs.
    #[must_use]
    pub fn has_command(&self, name: &str) -> bool {
        self.standing(name) == Standing::Running
    }

    pub(crate) fn line(&mut self, name: &str, text: &str, rows: usize) {
        let terminal = self.of(name);
        if terminal.standing == Standing::Starting {
            return;
        }
        let mut piece = terminal.rest(text);
        piece.push_str("\r\n");
        terminal.partial.clear();
        if terminal.standing == Standing::AtPrompt {
            terminal.standing = Standing::Running;
        }
        terminal.add(rows, piece);
    }

    pub(crate) fn partial(&mut self, name: &str, text: &str, rows: usize) {
        let terminal = self.of(name);
        if terminal.standing == Standing::Starting {
            return;
        }
        let piece = terminal.rest(text);
        text.clone_into(&mut terminal.partial);
        terminal.add(rows, piece);
    }

    pub(crate) fn prompt(&mut self, name: &str, rows: usize) {
        let terminal = self.of(name);
        terminal.standing = Standing::AtPrompt;
        terminal.partial.clear();
        terminal.add(rows, "$ ".to_owned());
    }

    /// Whether the program in it wants the cursor keys as an application takes them.
    #[must_use]
    pub fn wants_application_keys(&self, name: &str) -> bool {
        let terminal = self.all.iter().find(|terminal| terminal.name == name);
        terminal.is_some_and(|terminal| terminal.live.screen().application_cursor())
    }

    /// Rows before this one are no longer kept, and so nobody asks how it looked then.
    pub(crate) fn forget(&mut self, row: usize) {
        for terminal in &mut self.all {
            while terminal.pieces.len() > EVERY && terminal.pieces.front().is_some_and(|(at, _)| *at < row) {
                terminal.drop_first();
            }
        }
    }

    /// The screen once so many rows have happened, in a terminal of this size. `None` if there is no such terminal.
    pub fn screen(&mut self, name: &str, rows: usize, size: Size) -> Option<&vt100::Screen> {
        let terminal = self.all.iter_mut().find(|terminal| terminal.name == name)?;
        terminal.resize(size);
        let upto = terminal.first + terminal.pieces.partition_point(|(at, _)| *at <= rows);
        if upto == terminal.end() {
            return Some(terminal.live.screen());
        }
        Some(terminal.at(upto))
    }

    /// When something appeared last in this terminal, if it did before so many rows had happened.
    #[must_use]
    pub fn latest(&self, name: &str, rows: usize) -> Option<usize> {
        let terminal = self.all.iter().find(|terminal| terminal.name == name)?;
        let upto = terminal.pieces.partition_point(|(at, _)| *at <= rows);
        terminal.pieces.get(upto.checked_sub(1)?).map(|(at, _)| *at)
    }
}

impl Terminal {
    fn new(name: &str) -> Self {
        let size = (vt100::Parser::DEFAULT_ROWS, vt100::Parser::DEFAULT_COLS);
        Self {
            name: name.to_owned(),
            pieces: VecDeque::new(),
            first: 0,
            weight: 0,
            partial: String::new(),
            standing: Standing::Starting,
            size,
            live: vt100::Parser::new(size.0, size.1, 0),
            kept: VecDeque::new(),
            past: None,
        }
    }

    fn end(&self) -> usize {
        self.first + self.pieces.len()
    }

    /// What of the text does not stand there yet.
    fn rest(&self, text: &str) -> String {
        match text.strip_prefix(self.partial.as_str()) {
            Some(rest) => rest.to_owned(),
            // A character that was cut in two, now whole.
            None => format!("\r\u{1b}[K{text}"),
        }
    }

    fn add(&mut self, rows: usize, piece: String) {
        if piece.is_empty() {
            return;
        }
        self.live.process(piece.as_bytes());
        self.weight += piece.len();
        self.pieces.push_back((rows, piece.into_boxed_str()));
        self.keep();
        while self.pieces.len() > KEPT || (self.weight > WEIGHT && self.pieces.len() > 1) {
            self.drop_first();
        }
    }

    fn keep(&mut self) {
        if self.end().is_multiple_of(EVERY) {
            self.kept.push_back((self.end(), self.live.screen().state_formatted()));
        }
    }

    fn drop_first(&mut self) {
        if let Some((_, piece)) = self.pieces.pop_front() {
            self.weight -= piece.len();
            self.first += 1;
        }
        while self.kept.get(1).is_some_and(|(before, _)| *before <= self.first) {
            self.kept.pop_front();
        }
    }

    /// All again, in another size.
    fn resize(&mut self, size: Size) {
        if size == self.size {
            return;
        }
        self.size = size;
        self.past = None;
        self.kept.clear();
        self.live = vt100::Parser::new(size.0, size.1, 0);
        for (place, (_, piece)) in self.pieces.iter().enumerate() {
            self.live.process(piece.as_bytes());
            let end = self.first + place + 1;
            if end.is_multiple_of(EVERY) {
                self.kept.push_back((end, self.live.screen().state_formatted()));
            }
        }
    }

    /// The screen before the piece `upto`.
    fn at(&mut self, upto: usize) -> &vt100::Screen {
        let usable = self.past.take().filter(|(before, _)| *before <= upto && *before >= self.first);
        let nearest = self.kept.iter().rfind(|(before, _)| *before <= upto && *before >= self.first);
        let (mut before, mut parser) = match (usable, nearest) {
            (Some(past), nearest) if nearest.is_none_or(|(at, _)| *at <= past.0) => past,
            (_, nearest) => {
                let mut parser = vt100::Parser::new(self.size.0, self.size.1, 0);
                let from = nearest.map_or(self.first, |(at, state)| {
                    parser.process(state.as_bytes());
                    *at
                });
                (from, parser)
            }
        };
        let pieces = self.pieces.iter().skip(before - self.first).take(upto.saturating_sub(before));
        for (_, piece) in pieces {
            parser.process(piece.as_bytes());
            before += 1;
        }
        self.past.insert((before, parser)).1.screen()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(rows: u16, columns: u16) -> Size {
        let not_zero = |number| NonZeroU16::new(number).expect("not 0");
        (not_zero(rows), not_zero(columns))
    }

    fn text(terminals: &mut Terminals, rows: usize, of: Size) -> String {
        terminals.screen("a", rows, of).map(vt100::Screen::contents).unwrap_or_default()
    }

    #[test]
    fn every_position_looks_as_it_did() {
        let mut terminals = Terminals::default();
        terminals.line("a", "bash: no job control", 0);
        terminals.prompt("a", 0);
        terminals.line("a", "count", 1);
        for number in 2..2000 {
            terminals.partial("a", &format!("{number}"), number);
            terminals.line("a", &format!("{number}0"), number);
        }
        let of = size(4, 20);
        assert_eq!(text(&mut terminals, 1, of), "$ count");
        assert_eq!(text(&mut terminals, 2, of), "$ count\n20");
        assert_eq!(text(&mut terminals, 1999, of), "19970\n19980\n19990");
        for position in [1500, 700, 701, 699, 3, 1998] {
            let expected: Vec<String> =
                (position - 2..=position).map(|number| format!("{number}0")).collect();
            let expected =
                if position == 3 { vec!["$ count".to_owned(), "20".into(), "30".into()] } else { expected };
            assert_eq!(text(&mut terminals, position, of), expected.join("\n"), "{position}");
        }
        // In a narrower window it is wrapped, and what is above scrolls away.
        assert_eq!(text(&mut terminals, 2, size(4, 3)), "ount\n20");
    }

    #[test]
    fn a_terminal_obeys_what_a_program_writes() {
        let mut terminals = Terminals::default();
        terminals.without_shell("a");
        terminals.line("a", "10%\r100%\u{1b}[1mdone\u{7}", 1);
        assert_eq!(text(&mut terminals, 1, size(3, 20)), "100%done");
    }

    #[test]
    fn a_flood_is_bounded() {
        let mut terminals = Terminals::default();
        terminals.without_shell("a");
        for number in 0..50_000 {
            terminals.line("a", &format!("{number}"), number);
        }
        let terminal = &terminals.all[0];
        assert!(terminal.pieces.len() <= KEPT && terminal.kept.len() <= KEPT / EVERY + 2);
        assert_eq!(text(&mut terminals, 40_000, size(2, 9)), "40000");
    }
}
