//! Where the lanes of the run stand: mark, program, bar, kernel, edge, wire, edge, kernel, bar, program, mark.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::show::view::places::Side;

/// Where the lanes begin, and how wide they are.
#[derive(Debug, Clone, Copy)]
pub struct Lanes {
    /// The first column.
    pub x: u16,
    /// All of them.
    pub width: u16,
    /// How wide a program's lane is.
    pub program: u16,
    /// How wide a kernel's lane is.
    pub kernel: u16,
    /// How wide the wire is.
    pub wire: u16,
}

impl Lanes {
    /// In this area.
    #[must_use]
    pub fn of(area: Rect) -> Self {
        // Marks, bars and edges take six columns.
        let free = area.width.saturating_sub(6);
        let kernel = if area.width >= 90 { 13 } else { 11 };
        let wire = if area.width >= 100 { 20 } else { 14 }.min(free);
        let program = free.saturating_sub(2 * kernel + wire) / 2;
        let wire = free.saturating_sub(2 * (kernel + program));
        Self { x: area.x, width: area.width, program, kernel, wire }
    }

    /// The first column of a side's program.
    #[must_use]
    pub fn program(&self, side: Side) -> u16 {
        match side {
            Side::Left => self.x + 1,
            Side::Right => self.bar(side) + 1,
        }
    }

    /// The column in which a side's calls are marked.
    #[must_use]
    pub fn bar(&self, side: Side) -> u16 {
        match side {
            Side::Left => self.x + 1 + self.program,
            Side::Right => self.kernel(side) + self.kernel,
        }
    }

    /// The first column of a side's kernel.
    #[must_use]
    pub fn kernel(&self, side: Side) -> u16 {
        match side {
            Side::Left => self.bar(side) + 1,
            Side::Right => self.edge(side) + 1,
        }
    }

    /// The column between a side's kernel and the wire.
    #[must_use]
    pub fn edge(&self, side: Side) -> u16 {
        match side {
            Side::Left => self.kernel(side) + self.kernel,
            Side::Right => self.wire() + self.wire,
        }
    }

    /// The first column of the wire.
    #[must_use]
    pub fn wire(&self) -> u16 {
        self.edge(Side::Left) + 1
    }
}

/// At a program's side: against the line that divides it from its kernel.
pub fn aligned(buffer: &mut Buffer, (x, y): (u16, u16), width: u16, side: Side, text: &str, style: Style) {
    let used = u16::try_from(textwrap::core::display_width(text)).unwrap_or(width).min(width);
    let (x, gap) = match side {
        Side::Left => (x + (width - used).saturating_sub(1), 0),
        Side::Right => (x, u16::from(used < width)),
    };
    buffer.set_stringn(x + gap, y, text, width.into(), style);
}

/// In the middle.
pub fn centred(buffer: &mut Buffer, (x, y): (u16, u16), width: u16, text: &str, style: Style) {
    let used = u16::try_from(textwrap::core::display_width(text)).unwrap_or(width).min(width);
    buffer.set_stringn(x + (width - used) / 2, y, text, width.into(), style);
}
