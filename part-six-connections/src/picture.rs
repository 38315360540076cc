//! What `crowd` draws: a row a client, a column a tick.
//!
//! A tick is a step, not a time: in each one every client that has its echo sends its next message. So the picture is
//! the same on a fast machine and on a slow one, as long as a tick is long enough for one round.

use std::fmt::{self, Display, Formatter};

/// What a client did in one tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It has sent a message and waits for the echo.
    Waits,
    /// Its echo came.
    Echo,
    /// It has all its echoes and has closed its side; the server has not closed yet.
    Leaves,
}

/// How a client's row ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The server closed after the client had closed its side.
    Closed,
    /// The server closed, reset, or answered something else before the client was done.
    Lost,
}

/// One client's row.
#[derive(Debug, Default, Clone)]
pub struct Row {
    marks: Vec<Mark>,
    end: Option<End>,
}

impl Row {
    /// One tick more.
    pub fn push(&mut self, mark: Mark) {
        self.marks.push(mark);
    }

    /// The row is complete.
    pub fn end(&mut self, end: End) {
        self.end = Some(end);
    }

    /// Whether it is.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.end.is_some()
    }
}

/// All rows, as text.
#[derive(Debug)]
pub struct Picture<'a> {
    /// From the first client to the last.
    pub rows: &'a [Row],
    /// How many rows are drawn; the others are counted.
    pub height: usize,
    /// How many ticks of a row are drawn; of a longer one the last.
    pub width: usize,
}

impl Picture<'_> {
    /// How many lines it has.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.rows.len().min(self.height) + usize::from(self.rows.len() > self.height)
    }
}

impl Display for Picture<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let digits = self.rows.len().min(self.height).to_string().len().max(2);
        let ticks = self.rows.iter().map(|row| row.marks.len()).max().unwrap_or(0);
        let hidden = ticks.saturating_sub(self.width);
        for (index, row) in self.rows.iter().take(self.height).enumerate() {
            write!(f, "client {:digits$} {}", index + 1, if hidden > 0 { "<" } else { "" })?;
            for mark in row.marks.iter().skip(hidden) {
                f.write_str(match mark {
                    Mark::Waits => ".",
                    Mark::Echo => "#",
                    Mark::Leaves => "-",
                })?;
            }
            f.write_str(match row.end {
                None => "",
                Some(End::Closed) => "|",
                Some(End::Lost) => "x",
            })?;
            writeln!(f)?;
        }
        if let Some(others) = self.rows.get(self.height..).filter(|others| !others.is_empty()) {
            let done = others.iter().filter(|row| row.end == Some(End::Closed)).count();
            writeln!(f, "and {} more, of whom {done} have all their echoes", others.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(marks: &str, end: Option<End>) -> Row {
        let marks = marks.chars().map(|mark| match mark {
            '.' => Mark::Waits,
            '#' => Mark::Echo,
            _ => Mark::Leaves,
        });
        Row { marks: marks.collect(), end }
    }

    #[test]
    fn a_staircase() {
        let rows = [
            row("##", Some(End::Closed)),
            row("..##", Some(End::Closed)),
            row("...-", Some(End::Lost)),
            row("....", None),
        ];
        let picture = Picture { rows: &rows, height: 20, width: 60 };
        assert_eq!(picture.to_string(), "client  1 ##|\nclient  2 ..##|\nclient  3 ...-x\nclient  4 ....\n");
        assert_eq!(picture.lines(), 4);
    }

    #[test]
    fn too_many_and_too_long() {
        let rows = [row("##", Some(End::Closed)), row("..##", Some(End::Closed)), row("....", None)];
        let picture = Picture { rows: &rows, height: 1, width: 3 };
        assert_eq!(picture.to_string(), "client  1 <#|\nand 2 more, of whom 1 have all their echoes\n");
        assert_eq!(picture.lines(), 2);
    }
}
