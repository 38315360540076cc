//! `lab play PAGE`: a page of the book, played live in the reader's own terminal.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime};

use pulldown_cmark::{Event as Markdown, Options, Parser, Tag, TagEnd};

use crate::book::block::{Block, Input, Kind};
use crate::book::page::{LineNumbers, Page};
use crate::build::build;
use crate::error::{Error, Result};
use crate::missing::Missing;
use crate::network::Network;
use crate::observe::syscalls;
use crate::record::event::{Interface, Lane, What};
use crate::record::order::Ordered;
use crate::record::packet::Packet;
use crate::replay::{self, Sees, Stage, Watcher};
use crate::show::frame;
use crate::show::lanes::{self, Lanes};
use crate::show::reader::{Typed, columns, is_broken_pipe, not_shown, typed};
use crate::show::report::Report;
use crate::show::view;
use crate::signals::Signals;

/// How wide the words of the page are set.
const COLUMNS: usize = 80;
/// What happened last has this long to appear before the next block plays.
const LULL: Duration = Duration::from_millis(200);
/// At speed 1 a reader reads so many words a second.
const WORDS_PER_SECOND: f64 = 4.0;

/// When the next block plays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tempo {
    /// When the reader presses Return.
    Keys,
    /// When there was time to read its words, at this multiple of a usual reading speed.
    Speed(f64),
    /// At once.
    NoWait,
}

/// How a play looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// One line after another.
    Lines,
    /// The whole window of the terminal.
    Window,
}

/// Plays the page `path` beneath `root` and shows on `out`, or in the whole window, what happens, in the order in which it
/// happens. Call it before there is any thread.
///
/// Gives the exit status: 0 if everything came as the page shows it, or if the reader left before the end; 1 if not;
/// 128 and the signal's number if a signal ended the play.
///
/// # Errors
///
/// When the page cannot be read, a build fails, or the laboratory itself does.
pub fn play(root: &Path, path: &Path, tempo: Tempo, looks: Looks, out: impl Write) -> Result<u8> {
    let page = Page::read(root, path)?;
    if looks == Looks::Window {
        writeln!(io::stderr(), "building ...").map_err(not_shown)?;
    }
    build(root, page.commands(), &mut io::stderr())?;
    let network = Network::enter()?;
    let signals = Signals::catch()?;
    let mut gaps: Vec<String> = network.missing().map(ToString::to_string).into_iter().collect();
    if let Err(missing) = syscalls::available()
        && page.played().any(|(_, block)| matches!(&block.kind, Kind::Console(console) if console.trace))
    {
        gaps.push(format!("no system calls: {missing}"));
    }
    if looks == Looks::Window {
        let speed = if let Tempo::Speed(speed) = tempo { Some(speed) } else { None };
        return view::play::play(root, &page, &network, &signals, gaps, speed);
    }
    let mut player = Player::new(&page, tempo, signals, out)?;
    if let Err(error) = player.write(|lanes| gaps.iter().try_for_each(|gap| lanes.aside(gap))) {
        return player.stopped.ok_or(error);
    }
    let stage = Stage { root: root.to_owned(), network: &network, update: false, sees: Sees::Shown };
    let result = replay::play(&page, &stage, &mut player);
    if let Some(code) = player.stopped {
        return Ok(code);
    }
    let run = match result {
        Err(error) if is_broken_pipe(&error) => return Ok(0),
        result => result?,
    };
    let mut report = Report::default();
    report.run(&page, &run, false);
    match player.finish(report.failures()) {
        Err(error) if is_broken_pipe(&error) => Ok(0),
        result => result,
    }
}

/// Shows a replay to the reader.
struct Player<W> {
    page: PathBuf,
    tempo: Tempo,
    lanes: Lanes<W>,
    signals: Signals,
    /// What the reader types, where that sets the pace.
    keys: Option<Receiver<Typed>>,
    /// The words of the page that have not been shown.
    prose: VecDeque<Prose>,
    /// The packets so far, where the page shows one of them by itself.
    packets: BTreeMap<Interface, Vec<Arc<Packet>>>,
    shows_one: bool,
    /// The block that is to play next.
    next: Option<Next>,
    /// Why the play ended before the page did: an exit status.
    stopped: Option<u8>,
}

/// A block on its way.
struct Next {
    line: usize,
    since: Instant,
    /// How many words there are to read before it; unknown until they are shown.
    words: Option<usize>,
}

/// A piece of the page that is not a block.
struct Prose {
    /// Where it begins, counted from 1.
    line: usize,
    is_heading: bool,
    text: String,
}

