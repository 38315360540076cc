//! What was seen, shown live: one line after another in the order of time, each with the name of its lane.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use anstream::adapter::strip_str;
use anstyle::{AnsiColor, Style};
use textwrap::core::display_width;

use crate::record::event::{Event, Lane, What};

/// How long a line without an end stands before it is shown as it is.
const UNENDED: Duration = Duration::from_millis(300);

/// The colours of the terminals, in the order in which they appear.
const TERMINALS: [AnsiColor; 4] =
    [AnsiColor::Green, AnsiColor::Cyan, AnsiColor::Magenta, AnsiColor::BrightGreen];
const CALLS: Style = AnsiColor::Yellow.on_default();
const PACKETS: Style = AnsiColor::BrightBlue.on_default();
const ASIDE: Style = Style::new().dimmed();
const HEADING: Style = Style::new().bold();

/// Shows events as lines. Colours are written as escape sequences: an `anstream` around the output decides whether
/// they stay.
#[derive(Debug)]
pub struct Lanes<W> {
    out: W,
    /// The width of the lanes' names.
    width: usize,
    /// How wide the terminal is, where there is one.
    columns: Option<usize>,
    terminals: BTreeMap<String, Terminal>,
}

/// A terminal so far.
#[derive(Debug, Default)]
struct Terminal {
    colour: usize,
    /// No shell stands between the program and the terminal.
    is_bare: bool,
    /// The shell has shown its first prompt; what it says before is not shown.
    prompted: bool,
    /// The next line is a command at the prompt.
    at_prompt: bool,
    /// What stands after the last line end, and whether it has been shown.
    partial: Option<(SystemTime, String)>,
    shown: String,
}

impl<W: Write> Lanes<W> {
    /// Lanes for these terminals, in which shells run; others may join later. `out` should be line by line: every line
    /// is written with one call.
    pub fn new(out: W, terminals: &[&str]) -> Self {
        let mut lanes = Self { out, width: "packets".len(), columns: None, terminals: BTreeMap::new() };
        for name in terminals {
            lanes.terminal(name);
        }
        lanes
    }

    /// A line that is wider than so many columns is wrapped, and keeps its lane.
    pub fn wrap_at(&mut self, columns: Option<usize>) {
        self.columns = columns;
    }

    /// In this terminal a program runs without a shell: everything is its output, and no line is a command.
    pub fn without_shell(&mut self, terminal: &str) {
        let terminal = self.terminal(terminal);
        terminal.is_bare = true;
        terminal.prompted = true;
    }

    /// Makes room for the name of a lane that will appear.
    pub fn expect(&mut self, lane: &Lane) {
        self.width = self.width.max(name(lane).chars().count());
    }

    fn terminal(&mut self, name: &str) -> &mut Terminal {
        self.width = self.width.max(name.chars().count());
        let colour = self.terminals.len();
        self.terminals.entry(name.to_owned()).or_insert_with(|| Terminal { colour, ..Terminal::default() })
    }

    /// Shows an event. They are to come in causal order.
    ///
    /// # Errors
    ///
    /// When the output takes no more: `BrokenPipe` when its reader has gone.
    pub fn see(&mut self, event: &Event) -> io::Result<()> {
        let text = match (&event.lane, &event.what) {
            (Lane::Terminal(name), what) => {
                let terminal = self.terminal(name);
                match what {
                    What::Line(line) => terminal.line(line),
                    What::Partial(text) => {
                        terminal.partial = Some((event.at, text.clone()));
                        None
                    }
                    What::Prompt { .. } => {
                        terminal.prompted = true;
                        terminal.at_prompt = true;
                        terminal.partial = None;
                        None
                    }
                    _ => None,
                }
            }
            (_, What::Call(call)) if call.shown && (call.result.is_some() || !call.waits()) => {
                Some(call.to_string())
            }
            (_, What::Packet(packet)) => Some(packet.to_string()),
            (_, What::LeftOut(what)) => return self.aside(&format!("{}: {what}", name(&event.lane))),
            _ => None,
        };
        match text {
            Some(text) => self.line(&event.lane, &text),
            None => Ok(()),
        }
    }

    /// Shows lines that have had no end for a while.
    ///
    /// # Errors
    ///
    /// As [`Self::see`].
    pub fn overdue(&mut self, now: SystemTime) -> io::Result<()> {
        let lines: Vec<(String, String)> = self
            .terminals
            .iter_mut()
            .filter_map(|(name, terminal)| Some((name.clone(), terminal.overdue(now)?)))
            .collect();
        lines.into_iter().try_for_each(|(name, text)| self.line(&Lane::Terminal(name), &text))
    }

    fn line(&mut self, lane: &Lane, text: &str) -> io::Result<()> {
        let style = match lane {
            Lane::Terminal(name) => {
                let colour = self.terminal(name).colour % TERMINALS.len();
                TERMINALS.get(colour).map_or(Style::new(), |colour| colour.on_default())
            }
            Lane::Calls(_) => CALLS,
            Lane::Packets(_) => PACKETS,
        };
        let name = name(lane);
        let padding = " ".repeat(self.width.saturating_sub(name.chars().count()));
        let text = visible(text);
        let room = self.columns.map(|columns| columns.saturating_sub(self.width + 3).max(20));
        let lines = match room {
            Some(room) if display_width(&text) > room => textwrap::wrap(&text, room),
            _ => vec![text.into()],
        };
        lines.iter().try_for_each(|text| {
            let separator = if text.is_empty() { "|" } else { "| " };
            self.put(&match lane {
                Lane::Terminal(_) => format!("{style}{name}{padding} {separator}{style:#}{text}"),
                _ => format!("{style}{name}{padding} {separator}{text}{style:#}"),
            })
        })
    }

