//! Turns, rounds, and what comes of them.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use tempfile::TempDir;
use tracing::warn;

use crate::Options;
use crate::calls::Counter;
use crate::entrants::Entrant;
use crate::generator::{Generator, Simple};
use crate::profile::tcp_share;
use crate::report::{Check, Field, Standing};
use crate::server::{Processors, Server, worked};
use crate::statistics::Median;

/// How many turns each generator has while the two are compared.
const CHECKS: usize = 25;

/// Who measures, and how far the whole run is.
pub struct Meter<'a> {
    options: &'a Options,
    counter: Option<Counter>,
    processors: Processors,
    begun: Instant,
    /// Turns that have been made, and turns that will have been made at the end.
    turns: (usize, usize),
}

/// A server that runs, with the connections to it.
struct Runner<'a> {
    entrant: &'a Entrant,
    server: Server,
    generator: Generator,
    /// The floor's connection for control.
    control: Option<File>,
    processes: Vec<Pid>,
    /// Nanoseconds of processor time for an echo, a round each.
    costs: Vec<f64>,
    /// Echoes in a second of the generator's time, a round each.
    rates: Vec<f64>,
    /// A folder for this server's files.
    _folder: TempDir,
}

impl<'a> Meter<'a> {
    /// Prepares: two processors, and as many descriptors as `entrants` with their connections need.
    ///
    /// # Errors
    /// There are not so many.
    pub fn new(options: &'a Options, counter: Option<Counter>, entrants: &[Entrant]) -> Result<Self> {
        let (_, allowed) = getrlimit(Resource::RLIMIT_NOFILE).context("getrlimit")?;
        let most = options.connections.iter().max().copied().unwrap_or_default();
        let with_most = entrants.iter().filter(|entrant| most <= entrant.most).count();
        let needed = (most + 4) * with_most + 64;
        ensure!(
            allowed >= needed as u64,
            "{most} connections to each of {with_most} servers need {needed} descriptors, and {allowed} are allowed (ulimit \
             -Hn): ask for fewer with --connections or --only"
        );
        setrlimit(Resource::RLIMIT_NOFILE, allowed, allowed).context("setrlimit")?;
        let processors = Processors::choose()?;
        if !processors.apart {
            warn!("there is one processor: the servers and the generator share it");
        }
        processors.as_generator()?;
        let turns =
            options.connections.iter().map(|&connections| options.rounds(connections) * entrants.len()).sum();
        Ok(Self { options, counter, processors, begun: Instant::now(), turns: (0, turns) })
    }

    /// Compares the generator with a second, simple one: with one connection to the reference both do the same, so the
    /// server's cost must be the same.
    ///
    /// # Errors
    /// The reference does not start, or an echo is missing.
    pub fn check_generator(&mut self, entrants: &[Entrant], folder: &Path) -> Result<Check> {
        let reference = entrants.first().context("there is no reference")?;
        let mut runner = self.start(reference, 1, folder)?;
        let mut simple = Simple::connect(&runner.server.place, self.options.size)?;
        let mut ratios = Vec::new();
        for round in 1..=CHECKS {
            self.progress(&format!("checking the generator: round {round} of {CHECKS}"));
            let before = worked(&runner.processes);
            let echoes = simple.turn(self.options.turn)?;
            let took = worked(&runner.processes).saturating_sub(before);
            runner.turn(self.options.turn)?;
            ratios.push(runner.costs.last().copied().unwrap_or_default() / cost(took, echoes));
        }
        Ok(Check { ratio: Median::of(&ratios).context("no rounds")? })
    }

    /// Measures everyone who takes part with `connections`.
    ///
    /// # Errors
    /// The reference does not start, an echo is missing, or a server counts other bytes than the generator.
    pub fn measure(&mut self, entrants: &[Entrant], connections: usize, folder: &Path) -> Result<Field> {
        let rounds = self.options.rounds(connections);
        let field =
            if connections == 1 { "1 connection".into() } else { format!("{connections} connections") };
        let (mut runners, mut absent) = (Vec::new(), Vec::new());
        let takes_part =
            |entrant: &&Entrant| connections <= entrant.most && (connections > 1 || !entrant.floor);
        for entrant in entrants.iter().filter(takes_part) {
            self.progress(&format!("{field}: starting {}", entrant.name));
            match self.start(entrant, connections, folder) {
                Ok(runner) => runners.push(runner),
                Err(error) if runners.is_empty() => return Err(error),
                Err(error) => absent.push(format!("{}: {error:#}", entrant.name)),
            }
        }
        for sentence in &absent {
            warn!("{sentence}");
        }
        self.turns.0 += (entrants.len() - runners.len()) * rounds;

        for round in 0..rounds {
            self.progress(&format!("{field}: round {} of {rounds}", round + 1));
            let count = runners.len();
            for place in 0..count {
                // Each begins as often as the others, and has the others before it as often as behind it.
                let place = if round % 2 == 0 { place } else { count - 1 - place };
                let runner = &mut runners[(place + round / 2) % count];
                runner.turn(self.options.turn).with_context(|| runner.entrant.name.clone())?;
            }
            self.turns.0 += count;
        }

        let reference = runners.first().map(|runner| runner.costs.clone()).unwrap_or_default();
        let mut standings = Vec::new();
        let (mut tcp, turns) = (None, (1000 / self.options.turn.as_millis()).max(1));
        for mut runner in runners {
            self.progress(&format!("{field}: counting the calls of {}", runner.entrant.name));
            let calls = self.counter.map(|counter| runner.count(counter, self.options.turn)).transpose();
            let calls = calls.unwrap_or_else(|error| {
                warn!("{}: system calls not counted: {error:#}", runner.entrant.name);
                None
            });
            if standings.is_empty() {
                self.progress(&format!("{field}: where the time of {} goes", runner.entrant.name));
                let work = || (0..turns).try_for_each(|_| runner.generator.turn(self.options.turn).map(drop));
                tcp = tcp_share(&runner.processes, work)
                    .inspect_err(|error| {
                        warn!("how much of an echo is TCP itself is not measured: {error:#}");
                    })
                    .ok();
            }
            let ratios: Vec<f64> = runner.costs.iter().zip(&reference).map(|(own, its)| own / its).collect();
            standings.push(Standing {
                name: runner.entrant.name.clone(),
                made_with: runner.entrant.made_with,
                ratio: Median::of(&ratios).context("no rounds")?,
                nanoseconds: Median::of(&runner.costs).context("no rounds")?,
                rate: Median::of(&runner.rates).context("no rounds")?,
                calls,
                floor: runner.entrant.floor,
            });
            runner.stop(self.options.size)?;
        }
        self.progress("");
        Ok(Field { connections, rounds, standings, tcp, absent })
    }

