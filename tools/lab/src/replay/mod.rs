//! Plays a page: types what it types, waits for what it shows.
//!
//! Each terminal, the system calls of each terminal, and the packets are a *stream* of lines. The blocks of a page
//! consume them in document order, which is time order: a block waits until as many lines have come as it shows, then
//! the next one plays. Every wait is for an event, and it has a bound; while it lasts, the watcher is asked every 20 ms
//! whether to go on.

pub mod compare;
mod leftovers;
pub mod machine;
pub mod renaming;
mod values;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use self::compare::Row;
use self::leftovers::Leftovers;
use self::renaming::Renaming;
use crate::book::page::{self, Block, Console, Input, Kind, Page, Which};
use crate::error::{Error, Result};
use crate::hosts::Hosts;
use crate::location::Location;
use crate::missing::Missing;
use crate::network::{self, Network};
use crate::observe::packets::Packets;
use crate::observe::syscalls::Syscalls;
use crate::observe::terminal::Terminal;
use crate::processes::Processes;
use crate::record::event::{Event, Interface, Lane, What};
use crate::record::packet::{Packet, Tcp};
use crate::show::frame;

/// A stream from which nothing comes for so long has said what it had to say. Only a page that already differs waits
/// for it.
const QUIET: Duration = Duration::from_secs(1);
/// The same for what should not come at all: the end of a page, or of its block in an update.
const QUIET_AT_THE_END: Duration = Duration::from_millis(100);
/// How often the watcher is asked whether to go on.
const TICK: Duration = Duration::from_millis(20);

/// How a page is played.
#[derive(Debug)]
pub struct Stage<'a> {
    /// Where commands run: the root of the workspace.
    pub root: PathBuf,
    /// Where programs live.
    pub network: &'a Network,
    /// Go on where a line did not come: the page is being rewritten.
    pub update: bool,
}

/// Watches a page being played.
pub trait Watcher {
    /// Whether the block may play now. Asked again and again until it is so; meanwhile the programs go on.
    ///
    /// # Errors
    /// Ends the play.
    fn is_ready(&mut self, _block: &Block) -> Result<bool> {
        Ok(true)
    }

    /// Asked now and then while the replay waits: `false` ends the wait as if its time were over.
    fn goes_on(&mut self) -> bool {
        true
    }

    /// This is typed into the terminal: its echo follows as an event.
    fn typed(&mut self, _terminal: &str, _input: &Input) {}

    /// Something was seen.
    fn event(&mut self, _event: &Event) {}

    /// The block cannot be played on this machine.
    fn not_checked(&mut self, _block: &Block, _missing: &Missing) {}
}

/// What playing a page came to.
#[derive(Debug)]
pub struct Run {
    /// One for each block of the page, in order.
    pub outcomes: Vec<Outcome>,
    /// Which values of the page stood for which of the run.
    pub renaming: Renaming,
}

/// What a block came to.
#[derive(Debug)]
pub enum Outcome {
    /// It is not of the kind that plays.
    NotPlayed,
    /// Played and compared.
    Played(Played),
    /// This machine lacks what it takes.
    NotChecked(Missing),
    /// A block before it could not go on.
    NotReached,
}

/// A block that was played.
#[derive(Debug, Default)]
pub struct Played {
    /// For each step of a console block, or once for any other: the comparison.
    pub steps: Vec<Comparison>,
    /// What else is wrong: line on the page, sentence.
    pub complaints: Vec<(usize, String)>,
    /// A command ended otherwise than the page says: an update does not take over what came of it.
    pub failed: bool,
}

/// The lines that a step shows and those that came.
#[derive(Debug)]
pub struct Comparison {
    /// The step's lines, as indices into the block's lines.
    pub expected: Range<usize>,
    /// What came.
    pub came: Vec<Came>,
    /// How they differ; `Gone` and `Same` count lines of the block from its first, `New` counts lines of `came`.
    pub rows: Vec<Row>,
    /// Why nothing more came, where the page shows more.
    pub stuck: Option<String>,
}

/// A line that came.
#[derive(Debug)]
pub struct Came {
    /// As the run said it.
    pub text: String,
    /// A pure ACK: the page may show it or not.
    pub lenient: bool,
}

impl Comparison {
    /// Whether the page shows what came.
    #[must_use]
    pub fn agrees(&self) -> bool {
        compare::equal(&self.rows)
    }
}

impl Played {
    /// Whether the block shows what came.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.steps.iter().all(Comparison::agrees)
    }

    /// Whether an update takes over what came.
    #[must_use]
    pub fn is_rewritten(&self) -> bool {
        !self.agrees() && !self.failed
    }
}

