//! Level after level: which checks are made, and what each came to.

use std::time::{Duration, Instant};

use lab::error::Result;
use lab::missing::Missing;
use lab::signals::Signals;

use crate::bench::{Bench, Subject};
use crate::calls;
use crate::check::Check;
use crate::fault::{Fault, Stop};
use crate::program::{Program, ending};

/// Which of the checks of an exercise are made.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Only those of this level.
    pub level: Option<usize>,
    /// Only these, by their ids.
    pub only: Vec<String>,
    /// Goes on after a level in which something failed.
    pub all: bool,
    /// How many calls of a failure are shown.
    pub calls: usize,
}

/// What a check came to.
#[derive(Debug)]
pub struct Outcome {
    /// The check.
    pub check: &'static Check,
    /// How it went.
    pub status: Status,
    /// How long it took.
    pub took: Duration,
}

/// How a check went.
#[derive(Debug)]
pub enum Status {
    /// The program is right; there may be something to know all the same.
    Pass(Option<String>),
    /// It is not.
    Fail(Box<Failure>),
    /// Not made: an earlier level failed.
    NotReached,
    /// Not made: this machine lacks something.
    NotChecked(Missing),
}

/// A failed check, with what was seen.
#[derive(Debug)]
pub struct Failure {
    /// What is wrong.
    pub fault: Fault,
    /// The program's calls that tell of it, as lines; `None` where calls are not seen.
    pub calls: Option<Vec<String>>,
    /// What the program has said on standard error.
    pub stderr: String,
    /// How it ended, if it has.
    pub exit: Option<String>,
}

/// Who is told how far it is.
pub trait Watcher {
    /// A level begins.
    ///
    /// # Errors
    /// It cannot be shown.
    fn level(&mut self, level: usize) -> Result<()>;
    /// A check begins.
    ///
    /// # Errors
    /// It cannot be shown.
    fn begins(&mut self, check: &'static Check) -> Result<()>;
    /// A check was made.
    ///
    /// # Errors
    /// It cannot be shown.
    fn ended(&mut self, outcome: &Outcome) -> Result<()>;
}

/// Makes the chosen checks; gives what each came to, in the order of the exercise.
///
/// # Errors
/// The grader itself could not go on, or has to stop.
pub fn run(
    subject: &Subject,
    choice: &Choice,
    signals: &Signals,
    scratch: &std::path::Path,
    watcher: &mut dyn Watcher,
) -> Result<Vec<Outcome>> {
    let mut bench = Bench::new(subject, scratch, signals);
    let mut outcomes = Vec::new();
    let mut level = 0;
    let (mut failed_in, mut is_fatal) = (None, false);
    for check in subject.exercise.checks.iter().filter(|check| choice.takes(check)) {
        if is_fatal || failed_in.is_some_and(|failed| failed < check.level) && !choice.all {
            outcomes.push(Outcome { check, status: Status::NotReached, took: Duration::ZERO });
            continue;
        }
        if level != check.level {
            level = check.level;
            watcher.level(level)?;
        }
        watcher.begins(check)?;
        let outcome = judge(&mut bench, check, choice.calls)?;
        if let Status::Fail(failure) = &outcome.status {
            failed_in.get_or_insert(check.level);
            is_fatal = failure.fault.fatal;
        }
        watcher.ended(&outcome)?;
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

impl Choice {
    /// Whether this check is among them.
    #[must_use]
    pub fn takes(&self, check: &Check) -> bool {
        self.level.is_none_or(|level| level == check.level)
            && (self.only.is_empty() || self.only.iter().any(|id| id == check.id))
    }
}

fn judge(bench: &mut Bench<'_>, check: &'static Check, most: usize) -> Result<Outcome> {
    bench.moment = "";
    bench.note = None;
    bench.calls = None;
    bench.place.address.set_port(crate::bench::PORT);
    let begun = Instant::now();
    let status = match (check.judge)(bench) {
        Ok(()) => {
            // What the clients' going away brings about belongs to this check, not to the next.
            bench.let_go();
            if let Err(Stop::Grader(error)) = bench.settle() {
                return Err(error);
            }
            Status::Pass(bench.note.take())
        }
        Err(Stop::Grader(error)) => return Err(error),
        Err(Stop::NotChecked(missing)) => Status::NotChecked(missing),
        Err(Stop::Fault(fault)) => {
            let failure = failure(bench, *fault, most);
            // One death must not fail what comes after.
            bench.end();
            Status::Fail(Box::new(failure))
        }
    };
    Ok(Outcome { check, status, took: begun.elapsed() })
}

fn failure(bench: &mut Bench<'_>, fault: Fault, most: usize) -> Failure {
    let said = bench.said();
    let all = bench.calls.take().or_else(|| bench.called());
    let transport = bench.subject.exercise.transport;
    let calls = all.map(|all| {
        let own = calls::of_clients(&all, &fault.clients);
        calls::lines(&calls::without_lookups(own, transport), most)
    });
    let exit = bench.program().and_then(Program::ended).map(ending);
    // A file of the learner's is known by its name here.
    let stderr = said.replace(&format!("{}/", bench.subject.here.display()), "");
    Failure { fault, calls, stderr, exit }
}
