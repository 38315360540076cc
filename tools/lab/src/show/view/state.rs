//! What the view is at: which position is looked at, what is enlarged, what the run waits for. The run itself only goes
//! forwards; going back is looking at an earlier position.

use std::collections::HashMap;
use std::time::Instant;

use crate::show::view::keyboard::Keyboard;
use crate::show::view::model::Model;
use crate::show::view::pace::Pace;
use crate::show::view::theme::Theme;
use crate::show::view::words::Words;

/// A part of the view that can be enlarged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All parts beside each other.
    All,
    /// The words of the page.
    Words,
    /// The terminals.
    Terminals,
    /// The run between them.
    Run,
}

/// What lies over it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Nothing.
    Nothing,
    /// The row that is looked at, in full.
    Detail,
    /// What each key does.
    Help,
}

/// What the run is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// It waits for the reader, before this block.
    Waiting(usize),
    /// It goes on.
    Running,
    /// It has ended.
    Ended,
}

/// What is to be done outside the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The block that waits may play.
    Go,
    /// This was typed into the terminal.
    Line(String, String),
    /// This key was pressed in the terminal, as its byte.
    Press(String, u8),
    /// These keys were pressed in the terminal, as their bytes; the line that they end.
    Strokes(String, Vec<u8>, Option<String>),
    /// This terminal has so many rows and columns.
    Size(String, (u16, u16)),
    /// Enough.
    Leave,
    /// Enough, said with ^C.
    Interrupt,
}

/// The view.
#[derive(Debug)]
pub struct View {
    /// What the bar at the top says.
    pub title: String,
    /// The run so far.
    pub model: Model,
    /// The words of the page, where there is one.
    pub words: Option<Words>,
    /// What a block shows that only the run can tell: the packet that it takes apart.
    pub extras: HashMap<usize, Vec<String>>,
    /// The colours.
    pub theme: Theme,
    /// So many rows have happened, as far as the reader looks.
    pub position: usize,
    /// The position goes with the run.
    pub follows: bool,
    /// The next row that comes is stepped to.
    owes_step: bool,
    /// The block whose words are shown, where the position does not tell.
    reading: Option<usize>,
    /// The first row of the run on the screen.
    pub top: usize,
    /// How many there is room for.
    height: usize,
    /// How far the words are scrolled, and how far they can be.
    pub scroll: usize,
    /// To which heading of which block's words they are to be scrolled.
    pub wanted: Option<(usize, String)>,
    /// Lines of words below the screen.
    pub below: usize,
    /// How far what lies over it all is scrolled.
    pub over_scroll: usize,
    /// What is enlarged.
    pub part: Part,
    /// What lies over it all.
    pub over: Over,
    /// How it plays by itself.
    pub pace: Pace,
    /// What the run is at.
    pub stage: Stage,
    /// The run goes on by itself up to this block.
    target: Option<usize>,
    /// What it waits for, or how it ended.
    pub status: String,
    /// Where what is typed goes, if it may go into a terminal.
    pub keyboard: Option<Keyboard>,
    /// The rows and columns of the terminals on the screen.
    pub sizes: Vec<(String, (u16, u16))>,
}

impl View {
    /// Nothing has happened.
    #[must_use]
    pub fn new(title: String, model: Model, words: Option<Words>) -> Self {
        Self {
            title,
            model,
            words,
            extras: HashMap::new(),
            theme: Theme::of_environment(),
            position: 0,
            follows: true,
            owes_step: false,
            reading: None,
            top: 0,
            height: 0,
            scroll: 0,
            wanted: None,
            below: 0,
            over_scroll: 0,
            part: Part::All,
            over: Over::Nothing,
            pace: Pace::default(),
            stage: Stage::Running,
            target: None,
            status: String::new(),
            keyboard: None,
            sizes: Vec::new(),
        }
    }

    /// The block whose words are to be read at this position.
    #[must_use]
    pub fn block(&self) -> usize {
        if let Some(reading) = self.reading {
            return reading;
        }
        let is_last = self.position == self.model.len();
        match (&self.stage, is_last) {
            (Stage::Waiting(block), true) => *block,
            (Stage::Running, true) => self.model.block,
            (Stage::Ended, true) => usize::MAX,
            _ => self
                .position
                .checked_sub(1)
                .and_then(|row| self.model.row(row))
                .map_or(self.model.block, |row| row.block),
        }
    }

    /// Rows have come.
    pub fn grew(&mut self) {
        let end = self.model.len();
        if self.follows {
            self.look_at(end);
        } else if self.owes_step && self.position < end {
            self.owes_step = false;
            self.look_at(self.position + 1);
        }
        if self.position < self.model.first() {
            self.look_at(self.model.first());
        }
    }

    fn look_at(&mut self, position: usize) {
        if position != self.position {
            let before = self.block();
            self.position = position;
            self.reading = None;
            if self.block() != before {
                self.scroll = 0;
            }
            if self.over == Over::Detail {
                self.over_scroll = 0;
            }
        }
    }

    /// The run waits for the reader before this block. Gives what is to be done if it need not wait.
    pub fn waits_before(&mut self, block: usize) -> Option<Act> {
        if self.position == self.model.len() {
            self.scroll = 0;
        }
        self.stage = Stage::Waiting(block);
        self.pace.begin();
        match self.target {
            Some(target) if block < target => Some(self.go()),
            _ => {
                self.target = None;
                None
            }
        }
    }

