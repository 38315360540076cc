//! Which `write` said a line of a terminal.

use std::collections::VecDeque;

use crate::record::call::Call;
use crate::record::flow::Moment;

/// How many writes and echoes of one terminal are kept: lines come soon after them, or never.
const KEPT: usize = 4096;

/// What programs have written to one terminal, and what was typed into it.
#[derive(Debug, Default)]
pub(crate) struct Output {
    writes: VecDeque<Write>,
    /// Typed lines whose echo has not appeared.
    echoes: VecDeque<(String, Moment)>,
}

#[derive(Debug)]
struct Write {
    thread: u32,
    moment: Moment,
    /// Its lines that have not appeared, the next one first.
    lines: VecDeque<String>,
    /// strace has not told all of it.
    is_cut: bool,
}

impl Output {
    /// A call that writes to the terminal has begun.
    pub(crate) fn wrote(&mut self, call: &Call, moment: Moment) {
        if self.writes.iter().any(|write| write.thread == call.thread && write.moment.at == moment.at) {
            return;
        }
        let data = call.strings().concat();
        let text = String::from_utf8_lossy(&data);
        let lines = text.split('\n').map(|line| line.trim_end_matches('\r').to_owned()).collect();
        let is_cut = call.arguments.contains("\"...");
        self.writes.push_back(Write { thread: call.thread, moment, lines, is_cut });
        if self.writes.len() > KEPT {
            self.writes.pop_front();
        }
    }

    /// This was typed, with Return.
    pub(crate) fn typed(&mut self, text: &str, moment: Moment) {
        self.echoes.push_back((text.to_owned(), moment));
        if self.echoes.len() > KEPT {
            self.echoes.pop_front();
        }
    }

    /// What made the line appear.
    pub(crate) fn cause(&mut self, line: &str) -> Option<Moment> {
        if let Some(at) = self.echoes.iter().position(|(text, _)| text == line) {
            return self.echoes.drain(..=at).next_back().map(|(_, moment)| moment);
        }
        let found = self.writes.iter().enumerate().find_map(|(at, write)| Some((at, write.line(line)?)));
        let (at, nth) = found?;
        self.writes.drain(..at);
        let write = self.writes.front_mut()?;
        write.lines.drain(..=nth);
        Some(write.moment)
    }
}

impl Write {
    /// Which of its lines begins or is the one that appeared.
    fn line(&self, line: &str) -> Option<usize> {
        let last = self.lines.len().checked_sub(1)?;
        self.lines.iter().enumerate().position(|(nth, written)| {
            // The last one has no line end yet, or was cut: another write may go on with it.
            let goes_on = nth == last && (self.is_cut || !written.is_empty());
            *written == line && nth < last
                || goes_on && !written.is_empty() && line.starts_with(written.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::record::call::Call;

    fn write(number: u64, text: &str) -> (Call, Moment) {
        let moment = Moment { number, at: SystemTime::UNIX_EPOCH + Duration::from_secs(number) };
        let call = Call {
            process: 1,
            thread: 1,
            numbered: false,
            name: "write".into(),
            arguments: format!("1, {text:?}, {}", text.len()),
            result: None,
            on: None,
            gave: None,
            began: moment.at,
            took: Duration::ZERO,
            returned: None,
            shown: false,
        };
        (call, moment)
    }

    #[test]
    fn a_line_has_the_time_of_its_write() {
        let mut output = Output::default();
        for (number, text) in [(1, "one\n"), (2, "two\nthree\nfo"), (3, "ur\nname? ")] {
            let (call, moment) = write(number, text);
            output.wrote(&call, moment);
        }
        let mut of = |line: &str| output.cause(line).map(|moment| moment.number);
        assert_eq!(of("one"), Some(1));
        assert_eq!(of("two"), Some(2));
        assert_eq!(of("three"), Some(2));
        assert_eq!(of("four"), Some(2));
        assert_eq!(of("name? yes"), Some(3));
        assert_eq!(of("nobody wrote this"), None);
    }

    #[test]
    fn an_echo_is_not_a_write() {
        let mut output = Output::default();
        output.typed("hello", Moment { number: 7, at: SystemTime::UNIX_EPOCH });
        let (call, moment) = write(8, "hello\n");
        output.wrote(&call, moment);
        assert_eq!(output.cause("hello").map(|moment| moment.number), Some(7));
        assert_eq!(output.cause("hello").map(|moment| moment.number), Some(8));
    }
}
