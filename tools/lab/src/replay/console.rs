//! A block of a terminal: opens it, types, and waits for the prompt.

use std::time::{Duration, Instant};

use super::player::Replay;
use super::stream::{End, Pending, Place, Running};
use super::{Came, Sees, Stop, machine};
use crate::book::block::{Block, Console, Input, Kind, host_of};
use crate::error::Error;
use crate::network;
use crate::record::event::Lane;

/// How long a control key waits for a command that does not rest: one that is busy gets it then.
const BEGUN: Duration = Duration::from_secs(2);

/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(5);

impl Replay<'_> {
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
        let shell = self.session.foreground(name);
        let stream = self.stream(lane);
        let running = stream.running.replace(Running { at, shell, interrupted: false });
        if let Some(Pending::Prompt(status)) = stream.seen.pop_front()
            && let Some(running) = running
            && command.trim() != "echo $?"
        {
            self.status(&running, status);
        }
        self.reserve_ports();
        self.watcher.typed(name, &Input::Command(command.to_owned()));
        let command = self.renaming.to_run(command);
        self.session.enter(name, &command)?;
        self.echo(lane, &command);
        Ok(())
    }

    /// Takes the ports that the page has shown out of those from which the kernel chooses (ip(7)). Of 14,000 it once chose
    /// the same for two connections, and the page has two numbers for them. A page that says itself which ports there are
    /// is let alone.
    fn reserve_ports(&mut self) {
        const RANGE: &str = "net.ipv4.ip_local_port_range";
        let ports = self.renaming.ports();
        let says_range = |block: &Block| matches!(&block.kind, Kind::Setting { name, .. } if name == RANGE);
        let is_ours = self.stage.network.missing().is_none()
            && !self.page.settings.sysctls.iter().any(|(name, _)| name == RANGE)
            && !self.page.blocks.iter().any(says_range);
        if !is_ours || ports == self.reserved {
            return;
        }
        let list: Vec<String> = ports.iter().map(u16::to_string).collect();
        self.reserved = ports;
        // A kernel that does not take it leaves it to chance, as before.
        let _ =
            self.session.hosts().each(|| network::set("net.ipv4.ip_local_reserved_ports", &list.join(",")));
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
                self.wait_for_the_command(name, lane);
                if let Some(running) = &mut self.stream(lane).running {
                    running.interrupted = true;
                }
                self.session.press(name, *key)?;
            }
            Input::Nothing | Input::Command(_) => {}
        }
        Ok(())
    }

    /// As a reader does: a ^C that comes while the shell still starts the programs, or has named the job of `fg` and
    /// not handed the terminal over, reaches the shell alone, or one program of several.
    fn wait_for_the_command(&mut self, name: &str, lane: &Lane) {
        let Some(shell) = self.stream(lane).running.as_ref().and_then(|running| running.shell) else {
            return;
        };
        let deadline = self.deadline().min(Instant::now() + BEGUN);
        while !self.session.rests(name, shell) && Instant::now() < deadline {
            self.next_event(Instant::now() + LOOK);
        }
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
