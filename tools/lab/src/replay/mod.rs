//! Plays a page: types what it types, waits for what it shows.
//!
//! Each terminal, the system calls of each terminal, and the packets are a *stream* of lines. The blocks of a page
//! consume them in document order, which is time order: a block waits until as many lines have come as it shows, then
//! the next one plays. Every wait is for an event, and it has a bound; while it lasts, the watcher is asked every 20 ms
//! whether to go on.

mod acks;
pub mod compare;
mod console;
mod events;
mod expect;
mod leftovers;
pub mod machine;
mod player;
pub mod renaming;
mod scratch;
mod stream;
mod toolchain;
mod values;
mod verdict;

use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use self::compare::Row;
use self::player::Replay;
use self::renaming::Renaming;
use crate::book::block::{Block, Input};
use crate::book::page::Page;
use crate::error::{Error, Result};
use crate::hosts::Hosts;
use crate::missing::Missing;
use crate::network::{self, Network};
use crate::record::event::Lane;
use crate::record::order::Ordered;

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
    /// What is to be seen beside what the page shows.
    pub sees: Sees,
}

/// What of a run is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sees {
    /// The calls and the packets that the page shows.
    Shown,
    /// The calls of clients as well, and what passes every host: to look at, and nothing that would change what comes.
    Clients,
    /// Every terminal is traced.
    All,
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

    /// The replay waits for this line of the page to appear there.
    fn awaits(&mut self, _lane: &Lane, _line: &str) {}

    /// Something was seen: in causal order, a little later than it happened.
    fn event(&mut self, _event: &Ordered) {}

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
    /// What else is wrong, of no block that was played: line on the page, sentence.
    pub complaints: Vec<(usize, String)>,
    /// What was seen, in causal order.
    pub seen: Vec<Ordered>,
    /// When each block that was played began, and its index.
    pub starts: Vec<(SystemTime, usize)>,
    /// How many events more there were than are kept.
    pub left_out: usize,
}

/// The index of the block that played at that time.
pub(crate) fn block_at(starts: &[(SystemTime, usize)], at: SystemTime) -> usize {
    let next = starts.partition_point(|(start, _)| *start <= at);
    starts.get(next.saturating_sub(1)).map_or(0, |(_, block)| *block)
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
    if let Some(missing) = machine::lacks_all(page, stage.network.missing()) {
        let outcomes = page.blocks.iter().map(|block| {
            if block.is_played() { Outcome::NotChecked(missing.clone()) } else { Outcome::NotPlayed }
        });
        let renaming = Renaming::new(network::ephemeral_ports());
        return Ok(Run {
            outcomes: outcomes.collect(),
            complaints: Vec::new(),
            renaming,
            seen: Vec::new(),
            starts: Vec::new(),
            left_out: 0,
        });
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