impl<W: Write> Player<W> {
    fn new(page: &Page, tempo: Tempo, signals: Signals, out: W) -> Result<Self> {
        let mut lanes = Lanes::new(out, &[]);
        lanes.wrap_at(columns());
        for (_, block) in page.played() {
            if let Kind::Console(console) = &block.kind {
                lanes.expect(&Lane::Terminal(console.terminal.clone()));
                if console.trace {
                    lanes.expect(&Lane::Calls(console.terminal.clone()));
                }
            }
            if let Some(interface) = block.packets() {
                lanes.expect(&Lane::Packets(interface.clone()));
            }
        }
        Ok(Self {
            page: page.path.clone(),
            tempo,
            lanes,
            signals,
            keys: (tempo == Tempo::Keys).then(typed).transpose()?,
            prose: prose(&page.source).into(),
            packets: BTreeMap::new(),
            shows_one: page
                .blocks
                .iter()
                .any(|block| matches!(block.kind, Kind::Frame(..) | Kind::Payload(..))),
            next: None,
            stopped: None,
        })
    }

    fn write(&mut self, write: impl FnOnce(&mut Lanes<W>) -> io::Result<()>) -> Result<()> {
        let result = write(&mut self.lanes);
        if let Err(error) = &result
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            self.stopped = Some(0);
        }
        result.map_err(not_shown)
    }

    /// Shows the last heading and the last paragraph before the block; gives the number of their words.
    fn introduce(&mut self, block: &Block) -> Result<usize> {
        let before = self.prose.partition_point(|prose| prose.line < block.line);
        let before: Vec<Prose> = self.prose.drain(..before).collect();
        let heading = before.iter().rfind(|prose| prose.is_heading);
        let paragraph = before.iter().rfind(|prose| !prose.is_heading);
        let mut words = 0;
        // In the page's order: the paragraph may stand above the heading.
        let mut pieces: Vec<&Prose> = heading.into_iter().chain(paragraph).collect();
        pieces.sort_by_key(|prose| prose.line);
        for prose in pieces {
            words += prose.words();
            self.write(|lanes| {
                lanes.text("")?;
                if prose.is_heading {
                    return lanes.heading(&prose.text);
                }
                textwrap::wrap(&prose.text, COLUMNS).iter().try_for_each(|line| lanes.text(line))
            })?;
        }
        if words > 0 {
            self.write(|lanes| lanes.text(""))?;
        }
        if let Some(lane) = lane_to_read(block).filter(|_| words > 0) {
            self.write(|lanes| lanes.aside(&format!("see the lane \"{}\"", lanes::name(&lane))))?;
        }
        if let Kind::Link { .. } | Kind::Setting { .. } = block.kind {
            self.write(|lanes| block.lines.iter().try_for_each(|line| lanes.text(line)))?;
        }
        let packets = block.packets().and_then(|interface| self.packets.get(interface));
        let packets = packets.map_or([].as_slice(), Vec::as_slice);
        let lines = match &block.kind {
            Kind::Frame(_, which) => which.of(packets).map(|packet| frame::lines(&packet.bytes)),
            Kind::Payload(_, which) => which.of(packets).map(frame::payload),
            _ => None,
        };
        self.write(|lanes| lines.iter().flatten().try_for_each(|line| lanes.text(line)))?;
        Ok(words)
    }

    /// Whether the time for the next block has come, now that its words have been shown.
    fn time_has_come(&mut self, since: Instant, words: usize) -> bool {
        match (self.tempo, &self.keys) {
            (Tempo::Speed(speed), _) => {
                let words = u32::try_from(words).unwrap_or(u32::MAX);
                since.elapsed().as_secs_f64() * speed >= f64::from(words) / WORDS_PER_SECOND
            }
            (Tempo::Keys, Some(keys)) => match keys.try_recv() {
                Ok(Typed::Line(line)) if line.trim() == "q" => {
                    self.stopped = Some(0);
                    false
                }
                Ok(Typed::Line(_)) => true,
                // Nobody is left to press a key.
                Ok(Typed::End) => {
                    self.tempo = Tempo::NoWait;
                    true
                }
                Ok(Typed::To(..) | Typed::Key(..) | Typed::Strokes(..) | Typed::Size(..)) | Err(_) => false,
            },
            (Tempo::NoWait | Tempo::Keys, _) => true,
        }
    }

    /// Whether nothing has ended the play.
    fn is_wanted(&mut self) -> bool {
        self.stopped = self.stopped.or_else(|| self.signals.status());
        self.stopped.is_none()
    }

    fn finish(&mut self, failures: usize) -> Result<u8> {
        if failures == 0 {
            return Ok(0);
        }
        let page = self.page.display().to_string();
        self.write(|lanes| {
            lanes.aside(&format!("not everything came as the page shows it; how: lab check {page}"))
        })?;
        Ok(1)
    }
}

