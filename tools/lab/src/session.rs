//! What runs and is watched: terminals on private networks, their calls and their packets, and every event of it in
//! causal order. A replay, a play and an observation each start one.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::hosts::Hosts;
use crate::location::Location;
use crate::missing::Missing;
use crate::observe::terminal::{Takes, Terminal};
use crate::observe::watch::{Told, Watch};
use crate::observe::{packets, syscalls};
use crate::privilege::Capability;
use crate::processes::Processes;
use crate::processor::Processor;
use crate::record::event::{Event, Interface, Lane, What};
use crate::record::order::{Order, Ordered};
use crate::threads::Threads;

/// Everything that runs and is watched.
pub struct Session {
    // Dropped in this order: programs, then those who watch them.
    terminals: BTreeMap<String, Terminal>,
    processes: Option<Processes>,
    hosts: Hosts,
    processor: Option<Processor>,
    watch: Watch,
    told: Receiver<Told>,
    order: Order,
    /// Terminals whose strace has ended, and when; a terminal that goes on has lost it.
    untraced: Vec<(String, Instant)>,
    /// Terminals whose last program has ended.
    closed: BTreeSet<String>,
    scratch: TempDir,
}

/// How much longer than its strace a terminal may live.
const OUTLIVES: Duration = Duration::from_millis(500);

impl Session {
    /// Nothing runs yet. The private network, where there is one, has been entered by the calling thread.
    ///
    /// # Errors
    /// No thread, no processes of its own, or no temporary folder is to be had.
    pub fn start(hosts: Hosts) -> Result<Self> {
        let (watch, told) = Watch::start().map_err(|error| Error::of("start the observers", error))?;
        Ok(Self {
            terminals: BTreeMap::new(),
            processes: Some(Processes::start()?),
            hosts,
            processor: None,
            watch,
            told,
            order: Order::new(),
            untraced: Vec::new(),
            closed: BTreeSet::new(),
            scratch: TempDir::new().map_err(|error| Error::of("make a temporary directory", error))?,
        })
    }

    /// Lets the programs of all terminals that are opened from here on share one processor.
    pub fn share_a_processor(&mut self) {
        self.processor = Processor::hold();
    }

    /// The hosts, which may be none.
    #[must_use]
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Captures on this interface from here on.
    ///
    /// # Errors
    /// The call that the kernel refuses.
    pub fn capture(&self, interface: Interface) -> Result<()> {
        let host = interface.host.clone();
        self.hosts.within(&host, || {
            packets::capture(interface, &self.watch).map_err(|error| Error::of("no packets", error))
        })
    }

    /// Prepares to trace the terminal that will be opened under this name; gives the words that go before its command,
    /// or why its calls cannot be seen. `also` names further calls to show.
    ///
    /// # Errors
    /// The laboratory itself fails.
    pub fn trace(&self, name: &str, also: &[String]) -> Result<std::result::Result<Vec<OsString>, Missing>> {
        if let Err(missing) = syscalls::available() {
            return Ok(Err(missing));
        }
        let words = syscalls::trace(name, self.scratch.path(), also, &self.watch);
        words.map(Ok).map_err(|error| Error::of(format!("trace terminal \"{name}\""), error))
    }

    /// Opens a terminal with a shell in it; `kind` is its `TERM`.
    ///
    /// # Errors
    /// As [`Terminal::open`].
    pub fn open(
        &mut self,
        name: &str,
        prefix: &[OsString],
        root: &Path,
        kind: &str,
        host: &str,
        capabilities: &[Capability],
    ) -> Result<()> {
        let location = self.location(host, capabilities)?;
        let terminal = Terminal::open(name, prefix, root, kind, &location, &self.watch)?;
        self.terminals.insert(name.to_owned(), terminal);
        Ok(())
    }

    /// Opens a terminal in which one program runs; `kind` is its `TERM`.
    ///
    /// # Errors
    /// As [`Terminal::run`].
    pub fn run(
        &mut self,
        name: &str,
        command: &[OsString],
        here: &Path,
        kind: &str,
        capabilities: &[Capability],
    ) -> Result<()> {
        let location = self.location("", capabilities)?;
        let terminal = Terminal::run(name, command, here, kind, &location, &self.watch)?;
        self.terminals.insert(name.to_owned(), terminal);
        Ok(())
    }

