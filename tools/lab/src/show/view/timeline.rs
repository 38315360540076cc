//! The run in characters: program, kernel, wire, kernel, program. Time goes down, a row for each thing that happened.
//!
//! ```text
//!          accept(3) ▒      │     │              │           │
//!                    ▒   SYN-RECV │◀── SYN 0 B ──╯           ■ connect(3)
//!                = 4 ▒┄┄┄┄┄┄│┄┄┄┄┄┄◀── ACK 0 B ───
//! ```

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::book::label::Role;
use crate::record::state::State;
use crate::record::table::Row as TableRow;
use crate::show::view::label;
use crate::show::view::lanes::{Lanes, aligned, centred};
use crate::show::view::model::Model;
use crate::show::view::places::Side;
use crate::show::view::row::{Row, Shown, is_key};
use crate::show::view::sockets::Socket;
use crate::show::view::theme::Theme;

/// How far apart a cause and its effect may stand to be joined by a line.
const REACH: usize = 48;

/// What is drawn.
pub struct Timeline<'a> {
    model: &'a Model,
    theme: &'a Theme,
    /// So many rows have happened, at the position that is looked at.
    position: usize,
    /// The sockets of each side that live at that position or in the rows on the screen.
    sockets: Vec<(Side, &'a Socket)>,
    /// The waits in the rows on the screen: where each began and, unless it goes on, ended.
    waits: Vec<(usize, Option<usize>)>,
    /// The rows on the screen.
    shown: Range<usize>,
}

const SIDES: [Side; 2] = [Side::Left, Side::Right];

impl<'a> Timeline<'a> {
    /// The run up to this position, of which these rows are shown.
    #[must_use]
    pub fn new(model: &'a Model, theme: &'a Theme, position: usize, rows: Range<usize>) -> Self {
        let shown = rows.start..rows.end.min(model.len());
        let places = &model.places;
        let side = |socket: &Socket| match socket.peer {
            Some(peer) => places.way(socket.local, peer).0,
            None => places.of_address(socket.local).unwrap_or(Side::Left),
        };
        let here = position.saturating_sub(1)..position;
        let lives = |socket: &&Socket| socket.lives(&shown) || socket.lives(&here);
        let sockets = model.sockets.all().iter().filter(lives).map(|socket| (side(socket), socket)).collect();
        let waits = model.waits(shown.start, shown.end).collect();
        Self { model, theme, position, sockets, waits, shown }
    }

    /// The names of the lanes, and the states of the sockets at this position: two rows.
    pub fn head(&self, area: Rect, buffer: &mut Buffer) {
        let lanes = Lanes::of(area);
        let (top, below) = (area.y, area.y + 1);
        let bold = |style: Style| style.add_modifier(Modifier::BOLD);
        for side in SIDES {
            let style = self.theme.side(side);
            let name = self.model.places.name(side);
            let mark = Role::of_terminal(name).mark();
            let program = match side {
                _ if name.is_empty() => "program".to_owned(),
                Side::Left => format!("{name} program {mark}"),
                Side::Right => format!("{mark} {name} program"),
            };
            let program = label::fit(&program, lanes.program.into());
            let kernel = label::fit("kernel", lanes.kernel.into());
            aligned(buffer, (lanes.program(side), top), lanes.program, side, &program, bold(style));
            centred(buffer, (lanes.kernel(side), top), lanes.kernel, &kernel, bold(style));
            let states = label::states(&self.states(side, self.position));
            let states = if states.is_empty() { "no TCP socket seen".to_owned() } else { states };
            let width = lanes.program + lanes.kernel + 1;
            let x = lanes.program(side).min(lanes.kernel(side));
            aligned(buffer, (x, below), width, side, &label::fit(&states, width.into()), style);
        }
        centred(
            buffer,
            (lanes.wire(), top),
            lanes.wire,
            &format!("{} wire", Role::Packets.mark()),
            bold(self.theme.wire),
        );
    }

