//! `lab play PAGE` in a terminal: the page's words, its terminals, and the run between them, step by step.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::book::block::{Block, Input, Kind};
use crate::book::page::Page;
use crate::error::{Error, Result};
use crate::missing::Missing;
use crate::network::Network;
use crate::record::event::{Interface, Lane, What};
use crate::record::order::Ordered;
use crate::record::packet::Packet;
use crate::replay::{self, Sees, Stage, Watcher};
use crate::show::frame;
use crate::show::reader::not_shown;
use crate::show::report::Report;
use crate::show::view::model::Model;
use crate::show::view::pace::Pace;
use crate::show::view::places::Places;
use crate::show::view::run::{News, Teller, watch};
use crate::show::view::state::{Act, View};
use crate::show::view::words::Words;
use crate::signals::Signals;

/// What happened last has this long to appear before the next block is asked for.
const LULL: Duration = Duration::from_millis(200);

/// Plays the page, which has been built and whose network has been entered; `gaps` says what this machine lacks, `speed`
/// how fast it plays by itself, if it does.
///
/// Gives the exit status: 0 if everything came as the page shows it, or if the reader left before the end; 1 if not; 128
/// and the signal's number if a signal ended it.
///
/// # Errors
/// The laboratory itself fails.
pub fn play(
    root: &Path,
    page: &Page,
    network: &Network,
    signals: &Signals,
    gaps: Vec<String>,
    speed: Option<f64>,
) -> Result<u8> {
    let words = Words::of(page);
    let mut view = View::new(words.title.clone(), Model::new(places(page)), None);
    let consoles = page.blocks.iter().filter_map(|block| match &block.kind {
        Kind::Console(console) if console.trace => Some(console.terminal.clone()),
        _ => None,
    });
    view.model.traced = Some(consoles.collect());
    if let Some(speed) = speed {
        view.pace = Pace::at(speed);
        view.follows = false;
    }
    for gap in gaps {
        view.model.remark(gap);
    }
    view.grew();
    "The page's network is made".clone_into(&mut view.status);
    let next = words.next.clone();
    view.words = Some(words);

    let stage = Stage { root: root.to_owned(), network, update: false, sees: Sees::Clients };
    let (go, asked) = channel();
    let mut act = |act| {
        if act == Act::Go {
            let _ = go.send(()); // a replay that has ended waits for nothing
        }
    };
    let work = |teller| Reporter::new(page, teller, asked).play(&stage, next);
    let (left, end) = watch(&mut view, signals, &mut act, work)?;
    if let (None, Some(end)) = (left, &end) {
        io::stdout().write_all(end.text.as_bytes()).map_err(not_shown)?;
    }
    Ok(left.unwrap_or_else(|| u8::from(end.is_some_and(|end| end.failures > 0))))
}

/// The terminals of the page and the addresses of its hosts.
fn places(page: &Page) -> Places {
    let consoles = page.blocks.iter().filter_map(|block| match &block.kind {
        Kind::Console(console) => Some(console.terminal.as_str()),
        _ => None,
    });
    let mut places = Places::default();
    for host in &page.settings.hosts.hosts {
        for address in &host.addresses {
            places.host(&host.name, address.ip);
        }
    }
    for name in consoles {
        places.add(name, &page.commands_in(name).collect::<Vec<_>>());
    }
    places
}

/// What a play came to.
struct End {
    failures: usize,
    /// What is left to read in the window that is given back.
    text: String,
}

/// Tells the view what the replay does, and asks it when to go on.
struct Reporter<'a> {
    page: &'a Page,
    words: Words,
    teller: Teller,
    asked: Receiver<()>,
    /// The packets so far, where the page shows one of them by itself.
    packets: BTreeMap<Interface, Vec<Arc<Packet>>>,
    shows_one: bool,
    /// The terminal in which cargo was started, and nothing has come of it.
    building: Option<String>,
    /// What the replay waits for.
    awaited: String,
    /// The line of the block that is to play next, since when that is known, and whether the reader was asked.
    next: Option<(usize, Instant, bool)>,
}

impl<'a> Reporter<'a> {
    fn new(page: &'a Page, teller: Teller, asked: Receiver<()>) -> Self {
        let shows_one =
            page.blocks.iter().any(|block| matches!(block.kind, Kind::Frame(..) | Kind::Payload(..)));
        let words = Words::of(page);
        Self {
            page,
            words,
            teller,
            asked,
            packets: BTreeMap::new(),
            shows_one,
            building: None,
            awaited: String::new(),
            next: None,
        }
    }

    /// Gives what it came to; `None` if the reader left before the end.
    fn play(&mut self, stage: &Stage<'_>, next: Option<(String, String)>) -> Result<Option<End>> {
        let run = match replay::play(self.page, stage, self) {
            Ok(run) => run,
            Err(_) if !self.teller.is_heard() => return Ok(None),
            Err(error) => {
                self.tell(News::Ended(format!("{error}: q leaves")));
                return Err(error);
            }
        };
        if !self.teller.is_heard() {
            return Ok(None);
        }
        let mut report = Report { pages: 1, ..Report::default() };
        report.run(self.page, &run, false);
        let mut status = match (report.failures(), report.gaps()) {
            (0, 0) => "The end. All came as shown.".to_owned(),
            (0, gaps) => format!("The end. {gaps} blocks could not be played on this machine."),
            _ => "The end. Not everything came as the page shows it: q tells what.".to_owned(),
        };
        let mut text = Vec::new();
        if report.findings.is_empty() {
            text.extend_from_slice(b"All came as the page shows it.\n");
        } else {
            report.print(&mut text).map_err(not_shown)?;
        }
        let mut text = String::from_utf8_lossy(&text).into_owned();
        if let Some((words, file)) = next.filter(|_| report.failures() == 0) {
            let file = self.page.path.parent().unwrap_or(Path::new("")).join(file);
            let _ = write!(status, " Next: lab play {}", file.display()); // a String takes everything
            let _ = writeln!(text, "Next, {words}: lab play {}", file.display());
        }
        self.tell(News::Ended(status));
        Ok(Some(End { failures: report.failures(), text }))
    }