/// Why a page does not go on.
enum Stop {
    /// The block says why.
    Stuck,
    /// This machine lacks what the rest takes.
    Missing(Missing),
    /// The laboratory itself failed.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Plays the page from its first block to its last, and ends what still runs.
///
/// # Errors
/// When the laboratory itself fails: no terminal, no thread, a setting refused. What differs is not an error but in the
/// run.
pub fn play(page: &Page, stage: &Stage<'_>, watcher: &mut dyn Watcher) -> Result<Run> {
    machine::try_tools(page);
    if let Some(missing) = machine::lacks_all(page, stage.network) {
        let outcomes = page.blocks.iter().map(|block| {
            if block.is_played() { Outcome::NotChecked(missing.clone()) } else { Outcome::NotPlayed }
        });
        return Ok(Run { outcomes: outcomes.collect(), renaming: Renaming::new(network::ephemeral_ports()) });
    }
    if matches!(stage.network, Network::Private) {
        network::fresh()?;
    }
    let hosts = Hosts::start(&page.settings.hosts)?;
    for (name, value) in page.settings.sysctls.iter().filter(|_| stage.network.missing().is_none()) {
        hosts.each(|| network::set(name, value))?;
    }
    let _ = machine::no_ipv6(); // asked while every interface is up, then remembered
    Replay::new(page, stage, hosts, watcher)?.play()
}

/// A stream of one lane.
#[derive(Default)]
struct Stream {
    seen: VecDeque<Seen>,
    /// What stands in a terminal after its last line.
    partial: String,
    /// The shell, or the observer, has ended.
    closed: bool,
    /// The block that consumed from it last: whatever comes unasked belongs after it.
    owner: Option<usize>,
    /// The command whose exit status the next prompt tells.
    running: Option<Running>,
}

enum Seen {
    Line(String),
    Prompt(i32),
    Packet(Arc<Packet>),
}

/// Where on the page something stands.
#[derive(Clone, Copy)]
struct Place {
    /// The index of the block.
    block: usize,
    line: usize,
}

/// A command that was typed.
struct Running {
    at: Place,
    /// A control key was typed into it: it may end by a signal.
    interrupted: bool,
}

/// Why no more lines were taken.
#[derive(PartialEq, Eq)]
enum End {
    Enough,
    /// The shell is back at its prompt, or has ended.
    Over,
    Timeout,
}

struct Replay<'a> {
    page: &'a Page,
    stage: &'a Stage<'a>,
    watcher: &'a mut dyn Watcher,
    outcomes: Vec<Outcome>,
    renaming: Renaming,
    streams: BTreeMap<Lane, Stream>,
    /// Every packet of the page so far, by the interface that it passed.
    packets: BTreeMap<Interface, Vec<Arc<Packet>>>,
    /// Lines of the page, as block and line, that are pure ACKs.
    pure_acks: HashSet<(usize, usize)>,
    // Dropped in this order: programs, then those who watch them.
    terminals: BTreeMap<String, Terminal>,
    processes: Processes,
    traces: BTreeMap<String, std::result::Result<Syscalls, Missing>>,
    capture: std::result::Result<Vec<Packets>, Missing>,
    hosts: Hosts,
    sender: Sender<Event>,
    events: Receiver<Event>,
    scratch: TempDir,
    leftovers: Leftovers,
}

impl<'a> Replay<'a> {
    fn new(page: &'a Page, stage: &'a Stage<'a>, hosts: Hosts, watcher: &'a mut dyn Watcher) -> Result<Self> {
        let (sender, events) = channel();
        let capture = match stage.network {
            Network::Private => capture(page, &hosts, &sender),
            Network::Host(missing, _) => Err(missing.clone()),
        };
        Ok(Self {
            page,
            stage,
            watcher,
            outcomes: Vec::new(),
            renaming: Renaming::new(network::ephemeral_ports()),
            streams: BTreeMap::new(),
            packets: BTreeMap::new(),
            pure_acks: pure_acks(page),
            terminals: BTreeMap::new(),
            processes: Processes::start()?,
            traces: BTreeMap::new(),
            capture,
            hosts,
            sender,
            events,
            scratch: TempDir::new().map_err(|error| Error::of("make a temporary directory", error))?,
            leftovers: stage.network.missing().map(|_| Leftovers::now()).unwrap_or_default(),
        })
    }