    /// The rows, as many as there is room for.
    pub fn rows(&self, area: Rect, buffer: &mut Buffer) {
        let lanes = Lanes::of(area);
        for (index, y) in self.shown.clone().zip(area.y..area.bottom()) {
            self.row(lanes, y, index, buffer);
        }
        self.causes(lanes, area, self.shown.start, buffer);
        for (index, y) in self.shown.clone().zip(area.y..area.bottom()) {
            self.ends(lanes, y, index, buffer);
        }
    }

    /// The states of a side's sockets once so many rows have happened.
    #[must_use]
    pub fn states(&self, side: Side, rows: usize) -> Vec<State> {
        self.sockets(side).filter_map(|socket| socket.at(rows)).collect()
    }

    fn sockets(&self, side: Side) -> impl Iterator<Item = &Socket> {
        self.sockets.iter().filter(move |(of, _)| *of == side).map(|(_, socket)| *socket)
    }

    /// The waits that go on at this row.
    fn waits(&self, index: usize) -> impl Iterator<Item = (usize, Option<usize>)> {
        let goes_on = move |wait: &&(usize, Option<usize>)| {
            wait.0 <= index && wait.1.is_none_or(|ended| index <= ended)
        };
        self.waits.iter().filter(goes_on).copied()
    }

    fn is_past(&self, index: usize) -> bool {
        index < self.position
    }

    fn style(&self, index: usize, style: Style) -> Style {
        if self.is_past(index) { style } else { self.theme.soft.add_modifier(Modifier::DIM) }
    }

    /// What lies under everything else in a row: the sockets, the waits.
    fn row(&self, lanes: Lanes, y: u16, index: usize, buffer: &mut Buffer) {
        let Some(row) = self.model.row(index) else { return };
        for side in SIDES {
            let style = self.style(index, self.theme.side(side));
            let alive = self.sockets(side).filter(|socket| socket.at(index + 1).is_some()).count();
            let places: &[u16] = match alive {
                0 => &[],
                1 => &[2],
                2 => &[1, 3],
                3 => &[1, 2, 3],
                _ => &[0, 1, 3, 4],
            };
            for place in places {
                let x = lanes.kernel(side) + (lanes.kernel - 1) * place / 4;
                buffer.set_string(x, y, "│", style);
            }
        }
        for (began, _) in self.waits(index) {
            let Some((terminal, _, _)) = self.model.call(began) else { continue };
            let side = self.model.places.side(terminal);
            let style = self.style(index, self.theme.side(side));
            buffer.set_string(lanes.bar(side), y, "▒", style);
        }
        self.words(lanes, y, index, row, buffer);
    }

