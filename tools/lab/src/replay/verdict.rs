//! What a played page comes to, block by block.

use std::time::Instant;

use super::player::Replay;
use super::stream::{Pending, Place, Running};
use super::{Came, Outcome, Played, QUIET_AT_THE_END};
use crate::missing::Missing;
use crate::record::event::Lane;

impl Replay<'_> {
    /// What came after the last block of each stream.
    pub(super) fn leftovers(&mut self) {
        let mut quiet = Instant::now() + QUIET_AT_THE_END;
        while self.next_event(quiet) {
            quiet = Instant::now() + QUIET_AT_THE_END;
        }
        for (lane, mut stream) in std::mem::take(&mut self.streams) {
            // A page need not show calls and packets; but what it shows is whole.
            let Some(owner) = stream.owner else { continue };
            if stream.left_out > 0 {
                let line = self.page.blocks.get(owner).map_or(0, |block| block.line);
                let sentence = format!("{} lines more came than are kept", stream.left_out);
                self.complain(Place { block: owner, line }, sentence);
            }
            let mut came = Vec::new();
            let mut back = None;
            for seen in stream.seen.drain(..) {
                match seen {
                    Pending::Line(text) => came.push(Came { text, lenient: false }),
                    Pending::Packet(packet) => {
                        came.push(Came { text: packet.to_string(), lenient: packet.pure_ack });
                    }
                    Pending::Prompt(status) => back = Some(status),
                }
            }
            if !stream.partial.is_empty() && back.is_none() {
                came.push(Came { text: stream.partial.clone(), lenient: false });
            }
            if let (Some(status), Some(running)) = (back, &stream.running) {
                self.status(running, status);
            }
            match came.iter().find(|came| !came.lenient) {
                Some(first) if self.stage.update => {
                    let line = self.page.blocks.get(owner).map_or(0, |block| block.line + block.lines.len());
                    let sentence =
                        format!("more came later than this block, and none shows it: {}", first.text);
                    self.complain(Place { block: owner, line }, sentence);
                }
                _ => self.append(owner, came),
            }
            self.streams.insert(lane, stream);
        }
    }

    /// Ends what still runs as a reader would, with ^C; whoever ignores it is killed with its terminal.
    pub(super) fn interrupt(&mut self) {
        let names: Vec<String> = self.session.terminals().map(str::to_owned).collect();
        for name in &names {
            let _ = self.session.press(name, 3); // a closed terminal has nothing left to end
        }
        let deadline = Instant::now() + QUIET_AT_THE_END;
        loop {
            let prompts = self.streams.iter().filter(|(lane, stream)| {
                matches!(lane, Lane::Terminal(_))
                    && (stream.closed || matches!(stream.seen.back(), Some(Pending::Prompt(_))))
            });
            if prompts.count() == names.len() {
                return;
            }
            match self.session.next(deadline) {
                Some(event) => self.file(event),
                None => return,
            }
        }
    }

    /// Compares everything once more, now that all that came is known.
    pub(super) fn compare(&mut self) {
        let mut renaming = self.renaming.clone();
        let mut outcomes = std::mem::take(&mut self.outcomes);
        for (index, outcome) in outcomes.iter_mut().enumerate() {
            let Outcome::Played(played) = outcome else {
                continue;
            };
            for step in &mut played.steps {
                step.rows = self.rows(index, step, &mut renaming);
                if self.stage.update && !played.failed && !step.agrees() {
                    // Rewritten as it was, pure ACKs and all.
                    self.pure_acks.retain(|(block, _)| *block != index);
                    step.came.iter_mut().for_each(|came| came.lenient = false);
                    step.rows = self.rows(index, step, &mut renaming);
                }
            }
        }
        self.outcomes = outcomes;
        self.renaming = renaming;
    }

    pub(super) fn played(&mut self, index: usize) -> Option<&mut Played> {
        match self.outcomes.get_mut(index) {
            Some(Outcome::Played(played)) => Some(played),
            _ => None,
        }
    }

    pub(super) fn not_checked(&mut self, index: usize, missing: &Missing) {
        if let (Some(block), Some(outcome)) = (self.page.blocks.get(index), self.outcomes.get_mut(index)) {
            self.watcher.not_checked(block, missing);
            *outcome = Outcome::NotChecked(missing.clone());
        }
    }

    pub(super) fn complain(&mut self, at: Place, sentence: String) {
        match self.played(at.block) {
            Some(played) => played.complaints.push((at.line, sentence)),
            None => self.stray.push((at.line, sentence)),
        }
    }

    /// What is wrong with the run itself, at the block that plays.
    pub(super) fn complain_here(&mut self, sentence: String) {
        let block = self.outcomes.len().saturating_sub(1);
        let line = self.page.blocks.get(block).map_or(1, |block| block.line);
        self.complain(Place { block, line }, sentence);
    }

    pub(super) fn fail(&mut self, index: usize) {
        if let Some(played) = self.played(index) {
            played.failed = true;
        }
    }

    /// Lines that no block has asked for belong after the block that showed the last ones of their stream.
    pub(super) fn append(&mut self, owner: usize, came: Vec<Came>) {
        if let Some(step) = self.played(owner).and_then(|played| played.steps.last_mut()) {
            step.came.extend(came);
        }
    }

    pub(super) fn came_unasked(&mut self, lane: &Lane, came: Vec<Came>) {
        if let Some(owner) = self.stream(lane).owner {
            self.append(owner, came);
        }
    }

    /// A command that failed although the page does not say so.
    pub(super) fn status(&mut self, running: &Running, status: i32) {
        let by_signal = status > 128;
        if status != 0 && !(running.interrupted && by_signal) {
            let sentence = format!(
                "this ended with exit status {status}; where that is meant, the block says exit={status}"
            );
            self.fail(running.at.block);
            self.complain(running.at, sentence);
        }
    }
}