    fn play(mut self) -> Result<Run> {
        let mut stop: Option<Stop> = None;
        for (index, block) in self.page.blocks.iter().enumerate() {
            let outcome = match &stop {
                _ if !block.is_played() => Outcome::NotPlayed,
                None => Outcome::Played(Played::default()),
                Some(Stop::Missing(missing)) => {
                    self.watcher.not_checked(block, missing);
                    Outcome::NotChecked(missing.clone())
                }
                Some(_) => Outcome::NotReached,
            };
            let plays = matches!(outcome, Outcome::Played(_));
            self.outcomes.push(outcome);
            if !plays {
                continue;
            }
            while !self.watcher.is_ready(block)? {
                self.next_event(Instant::now() + TICK);
            }
            match self.block(index, block) {
                Ok(()) => {}
                Err(Stop::Failed(error)) => return Err(error),
                Err(reason) => {
                    if let Stop::Missing(missing) = &reason {
                        self.not_checked(index, missing);
                    }
                    stop = Some(reason);
                }
            }
        }
        if stop.is_none() {
            self.leftovers();
        }
        self.interrupt();
        self.compare();
        Ok(Run { outcomes: self.outcomes, renaming: self.renaming })
    }

    fn block(&mut self, index: usize, block: &Block) -> std::result::Result<(), Stop> {
        let whole = 0..if block.lines == ["(none)"] { 0 } else { block.lines.len() };
        let gap = match &block.kind {
            Kind::Calls(terminal) => self.traces.get(terminal).and_then(|trace| trace.as_ref().err()),
            Kind::Packets(_) | Kind::Frame(..) | Kind::Payload(..) => self.capture.as_ref().err(),
            _ => None,
        };
        if let Some(missing) = gap.cloned() {
            // This block cannot be checked here; the next one may be.
            self.not_checked(index, &missing);
            return Ok(());
        }
        match &block.kind {
            Kind::Console(console) => self.console(index, block, console),
            Kind::Calls(terminal) if self.traces.contains_key(terminal) => {
                self.expect(index, &Lane::Calls(terminal.clone()), whole)
            }
            Kind::Calls(terminal) => {
                let sentence = format!("no block before this one says `trace` in terminal \"{terminal}\"");
                self.complain(Place { block: index, line: block.line }, sentence);
                Err(Stop::Stuck)
            }
            Kind::Packets(interface) => self.expect(index, &Lane::Packets(interface.clone()), whole),
            Kind::Frame(interface, which) => {
                self.packet(index, interface, *which, |packet| frame::lines(&packet.bytes))
            }
            Kind::Payload(interface, which) => self.packet(index, interface, *which, frame::payload),
            Kind::Link { interface, change } => {
                self.change(index, |hosts| hosts.set_link(&interface.host, &interface.name, *change))
            }
            Kind::Setting { host, name, value } => {
                self.change(index, |hosts| hosts.within(host, || network::set(name, value)))
            }
            Kind::Excerpt { .. } | Kind::Unchecked => Ok(()),
        }
    }

    /// Changes the page's network, as root would; nobody changes the host's.
    fn change(
        &mut self,
        index: usize,
        change: impl FnOnce(&Hosts) -> Result<()>,
    ) -> std::result::Result<(), Stop> {
        if let Some(missing) = self.stage.network.missing() {
            return Err(Stop::Missing(missing.clone()));
        }
        change(&self.hosts).map_err(|error| {
            let line = self.page.blocks.get(index).map_or(0, |block| block.line);
            self.complain(Place { block: index, line }, format!("{:#}", anyhow::Error::new(error)));
            Stop::Stuck
        })
    }

    fn console(&mut self, index: usize, block: &Block, console: &Console) -> std::result::Result<(), Stop> {
        let name = &console.terminal;
        let lane = Lane::Terminal(name.clone());
        if let Some(missing) = machine::lacks(console) {
            return Err(Stop::Missing(missing));
        }
        self.open(name)?;
        if console.trace
            && let Some(calls) = self.streams.get_mut(&Lane::Calls(name.clone()))
            && calls.owner.is_none()
        {
            calls.seen.clear(); // watched from here on
        }
        for step in &console.steps {
            // The line of the command, or of the fence.
            let at = Place { block: index, line: block.line + step.expected.start };
            match &step.input {
                Input::Nothing => {}
                Input::Command(command) => self.command(at, name, &lane, command)?,
                Input::Text(_) | Input::Control(_) => self.input(at, name, &lane, &step.input)?,
            }
            self.stream(&lane).owner = Some(index);
            self.expect(index, &lane, step.expected.clone())?;
        }
        if let Some(expected) = console.exit {
            self.back_at_prompt(Place { block: index, line: block.line }, &lane)?;
            if let Some(status) = self.prompt(&lane)
                && self.stream(&lane).running.take().is_some()
                && status != expected
            {
                let sentence =
                    format!("the command ended with exit status {status}, the page says exit={expected}");
                self.fail(index);
                self.complain(Place { block: index, line: block.line }, sentence);
            }
        }
        Ok(())
    }

