//! What is typed into a terminal, before Return sends it: the line stands in that terminal, at its cursor.

/// A line being typed, and where it will go.
#[derive(Debug, Clone, Default)]
pub struct Keyboard {
    /// The terminals into which it may go.
    pub terminals: Vec<String>,
    /// Which one has the keyboard; `None` while keys move through the run.
    pub at: Option<usize>,
    /// The line so far.
    pub line: String,
    /// Lines that were sent and whose echo has not appeared.
    pub sent: Vec<(String, String)>,
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

    /// The echo of what was sent has appeared.
    pub fn echoed(&mut self, terminal: &str, text: &str) {
        if let Some(at) = self.sent.iter().position(|(name, line)| name == terminal && line == text) {
            self.sent.drain(..=at);
        }
    }

    /// What stands at the cursor of this terminal: what was sent and has not appeared, or what is being typed.
    #[must_use]
    pub fn pending(&self, terminal: &str) -> Option<&str> {
        let sent = self.sent.iter().find(|(name, _)| name == terminal).map(|(_, line)| line.as_str());
        sent.or_else(|| (self.terminal() == Some(terminal)).then_some(self.line.as_str()))
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
        keyboard.next();
        assert_eq!(keyboard.terminal(), Some("command"));
        keyboard.next();
        assert_eq!(keyboard.terminal(), None);
        assert_eq!(keyboard.enter(), None);
        keyboard.next();
        assert_eq!(keyboard.terminal(), Some("second"));
    }
}