    /// The terminal has this size on the screen.
    pub fn sized(&mut self, name: &str, size: (u16, u16)) {
        match self.sizes.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = size,
            None => self.sizes.push((name.to_owned(), size)),
        }
    }

    fn go(&mut self) -> Act {
        if let Stage::Waiting(block) = self.stage {
            self.model.block = block;
        }
        self.stage = Stage::Running;
        self.reading = None;
        self.status = String::new();
        Act::Go
    }

    /// One row on; where there is none, the next block plays.
    pub fn forward(&mut self) -> Option<Act> {
        self.pace.plays = false;
        self.step()
    }

    fn step(&mut self) -> Option<Act> {
        self.pace.begin();
        if self.position < self.model.len() {
            self.look_at(self.position + 1);
            return None;
        }
        self.follows = false;
        self.owes_step = true;
        matches!(self.stage, Stage::Waiting(_)).then(|| self.go())
    }

    /// One row back.
    pub fn back(&mut self) {
        self.pace.plays = false;
        self.follows = false;
        self.owes_step = false;
        self.target = None;
        let first = self.model.first() + usize::from(self.model.first() > 0);
        self.look_at(self.position.saturating_sub(1).max(first));
    }

    /// The next block plays, and all of it is shown; if rows are still to come, they are shown first.
    pub fn next_block(&mut self) -> Option<Act> {
        self.pace.plays = false;
        let was_last = self.position == self.model.len();
        self.end();
        (was_last && matches!(self.stage, Stage::Waiting(_))).then(|| self.go())
    }

    /// Reads on: the words that do not fit, then the next block.
    pub fn read_on(&mut self, page: usize) -> Option<Act> {
        if self.below > 0 {
            self.scroll_words(isize::try_from(page).unwrap_or(1));
            return None;
        }
        self.next_block()
    }

    /// Moves the words.
    pub fn scroll_words(&mut self, lines: isize) {
        let most = self.scroll + self.below;
        self.scroll = self.scroll.saturating_add_signed(lines).min(most);
    }

    /// The first row.
    pub fn home(&mut self) {
        self.pace.plays = false;
        self.follows = false;
        self.target = None;
        self.look_at(self.model.first() + usize::from(!self.model.is_empty()));
    }

    /// The last row, and with the run from there.
    pub fn end(&mut self) {
        self.follows = true;
        self.owes_step = false;
        self.look_at(self.model.len());
    }

    /// To the next heading, or the one before: the run goes on up to it if it has not come so far.
    pub fn heading(&mut self, forwards: bool) -> Option<Act> {
        self.pace.plays = false;
        let here = self.block();
        let headings = self.words.as_ref()?.headings();
        let heading = if forwards {
            headings.into_iter().find(|heading| heading.block > here)?
        } else {
            headings.into_iter().rfind(|heading| heading.block < here)?
        };
        self.scroll = 0;
        self.wanted = Some((heading.block, heading.text.clone()));
        let waits_there = matches!(self.stage, Stage::Waiting(block) if block <= heading.block);
        let is_played = self.model.first_of_block(heading.block) < self.model.len();
        if !is_played && !waits_there && self.stage != Stage::Ended || waits_there && forwards {
            self.end();
            self.target = Some(heading.block);
            return match self.stage {
                Stage::Waiting(block) if block < heading.block => Some(self.go()),
                _ => None,
            };
        }
        self.follows = false;
        self.owes_step = false;
        self.target = None;
        self.look_at(self.model.first_of_block(heading.block));
        self.reading = Some(heading.block);
        None
    }

    /// Plays by itself, or no longer.
    pub fn play_or_pause(&mut self) {
        self.pace.plays = !self.pace.plays;
        self.follows &= !self.pace.plays;
        self.pace.begin();
    }

    /// When it next does something by itself.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let words = match &self.stage {
            _ if self.position < self.model.len() => 0,
            Stage::Waiting(block) => self.words.as_ref().map_or(0, |words| words.count(*block)),
            Stage::Running | Stage::Ended => return None,
        };
        self.pace.due(words)
    }

    /// Does by itself what is due.
    pub fn tick(&mut self) -> Option<Act> {
        if self.due().is_none_or(|due| Instant::now() < due) {
            return None;
        }
        self.step()
    }

    /// Enlarges a part, or shows all parts again.
    pub fn enlarge(&mut self, part: Part) {
        self.part = if self.part == part { Part::All } else { part };
    }

    /// Lays something over it all, or takes it away.
    pub fn lay(&mut self, over: Over) {
        self.over = if self.over == over { Over::Nothing } else { over };
        self.over_scroll = 0;
    }

    /// Makes sure that the row that is looked at is among so many rows on the screen. It moves in leaps: over a slow line
    /// a screen that moves by one row costs as much as a new one.
    pub fn settle(&mut self, height: usize) {
        let height = height.max(1);
        let selected = self.position.saturating_sub(1);
        let first = self.model.first();
        if self.height != height {
            // More room shows more of what was before.
            self.height = height;
            self.top = self.top.min(self.model.len().saturating_sub(height));
        }
        if selected < self.top {
            self.top = selected.saturating_sub(2 * height / 3);
        } else if selected >= self.top + height {
            self.top = selected.saturating_sub(height / 2);
        }
        self.top = self.top.max(first);
    }
}
