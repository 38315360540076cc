//! Where a check works: the learner's program on its private network, and clients for it.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Instant;

use lab::error::Result;
use lab::record::call::Call;
use lab::signals::Signals;

use crate::check::{Exercise, Transport};
use crate::client::{Client, Kept};
use crate::explain;
use crate::fault::{Fault, Judged};
use crate::kernel::{self, Quiet};
use crate::program::{Place, Program};
use crate::wait::pause;

mod limits;
mod rest;
mod start;
mod talk;

pub use limits::Limits;

/// The port that parts one and two use.
pub const PORT: u16 = 6797;
/// The first port of a client. They are counted, so that a report says the same every time.
const FIRST_CLIENT: u16 = 40_001;

/// What is judged, and how.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What it is to be.
    pub exercise: &'static Exercise,
    /// The command that starts it.
    pub command: Vec<OsString>,
    /// The directory in which it runs.
    pub here: PathBuf,
    /// Whether its calls are watched.
    pub traced: bool,
    /// How long things may take.
    pub limits: Limits,
}

/// The place of work.
#[derive(Debug)]
pub struct Bench<'a> {
    /// What is judged.
    pub subject: &'a Subject,
    /// Where the program is to wait.
    pub place: Place,
    /// A folder that goes with the grader.
    pub scratch: &'a Path,
    signals: &'a Signals,
    program: Option<Program>,
    kept: Kept,
    next_port: u16,
    /// The program never sleeps: who waits for that waits in vain.
    restless: bool,
    /// How many descriptors the program may have, where that is not what is usual.
    pub descriptors: Option<u32>,
    /// Its calls are not watched, although they are elsewhere: that would take too long.
    pub unwatched: bool,
    /// What is happening, as a clause for a sentence: `when a client reset its connection`.
    pub moment: &'static str,
    /// What the learner should know although the check passes.
    pub note: Option<String>,
    /// The program's calls up to a fault, before anybody tried what it may be waiting for.
    pub calls: Option<Vec<Call>>,
}

impl<'a> Bench<'a> {
    /// Nothing runs yet.
    #[must_use]
    pub fn new(subject: &'a Subject, scratch: &'a Path, signals: &'a Signals) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
        Self {
            subject,
            place: Place {
                address,
                path: scratch.join("socket"),
                folder: scratch.join("received"),
                message: String::new(),
                file: scratch.join("hello.txt"),
                hosts: None,
            },
            scratch,
            signals,
            program: None,
            kept: Kept::default(),
            next_port: FIRST_CLIENT,
            descriptors: None,
            unwatched: false,
            restless: false,
            moment: "",
            note: None,
            calls: None,
        }
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.subject.limits
    }

    /// The program, where it was started.
    pub fn program(&mut self) -> Option<&mut Program> {
        self.program.as_mut()
    }

    /// Ends the program and everything of it.
    pub fn end(&mut self) {
        self.program = None;
        self.let_go();
    }

    /// Where the sockets of clients stay that are not needed any more.
    #[must_use]
    pub fn kept(&self) -> Kept {
        Kept::clone(&self.kept)
    }

    /// The clients that are not needed any more go away.
    pub fn let_go(&mut self) {
        self.kept.borrow_mut().clear();
    }

    /// Goes on only if nobody wants the grader to stop.
    ///
    /// # Errors
    /// Somebody does.
    pub fn go_on(&self) -> Result<()> {
        self.signals.go_on()
    }

    /// Whether the program has ended; by then the check is over.
    ///
    /// # Errors
    /// It has.
    pub fn lives(&mut self) -> Judged {
        match self.program.as_mut().and_then(Program::ended) {
            None => Ok(()),
            Some(_) => Err(explain::died(self).into()),
        }
    }

    /// A new client is served as if nothing had happened.
    ///
    /// # Errors
    /// It is not.
    pub fn still_serves(&mut self) -> Judged {
        self.lives()?;
        let mut next = self.connect()?;
        self.echo(&mut next, b"still there?\n")
    }

    /// Waits until every connection's end on the program's side is gone.
    ///
    /// # Errors
    /// The grader has to stop.
    pub fn all_closed(&mut self) -> Judged<bool> {
        let begun = Instant::now();
        let mut quiet = Quiet::from_now();
        let port = self.place.address.port();
        loop {
            self.go_on()?;
            let open = match self.subject.exercise.transport {
                Transport::Unix => {
                    kernel::unix()?.iter().any(|row| row.is_at(&self.place.path) && !row.listens)
                }
                _ => kernel::tcp()?
                    .iter()
                    .any(|row| row.local.port() == port && matches!(row.state, 1 | kernel::CLOSE_WAIT)),
            };
            if !open {
                return Ok(true);
            }
            let Some(program) = &mut self.program else { return Ok(true) };
            let is_quiet = program.quiet(&mut quiet) > self.subject.limits.quiet;
            if is_quiet || begun.elapsed() > self.subject.limits.busy {
                return Ok(false);
            }
            pause(begun);
        }
    }

    /// How many clients there have been since the program was started in its network.
    #[must_use]
    pub fn clients(&self) -> usize {
        usize::from(self.next_port - FIRST_CLIENT)
    }

    /// A fault about the connection of this client.
    #[must_use]
    pub fn fault_on(&self, client: &Client, sentence: impl Into<String>) -> Fault {
        Fault::new(sentence).on(client.address, Some(client.exchange()))
    }
}