    /// Shows a heading, at once.
    ///
    /// # Errors
    ///
    /// When the output takes no more.
    pub fn heading(&mut self, text: &str) -> io::Result<()> {
        self.put(&format!("{HEADING}{}{HEADING:#}", visible(text)))
    }

    /// Shows a line as it is, in no lane, at once.
    ///
    /// # Errors
    ///
    /// When the output takes no more.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.put(&visible(text))
    }

    /// Shows a remark of the laboratory itself, at once.
    ///
    /// # Errors
    ///
    /// When the output takes no more.
    pub fn aside(&mut self, text: &str) -> io::Result<()> {
        self.put(&format!("{ASIDE}# {}{ASIDE:#}", visible(text)))
    }

    fn put(&mut self, line: &str) -> io::Result<()> {
        self.out.write_all(format!("{line}\n").as_bytes())?;
        self.out.flush()
    }
}

impl Terminal {
    /// What to show for a whole line; `None` if it has been shown while it was a part of one.
    fn line(&mut self, line: &str) -> Option<String> {
        self.partial = None;
        let shown = std::mem::take(&mut self.shown);
        if !self.prompted || (!shown.is_empty() && shown == line) {
            return None;
        }
        let prompt = if std::mem::take(&mut self.at_prompt) && !self.is_bare { "$ " } else { "" };
        Some(format!("{prompt}{line}"))
    }

    /// A question that waits for its answer has no line end: it is shown when it has stood for a while.
    fn overdue(&mut self, now: SystemTime) -> Option<String> {
        let (at, text) = self.partial.as_ref()?;
        let is_overdue = *at + UNENDED <= now;
        if !is_overdue || !self.prompted || self.at_prompt || text.is_empty() || *text == self.shown {
            return None;
        }
        self.shown.clone_from(text);
        self.partial.take().map(|(_, text)| text)
    }
}

/// How a line names its lane.
#[must_use]
pub fn name(lane: &Lane) -> String {
    match lane {
        Lane::Terminal(name) => name.clone(),
        Lane::Calls(name) => format!("{name} calls"),
        Lane::Packets(interface) if interface.host.is_empty() => "packets".to_owned(),
        Lane::Packets(interface) => format!("{interface} packets"),
    }
}

/// What a program prints may move the cursor or worse: only text stays.
pub(crate) fn visible(text: &str) -> String {
    let text = strip_str(text).to_string();
    // A progress bar writes over itself.
    let last = text.rsplit('\r').next().unwrap_or_default();
    last.chars()
        .map(|character| if character == '\t' { ' ' } else { character })
        .filter(|character| !character.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_000 + milliseconds)
    }

    fn event(milliseconds: u64, lane: Lane, what: What) -> Event {
        Event { at: at(milliseconds), lane, what }
    }

    fn line(text: &str) -> What {
        What::Line(text.to_owned())
    }

    #[test]
    fn each_line_names_its_lane() {
        let server = || Lane::Terminal("server".to_owned());
        let mut out = Vec::new();
        let mut lanes = Lanes::new(&mut out, &["server"]);
        for (at, what) in [
            (0, line("bash: no job control")),
            (1, What::Prompt { status: 0 }),
            (2, line("cargo run")),
            (30, line("listening")),
            (40, line("")),
        ] {
            lanes.see(&event(at, server(), what)).expect("a vector takes everything");
        }
        let lost = What::LeftOut("7 packets were lost".to_owned());
        let packets = Lane::Packets(crate::record::event::Interface::loopback());
        lanes.see(&event(50, packets, lost)).expect("a vector takes everything");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(
            strip_str(&text).to_string(),
            "server  | $ cargo run\nserver  | listening\nserver  |\n# packets: 7 packets were lost\n"
        );
    }

    #[test]
    fn a_wrapped_line_keeps_its_lane() {
        let mut out = Vec::new();
        let mut lanes = Lanes::new(&mut out, &["server"]);
        lanes.without_shell("server");
        lanes.wrap_at(Some(34));
        let lane = Lane::Terminal("server".to_owned());
        lanes.see(&event(0, lane, line("one two three four five six"))).expect("a vector takes everything");
        let text = String::from_utf8(out).expect("text");
        let expected = "server  | one two three four five\nserver  | six\n";
        assert_eq!(strip_str(&text).to_string(), expected);
    }

    #[test]
    fn a_question_is_shown_once() {
        let lane = || Lane::Terminal("a".to_owned());
        let mut out = Vec::new();
        let mut lanes = Lanes::new(&mut out, &["a"]);
        lanes.without_shell("a");
        lanes.see(&event(0, lane(), What::Partial("name? ".to_owned()))).expect("written");
        lanes.overdue(at(10)).expect("written");
        lanes.overdue(at(1000)).expect("written");
        lanes.overdue(at(2000)).expect("written");
        lanes.see(&event(2001, lane(), line("name? "))).expect("written");
        lanes.see(&event(2002, lane(), line("hello"))).expect("written");
        drop(lanes);
        let text = String::from_utf8(out).expect("text");
        assert_eq!(strip_str(&text).to_string(), "a       | name? \na       | hello\n");
    }

    #[test]
    fn no_program_moves_the_cursor() {
        assert_eq!(visible("10%\r100%\u{1b}[2J\u{1b}]0;title\u{7}\tdone\u{8}"), "100% done");
    }
}