    fn words(&self, lanes: Lanes, y: u16, index: usize, row: &Row, buffer: &mut Buffer) {
        let places = &self.model.places;
        let say = |buffer: &mut Buffer, terminal: &str, text: String, style: Modifier| {
            if places.is_kernel(terminal) {
                let width = 2 * lanes.kernel + lanes.wire + 2;
                let text = label::fit(&text, usize::from(width).saturating_sub(2));
                let style = self.style(index, self.theme.soft).add_modifier(style);
                centred(buffer, (lanes.kernel(Side::Left), y), width, &format!(" {text} "), style);
                return;
            }
            let side = places.side(terminal);
            let name = self.model.places.name(side);
            let whose = match terminal.strip_prefix(name) {
                Some("") => String::new(),
                // Of a host, the terminal alone.
                Some(rest) if rest.starts_with('.') => format!("{}: ", rest.trim_start_matches('.')),
                _ => format!("{terminal}: "),
            };
            let text = label::beside(&whose, &text, lanes.program.into());
            let style = self.style(index, self.theme.side(side)).add_modifier(style);
            aligned(buffer, (lanes.program(side), y), lanes.program, side, &text, style);
        };
        match &row.what {
            Shown::Typed { terminal, text, is_command } => {
                let prompt = match (is_command, is_key(text)) {
                    (true, _) => "$ ",
                    (false, true) => "",
                    (false, false) => "⏎ ",
                };
                say(buffer, terminal, format!("{prompt}{text}"), Modifier::BOLD);
            }
            Shown::Line { terminal, text } => match TableRow::parse(text) {
                Some(table) if places.is_kernel(terminal) => {
                    say(buffer, terminal, format!("ss: {}", label::state(table.state)), Modifier::empty());
                }
                _ => say(buffer, terminal, text.clone(), Modifier::ITALIC),
            },
            Shown::Ended { terminal, status } => {
                say(buffer, terminal, format!("ended, status {status}"), Modifier::empty());
            }
            Shown::Call { terminal, call, ended } => {
                let result = label::result(call).filter(|_| *ended == Some(index)).unwrap_or_default();
                say(
                    buffer,
                    terminal,
                    format!("{} {result}", label::call(call)).trim_end().to_owned(),
                    Modifier::empty(),
                );
                if !places.is_kernel(terminal) && *ended == Some(index) {
                    let side = places.side(terminal);
                    buffer.set_string(lanes.bar(side), y, "■", self.style(index, self.theme.side(side)));
                }
            }
            Shown::Return { of } => {
                if let Some((terminal, call, _)) = self.model.call(*of) {
                    let result = label::result(call).unwrap_or_default();
                    say(buffer, terminal, format!("{} {result}", label::call(call)), Modifier::empty());
                }
            }
            Shown::Packet { interface, packet } => self.packet(lanes, y, index, (interface, packet), buffer),
            Shown::Remark(text) => {
                let text = label::fit(&format!("# {text}"), usize::from(lanes.width).saturating_sub(2));
                buffer.set_string(lanes.x + 1, y, text, self.style(index, self.theme.soft));
            }
        }
        for side in SIDES {
            self.woken(lanes, y, index, row, side, buffer);
        }
    }

    fn packet(
        &self,
        lanes: Lanes,
        y: u16,
        index: usize,
        (interface, packet): (&crate::record::event::Interface, &crate::record::packet::Packet),
        buffer: &mut Buffer,
    ) {
        let style = self.style(index, self.theme.wire);
        let (_, to) = label::way(packet, &self.model.places);
        let width = usize::from(lanes.wire);
        let text = label::fit(&label::packet(packet), width.saturating_sub(2));
        let text_width = textwrap::core::display_width(&text);
        let free = width.saturating_sub(text_width + 1);
        let (before, after) = (free / 2, free - free / 2);
        let (line, x) = ("─", lanes.wire());
        let arrow = match to {
            Side::Right => format!("{}{text}{}▶", line.repeat(before), line.repeat(after)),
            Side::Left => format!("◀{}{text}{}", line.repeat(after), line.repeat(before)),
        };
        buffer.set_string(x, y, arrow, style);
        let bold = style.add_modifier(Modifier::BOLD);
        let text_x = x + u16::try_from(if to == Side::Right { before } else { after + 1 }).unwrap_or(0);
        buffer.set_string(text_x, y, text, bold);
        if !interface.host.is_empty() {
            let seen = label::fit(&format!("seen at {interface}"), lanes.program.into());
            let side = to.other();
            let style = self.style(index, self.theme.soft);
            aligned(buffer, (lanes.program(side), y), lanes.program, side, &seen, style);
        }
    }

    /// Whose wait the row ended: a dashed line from what woke it, and what the call gave.
    fn woken(&self, lanes: Lanes, y: u16, index: usize, row: &Row, side: Side, buffer: &mut Buffer) {
        let calls: Vec<_> = row
            .wakes
            .iter()
            .filter_map(|begun| self.model.call(*begun))
            .filter(|(terminal, _, _)| self.model.places.side(terminal) == side)
            .collect();
        let Some((_, last, _)) = calls.last() else { return };
        let style = self.style(index, self.theme.side(side));
        let others = self.waits(index).filter(|(began, _)| {
            self.model.call(*began).is_some_and(|(terminal, _, _)| self.model.places.side(terminal) == side)
        });
        let result = label::result(last).unwrap_or_default();
        let name = if others.count() > 1 { format!("{} ", label::call(last)) } else { String::new() };
        let text = label::fit(&format!("{name}{result}"), lanes.program.into());
        let bold = style.add_modifier(Modifier::BOLD);
        aligned(buffer, (lanes.program(side), y), lanes.program, side, &text, bold);
        let (mut from, mut to) = match side {
            Side::Left => (lanes.kernel(side), lanes.edge(side)),
            Side::Right => (lanes.edge(side), lanes.bar(side) - 1),
        };
        if !matches!(row.what, Shown::Packet { .. }) {
            // Nothing passed a wire: from program to program.
            (from, to) = (lanes.kernel(Side::Left), lanes.bar(Side::Right) - 1);
        }
        for x in from..=to {
            if buffer.cell((x, y)).is_some_and(|cell| cell.symbol() == " " || cell.symbol() == "│") {
                buffer.set_string(x, y, "┄", style);
            }
        }
    }