    fn start<'e>(&self, entrant: &'e Entrant, connections: usize, folder: &Path) -> Result<Runner<'e>> {
        let folder = tempfile::tempdir_in(folder).context("make a folder")?;
        let (command, place) = entrant.command(connections, folder.path())?;
        let server = Server::start(command, place, &self.processors)?;
        let generator = Generator::connect(&server.place, connections, self.options.size)?;
        let (costs, rates) = (Vec::new(), Vec::new());
        let control = entrant.floor.then(|| server.place.connect().map(File::from)).transpose();
        let control = control.context("connect")?;
        let mut runner = Runner {
            entrant,
            server,
            generator,
            control,
            processes: Vec::new(),
            costs,
            rates,
            _folder: folder,
        };
        // Everyone has one echo before anything counts.
        runner.turn(Duration::ZERO)?;
        runner.costs.clear();
        runner.rates.clear();
        runner.processes = runner.server.processes();
        Ok(runner)
    }

    /// One line on standard error that overwrites itself, where somebody looks (with an empty text it goes); elsewhere
    /// a line now and then.
    fn progress(&self, what: &str) {
        let (done, all) = self.turns;
        let left = match (what, done) {
            ("", _) | (_, 0) => String::new(),
            _ => {
                #[expect(clippy::cast_precision_loss, reason = "thousands of turns")]
                let left = self.begun.elapsed().mul_f64(all.saturating_sub(done) as f64 / done as f64);
                format!(", about {} s left", left.as_secs() + 1)
            }
        };
        if io::stderr().is_terminal() {
            let _ = write!(io::stderr(), "\r\u{1b}[K{what}{left}");
        } else if what.contains("round 1 of") {
            let _ = writeln!(io::stderr(), "{what}{left}");
        }
    }
}

impl Runner<'_> {
    fn turn(&mut self, time: Duration) -> Result<()> {
        let begun = Instant::now();
        let (echoes, worked) = self.ask(time)?;
        self.costs.push(cost(worked, echoes));
        #[expect(clippy::cast_precision_loss, reason = "thousands of echoes")]
        self.rates.push(echoes as f64 / begun.elapsed().as_secs_f64());
        Ok(())
    }

    /// One turn: how many echoes, and how long processors worked for the server.
    fn ask(&mut self, time: Duration) -> Result<(u64, Duration)> {
        if let Some(control) = &mut self.control {
            return self.generator.turn_in_step(time, control);
        }
        let before = worked(&self.processes);
        let echoes = self.generator.turn(time)?;
        Ok((echoes, worked(&self.processes).saturating_sub(before)))
    }

    /// System calls for an echo.
    fn count(&mut self, counter: Counter, time: Duration) -> Result<f64> {
        let mut echoes = 0;
        // Anew: a process that only answered the first look at the port is gone by now.
        let processes = self.server.processes();
        let calls = counter.during(&processes, || {
            (echoes, _) = self.ask(time)?;
            Ok(())
        })?;
        #[expect(clippy::cast_precision_loss, reason = "thousands of calls")]
        Ok(calls as f64 / echoes as f64)
    }

    /// Ends the server, which must have echoed as many bytes as the generator has counted.
    fn stop(self, size: usize) -> Result<()> {
        let counted = self.generator.echoes * size as u64;
        drop(self.generator);
        let said = self.server.stop()?;
        if self.entrant.sums {
            let line = said.lines().last().unwrap_or_default();
            let sum = line.strip_suffix(" bytes echoed").and_then(|line| line.rsplit(' ').next());
            ensure!(
                sum.and_then(|sum| sum.parse().ok()) == Some(counted),
                "{}: the generator has counted {counted} bytes, and the server says: {line}",
                self.entrant.name
            );
        }
        Ok(())
    }
}

/// Nanoseconds of processor time for an echo.
#[expect(clippy::cast_precision_loss, reason = "thousands of echoes")]
fn cost(worked: Duration, echoes: u64) -> f64 {
    worked.as_secs_f64() * 1e9 / echoes as f64
}
