//! From block to block: types, waits, compares.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::acks::pure_acks;
use super::leftovers::Leftovers;
use super::renaming::Renaming;
use super::scratch::Scratch;
use super::stream::{End, Pending, Place, Running, Stream};
use super::{Came, Outcome, Played, Run, Sees, Stage, Stop, TICK, Watcher, machine};
use crate::book::block::{Block, Console, Input, Kind, host_of};
use crate::book::page::Page;
use crate::error::{Error, Result};
use crate::hosts::Hosts;
use crate::missing::Missing;
use crate::network::{self, Network};
use crate::record::event::{Interface, Lane};
use crate::record::order::Ordered;
use crate::record::packet::Packet;
use crate::session::Session;
use crate::show::frame;

/// A page that is being played.
pub(super) struct Replay<'a> {
    pub(super) page: &'a Page,
    pub(super) stage: &'a Stage<'a>,
    pub(super) watcher: &'a mut dyn Watcher,
    pub(super) session: Session,
    pub(super) outcomes: Vec<Outcome>,
    /// What is wrong at a line of the page, and of no block that was played.
    pub(super) stray: Vec<(usize, String)>,
    pub(super) renaming: Renaming,
    pub(super) streams: BTreeMap<Lane, Stream>,
    /// Every packet of the page so far, by the interface that it passed.
    pub(super) packets: BTreeMap<Interface, Vec<Arc<Packet>>>,
    /// Lines of the page, as block and line, that are pure ACKs.
    pub(super) pure_acks: HashSet<(usize, usize)>,
    /// Terminals whose calls the page wants to see and this machine does not show.
    untraced: BTreeMap<String, Missing>,
    traced: BTreeSet<String>,
    no_packets: Option<Missing>,
    pub(super) seen: Vec<Ordered>,
    /// When each block began to play.
    pub(super) starts: Vec<(SystemTime, usize)>,
    /// How many events more there were.
    pub(super) left_out: usize,
    pub(super) leftovers: Leftovers,
    // Dropped after the programs that live in it.
    scratch: Scratch,
}

impl<'a> Replay<'a> {
    pub(super) fn new(
        page: &'a Page,
        stage: &'a Stage<'a>,
        hosts: Hosts,
        watcher: &'a mut dyn Watcher,
    ) -> Result<Self> {
        let mut session = Session::start(hosts)?;
        session.share_a_processor();
        let no_packets = match stage.network {
            Network::Private => capture(page, &session, stage.sees != Sees::Shown).err(),
            Network::Host(missing, _) => Some(missing.clone()),
        };
        Ok(Self {
            page,
            stage,
            watcher,
            session,
            outcomes: Vec::new(),
            stray: Vec::new(),
            renaming: Renaming::new(network::ephemeral_ports()),
            streams: BTreeMap::new(),
            packets: BTreeMap::new(),
            pure_acks: pure_acks(page),
            untraced: BTreeMap::new(),
            traced: BTreeSet::new(),
            no_packets,
            seen: Vec::new(),
            starts: Vec::new(),
            left_out: 0,
            leftovers: stage.network.missing().map(|_| Leftovers::now()).unwrap_or_default(),
            scratch: Scratch::new(&stage.root)?,
        })
    }

    pub(super) fn play(mut self) -> Result<Run> {
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
            self.starts.push((SystemTime::now(), index));
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
        // How the laboratory ends what still runs is not the page's.
        let ordered = self.session.ordered(SystemTime::now());
        self.give(ordered);
        self.interrupt();
        self.finish();
        self.compare();
        Ok(Run {
            outcomes: self.outcomes,
            complaints: self.stray,
            renaming: self.renaming,
            seen: self.seen,
            starts: self.starts,
            left_out: self.left_out,
        })
    }

