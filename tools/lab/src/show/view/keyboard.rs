//! What is typed into a terminal. Where the terminal takes lines, the line stands at its cursor until Return sends it;
//! where its program takes keys, each goes there at once.

use crate::observe::terminal::Takes;
use crate::show::view::state::Act;

/// A line being typed, and where it will go.
#[derive(Debug, Clone, Default)]
pub struct Keyboard {
    /// The terminals into which it may go.
    pub terminals: Vec<String>,
    /// Which one has the keyboard; `None` while keys move through the run.
    pub at: Option<usize>,
    /// The line so far.
    pub line: String,
    /// Those that take no lines, and what they take.
    others: Vec<(String, Takes)>,
    /// Lines that were sent and whose echo has not appeared.
    pub sent: Vec<(String, String)>,
}

/// What a key does to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// It stands there.
    Letter(char),
    /// It takes the last one back.
    RubOut,
    /// It ends the line.
    Return,
    /// It is none of the line, such as ^C.
    Control(u8),
    /// Nobody but the program knows.
    Other,
}

/// The longest line: canonical mode takes 4095 bytes (termios(3)).
const LONGEST: usize = 4095;

impl Keyboard {
    /// For these terminals; the last one has the keyboard first.
    #[must_use]
    pub fn new(terminals: &[&str]) -> Self {
        let at = terminals.len().checked_sub(1);
        Self { terminals: terminals.iter().map(|name| (*name).to_owned()).collect(), at, ..Self::default() }
    }

    /// The terminal that has the keyboard.
    #[must_use]
    pub fn terminal(&self) -> Option<&str> {
        self.terminals.get(self.at?).map(String::as_str)
    }

    /// What the terminal that has the keyboard takes.
    #[must_use]
    pub fn mode(&self) -> Takes {
        let other = self.others.iter().find(|(name, _)| self.terminal() == Some(name));
        other.map_or(Takes::Lines, |(_, how)| *how)
    }

    /// This terminal takes what is typed in this way from here on. What was typed ahead goes there.
    pub fn takes(&mut self, terminal: &str, how: Takes) -> Option<Act> {
        let took_lines = self.mode() == Takes::Lines;
        self.others.retain(|(name, _)| name != terminal);
        if how == Takes::Lines {
            // A line that a program has taken key by key is no line here.
            if !took_lines && self.terminal() == Some(terminal) {
                self.line.clear();
            }
            return None;
        }
        self.others.push((terminal.to_owned(), how));
        let ahead = took_lines && self.terminal() == Some(terminal) && !self.line.is_empty();
        ahead.then(|| Act::Strokes(terminal.to_owned(), self.line.clone().into_bytes(), None))
    }

    /// Keys for a program that takes them; `key` is what they add to its line, as far as that can be told.
    pub fn stroke(&mut self, bytes: Vec<u8>, key: Key) -> Option<Act> {
        let terminal = self.terminal()?.to_owned();
        let line = match key {
            Key::Letter(letter) => {
                self.put(letter);
                None
            }
            Key::RubOut => {
                self.rub_out();
                None
            }
            Key::Return if self.mode() == Takes::Secrets => {
                self.line.clear();
                Some("(not shown)".to_owned())
            }
            Key::Return => Some(std::mem::take(&mut self.line)),
            Key::Control(byte) => Some(format!("^{}", char::from(byte ^ 0x40))),
            Key::Other => {
                // What stands there now only the program knows.
                "…".clone_into(&mut self.line);
                None
            }
        };
        Some(Act::Strokes(terminal, bytes, line))
    }

    /// This was pasted.
    pub fn paste(&mut self, text: &str) -> Option<Act> {
        self.terminal()?;
        let before = self.line.len();
        text.chars().for_each(|letter| self.put(letter));
        if self.mode() == Takes::Lines {
            return None;
        }
        let bytes = self.line.get(before..)?.to_owned().into_bytes();
        Some(Act::Strokes(self.terminal()?.to_owned(), bytes, None))
    }

    /// To the next: from terminal to terminal, then to the run, and around.
    pub fn next(&mut self) {
        self.line.clear();
        self.at = match self.at {
            Some(0) => None,
            Some(at) => Some(at - 1),
            None => self.terminals.len().checked_sub(1),
        };
    }