    /// Opens the terminal on first use, under a tracer if any block of the page wants to see its calls.
    fn open(&mut self, name: &str) -> std::result::Result<(), Stop> {
        if self.terminals.contains_key(name) {
            return Ok(());
        }
        let of_this = self.page.blocks.iter().filter_map(|block| match &block.kind {
            Kind::Console(console) if console.terminal == name => Some(console),
            _ => None,
        });
        let capabilities: Vec<_> =
            of_this.clone().flat_map(|console| console.capabilities.iter().copied()).collect();
        let traces: Vec<&Console> = of_this.filter(|console| console.trace).collect();
        if let Some(missing) = self.stage.network.missing().filter(|_| !capabilities.is_empty()) {
            return Err(Stop::Missing(missing.clone()));
        }
        let mut prefix = Vec::new();
        if !traces.is_empty() {
            let also: Vec<String> = traces.iter().flat_map(|console| console.calls.clone()).collect();
            let trace = match Syscalls::available() {
                Ok(()) => {
                    let (trace, words) =
                        Syscalls::start(name, self.scratch.path(), &also, self.sender.clone())
                            .map_err(|error| Error::of(format!("trace terminal \"{name}\""), error))?;
                    prefix = words;
                    Ok(trace)
                }
                Err(missing) => Err(missing),
            };
            self.traces.insert(name.to_owned(), trace);
        }
        let host = page::host_of(&self.page.settings.hosts, name);
        let location =
            Location { processes: &self.processes, hosts: &self.hosts, host, capabilities: &capabilities };
        let terminal = Terminal::open(name, &prefix, &self.stage.root, &location, self.sender.clone())?;
        self.terminals.insert(name.to_owned(), terminal);
        let lane = Lane::Terminal(name.to_owned());
        let deadline = self.deadline();
        while self.prompt(&lane).is_none() {
            // What a shell says before its first prompt is not the page's.
            if self.stream(&lane).seen.pop_front().is_some() {
                continue;
            }
            if self.stream(&lane).closed || !self.next_event(deadline) {
                return Err(Stop::Failed(Error::new(format!(
                    "the shell of terminal \"{name}\" gives no prompt"
                ))));
            }
        }
        Ok(())
    }

    fn command(
        &mut self,
        at: Place,
        name: &str,
        lane: &Lane,
        command: &str,
    ) -> std::result::Result<(), Stop> {
        self.back_at_prompt(at, lane)?;
        let stream = self.stream(lane);
        let running = stream.running.replace(Running { at, interrupted: false });
        if let Some(Seen::Prompt(status)) = stream.seen.pop_front()
            && let Some(running) = running
            && command.trim() != "echo $?"
        {
            self.status(&running, status);
        }
        self.watcher.typed(name, &Input::Command(command.to_owned()));
        let command = self.renaming.to_run(command);
        self.terminal(name)?.enter(&command)?;
        self.echo(lane, &command);
        Ok(())
    }

    fn input(&mut self, at: Place, name: &str, lane: &Lane, input: &Input) -> std::result::Result<(), Stop> {
        if self.prompt(lane).is_some() || self.stream(lane).closed {
            self.complain(at, "nothing runs in this terminal that would read what is typed".into());
            return Err(Stop::Stuck);
        }
        self.watcher.typed(name, input);
        match input {
            Input::Text(text) => {
                let text = self.renaming.to_run(text);
                self.terminal(name)?.enter(&text)?;
            }
            Input::Control(key) => {
                if let Some(running) = &mut self.stream(lane).running {
                    running.interrupted = true;
                }
                self.terminal(name)?.press(*key)?;
            }
            Input::Nothing | Input::Command(_) => {}
        }
        Ok(())
    }

    fn terminal(&self, name: &str) -> Result<&Terminal> {
        self.terminals.get(name).ok_or_else(|| Error::new(format!("terminal \"{name}\" is not open")))
    }

    /// The shell's prompt, if it is the next thing in the stream.
    fn prompt(&mut self, lane: &Lane) -> Option<i32> {
        match self.stream(lane).seen.front() {
            Some(Seen::Prompt(status)) => Some(*status),
            _ => None,
        }
    }

