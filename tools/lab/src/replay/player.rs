//! From block to block: types, waits, compares.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::acks::pure_acks;
use super::leftovers::Leftovers;
use super::renaming::Renaming;
use super::scratch::Scratch;
use super::stream::{Place, Stream};
use super::{Outcome, Played, Run, Sees, Stage, Stop, TICK, Watcher};
use crate::book::block::{Block, Kind};
use crate::book::page::Page;
use crate::error::Result;
use crate::hosts::Hosts;
use crate::missing::Missing;
use crate::network::{self, Network};
use crate::record::event::{Interface, Lane};
use crate::record::order::Ordered;
use crate::record::packet::Packet;
use crate::session::Session;
use crate::show::frame;

/// How long a recording waits, at most, for programs to come to rest before a block.
const SETTLES: Duration = Duration::from_secs(2);
/// So many looks in a row must find everybody waiting,
const LOOKS: u32 = 3;
/// and between two of them lies so much time.
const LOOK: Duration = Duration::from_millis(2);

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
    /// Ports that the kernel no longer chooses, since the page has shown them.
    pub(super) reserved: BTreeSet<u16>,
    pub(super) streams: BTreeMap<Lane, Stream>,
    /// Every packet of the page so far, by the interface that it passed.
    pub(super) packets: BTreeMap<Interface, Vec<Arc<Packet>>>,
    /// Lines of the page, as block and line, that are pure ACKs.
    pub(super) pure_acks: HashSet<(usize, usize)>,
    /// Terminals whose calls the page wants to see and this machine does not show.
    pub(super) untraced: BTreeMap<String, Missing>,
    pub(super) traced: BTreeSet<String>,
    pub(super) no_packets: Option<Missing>,
    pub(super) seen: Vec<Ordered>,
    /// When each block began to play.
    pub(super) starts: Vec<(SystemTime, usize)>,
    /// How many events more there were.
    pub(super) left_out: usize,
    pub(super) leftovers: Leftovers,
    // Dropped after the programs that live in it.
    pub(super) scratch: Scratch,
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
            reserved: BTreeSet::new(),
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
            self.settle();
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
        self.settle();
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

    /// In a recording, what a block brings about belongs to it, and not to whoever is quicker on a busy machine: the next
    /// block begins when every thread waits for something to happen, and none was woken meanwhile. Who runs on, or sleeps
    /// for longer, is not waited for.
    fn settle(&mut self) {
        let deadline = Instant::now() + SETTLES;
        let (mut before, mut still) = (None, 0);
        while self.stage.sees == Sees::All && still < LOOKS && self.watcher.goes_on() {
            if Instant::now() > deadline {
                return;
            }
            if self.next_event(Instant::now() + LOOK) {
                still = 0;
                continue;
            }
            let now = Some(self.session.threads()).filter(|threads| !threads.run() && !threads.sleep());
            still = if now.is_some() && now == before { still + 1 } else { 0 };
            before = now;
        }
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