    /// A character.
    pub fn put(&mut self, character: char) {
        if self.line.len() + character.len_utf8() <= LONGEST && !character.is_control() {
            self.line.push(character);
        }
    }

    /// Takes the last character back.
    pub fn rub_out(&mut self) {
        self.line.pop();
    }

    /// Takes the line: terminal and text.
    pub fn enter(&mut self) -> Option<(String, String)> {
        let terminal = self.terminal()?.to_owned();
        let line = std::mem::take(&mut self.line);
        self.sent.push((terminal.clone(), line.clone()));
        Some((terminal, line))
    }

    /// The echo of what was sent has appeared, perhaps behind a program's prompt.
    pub fn echoed(&mut self, terminal: &str, text: &str) {
        let is_it = |(name, line): &(String, String)| name == terminal && text.ends_with(line.as_str());
        if let Some(at) = self.sent.iter().position(is_it) {
            self.sent.drain(..=at);
        }
    }

    /// What stands at the cursor of this terminal: what was sent and has not appeared, or what is being typed.
    #[must_use]
    pub fn pending(&self, terminal: &str) -> Option<&str> {
        let sent = self.sent.iter().find(|(name, _)| name == terminal).map(|(_, line)| line.as_str());
        let is_here = self.terminal() == Some(terminal) && self.mode() == Takes::Lines;
        sent.or_else(|| is_here.then_some(self.line.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stands_until_its_echo_comes() {
        let mut keyboard = Keyboard::new(&["command", "second"]);
        assert_eq!(keyboard.terminal(), Some("second"));
        "héy\u{1b}".chars().for_each(|character| keyboard.put(character));
        keyboard.rub_out();
        assert_eq!(keyboard.pending("second"), Some("hé"));
        assert_eq!(keyboard.pending("command"), None);
        assert_eq!(keyboard.enter(), Some(("second".to_owned(), "hé".to_owned())));
        assert_eq!(keyboard.pending("second"), Some("hé"));
        keyboard.echoed("second", "hé");
        assert_eq!(keyboard.pending("second"), Some(""));
        keyboard.put('q');
        keyboard.enter();
        keyboard.echoed("second", "telnet> q");
        assert_eq!(keyboard.pending("second"), Some(""));
        keyboard.next();
        assert_eq!(keyboard.terminal(), Some("command"));
        keyboard.next();
        assert_eq!(keyboard.terminal(), None);
        assert_eq!(keyboard.enter(), None);
        keyboard.next();
        assert_eq!(keyboard.terminal(), Some("second"));
    }

    #[test]
    fn a_program_that_takes_keys_gets_each() {
        let strokes = |bytes: &str, line: Option<&str>| {
            Some(Act::Strokes("one".to_owned(), bytes.into(), line.map(str::to_owned)))
        };
        let mut keyboard = Keyboard::new(&["one"]);
        keyboard.put('a');
        // What was typed ahead, then key by key, and the whole line for the record.
        assert_eq!(keyboard.takes("one", Takes::Keys), strokes("a", None));
        assert_eq!(keyboard.pending("one"), None);
        assert_eq!(keyboard.stroke(b"x".to_vec(), Key::Letter('x')), strokes("x", None));
        assert_eq!(keyboard.stroke(b"\x7f".to_vec(), Key::RubOut), strokes("\x7f", None));
        assert_eq!(keyboard.paste("bc"), strokes("bc", None));
        assert_eq!(keyboard.stroke(b"\r".to_vec(), Key::Return), strokes("\r", Some("abc")));
        assert_eq!(keyboard.stroke(vec![3], Key::Control(3)), strokes("\x03", Some("^C")));
        assert_eq!(keyboard.stroke(b"\x1b[A".to_vec(), Key::Other), strokes("\x1b[A", None));
        assert_eq!(keyboard.stroke(b"\r".to_vec(), Key::Return), strokes("\r", Some("…")));
        // A password is not written down.
        keyboard.takes("one", Takes::Secrets);
        keyboard.stroke(b"p".to_vec(), Key::Letter('p'));
        assert_eq!(keyboard.stroke(b"\r".to_vec(), Key::Return), strokes("\r", Some("(not shown)")));
        assert_eq!(keyboard.takes("one", Takes::Lines), None);
        assert_eq!(keyboard.pending("one"), Some(""));
    }
}