    /// Waits for the prompt; lines before it were not on the page and belong to the block that showed the last ones.
    fn back_at_prompt(&mut self, at: Place, lane: &Lane) -> std::result::Result<(), Stop> {
        let (extra, end) = self.take(lane, usize::MAX, self.deadline());
        self.came_unasked(lane, extra);
        let sentence = match end {
            End::Over if !self.stream(lane).closed => return Ok(()),
            End::Over => format!("{lane} is closed: its shell has ended"),
            _ => format!("the command before it still runs after {} s", self.page.settings.timeout.as_secs()),
        };
        self.complain(at, sentence);
        Err(Stop::Stuck)
    }

    /// Takes the terminal's echo of a command out of the stream: on the page it is the line `$ command`.
    fn echo(&mut self, lane: &Lane, command: &str) {
        let deadline = self.deadline();
        loop {
            match self.stream(lane).seen.pop_front() {
                Some(Seen::Line(text)) if text == command => return,
                Some(Seen::Line(text)) => self.came_unasked(lane, vec![Came { text, lenient: false }]),
                Some(seen) => {
                    self.stream(lane).seen.push_front(seen);
                    return;
                }
                None => {
                    if !self.next_event(deadline) {
                        return;
                    }
                }
            }
        }
    }

    /// Waits for as many lines as the page shows there, and compares.
    fn expect(&mut self, index: usize, lane: &Lane, expected: Range<usize>) -> std::result::Result<(), Stop> {
        self.stream(lane).owner = Some(index);
        let (came, end, differs) = self.take_shown(index, lane, expected.clone());
        let mut comparison = Comparison { expected, came, rows: Vec::new(), stuck: None };
        let stuck = end == End::Timeout && !differs && !self.stage.update;
        let empty = comparison.expected.is_empty();
        if self.stage.update && self.takes_the_rest(index, lane, empty) {
            let quiet = if differs || empty { QUIET } else { QUIET_AT_THE_END };
            comparison.came.extend(self.take_until_quiet(lane, quiet));
        }
        let mut renaming = self.renaming.clone();
        comparison.rows = self.rows(index, &comparison, &mut renaming);
        self.renaming = renaming;
        if stuck {
            let seconds = self.page.settings.timeout.as_secs();
            let partial = &self.stream(lane).partial;
            comparison.stuck = Some(match partial.as_str() {
                "" => format!("nothing more came within {seconds} s"),
                partial => {
                    format!("nothing more came within {seconds} s after \"{partial}\", without a line end")
                }
            });
        }
        if let Some(played) = self.played(index) {
            played.steps.push(comparison);
        }
        if stuck { Err(Stop::Stuck) } else { Ok(()) }
    }

    /// Takes a line for each that is shown, but does not wait long once one was another; says whether one was.
    fn take_shown(&mut self, index: usize, lane: &Lane, expected: Range<usize>) -> (Vec<Came>, End, bool) {
        let page = self.page;
        let lines = page.blocks.get(index).map_or([].as_slice(), |block| block.lines.as_slice());
        let mut renaming = self.renaming.clone();
        let mut came = Vec::new();
        let mut differs = false;
        let deadline = self.deadline();
        for line in expected {
            if self.is_lenient(index, line) {
                continue;
            }
            let until = if differs { Instant::now() + QUIET } else { deadline };
            let (next, end) = self.take(lane, 1, until);
            came.extend(next);
            if end != End::Enough {
                return (came, end, differs);
            }
            if let (Some(shown), Some(next)) = (lines.get(line), came.last()) {
                differs |= !renaming.bind(shown, &next.text);
            }
        }
        (came, End::Enough, differs)
    }

    /// In an update: whether what still comes in this lane belongs to this block, because no later block shows the lane,
    /// or the next one does so only after it has typed something, or both are yet to be filled.
    fn takes_the_rest(&self, index: usize, lane: &Lane, empty: bool) -> bool {
        let next = self.page.blocks.iter().skip(index + 1).find(|block| block.lane().as_ref() == Some(lane));
        next.is_none_or(|next| {
            let types = matches!(&next.kind, Kind::Console(console)
                if console.steps.first().is_some_and(|step| step.input != Input::Nothing));
            types || (empty && next.lines.is_empty())
        })
    }

    /// Waits for the packet, then compares what the block shows of it.
    fn packet(
        &mut self,
        index: usize,
        interface: &Interface,
        which: Which,
        lines: impl Fn(&Packet) -> Vec<String>,
    ) -> std::result::Result<(), Stop> {
        let Some(block) = self.page.blocks.get(index) else { return Ok(()) };
        let deadline = self.deadline();
        let lines = loop {
            let packets = self.packets.get(interface).map_or([].as_slice(), Vec::as_slice);
            if let Some(packet) = which.of(packets) {
                break lines(packet);
            }
            if !self.next_event(deadline) {
                let seconds = self.page.settings.timeout.as_secs();
                let at = Place { block: index, line: block.line };
                self.complain(at, format!("no such packet came within {seconds} s"));
                return Err(Stop::Stuck);
            }
        };
        let came = lines.into_iter().map(|text| Came { text, lenient: false }).collect();
        let mut comparison =
            Comparison { expected: 0..block.lines.len(), came, rows: Vec::new(), stuck: None };
        let mut renaming = self.renaming.clone();
        comparison.rows = self.rows(index, &comparison, &mut renaming);
        self.renaming = renaming;
        if let Some(played) = self.played(index) {
            played.steps.push(comparison);
        }
        Ok(())
    }