    /// Nobody listens once the reader has left.
    fn tell(&self, news: News) {
        let _ = self.teller.tell(news);
    }

    fn tell_status(&self) {
        let building = if self.building.is_some() { "building ... " } else { "" };
        self.tell(News::Status(format!("{building}{}", self.awaited)));
    }

    /// What the block shows that only the run can tell.
    fn extra(&self, block: &Block) -> Vec<String> {
        let packets = block.packets().and_then(|interface| self.packets.get(interface));
        let packets = packets.map_or([].as_slice(), Vec::as_slice);
        let lines = match &block.kind {
            Kind::Frame(_, which) => which.of(packets).map(|packet| frame::lines(&packet.bytes)),
            Kind::Payload(_, which) => which.of(packets).map(frame::payload),
            Kind::Link { .. } | Kind::Setting { .. } => Some(block.lines.clone()),
            _ => None,
        };
        lines.unwrap_or_default()
    }
}

impl Watcher for Reporter<'_> {
    fn is_ready(&mut self, block: &Block) -> Result<bool> {
        if !self.goes_on() {
            return Err(Error::new("the play was ended"));
        }
        let index = self.page.blocks.iter().position(|known| known.line == block.line).unwrap_or(0);
        let (since, was_asked) = match self.next {
            Some((line, since, was_asked)) if line == block.line => (since, was_asked),
            _ => (Instant::now(), false),
        };
        self.next = Some((block.line, since, was_asked));
        if was_asked {
            return Ok(self.asked.try_recv().is_ok());
        }
        // The first block waits for nobody's last words.
        let is_first = self.page.played().next().is_some_and(|(first, _)| first == index);
        if since.elapsed() < LULL && !is_first {
            return Ok(false);
        }
        let extra = self.extra(block);
        if self.words.count(index) == 0 && extra.is_empty() && types_nothing(block) {
            // Nothing to read, and what it shows has been seen.
            self.tell(News::Begins(index));
            return Ok(true);
        }
        self.tell(News::Asks(index, extra, format!("Return: {}", intent(block))));
        self.next = Some((block.line, since, true));
        Ok(false)
    }

    fn goes_on(&mut self) -> bool {
        self.teller.is_heard()
    }

    fn typed(&mut self, terminal: &str, input: &Input) {
        if matches!(input, Input::Command(command) if command.contains("cargo ")) {
            self.building = Some(terminal.to_owned());
        }
    }

    fn awaits(&mut self, lane: &Lane, text: &str) {
        let place = match lane {
            Lane::Terminal(name) => name.clone(),
            lane => lane.to_string(),
        };
        self.awaited = format!("waits for {place}: {text}");
        self.tell_status();
    }

    fn event(&mut self, ordered: &Ordered) {
        if let (What::Packet(packet), Lane::Packets(interface)) = (&ordered.event.what, &ordered.event.lane)
            && self.shows_one
        {
            self.packets.entry(interface.clone()).or_default().push(Arc::clone(packet));
        }
        // The echo of the command has a cause; the program's own words and calls show that cargo is done.
        let terminal = match (&ordered.event.lane, &ordered.event.what) {
            (Lane::Terminal(name), What::Line(_)) if ordered.cause.is_none() => Some(name),
            (Lane::Calls(name), What::Call(call)) if call.shown => Some(name),
            _ => None,
        };
        if terminal.is_some() && terminal == self.building.as_ref() {
            self.building = None;
            self.tell_status();
        }
        self.tell(News::Event(Box::new(ordered.clone())));
    }

    fn not_checked(&mut self, block: &Block, missing: &Missing) {
        self.tell(News::Remark(format!("{} is not shown: {missing}", block.name())));
    }
}

fn types_nothing(block: &Block) -> bool {
    match &block.kind {
        Kind::Console(console) => console.steps.iter().all(|step| step.input == Input::Nothing),
        Kind::Calls(_) | Kind::Packets(_) => true,
        _ => false,
    }
}

/// What the block will do when it plays.
fn intent(block: &Block) -> String {
    match &block.kind {
        Kind::Console(console) => {
            let name = &console.terminal;
            let typed = console.steps.iter().find_map(|step| match &step.input {
                Input::Command(command) => Some(format!("$ {command}")),
                Input::Text(text) => Some(text.clone()),
                Input::Control(key) => Some(format!("^{}", char::from(key ^ 0x40))),
                Input::Nothing => None,
            });
            match typed {
                Some(typed) => format!("types in {name}: {typed}"),
                None => format!("what {name} prints"),
            }
        }
        Kind::Calls(name) => format!("goes on; ← steps back to the calls of {name} in the run"),
        Kind::Packets(_) => "goes on; ← steps back to the packets in the run".to_owned(),
        Kind::Frame(..) | Kind::Payload(..) => "goes on (the packet stands above)".to_owned(),
        Kind::Link { .. } => "changes the link".to_owned(),
        Kind::Setting { name, value, .. } => format!("sets {name} to {value}"),
        Kind::Excerpt { .. } | Kind::Unchecked(_) => "goes on".to_owned(),
    }
}