impl<W: Write> Watcher for Player<W> {
    fn is_ready(&mut self, block: &Block) -> Result<bool> {
        if !self.goes_on() {
            return Err(Error::new("the play was ended"));
        }
        let next = match &self.next {
            Some(next) if next.line == block.line => next,
            _ => self.next.insert(Next { line: block.line, since: Instant::now(), words: None }),
        };
        let since = next.since;
        if let Some(words) = next.words {
            return Ok(self.time_has_come(since, words));
        }
        if since.elapsed() < LULL {
            return Ok(false);
        }
        let words = self.introduce(block)?;
        // The calls and packets that such a block shows on the page have been seen by now.
        let is_seen = words == 0 && lane_to_read(block).is_some();
        if self.tempo == Tempo::Keys && !is_seen {
            self.write(|lanes| lanes.aside("Return goes on, q and Return ends"))?;
        }
        self.next = Some(Next { line: block.line, since: Instant::now(), words: Some(words) });
        Ok(is_seen)
    }

    fn goes_on(&mut self) -> bool {
        // What cannot be written is noted in `stopped`.
        let _ = self.write(|lanes| lanes.overdue(SystemTime::now()));
        self.is_wanted()
    }

    fn event(&mut self, ordered: &Ordered) {
        let event = &ordered.event;
        if let (What::Packet(packet), Lane::Packets(interface)) = (&event.what, &event.lane)
            && self.shows_one
        {
            self.packets.entry(interface.clone()).or_default().push(Arc::clone(packet));
        }
        // What cannot be written is noted in `stopped`.
        let _ = self.write(|lanes| lanes.see(event));
    }

    fn not_checked(&mut self, block: &Block, missing: &Missing) {
        let text = format!("{} is not shown: {missing}", block.name());
        let _ = self.write(|lanes| lanes.aside(&text));
    }
}

impl Prose {
    fn words(&self) -> usize {
        self.text.split_whitespace().count()
    }
}

/// The lane with the lines of a block that types nothing: some have been seen before its words are shown.
fn lane_to_read(block: &Block) -> Option<Lane> {
    match &block.kind {
        Kind::Console(console) => {
            let types_nothing = console.steps.iter().all(|step| step.input == Input::Nothing);
            types_nothing.then(|| Lane::Terminal(console.terminal.clone()))
        }
        Kind::Calls(terminal) => Some(Lane::Calls(terminal.clone())),
        Kind::Packets(interface) => Some(Lane::Packets(interface.clone())),
        Kind::Frame(..)
        | Kind::Payload(..)
        | Kind::Link { .. }
        | Kind::Setting { .. }
        | Kind::Excerpt { .. }
        | Kind::Unchecked(_) => None,
    }
}

/// The headings and paragraphs of a page, as plain text.
fn prose(source: &str) -> Vec<Prose> {
    let numbers = LineNumbers::of(source);
    let mut all = Vec::new();
    let mut current: Option<Prose> = None;
    for (event, range) in Parser::new_ext(source, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Markdown::Start(tag @ (Tag::Heading { .. } | Tag::Paragraph)) => {
                current = Some(Prose {
                    line: numbers.at(range.start),
                    is_heading: matches!(tag, Tag::Heading { .. }),
                    text: String::new(),
                });
            }
            Markdown::End(TagEnd::Heading(_) | TagEnd::Paragraph) => all.extend(current.take()),
            event => {
                let Some(prose) = &mut current else { continue };
                match event {
                    Markdown::Text(text) => prose.text.push_str(&text),
                    Markdown::Code(code) => {
                        prose.text.push('`');
                        prose.text.push_str(&code);
                        prose.text.push('`');
                    }
                    Markdown::SoftBreak | Markdown::HardBreak => prose.text.push(' '),
                    _ => {}
                }
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_page_without_its_marks() {
        let source = "# Part *one*\n\nOne `bind` and\n[a link](x.md).\n\n```console a\n$ true\n```\n\n- item\n\nEnd.\n";
        let prose: Vec<(usize, bool, String)> =
            prose(source).into_iter().map(|prose| (prose.line, prose.is_heading, prose.text)).collect();
        assert_eq!(
            prose,
            [
                (1, true, "Part one".to_owned()),
                (3, false, "One `bind` and a link.".to_owned()),
                (12, false, "End.".to_owned()),
            ]
        );
    }
}