    /// Which call sent which packet: an elbow from the one row to the other.
    fn causes(&self, lanes: Lanes, area: Rect, first: usize, buffer: &mut Buffer) {
        let last = first + usize::from(area.height);
        let sent = (first..(last + REACH).min(self.position)).filter_map(|index| {
            let row = self.model.row(index)?;
            let cause = row.cause.filter(|cause| *cause < index && index - cause <= REACH)?;
            let (terminal, _, _) = self.model.call(cause)?;
            matches!(row.what, Shown::Packet { .. }).then(|| (cause, index, self.model.places.side(terminal)))
        });
        for (cause, effect, side) in sent {
            let style = self.theme.side(side);
            let edge = lanes.edge(side);
            let y = |index: usize| {
                let down = index.checked_sub(first)?;
                u16::try_from(down).ok().map(|down| area.y + down).filter(|y| *y < area.bottom())
            };
            if let Some(y) = y(cause) {
                let (from, to) = match side {
                    Side::Left => (lanes.kernel(side), edge),
                    Side::Right => (edge, lanes.bar(side)),
                };
                for x in from..to.max(from + 1) {
                    if x != edge {
                        buffer.set_string(x, y, "─", style);
                    }
                }
                buffer.set_string(edge, y, if side == Side::Left { "╮" } else { "╭" }, style);
            }
            for y in (cause + 1..effect).filter_map(y) {
                buffer.set_string(edge, y, "│", style);
            }
            if let Some(y) = y(effect) {
                buffer.set_string(edge, y, if side == Side::Left { "╰" } else { "╯" }, style);
            }
        }
    }

    /// What lies over everything else: new states, and the marks of the row that is looked at.
    fn ends(&self, lanes: Lanes, y: u16, index: usize, buffer: &mut Buffer) {
        for side in SIDES {
            let begun = self.sockets(side).flat_map(|socket| &socket.states).filter(|(_, row)| *row == index);
            if let Some((state, _)) = begun.last() {
                let text = label::fit(&label::state(*state), lanes.kernel.into());
                let style = self.style(index, self.theme.side(side)).add_modifier(Modifier::REVERSED);
                centred(buffer, (lanes.kernel(side), y), lanes.kernel, &text, style);
            }
        }
        let selected = self.position.checked_sub(1);
        let mark = if selected == Some(index) {
            Some(("▶", "◀"))
        } else if selected.is_some_and(|selected| self.is_kin(selected, index)) {
            Some(("•", "•"))
        } else {
            None
        };
        if let Some((left, right)) = mark {
            let right_x = lanes.x + lanes.width.saturating_sub(1);
            if selected == Some(index) {
                let row = Rect { x: lanes.x, y, width: lanes.width, height: 1 };
                buffer.set_style(row, self.theme.current);
            }
            buffer.set_string(lanes.x, y, left, self.theme.key);
            buffer.set_string(right_x, y, right, self.theme.key);
        }
    }

    /// Whether one of the two rows made the other happen.
    #[must_use]
    pub fn is_kin(&self, one: usize, other: usize) -> bool {
        let makes = |cause: usize, effect: usize| {
            self.model.row(effect).is_some_and(|row| row.cause == Some(cause))
                || self.model.row(cause).is_some_and(|row| row.wakes.contains(&effect))
        };
        makes(one, other) || makes(other, one)
    }
}