    fn location<'a>(&'a self, host: &'a str, capabilities: &'a [Capability]) -> Result<Location<'a>> {
        let processes = self.processes.as_ref().ok_or_else(|| Error::new("the session has ended"))?;
        Ok(Location { processes, hosts: &self.hosts, host, capabilities, processor: self.processor.as_ref() })
    }

    /// How many programs live on beside those of the terminal `name`.
    #[must_use]
    pub fn living_beside(&self, name: &str) -> usize {
        let leaders: Vec<u32> = self.terminals.get(name).map(Terminal::leader).into_iter().collect();
        self.processes.as_ref().map_or(0, |processes| processes.living(&leaders))
    }

    /// Whether there is a terminal of this name.
    #[must_use]
    pub fn is_open(&self, name: &str) -> bool {
        self.terminals.contains_key(name)
    }

    /// The names of the terminals.
    pub fn terminals(&self) -> impl Iterator<Item = &str> {
        self.terminals.keys().map(String::as_str)
    }

    fn terminal(&mut self, name: &str) -> Result<&mut Terminal> {
        self.terminals.get_mut(name).ok_or_else(|| Error::new(format!("terminal \"{name}\" is not open")))
    }

    /// Types `text` and Return; gives the event of it.
    ///
    /// # Errors
    /// The terminal does not take it.
    pub fn enter(&mut self, name: &str, text: &str) -> Result<()> {
        self.typed(name, text.to_owned());
        self.terminal(name)?.enter(text)
    }

    /// Presses one key, given as its byte: 3 for ^C.
    ///
    /// # Errors
    /// The terminal does not take it.
    pub fn press(&mut self, name: &str, key: u8) -> Result<()> {
        self.typed(name, format!("^{}", char::from(key ^ 0x40)));
        self.terminal(name)?.press(&[key])
    }

    /// Presses keys, given as their bytes, that are no event: the program that takes them shows what comes of them. When
    /// they end a line, `line` is that line as far as it can be told, and an event.
    ///
    /// # Errors
    /// The terminal does not take it.
    pub fn stroke(&mut self, name: &str, keys: &[u8], line: Option<String>) -> Result<()> {
        if let Some(line) = line {
            self.typed(name, line);
        }
        self.terminal(name)?.press(keys)
    }

    /// How the terminal takes what is typed.
    #[must_use]
    pub fn takes(&self, name: &str) -> Takes {
        self.terminals.get(name).map(Terminal::takes).unwrap_or_default()
    }

    /// The process group in the terminal's foreground, where the kernel tells it.
    #[must_use]
    pub fn foreground(&self, name: &str) -> Option<i32> {
        self.terminals.get(name)?.foreground()
    }

    /// As [`Terminal::rests`].
    #[must_use]
    pub fn rests(&self, name: &str, shell: i32) -> bool {
        self.terminals.get(name).is_none_or(|terminal| terminal.rests(shell))
    }

    /// The threads of every program and of its strace, as far as they are known.
    #[must_use]
    pub fn threads(&self) -> Threads {
        self.processes.as_ref().map(Processes::threads).unwrap_or_default()
    }

    /// Gives the terminal so many rows and columns.
    ///
    /// # Errors
    /// The kernel refuses it.
    pub fn resize(&mut self, name: &str, size: (u16, u16)) -> Result<()> {
        self.terminal(name)?.resize(size)
    }

    fn typed(&mut self, name: &str, text: String) {
        let lane = Lane::Terminal(name.to_owned());
        self.order.take(Event { at: SystemTime::now(), lane, what: What::Typed(text) });
    }

    /// The exit status of the terminal's shell or program, once it has ended.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub fn status(&mut self, name: &str) -> Result<Option<ExitStatus>> {
        self.terminal(name)?.status()
    }

    /// Waits for the next event, as it is told: in order within its lane only.
    pub fn next(&mut self, deadline: Instant) -> Option<Event> {
        loop {
            if let Some(event) = self.lost_strace() {
                self.order.take(event.clone());
                return Some(event);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.told.recv_timeout(left) {
                Ok(Told::Event(event)) => {
                    match (&event.what, &event.lane) {
                        (What::Closed, Lane::Calls(name)) if !self.closed.contains(name) => {
                            self.untraced.push((name.clone(), Instant::now()));
                        }
                        (What::Closed, Lane::Terminal(name)) => {
                            self.untraced.retain(|(of, _)| of != name);
                            self.closed.insert(name.clone());
                        }
                        _ => {}
                    }
                    self.order.take(event.clone());
                    return Some(event);
                }
                Ok(Told::Round) => self.order.round(),
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => {
                    std::thread::sleep(left.min(Duration::from_millis(1)));
                    return None;
                }
            }
        }
    }

    /// That a strace has ended and its terminal has not.
    fn lost_strace(&mut self) -> Option<Event> {
        let at = self.untraced.iter().position(|(_, ended)| ended.elapsed() > OUTLIVES)?;
        let (name, _) = self.untraced.swap_remove(at);
        let what = What::LeftOut("strace has ended; from here on no call is seen".to_owned());
        Some(Event { at: SystemTime::now(), lane: Lane::Calls(name), what })
    }

    /// What happened up to `until`, in causal order.
    pub fn ordered(&mut self, until: SystemTime) -> Vec<Ordered> {
        self.order.release(until)
    }

    /// Ends every program, and gives what was still told until every observer had ended: as it was told, and, in causal
    /// order, all that has not been given so.
    pub fn finish(&mut self) -> (Vec<Event>, Vec<Ordered>) {
        self.terminals.clear();
        self.processes = None;
        self.watch.finish();
        let mut events = Vec::new();
        while let Ok(told) = self.told.recv() {
            match told {
                Told::Event(event) => {
                    self.order.take(event.clone());
                    events.push(event);
                }
                Told::Round => self.order.round(),
            }
        }
        (events, self.order.finish())
    }
}
