//! The report for people: a line for each check while it runs, then the first failure in full.

use std::fmt::Write as _;
use std::io::Write;

use anstyle::{AnsiColor, Style};
use lab::error::{Error, Result};

use crate::bench::Subject;
use crate::calls;
use crate::check::{Check, Exercise, Transport};
use crate::fault::How;
use crate::page::Page;
use crate::report::show::show;
use crate::run::{Failure, Outcome, Status, Watcher};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

/// Columns of a report.
const WIDTH: usize = 100;
/// So many lines of what the program said on standard error are shown.
const STDERR: usize = 8;
/// Columns of a check's id.
const ID: usize = 20;

/// Writes the report to `out`.
#[derive(Debug)]
pub struct Report<W> {
    out: W,
    exercise: &'static Exercise,
    /// A line that is written again may be shown: it is a terminal.
    lively: bool,
}

impl<W: Write> Report<W> {
    /// Begins with what is judged.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn begin(out: W, subject: &Subject, lively: bool) -> Result<Self> {
        let mut report = Self { out, exercise: subject.exercise, lively };
        let words = subject.command.iter().map(|word| word.to_string_lossy());
        report.line(format_args!("{BOLD}{}{BOLD:#}: {}", subject.exercise.name, shell_words::join(words)))?;
        Ok(report)
    }

    /// The line of the check that was interrupted goes away.
    pub fn interrupted(&mut self) {
        if self.lively {
            // Whoever has gone with their terminal does not see it anyway.
            let _ = write!(self.out, "\r\x1b[K");
            let _ = self.out.flush();
        }
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) -> Result<()> {
        writeln!(self.out, "{text}").map_err(not_written)
    }

    /// Ends with the first failure, the others in a line each, and what it comes to.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn finish(&mut self, outcomes: &[Outcome]) -> Result<()> {
        let mut failures = outcomes.iter().filter_map(|outcome| match &outcome.status {
            Status::Fail(failure) => Some((outcome.check, failure)),
            _ => None,
        });
        if let Some((check, failure)) = failures.next() {
            self.failure(check, failure)?;
        }
        for (at, (check, failure)) in failures.enumerate() {
            if at == 0 {
                self.line(format_args!(""))?;
                self.line(format_args!("also:"))?;
            }
            let sentence = first_sentence(&failure.fault.sentence);
            let text = format!("{}: {sentence}", check.id);
            let options = textwrap::Options::new(WIDTH).initial_indent("  ").subsequent_indent("    ");
            for line in textwrap::wrap(&text, options) {
                self.line(format_args!("{line}"))?;
            }
        }
        self.line(format_args!(""))?;
        self.sum(outcomes)
    }

    fn sum(&mut self, outcomes: &[Outcome]) -> Result<()> {
        let count = |is: fn(&Status) -> bool| outcomes.iter().filter(|outcome| is(&outcome.status)).count();
        let passed = count(|status| matches!(status, Status::Pass(_)));
        let failed = count(|status| matches!(status, Status::Fail(_)));
        let left = count(|status| matches!(status, Status::NotReached));
        let not_checked = count(|status| matches!(status, Status::NotChecked(_)));
        let more = [
            (failed, "failed"),
            (not_checked, "not checked"),
            (left, "not reached: the next level begins when this one passes (--all goes on)"),
        ];
        let mut text = format!("{passed} of {} checks passed", outcomes.len());
        for (count, what) in more.into_iter().filter(|(count, _)| *count > 0) {
            let _ = write!(text, ", {count} {what}"); // a String takes everything
        }
        let style = if failed > 0 { BAD } else { GOOD };
        self.line(format_args!("{style}{text}.{style:#}"))
    }

    fn failure(&mut self, check: &Check, failure: &Failure) -> Result<()> {
        self.line(format_args!(""))?;
        self.line(format_args!("{BAD}{}{BAD:#}: {}", check.id, check.title))?;
        self.line(format_args!(""))?;
        for line in textwrap::wrap(&failure.fault.sentence, WIDTH - 2) {
            self.line(format_args!("  {BOLD}{line}{BOLD:#}"))?;
        }
        if let Some(exchange) = &failure.fault.exchange {
            let shown = show(exchange);
            let (sent, got) = (exchange.sent.len(), exchange.got.len());
            self.line(format_args!(""))?;
            self.line(format_args!("  sent       {}   {DIM}{}{DIM:#}", shown.sent, bytes(sent)))?;
            let end = ending(exchange.how);
            self.line(format_args!("  came back  {}   {DIM}{}{end}{DIM:#}", shown.got, bytes(got)))?;
            if let Some((column, at)) = shown.caret {
                let space = " ".repeat(column);
                self.line(format_args!("             {space}{BAD}^{BAD:#} byte {at}"))?;
            }
        }
        if let Some(calls) = failure.calls.as_ref().filter(|calls| !calls.is_empty()) {
            self.line(format_args!(""))?;
            let whose = match failure.fault.clients.first() {
                Some(peer) if self.exercise.transport == Transport::Udp => {
                    format!(" for datagrams of and to {peer}")
                }
                Some(peer) => format!(" on the connection with {peer}"),
                None if self.exercise.serves && self.exercise.transport == Transport::Tcp => {
                    " on its listener".to_owned()
                }
                None => String::new(),
            };
            self.line(format_args!("  your program's calls{whose}:"))?;
            for call in calls {
                self.line(format_args!("    {call}"))?;
            }
            if let Some(gloss) = calls::gloss(calls) {
                let options =
                    textwrap::Options::new(WIDTH).initial_indent("    (").subsequent_indent("     ");
                for line in textwrap::wrap(&(gloss + ")"), options) {
                    self.line(format_args!("{DIM}{line}{DIM:#}"))?;
                }
            }
        }
        let said: Vec<&str> = failure.stderr.lines().collect();
        if !said.is_empty() {
            self.line(format_args!(""))?;
            self.line(format_args!("  your program said on standard error:"))?;
            for line in said.iter().take(STDERR) {
                self.line(format_args!("    {line}"))?;
            }
            if said.len() > STDERR {
                self.line(format_args!("    ... ({} lines more)", said.len() - STDERR))?;
            }
        }
        if let Some(exit) = &failure.exit {
            self.line(format_args!(""))?;
            self.line(format_args!("  it has ended: {exit}"))?;
        }
        let page: Page = failure.fault.page.unwrap_or(check.page);
        self.line(format_args!(""))?;
        self.line(format_args!("  read \"{}\": {page}", page.heading))
    }
}

