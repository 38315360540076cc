//! A program that runs and is watched, a second terminal beside it, and what the reader types.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime};

use crate::error::{Error, Result};
use crate::hosts::Hosts;
use crate::hosts::plan::Plan;
use crate::network::Network;
use crate::observe::terminal::Takes;
use crate::privilege;
use crate::record::event::{Interface, Lane, What};
use crate::record::order::PATIENCE;
use crate::session::Session;
use crate::show::observe::{COMMAND, SECOND, Showing};
use crate::show::reader::{Typed, not_shown};
use crate::signals::{INTERRUPTED, Signals};

/// The keys ^C and ^D.
const INTERRUPT: u8 = 3;
const END_OF_INPUT: u8 = 4;

/// How long a loop sleeps when nothing happens.
const TICK: Duration = Duration::from_millis(20);
/// When COMMAND has ended, no client is left, and nothing was seen for so long, there is nothing more to show.
const QUIET: Duration = Duration::from_millis(300);
/// How long COMMAND may take to end after ^C, and other lanes to fall silent after COMMAND.
const GRACE: Duration = Duration::from_secs(2);

/// What is observed, and where.
pub(crate) struct Start<'a> {
    pub(crate) command: &'a [OsString],
    pub(crate) here: &'a Path,
    pub(crate) network: &'a Network,
    /// What COMMAND's terminal can do, as `TERM` tells it. Among other lines nothing may move the cursor.
    pub(crate) kind: &'a str,
}