    /// Compares; the values of lines that are equal are bound in `renaming`.
    fn rows(&self, index: usize, comparison: &Comparison, renaming: &mut Renaming) -> Vec<Row> {
        let Some(block) = self.page.blocks.get(index) else {
            return Vec::new();
        };
        let shown = |text: &str| match block.kind {
            Kind::Frame(..) => frame::masked(text),
            _ => text.to_owned(),
        };
        let (lenient, strict): (Vec<usize>, Vec<usize>) =
            comparison.expected.clone().partition(|line| self.is_lenient(index, *line));
        let page: Vec<String> =
            strict.iter().filter_map(|line| block.lines.get(*line)).map(|text| shown(text)).collect();
        let (came, run): (Vec<usize>, Vec<String>) = comparison
            .came
            .iter()
            .enumerate()
            .filter(|(_, came)| !came.lenient)
            .map(|(index, came)| (index, shown(&came.text)))
            .unzip();
        let mut rows: Vec<Row> = compare::rows(&page, &run, renaming)
            .into_iter()
            .filter_map(|row| {
                Some(match row {
                    Row::Same(line) => Row::Same(*strict.get(line)?),
                    Row::Gone(line) => Row::Gone(*strict.get(line)?),
                    Row::New(line) => Row::New(*came.get(line)?),
                })
            })
            .collect();
        for line in lenient {
            let known = block.lines.get(line).is_some_and(|text| {
                let of_this_block = strict.iter().filter_map(|line| block.lines.get(*line));
                of_this_block.clone().any(|other| connection(other) == connection(text))
                    && self.flows(&renaming.to_run(text))
            });
            let after = |row: &Row| matches!(row, Row::Same(other) | Row::Gone(other) if *other > line);
            let at = rows.iter().position(after).unwrap_or(rows.len());
            rows.insert(at, if known { Row::Same(line) } else { Row::Gone(line) });
        }
        rows
    }

    /// Whether the line of the page is a pure ACK, for which nobody waits.
    fn is_lenient(&self, index: usize, line: usize) -> bool {
        self.pure_acks.contains(&(index, line))
    }

    /// Whether any packet went the way of this one.
    fn flows(&self, line: &str) -> bool {
        let way = line.split(" TCP ").next().unwrap_or_default();
        let is_it = |tcp: &Tcp| format!("{} > {}", tcp.from, tcp.to) == way;
        self.packets.values().flatten().any(|packet| packet.tcp().is_some_and(is_it))
    }

    /// What came after the last block of each stream.
    fn leftovers(&mut self) {
        let mut quiet = Instant::now() + QUIET_AT_THE_END;
        while self.next_event(quiet) {
            quiet = Instant::now() + QUIET_AT_THE_END;
        }
        for (lane, mut stream) in std::mem::take(&mut self.streams) {
            // A page need not show calls and packets; but what it shows is whole.
            let Some(owner) = stream.owner else { continue };
            let mut came = Vec::new();
            let mut back = None;
            for seen in stream.seen.drain(..) {
                match seen {
                    Seen::Line(text) => came.push(Came { text, lenient: false }),
                    Seen::Packet(packet) => {
                        came.push(Came { text: packet.to_string(), lenient: packet.pure_ack });
                    }
                    Seen::Prompt(status) => back = Some(status),
                }
            }
            if !stream.partial.is_empty() && back.is_none() {
                came.push(Came { text: stream.partial.clone(), lenient: false });
            }
            if let (Some(status), Some(running)) = (back, &stream.running) {
                self.status(running, status);
            }
            match came.iter().find(|came| !came.lenient) {
                Some(first) if self.stage.update => {
                    let line = self.page.blocks.get(owner).map_or(0, |block| block.line + block.lines.len());
                    let sentence =
                        format!("more came later than this block, and none shows it: {}", first.text);
                    self.complain(Place { block: owner, line }, sentence);
                }
                _ => self.append(owner, came),
            }
            self.streams.insert(lane, stream);
        }
    }