impl<W: Write> Watcher for Report<W> {
    fn level(&mut self, level: usize) -> Result<()> {
        let name = self.exercise.level_name(level);
        self.line(format_args!(""))?;
        self.line(format_args!("level {level}, {name}"))
    }

    fn begins(&mut self, check: &'static Check) -> Result<()> {
        if self.lively {
            write!(self.out, "  {DIM}...   {}{DIM:#}", check.id).map_err(not_written)?;
            self.out.flush().map_err(not_written)?;
        }
        Ok(())
    }

    fn ended(&mut self, outcome: &Outcome) -> Result<()> {
        if self.lively {
            write!(self.out, "\r\x1b[K").map_err(not_written)?;
        }
        let Check { id, title, .. } = outcome.check;
        match &outcome.status {
            Status::Pass(note) => {
                self.line(format_args!("  {GOOD}ok{GOOD:#}     {id:ID$} {title}"))?;
                for line in note.iter().flat_map(|note| textwrap::wrap(note, WIDTH - 9)) {
                    self.line(format_args!("         {line}"))?;
                }
                Ok(())
            }
            Status::Fail(_) => self.line(format_args!("  {BAD}FAILED{BAD:#} {id:ID$} {title}")),
            Status::NotChecked(missing) => {
                self.line(format_args!("  -      {id:ID$} NOT CHECKED: {missing}"))
            }
            Status::NotReached => Ok(()),
        }
    }
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.')
}

fn bytes(length: usize) -> String {
    if length == 1 { "1 byte".to_owned() } else { format!("{length} bytes") }
}

fn ending(how: How) -> &'static str {
    match how {
        How::Open => "",
        How::End => ", then the end of the stream",
        How::Reset => ", then a reset",
        How::Silent => ", then nothing: your program sleeps",
        How::Slow => ", then nothing within the time limit",
        How::Exit => ", then your program ended",
    }
}

fn not_written(error: std::io::Error) -> Error {
    Error::of("write the report", error)
}
