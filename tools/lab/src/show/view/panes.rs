//! A terminal on the screen.

use std::num::NonZeroU16;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

use crate::book::label::Role;
use crate::show::view::areas::Areas;
use crate::show::view::places::Side;
use crate::show::view::state::View;

/// Terminals that share an area: the one in which something happened last is shown.
pub struct Share {
    /// Whose colour it has.
    pub side: Side,
    /// The terminals.
    pub names: Vec<String>,
    /// Where they stand.
    pub area: Rect,
}

/// Which terminals share which area.
pub fn shares(view: &View, areas: &Areas) -> Vec<Share> {
    let (mut left, right) = (areas.left, areas.right);
    let places = &view.model.places;
    let latest = |name: &str| view.model.terminals.latest(name, view.position);
    let are_narrow = left.y == right.y && left.right() == right.x;
    let selected = view.position.checked_sub(1).and_then(|row| view.model.row(row)?.what.terminal());
    if let Some(kernel) = selected.filter(|name| are_narrow && places.is_kernel(name)) {
        // Its tables are as wide as a page.
        return vec![Share { side: Side::Right, names: vec![kernel.to_owned()], area: left.union(right) }];
    }
    if right.x > left.x {
        left.width = left.width.saturating_sub(1);
    }
    let share = |side: Side, area: Rect| {
        let (kernels, mut names): (Vec<_>, Vec<_>) = places
            .names()
            .filter(|name| places.side(name) == side)
            .map(str::to_owned)
            .partition(|name| places.is_kernel(name));
        // Where there is room for it, what the kernel is asked stands below, in the whole width.
        let has_room = areas.detail.height > 0;
        if !has_room && (!are_narrow || !names.iter().any(|name| latest(name).is_some())) {
            names.extend(kernels);
        }
        Share { side, names, area }
    };
    vec![share(Side::Left, left), share(Side::Right, right)]
}

/// Of these terminals the one in which something happened last; gives the place of the cursor if it has the keyboard.
pub fn pane(
    view: &mut View,
    names: &[String],
    style: Style,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    if area.height == 0 {
        return None;
    }
    let latest = |name: &String| view.model.terminals.latest(name, view.position);
    let shown = names.iter().rev().max_by_key(|name| latest(name).map(|at| at + 1)).cloned();
    let has_keyboard = view
        .keyboard
        .as_ref()
        .is_some_and(|keyboard| keyboard.terminal().is_some() && keyboard.terminal() == shown.as_deref());
    let (right, width) = (area.right(), area.width);
    let mut x = area.x;
    let mut put = |x: &mut u16, text: &str, style: Style| {
        (*x, _) = buffer.set_stringn(*x, area.y, text, usize::from(right.saturating_sub(*x)), style);
    };
    put(&mut x, "─ ", style);
    // The one that is shown first: there may be no room for all.
    let rest = names.iter().filter(|name| Some(*name) != shown.as_ref() && latest(name).is_some());
    for name in shown.iter().chain(rest) {
        let mark = mark(name, view);
        let is_shown = Some(name) == shown.as_ref();
        let modifier = if is_shown { Modifier::BOLD } else { Modifier::DIM };
        put(&mut x, &format!("{mark} {name} "), style.add_modifier(modifier));
    }
    if has_keyboard {
        put(&mut x, "⌨ you type here ", view.theme.bar);
    }
    put(&mut x, &"─".repeat(usize::from(width)), style);
    let name = shown?;
    let inner = Rect { y: area.y + 1, height: area.height - 1, width, ..area };
    let room = (NonZeroU16::new(inner.height)?, NonZeroU16::new(inner.width)?);
    let has_colours = view.theme.has_colours;
    view.sized(&name, (inner.height, inner.width));
    let screen = view.model.terminals.screen(&name, view.position, room)?;
    for (row, area) in (0..room.0.get()).zip(inner.rows()) {
        for column in 0..room.1.get() {
            let Some(cell) = screen.cell(row, column).filter(|cell| cell.has_contents()) else { continue };
            let style = style_of(cell, has_colours);
            buffer.set_stringn(area.x + column, area.y, cell.contents(), 2, style);
        }
    }
    let (row, column) = screen.cursor_position();
    let (mut x, y) = (inner.x + column, inner.y + row);
    let is_last = view.position == view.model.len();
    let typed = view.keyboard.as_ref().and_then(|keyboard| keyboard.pending(&name)).filter(|_| is_last);
    if let Some(typed) = typed {
        let columns = usize::from(right.saturating_sub(x)).saturating_sub(1);
        // Of a long line the end is what one looks at.
        let skip = typed.chars().count().saturating_sub(columns);
        let end: String = typed.chars().skip(skip).collect();
        (x, _) = buffer.set_stringn(x, y, end, columns, style.add_modifier(Modifier::BOLD));
    }
    (has_keyboard && is_last && x < right).then_some(Position { x, y })
}

fn mark(name: &str, view: &View) -> char {
    let role = if view.model.places.is_kernel(name) { Role::Kernel } else { Role::of_terminal(name) };
    role.mark()
}

fn style_of(cell: &vt100::Cell, has_colours: bool) -> Style {
    let mut style = Style::new();
    let colour = |colour| match colour {
        vt100::Color::Default => None,
        vt100::Color::Idx(index) => Some(Color::Indexed(index)),
        vt100::Color::Rgb(red, green, blue) => Some(Color::Rgb(red, green, blue)),
    };
    if has_colours {
        style.fg = colour(cell.fgcolor());
        style.bg = colour(cell.bgcolor());
    }
    for (is_so, modifier) in [
        (cell.bold(), Modifier::BOLD),
        (cell.dim(), Modifier::DIM),
        (cell.italic(), Modifier::ITALIC),
        (cell.underline(), Modifier::UNDERLINED),
        (cell.inverse(), Modifier::REVERSED),
    ] {
        if is_so {
            style = style.add_modifier(modifier);
        }
    }
    style
}