    /// Ends what still runs as a reader would, with ^C; whoever ignores it is killed with its terminal.
    fn interrupt(&mut self) {
        for terminal in self.terminals.values() {
            let _ = terminal.press(3); // a closed terminal has nothing left to end
        }
        let deadline = Instant::now() + QUIET_AT_THE_END;
        loop {
            let prompts = self.streams.iter().filter(|(lane, stream)| {
                matches!(lane, Lane::Terminal(_))
                    && (stream.closed || matches!(stream.seen.back(), Some(Seen::Prompt(_))))
            });
            if prompts.count() == self.terminals.len() {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(event) => self.file(event),
                Err(_) => return,
            }
        }
    }

    /// Compares everything once more, now that all that came is known.
    fn compare(&mut self) {
        let mut renaming = self.renaming.clone();
        let mut outcomes = std::mem::take(&mut self.outcomes);
        for (index, outcome) in outcomes.iter_mut().enumerate() {
            let Outcome::Played(played) = outcome else {
                continue;
            };
            for step in &mut played.steps {
                step.rows = self.rows(index, step, &mut renaming);
                if self.stage.update && !played.failed && !step.agrees() {
                    // Rewritten as it was, pure ACKs and all.
                    self.pure_acks.retain(|(block, _)| *block != index);
                    step.came.iter_mut().for_each(|came| came.lenient = false);
                    step.rows = self.rows(index, step, &mut renaming);
                }
            }
        }
        self.outcomes = outcomes;
        self.renaming = renaming;
    }

    /// Takes `count` lines, pure ACKs not counted, as they come; fewer if the shell is back at its prompt.
    fn take(&mut self, lane: &Lane, count: usize, deadline: Instant) -> (Vec<Came>, End) {
        let mut came: Vec<Came> = Vec::new();
        let mut missing = count;
        loop {
            let stream = self.stream(lane);
            while missing > 0 {
                match stream.next() {
                    Some(next) => {
                        missing -= usize::from(!next.lenient);
                        came.push(next);
                    }
                    None if stream.is_over() => return (came, End::Over),
                    None => break,
                }
            }
            if missing == 0 {
                return (came, End::Enough);
            }
            if !self.next_event(deadline) {
                return (came, End::Timeout);
            }
        }
    }

    /// Takes what comes until nothing has come in this stream for a while, or the shell is back at its prompt.
    fn take_until_quiet(&mut self, lane: &Lane, quiet: Duration) -> Vec<Came> {
        let mut came = Vec::new();
        let mut deadline = Instant::now() + quiet;
        loop {
            let stream = self.stream(lane);
            while let Some(next) = stream.next() {
                came.push(next);
                deadline = Instant::now() + quiet;
            }
            if stream.is_over() || !self.next_event(deadline) {
                return came;
            }
        }
    }

    /// Waits for one event, whatever its lane. False when none came before the deadline.
    fn next_event(&mut self, deadline: Instant) -> bool {
        while self.watcher.goes_on() {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left.min(TICK)) {
                Ok(event) => {
                    self.watcher.event(&event);
                    self.file(event);
                    return true;
                }
                // Disconnected cannot be: this replay holds a sender itself.
                Err(_) if left.is_zero() => return false,
                Err(_) => {}
            }
        }
        false
    }

    /// Puts what was seen into its stream.
    fn file(&mut self, event: Event) {
        if let (What::Packet(packet), Lane::Packets(interface)) = (&event.what, &event.lane) {
            self.packets.entry(interface.clone()).or_default().push(Arc::clone(packet));
        }
        let leftover = matches!(&event.what, What::Line(text) if self.leftovers.are_shown(text));
        let stream = self.stream(&event.lane);
        match event.what {
            What::Line(text) => {
                stream.partial.clear();
                if !leftover {
                    stream.seen.push_back(Seen::Line(text));
                }
            }
            What::Partial(text) => stream.partial = text,
            What::Prompt { status } => {
                stream.partial.clear();
                stream.seen.push_back(Seen::Prompt(status));
            }
            What::Closed => stream.closed = true,
            What::Packet(packet) => stream.seen.push_back(Seen::Packet(packet)),
        }
    }

    fn stream(&mut self, lane: &Lane) -> &mut Stream {
        self.streams.entry(lane.clone()).or_default()
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.page.settings.timeout
    }

    fn played(&mut self, index: usize) -> Option<&mut Played> {
        match self.outcomes.get_mut(index) {
            Some(Outcome::Played(played)) => Some(played),
            _ => None,
        }
    }

    fn not_checked(&mut self, index: usize, missing: &Missing) {
        if let (Some(block), Some(outcome)) = (self.page.blocks.get(index), self.outcomes.get_mut(index)) {
            self.watcher.not_checked(block, missing);
            *outcome = Outcome::NotChecked(missing.clone());
        }
    }

    fn complain(&mut self, at: Place, sentence: String) {
        if let Some(played) = self.played(at.block) {
            played.complaints.push((at.line, sentence));
        }
    }

    fn fail(&mut self, index: usize) {
        if let Some(played) = self.played(index) {
            played.failed = true;
        }
    }

    /// Lines that no block has asked for belong after the block that showed the last ones of their stream.
    fn append(&mut self, owner: usize, came: Vec<Came>) {
        if let Some(step) = self.played(owner).and_then(|played| played.steps.last_mut()) {
            step.came.extend(came);
        }
    }

    fn came_unasked(&mut self, lane: &Lane, came: Vec<Came>) {
        if let Some(owner) = self.stream(lane).owner {
            self.append(owner, came);
        }
    }

    /// A command that failed although the page does not say so.
    fn status(&mut self, running: &Running, status: i32) {
        let by_signal = status > 128;
        if status != 0 && !(running.interrupted && by_signal) {
            let sentence = format!(
                "this ended with exit status {status}; where that is meant, the block says exit={status}"
            );
            self.fail(running.at.block);
            self.complain(running.at, sentence);
        }
    }
}