    pub(super) fn block(&mut self, index: usize, block: &Block) -> std::result::Result<(), Stop> {
        let whole = 0..if block.lines == ["(none)"] { 0 } else { block.lines.len() };
        let gap = match &block.kind {
            Kind::Calls(terminal) => self.untraced.get(terminal),
            Kind::Packets(_) | Kind::Frame(..) | Kind::Payload(..) => self.no_packets.as_ref(),
            _ => None,
        };
        if let Some(missing) = gap.cloned() {
            // This block cannot be checked here; the next one may be.
            self.not_checked(index, &missing);
            return Ok(());
        }
        match &block.kind {
            Kind::Console(console) => self.console(index, block, console),
            Kind::Calls(terminal) if self.traced.contains(terminal) => {
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
            Kind::Excerpt { .. } | Kind::Unchecked(_) => Ok(()),
        }
    }

    /// Changes the page's network, as root would; nobody changes the host's.
    pub(super) fn change(
        &mut self,
        index: usize,
        change: impl FnOnce(&Hosts) -> Result<()>,
    ) -> std::result::Result<(), Stop> {
        if let Some(missing) = self.stage.network.missing() {
            return Err(Stop::Missing(missing.clone()));
        }
        change(self.session.hosts()).map_err(|error| {
            let line = self.page.blocks.get(index).map_or(0, |block| block.line);
            self.complain(Place { block: index, line }, format!("{:#}", anyhow::Error::new(error)));
            Stop::Stuck
        })
    }

    pub(super) fn console(
        &mut self,
        index: usize,
        block: &Block,
        console: &Console,
    ) -> std::result::Result<(), Stop> {
        let name = &console.terminal;
        let lane = Lane::Terminal(name.clone());
        let spoilt = || console.commands().find_map(|command| self.leftovers.spoil(command));
        if let Some(missing) = machine::lacks(console).or_else(spoilt) {
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
    pub(super) fn open(&mut self, name: &str) -> std::result::Result<(), Stop> {
        if self.session.is_open(name) {
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
        let mut prefix = self.scratch.words();
        if !traces.is_empty() || self.is_seen(name) {
            let also: Vec<String> = traces.iter().flat_map(|console| console.calls.clone()).collect();
            match self.session.trace(name, &also)? {
                Ok(words) => prefix.extend(words),
                Err(missing) => {
                    self.untraced.insert(name.to_owned(), missing);
                }
            }
            self.traced.insert(name.to_owned());
        }
        let host = host_of(&self.page.settings.hosts, name);
        self.session.open(name, &prefix, self.scratch.page(), "dumb", host, &capabilities)?;
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

    /// Whether the calls of this terminal are to be seen, though the page does not show them.
    fn is_seen(&self, name: &str) -> bool {
        let mut commands = self.page.commands_in(name);
        match self.stage.sees {
            Sees::Shown => false,
            // A program under strace cannot be traced twice.
            Sees::All => commands.all(|command| !command.contains("strace")),
            Sees::Clients => {
                // Where strace attaches to a program, or a crowd comes, a tracer more changes what comes.
                let is_delicate = |command: &str| command.contains("crowd") || command.contains("strace");
                let is_client = |command: &str| {
                    ["telnet ", "nc ", "client"].iter().any(|client| command.contains(client))
                };
                (name.ends_with("client") || commands.any(is_client))
                    && !self.page.commands().any(is_delicate)
            }
        }
    }

    pub(super) fn command(
        &mut self,
        at: Place,
        name: &str,
        lane: &Lane,
        command: &str,
    ) -> std::result::Result<(), Stop> {
        self.back_at_prompt(at, lane)?;
        let stream = self.stream(lane);
        let running = stream.running.replace(Running { at, interrupted: false });
        if let Some(Pending::Prompt(status)) = stream.seen.pop_front()
            && let Some(running) = running
            && command.trim() != "echo $?"
        {
            self.status(&running, status);
        }
        self.watcher.typed(name, &Input::Command(command.to_owned()));
        let command = self.renaming.to_run(command);
        self.session.enter(name, &command)?;
        self.echo(lane, &command);
        Ok(())
    }

    pub(super) fn input(
        &mut self,
        at: Place,
        name: &str,
        lane: &Lane,
        input: &Input,
    ) -> std::result::Result<(), Stop> {
        if self.prompt(lane).is_some() || self.stream(lane).closed {
            self.complain(at, "nothing runs in this terminal that would read what is typed".into());
            return Err(Stop::Stuck);
        }
        self.watcher.typed(name, input);
        match input {
            Input::Text(text) => {
                let text = self.renaming.to_run(text);
                self.session.enter(name, &text)?;
            }
            Input::Control(key) => {
                if let Some(running) = &mut self.stream(lane).running {
                    running.interrupted = true;
                }
                self.session.press(name, *key)?;
            }
            Input::Nothing | Input::Command(_) => {}
        }
        Ok(())
    }

    /// Waits for the prompt; lines before it were not on the page and belong to the block that showed the last ones.
    pub(super) fn back_at_prompt(&mut self, at: Place, lane: &Lane) -> std::result::Result<(), Stop> {
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
    pub(super) fn echo(&mut self, lane: &Lane, command: &str) {
        let deadline = self.deadline();
        loop {
            match self.stream(lane).seen.pop_front() {
                Some(Pending::Line(text)) if text == command => return,
                Some(Pending::Line(text)) => self.came_unasked(lane, vec![Came { text, lenient: false }]),
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

    /// The shell's prompt, if it is the next thing in the stream.
    pub(super) fn prompt(&mut self, lane: &Lane) -> Option<i32> {
        match self.stream(lane).seen.front() {
            Some(Pending::Prompt(status)) => Some(*status),
            _ => None,
        }
    }
}

/// Captures on every interface whose packets the page shows; without hosts on the only one, in any case. Where all is to
/// be seen, every host that is no router has an interface that is captured.
fn capture(page: &Page, session: &Session, all: bool) -> std::result::Result<(), Missing> {
    let mut interfaces: BTreeSet<Interface> =
        page.blocks.iter().filter_map(Block::packets).cloned().collect();
    if page.settings.hosts.hosts.is_empty() {
        interfaces.insert(Interface::loopback());
    }
    if all {
        let hosts = page.settings.hosts.hosts.iter().filter(|host| !host.is_router);
        interfaces.extend(hosts.map(|host| Interface { host: host.name.clone(), name: "eth0".to_owned() }));
    }
    interfaces
        .into_iter()
        .try_for_each(|interface| session.capture(interface))
        .map_err(|error| Missing { what: format!("{:#}", anyhow::Error::new(error)), remedy: None })
}
