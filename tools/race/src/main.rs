//! The measured race: every design of the course beside peers in other languages, in one run that anyone can repeat.
//!
//! What is measured is the time that processors work for the server, for each echo: it does not depend on who else
//! uses the machine as much as a rate does. All servers are up all the time and take turns of some 40 ms, in an order
//! that rotates; each turn is compared with the reference's turn of the same round. The reference takes part twice:
//! what it differs from itself is noise.

mod calls;
mod entrants;
mod generator;
mod machine;
mod measure;
mod plot;
mod profile;
mod report;
mod server;
mod statistics;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use common::arguments::{Arg, Arguments, Error, number, text};
use common::program;
use tracing::{info, warn};

use crate::calls::Counter;
use crate::machine::Machine;
use crate::report::Report;

const HELP: &str = "\
Measures every echo server of the course beside peers in other languages, in one run: the
processor time of the server for each echo, as a ratio to a C server's.

Usage: cargo run --release -p race -- [OPTIONS]

  --connections LIST  how many connections, with commas [default: 1,50,1000]
  --rounds N          how many turns each server has with each of them; more rounds make
                      the intervals narrower [default: 40, and 80 with 50 connections]
  --turn MS           how long a turn is [default: 40]
  --size BYTES        the length of a message, 1 to 4096 [default: 512]
  --only WORD         only servers whose name contains WORD, and the reference
  --json FILE         write everything that was measured
  --svg FILE          write the picture
  -h, --help          print this help
  -V, --version       print the version

It takes under three minutes. Progress goes to standard error.
";

/// What is asked for.
#[derive(Debug)]
pub struct Options {
    connections: Vec<usize>,
    rounds: Option<usize>,
    turn: Duration,
    size: usize,
    only: Option<String>,
    json: Option<PathBuf>,
    svg: Option<PathBuf>,
}

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Options::from_words, |options| race(&options))
}

impl Options {
    fn from_words(words: &mut Arguments) -> Result<Self, Error> {
        let mut options = Self {
            connections: vec![1, 50, 1000],
            rounds: None,
            turn: Duration::from_millis(40),
            size: 512,
            only: None,
            json: None,
            svg: None,
        };
        while let Some(word) = words.word()? {
            match word {
                Arg::Long("connections") => options.connections = list(words.value()?)?,
                Arg::Long("rounds") => options.rounds = Some(number("--rounds", words.value()?, 1..=10_000)?),
                Arg::Long("turn") => {
                    options.turn = Duration::from_millis(number("--turn", words.value()?, 1..=10_000)?);
                }
                Arg::Long("size") => options.size = number("--size", words.value()?, 1..=4096)?,
                Arg::Long("only") => options.only = Some(text(words.value()?)?),
                Arg::Long("json") => options.json = Some(words.value()?.into()),
                Arg::Long("svg") => options.svg = Some(words.value()?.into()),
                word => return Err(word.unexpected().into()),
            }
        }
        Ok(options)
    }

    /// How many rounds there are with so many connections: the goals are held with 50, so it has the narrowest interval.
    fn rounds(&self, connections: usize) -> usize {
        self.rounds.unwrap_or(if connections == 50 { 80 } else { 40 })
    }
}

fn list(word: OsString) -> Result<Vec<usize>, Error> {
    let word = text(word)?;
    word.split(',').map(|part| number("--connections", part.trim().into(), 1..=4000)).collect()
}

fn race(options: &Options) -> Result<()> {
    if cfg!(debug_assertions) {
        warn!("built without --release: the figures will be about the compiler, not about the designs");
    }
    let folder = tempfile::tempdir().context("make a folder")?;
    let mut machine = Machine::describe();
    let (mut entrants, lacks) = entrants::find(folder.path(), &mut machine)?;
    if let Some(word) = &options.only {
        entrants.retain(|entrant| {
            entrant.made_with == "C" && entrant.name.contains("epoll") || entrant.name.contains(word)
        });
    }
    for sentence in &lacks {
        warn!("{sentence}");
    }
    let counter = Counter::find();
    if counter.is_none() {
        warn!("neither perf nor strace can be used: system calls are not counted");
    }
    info!("{}", machine.line());

    let mut report = Report { machine, size: options.size, counter, lacks, check: None, fields: Vec::new() };
    let mut meter = measure::Meter::new(options, counter, &entrants)?;
    report.check = Some(meter.check_generator(&entrants, folder.path())?);
    for &connections in &options.connections {
        let field = meter.measure(&entrants, connections, folder.path())?;
        info!("{}", field.to_string().trim_end());
        report.fields.push(field);
    }
    info!("\n{}", report.verdict());

    if let Some(file) = &options.json {
        let json = serde_json::to_string_pretty(&report).context("write JSON")?;
        fs::write(file, json + "\n").with_context(|| format!("write {}", file.display()))?;
    }
    if let Some(file) = &options.svg {
        fs::write(file, plot::svg(&report)).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}