impl Stream {
    /// The next line, if there is one before the next prompt.
    fn next(&mut self) -> Option<Came> {
        let came = match self.seen.front()? {
            Seen::Line(text) => Came { text: text.clone(), lenient: false },
            Seen::Packet(packet) => Came { text: packet.to_string(), lenient: packet.pure_ack },
            Seen::Prompt(_) => return None,
        };
        self.seen.pop_front();
        Some(came)
    }

    /// The shell is back at its prompt, or has ended; nothing more comes by itself.
    fn is_over(&self) -> bool {
        match self.seen.front() {
            Some(seen) => matches!(seen, Seen::Prompt(_)),
            None => self.closed,
        }
    }
}

/// Captures on every interface whose packets the page shows; without hosts on the only one, in any case.
fn capture(page: &Page, hosts: &Hosts, sender: &Sender<Event>) -> std::result::Result<Vec<Packets>, Missing> {
    let mut interfaces: BTreeSet<Interface> =
        page.blocks.iter().filter_map(Block::packets).cloned().collect();
    if page.settings.hosts.hosts.is_empty() {
        interfaces.insert(Interface::loopback());
    }
    let start = |interface: Interface| {
        let host = interface.host.clone();
        hosts.within(&host, || {
            Packets::start(interface, sender.clone()).map_err(|error| Error::of("no packets", error))
        })
    };
    interfaces
        .into_iter()
        .map(start)
        .collect::<Result<_>>()
        .map_err(|error| Missing { what: format!("{:#}", anyhow::Error::new(error)), remedy: None })
}

/// The pure ACKs among the packets that a page shows, as block and line: TCP with ACK as its only flag, no payload, and
/// not the third packet of a handshake.
fn pure_acks(page: &Page) -> HashSet<(usize, usize)> {
    let mut handshakes: HashSet<(&Interface, &str, &str)> = HashSet::new();
    let mut found = HashSet::new();
    for (index, block) in page.blocks.iter().enumerate() {
        let Kind::Packets(interface) = &block.kind else { continue };
        for (line, text) in block.lines.iter().enumerate() {
            let Some((way, flags)) = text.trim_end().split_once(" TCP ") else {
                continue;
            };
            let Some((from, to)) = way.split_once(" > ") else {
                continue;
            };
            match flags {
                "SYN ACK" => {
                    handshakes.insert((interface, to, from));
                }
                "ACK" if !handshakes.remove(&(interface, from, to)) => {
                    found.insert((index, line));
                }
                _ => {}
            }
        }
    }
    found
}

/// Both ends of the connection that a packet's line is of, whichever way it goes.
fn connection(line: &str) -> Option<(&str, &str)> {
    let (from, to) = line.split(" TCP ").next()?.split_once(" > ")?;
    Some(if from < to { (from, to) } else { (to, from) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_packet_of_a_handshake_is_not_a_pure_ack() {
        let text = "```text packets\na > b TCP SYN\nb > a TCP SYN ACK\na > b TCP ACK\na > b TCP ACK, 1 byte \"x\"\n```\n\n\
                    ```text packets\nb > a TCP ACK\na > b TCP FIN ACK\n```\n";
        let page = Page::parse(std::path::Path::new("p.md"), text.to_owned());
        assert_eq!(pure_acks(&page), HashSet::from([(1, 0)]));
    }
}
