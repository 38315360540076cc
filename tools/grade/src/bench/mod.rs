//! Where a check works: the learner's program on its private network, and clients for it.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lab::error::Result;
use lab::network;
use lab::record::call::Call;
use lab::signals::Signals;

use crate::check::{Exercise, Ready, Transport};
use crate::client::{Client, Kept};
use crate::explain;
use crate::fault::{Fault, Judged, Stop, fault};
use crate::kernel::{self, Quiet};
use crate::program::{Place, Program};
use crate::wait::pause;

mod rest;
mod talk;

/// The port that parts one and two use.
pub const PORT: u16 = 6797;
/// The first port of a client. They are counted, so that a report says the same every time.
const FIRST_CLIENT: u16 = 40_001;

/// What a network here has otherwise than a machine: back-pressure comes after about 150,000 bytes instead of millions,
/// and a learner's program may have any port.
const SETTINGS: [(&str, &str); 3] = [
    ("net.ipv4.tcp_rmem", "4096 65536 131072"),
    ("net.ipv4.tcp_wmem", "4096 16384 131072"),
    ("net.ipv4.ip_unprivileged_port_start", "0"),
];

/// Programs that compile others: while one of them lives, a first start may take a minute.
const COMPILERS: [&str; 12] =
    ["cargo", "rustc", "cc", "cc1", "gcc", "clang", "ld", "go", "compile", "javac", "tsc", "make"];

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until a program listens.
    pub start: Duration,
    /// The same while a compiler runs.
    pub compile: Duration,
    /// Every other wait for something that a program does at once.
    pub wait: Duration,
    /// The same while the program moves: on a busy machine it gets to it later.
    pub busy: Duration,
    /// A program that does not move for so long will not move.
    pub quiet: Duration,
}

impl Limits {
    /// Those for a program that is `slow` times as slow as usual.
    #[must_use]
    pub fn times(slow: f64) -> Self {
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds * slow).unwrap_or(Duration::MAX / 4);
        Self {
            start: seconds(10.0),
            compile: seconds(60.0),
            wait: seconds(5.0),
            busy: seconds(20.0),
            quiet: seconds(1.0),
        }
    }
}

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

    /// Gives a network in which nothing has happened yet, and starts the program there without waiting for anything.
    ///
    /// # Errors
    /// There is no network to be had, or the program cannot be run.
    pub fn launch(&mut self) -> Result<()> {
        self.fresh_network()?;
        self.launch_here()
    }

    /// Gives a network in which nothing has happened yet.
    ///
    /// # Errors
    /// There is none to be had.
    pub fn fresh_network(&mut self) -> Result<()> {
        self.end();
        // A server in the Unix domain that was killed has left its file.
        let _ = std::fs::remove_file(&self.place.path);
        network::fresh()?;
        SETTINGS.iter().try_for_each(|(name, value)| network::set(name, value))?;
        self.next_port = FIRST_CLIENT;
        Ok(())
    }

    /// Starts the program in the network as it is.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn launch_here(&mut self) -> Result<()> {
        self.end();
        self.restless = false;
        let subject = self.subject;
        let command = self.limited(&subject.command);
        self.program = Some(Program::start(
            &command,
            &self.place,
            &subject.here,
            self.scratch,
            subject.traced && !self.unwatched,
        )?);
        Ok(())
    }

    /// The command, by a shell that first sets the limit of descriptors, for good: the program cannot raise it again.
    fn limited(&self, command: &[OsString]) -> Vec<OsString> {
        let Some(limit) = self.descriptors else { return command.to_vec() };
        let script = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
        let mut words: Vec<OsString> = vec!["sh".into(), "-c".into(), script.into()];
        words.extend(command.iter().cloned());
        words
    }

    /// Starts the program in a new network, and waits until it can be spoken to.
    ///
    /// # Errors
    /// It cannot.
    pub fn restart(&mut self) -> Judged {
        self.launch()?;
        self.wait_ready().map_err(|stop| match stop {
            Stop::Fault(fault) => Stop::Fault(Box::new(Fault { fatal: true, ..*fault })),
            other => other,
        })
    }

    /// The program runs and can be spoken to; it is started if it does not.
    ///
    /// # Errors
    /// It cannot.
    pub fn running(&mut self) -> Judged {
        let runs = self.program.as_mut().is_some_and(|program| program.ended().is_none());
        if runs && (self.subject.exercise.ready)(&self.place)? == Ready::Yes {
            return Ok(());
        }
        self.restart()
    }

    /// Waits until the program can be spoken to.
    ///
    /// # Errors
    /// It has ended, waits elsewhere, or does nothing of the kind in time.
    pub fn wait_ready(&mut self) -> Judged {
        let begun = Instant::now();
        let mut elsewhere: Option<Instant> = None;
        let (mut looks, mut working) = (0_u32, 0_u32);
        loop {
            self.go_on()?;
            let ready = (self.subject.exercise.ready)(&self.place)?;
            let Some(program) = &mut self.program else { return fault("Your program does not run.") };
            match ready {
                Ready::Yes => return Ok(()),
                Ready::NotYet => {}
                // It may be one socket of several.
                Ready::Elsewhere(_) if elsewhere.is_none_or(|since| since.elapsed().as_millis() < 300) => {
                    elsewhere.get_or_insert_with(Instant::now);
                }
                Ready::Elsewhere(place) => {
                    return Err(explain::elsewhere(self, &place).into());
                }
            }
            if program.ended().is_some() {
                return Err(explain::ended_early(self).into());
            }
            let members = program.members();
            let compiles = members.iter().any(|member| COMPILERS.contains(&member.name.as_str()));
            // One that works all the time, or waits for a processor all the time, is still on its way.
            looks += 1;
            working += u32::from(kernel::runs(&members));
            let limits = self.limits();
            let limit = if compiles || working * 2 > looks { limits.compile } else { limits.start };
            if begun.elapsed() > limit {
                return Err(explain::never_ready(self)?.into());
            }
            pause(begun);
        }
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