/// A program that runs and is watched, and the reader beside it.
pub(crate) struct Observation {
    session: Session,
    typed: Receiver<Typed>,
    has_ended: bool,
    second_is: Second,
    /// Something was typed since its last prompt.
    second_is_busy: bool,
    /// How each terminal took what is typed, when that was asked last.
    takes: [(&'static str, Takes); 2],
}

impl Observation {
    pub(crate) fn start(start: &Start<'_>, typed: Receiver<Typed>, lanes: &mut impl Showing) -> Result<Self> {
        let Start { command, here, network, kind } = *start;
        let mut session = Session::start(Hosts::start(&Plan::default())?)?;
        let mut aside = |text: String| lanes.aside(&text).map_err(not_shown);

        match network.missing() {
            None => {
                let program = std::env::current_exe()
                    .map_err(|error| Error::of("find the laboratory's own program", error))?;
                let pid = std::process::id();
                aside(format!(
                    "on a private network; from another window: {} enter {pid}",
                    program.display()
                ))?;
            }
            Some(missing) => aside(format!("on the host's own network, because: {missing}"))?,
        }
        if kind == "dumb" && io::stdin().is_terminal() {
            aside("what you type goes to a second terminal; ^D closes it, ^C ends the command".to_owned())?;
        }
        match network {
            Network::Private => {
                if let Err(error) = session.capture(Interface::loopback()) {
                    aside(format!("{:#}", anyhow::Error::new(error)))?;
                }
            }
            Network::Host(..) => {
                aside("no packets: they are captured on private networks only".to_owned())?;
            }
        }
        let mut words = match session.trace(COMMAND, &[])? {
            Ok(words) => words,
            Err(missing) => {
                aside(format!("no system calls: {missing}"))?;
                Vec::new()
            }
        };
        lanes.expect(&Lane::Packets(Interface::loopback()));
        lanes.expect(&Lane::Calls(COMMAND.to_owned()));

        let capabilities: &[_] = if network.missing().is_none() { &privilege::OBSERVED } else { &[] };
        session.open(SECOND, &[], here, kind, "", capabilities)?;
        words.extend(command.iter().cloned());
        session.run(COMMAND, &words, here, kind, capabilities)?;
        Ok(Self {
            session,
            typed,
            has_ended: false,
            second_is: Second::Starting,
            second_is_busy: false,
            takes: [COMMAND, SECOND].map(|name| (name, Takes::default())),
        })
    }

    /// Shows what happens until the command has ended and all is quiet.
    pub(crate) fn run(mut self, lanes: &mut impl Showing, signals: &Signals) -> Result<u8> {
        let mut ended: Option<(u8, Instant)> = None;
        let mut interrupted: Option<Instant> = None;
        let mut said = false;
        let mut last_event = Instant::now();
        loop {
            if self.see(lanes)? {
                last_event = Instant::now();
            }
            self.pass_on()?;
            self.tell_how_typed(lanes).map_err(not_shown)?;
            lanes.overdue().map_err(not_shown)?;

            match signals.next() {
                None => {}
                // The first ^C is the command's.
                Some(INTERRUPTED) if interrupted.is_none() && ended.is_none() => {
                    interrupted = Some(Instant::now());
                    self.session.press(COMMAND, INTERRUPT)?;
                }
                Some(status) => return Ok(status),
            }
            if ended.is_none() {
                let status = self.session.status(COMMAND)?;
                ended = status.map(|status| (exit_code(status), Instant::now()));
                self.has_ended = ended.is_some();
            }
            if ended.is_some() && self.is_quiet(last_event) {
                let living = self.session.living_beside(SECOND);
                if living > 0 && !said {
                    said = true;
                    let text =
                        format!("COMMAND has ended, and left {living} running: watched until you press ^C");
                    lanes.aside(&text).map_err(not_shown)?;
                }
                if living > 0 {
                    continue;
                }
            }
            match (ended, interrupted) {
                (Some((code, at)), _) if self.is_quiet(last_event) || at.elapsed() > GRACE => {
                    if lanes.ended(code).map_err(not_shown)? {
                        continue;
                    }
                    let (_, rest) = self.session.finish();
                    for ordered in rest {
                        lanes.see(ordered).map_err(not_shown)?;
                    }
                    return Ok(code);
                }
                (None, Some(at)) if at.elapsed() > GRACE => return Ok(INTERRUPTED),
                _ => {}
            }
        }
    }

    /// Nothing more is to be expected: nothing happens, and nothing runs in the second terminal.
    fn is_quiet(&self, last_event: Instant) -> bool {
        last_event.elapsed() > QUIET && !self.second_is_busy
    }

    /// Takes what has happened; waits a tick if nothing has. Not all of it at once: a program may print without end.
    fn see(&mut self, lanes: &mut impl Showing) -> Result<bool> {
        let mut next = self.session.next(Instant::now() + TICK);
        let is_something = next.is_some();
        let deadline = Instant::now() + TICK;
        while let Some(event) = next {
            if event.lane == Lane::Terminal(SECOND.to_owned()) {
                match event.what {
                    What::Prompt { .. } => {
                        self.second_is = self.second_is.at_prompt();
                        self.second_is_busy = false;
                    }
                    What::Closed => {
                        self.second_is = Second::Closed;
                        self.second_is_busy = false;
                    }
                    _ => {}
                }
            }
            next = if Instant::now() < deadline { self.session.next(Instant::now()) } else { None };
        }
        let now = SystemTime::now();
        for ordered in self.session.ordered(now.checked_sub(PATIENCE).unwrap_or(now)) {
            lanes.see(ordered).map_err(not_shown)?;
        }
        Ok(is_something)
    }

    /// Types into the second terminal what the reader has typed. Not before its first prompt: the shell's greeting and
    /// the line would run together.
    fn pass_on(&mut self) -> Result<()> {
        match self.second_is {
            Second::Starting | Second::Closing { at_prompt: false } => return Ok(()),
            Second::Open | Second::Closed => {}
            // Back at the prompt after the end of input reached a program: now it is the shell's turn.
            Second::Closing { at_prompt: true } => {
                self.second_is = Second::Closing { at_prompt: false };
                return self.session.press(SECOND, END_OF_INPUT);
            }
        }
        while let Ok(typed) = self.typed.try_recv() {
            match typed {
                Typed::Line(line) => self.enter(SECOND, &line)?,
                Typed::End if matches!(self.second_is, Second::Open) => {
                    self.second_is = Second::Closing { at_prompt: false };
                    return self.session.press(SECOND, END_OF_INPUT);
                }
                Typed::To(name, line) => self.enter(&name, &line)?,
                Typed::Key(name, key) if self.has_reader(&name) => self.session.press(&name, key)?,
                Typed::Size(name, size) if self.has_reader(&name) => self.session.resize(&name, size)?,
                Typed::Strokes(name, keys, line) if self.has_reader(&name) => {
                    self.second_is_busy |= name == SECOND;
                    self.session.stroke(&name, &keys, line)?;
                }
                Typed::End | Typed::Key(..) | Typed::Strokes(..) | Typed::Size(..) => {}
            }
        }
        Ok(())
    }

    /// Tells how the terminals take what is typed, where that has changed.
    fn tell_how_typed(&mut self, lanes: &mut impl Showing) -> io::Result<()> {
        for (name, before) in &mut self.takes {
            let now = self.session.takes(name);
            if now != *before {
                *before = now;
                lanes.takes(name, now)?;
            }
        }
        Ok(())
    }

    fn enter(&mut self, name: &str, line: &str) -> Result<()> {
        if !self.has_reader(name) {
            return Ok(());
        }
        self.second_is_busy |= name == SECOND;
        self.session.enter(name, line)
    }

    /// Whether anybody is there who reads what is typed.
    fn has_reader(&self, name: &str) -> bool {
        if name == SECOND { !matches!(self.second_is, Second::Closed) } else { !self.has_ended }
    }
}

/// What the second terminal is at.
#[derive(Debug, Clone, Copy)]
enum Second {
    Starting,
    Open,
    /// The end of input was passed on; every program in it, and at last the shell, gets it.
    Closing {
        at_prompt: bool,
    },
    Closed,
}

impl Second {
    fn at_prompt(self) -> Self {
        match self {
            Self::Starting | Self::Open => Self::Open,
            Self::Closing { .. } => Self::Closing { at_prompt: true },
            Self::Closed => Self::Closed,
        }
    }
}

/// As a shell tells it.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
