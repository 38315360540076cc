//! Draws the whole view.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

use crate::observe::terminal::Takes;
use crate::show::view::areas::Areas;
use crate::show::view::detail;
use crate::show::view::keys;
use crate::show::view::label::fit;
use crate::show::view::panes::{pane, shares};
use crate::show::view::say;
use crate::show::view::state::{Over, Part, Stage, View};
use crate::show::view::timeline::Timeline;
use crate::show::view::words::Tone;

/// The smallest window in which the parts can be told apart.
const SMALLEST: (u16, u16) = (60, 16);

/// Draws the view into the window.
pub fn draw(view: &mut View, frame: &mut Frame<'_>) {
    let window = frame.area();
    if window.width < SMALLEST.0 || window.height < SMALLEST.1 {
        let (width, height) = SMALLEST;
        let text = format!("{width}x{height} at least, please");
        frame.buffer_mut().set_stringn(0, 0, text, window.width.into(), Style::new());
        return;
    }
    view.model.refresh();
    let areas = Areas::of(window, view.words.is_some(), view.part);
    let buffer = frame.buffer_mut();
    bar(view, areas.bar, buffer);
    words(view, areas.words, buffer);
    let mut cursor = None;
    // Where there is room for it, a terminal that asks the kernel is shown at the bottom, in the whole width.
    let has_room = areas.detail.height > 0;
    for share in shares(view, &areas) {
        let style = view.theme.side(share.side);
        cursor = pane(view, &share.names, style, share.area, buffer).or(cursor);
    }
    run(view, areas.run, buffer);
    let selected = view.position.checked_sub(1);
    let sentence = selected.map(|row| say::sentence(&view.model, row)).unwrap_or_default();
    for (line, y) in textwrap::wrap(&sentence, usize::from(areas.say.width).saturating_sub(2).max(1))
        .iter()
        .zip(areas.say.rows())
    {
        buffer.set_string(y.x + 1, y.y, line, view.theme.heading);
    }
    if let Some(row) = selected.filter(|_| has_room) {
        let terminal = view.model.row(row).and_then(|row| row.what.terminal());
        match terminal.filter(|name| view.model.places.is_kernel(name)).map(str::to_owned) {
            Some(name) => {
                let style = view.theme.wire;
                pane(view, &[name], style, areas.detail, buffer);
            }
            None => columns(view, row, areas.detail, buffer),
        }
    }
    status(view, areas.status, buffer);
    key_line(view, areas.keys, buffer);
    match view.over {
        Over::Nothing => {}
        Over::Detail => {
            let width = usize::from(window.width).saturating_sub(4);
            let lines = selected.map_or_else(Vec::new, |row| detail::lines(&view.model, row, width));
            let mut lines: Vec<_> = lines.into_iter().map(|line| (line.is_heading, line.text)).collect();
            if lines.is_empty() {
                lines.push((false, "Nothing has happened yet: → steps to the first event.".to_owned()));
            }
            over(view, window, " the event in full: ↑↓ moves, ←→ steps, d closes ", &lines, buffer);
        }
        Over::Help => {
            let lines: Vec<_> =
                keys::help(view).map(|(key, what)| (false, format!("{key:<10} {what}"))).collect();
            over(view, window, " keys and signs: ↑↓ moves, any other key closes ", &lines, buffer);
        }
    }
    if let Some(cursor) = cursor.filter(|_| view.over == Over::Nothing) {
        frame.set_cursor_position(cursor);
    }
}

fn bar(view: &View, area: Rect, buffer: &mut Buffer) {
    buffer.set_style(area, view.theme.bar);
    let place = view.words.as_ref().map(|words| words.place(view.block()));
    let place = place.map_or_else(String::new, |(at, of)| format!(" · block {at} of {of}"));
    let rows = format!(" event {} of {}{place} ", view.position, view.model.len());
    let rows_width = textwrap::core::display_width(&rows);
    let title = fit(&format!(" {}", view.title), usize::from(area.width).saturating_sub(rows_width + 1));
    buffer.set_string(area.x, area.y, title, view.theme.bar);
    let x = area.right().saturating_sub(u16::try_from(rows_width).unwrap_or(0));
    buffer.set_stringn(x, area.y, rows, area.width.into(), view.theme.bar);
}

fn words(view: &mut View, area: Rect, buffer: &mut Buffer) {
    view.below = 0;
    let block = view.block();
    let Some(words) = view.words.as_ref().filter(|_| area.height > 0) else { return };
    let width = usize::from(area.width).saturating_sub(2);
    let mut lines = words.lines(block, width);
    while lines.last().is_some_and(|line| line.text.is_empty()) {
        lines.pop();
    }
    for extra in view.extras.get(&block).into_iter().flatten() {
        lines.push(super::words::Line { tone: Tone::Code, text: format!("  {extra}") });
    }
    let height = usize::from(area.height);
    if let Some((_, wanted)) = view.wanted.take_if(|(wanted, _)| *wanted == block) {
        let is_it = |line: &super::words::Line| line.tone == Tone::Heading && wanted.starts_with(&line.text);
        view.scroll = lines.iter().position(is_it).unwrap_or(0);
    }
    view.scroll = view.scroll.min(lines.len().saturating_sub(height));
    view.below = lines.len().saturating_sub(view.scroll + height);
    let hint = more(view.below, "Space");
    for (line, row) in lines.iter().skip(view.scroll).zip(area.rows()) {
        let is_last = row.y + 1 == area.bottom() && view.below > 0;
        let width = if is_last { width.saturating_sub(hint.len()) } else { width };
        let style = match line.tone {
            Tone::Heading => view.theme.heading,
            Tone::Text => Style::new(),
            Tone::Code => view.theme.wire,
            Tone::Label => view.theme.soft,
        };
        let text = fit(&line.text, width);
        if line.tone == Tone::Text {
            let mut x = row.x + 1;
            for (place, piece) in text.split('`').enumerate() {
                let style = if place % 2 == 1 { view.theme.wire } else { style };
                (x, _) =
                    buffer.set_stringn(x, row.y, piece, usize::from(area.right().saturating_sub(x)), style);
            }
        } else {
            buffer.set_string(row.x + 1, row.y, text, style);
        }
    }
    if view.below > 0 {
        let width = u16::try_from(hint.len()).unwrap_or(0);
        let x = area.right().saturating_sub(width);
        buffer.set_string(x, area.bottom().saturating_sub(1), hint, view.theme.bar);
    }
}

fn run(view: &mut View, area: Rect, buffer: &mut Buffer) {
    if area.height < 4 {
        return;
    }
    let head = Rect { height: 2, ..area };
    let rows = Rect { y: area.y + 2, height: area.height - 2, ..area };
    view.settle(rows.height.into());
    let shown = view.top..view.top + usize::from(rows.height);
    let timeline = Timeline::new(&view.model, &view.theme, view.position, shown);
    timeline.head(head, buffer);
    buffer.set_style(head, Style::new().add_modifier(Modifier::UNDERLINED));
    timeline.rows(rows, buffer);
    let left = view.model.first();
    if left > 0 && view.top <= left {
        let text = format!(" {left} earlier events are no longer kept ");
        buffer.set_stringn(rows.x + 1, rows.y, text, rows.width.into(), view.theme.soft);
    }
}

/// The event in full, in as many columns as there is room for.
fn columns(view: &View, row: usize, area: Rect, buffer: &mut Buffer) {
    buffer.set_string(area.x, area.y, "─".repeat(area.width.into()), view.theme.soft);
    let area = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let height = usize::from(area.height).max(1);
    let most = (area.width / 64).max(1);
    let mut count = 1;
    let (width, lines, room) = loop {
        let width = area.width / count;
        let lines = detail::lines(&view.model, row, usize::from(width).saturating_sub(2));
        let room = height * usize::from(count);
        // No more columns than it takes: in a narrow one lines are wrapped.
        if lines.len() <= room || count == most {
            break (width, lines, room);
        }
        count += 1;
    };
    for (place, line) in lines.iter().take(room).enumerate() {
        let x = area.x + 1 + width * u16::try_from(place / height).unwrap_or(0);
        let y = area.y + u16::try_from(place % height).unwrap_or(0);
        let style = if line.is_heading { view.theme.heading } else { Style::new() };
        buffer.set_stringn(x, y, &line.text, usize::from(width).saturating_sub(1), style);
    }
    if lines.len() > room {
        let text = more(lines.len() - room, "d");
        let x = area.right().saturating_sub(u16::try_from(text.len()).unwrap_or(0));
        buffer.set_string(x, area.bottom().saturating_sub(1), text, view.theme.bar);
    }
}

fn status(view: &View, area: Rect, buffer: &mut Buffer) {
    let speed = if view.pace.plays { format!(" playing x{} ", view.pace.speed()) } else { String::new() };
    let later = view.model.len().saturating_sub(view.position);
    let text = match later {
        _ if view.stage == Stage::Ended && later == 0 => view.status.clone(),
        0 => view.status.clone(),
        1 => "1 event more has happened: → steps to it".to_owned(),
        _ => format!("{later} events more have happened: → steps to the next, End shows the last"),
    };
    let room = usize::from(area.width).saturating_sub(speed.len() + 2);
    buffer.set_string(area.x + 1, area.y, fit(&text, room), view.theme.heading);
    let x = area.right().saturating_sub(u16::try_from(speed.len()).unwrap_or(0));
    buffer.set_string(x, area.y, speed, view.theme.bar);
}

fn key_line(view: &View, area: Rect, buffer: &mut Buffer) {
    let keys = match &view.keyboard {
        None => keys::OF_A_PLAY,
        Some(keyboard) if keyboard.mode() != Takes::Lines => keys::OF_A_PROGRAM,
        Some(keyboard) if keyboard.terminal().is_some() => keys::OF_A_TERMINAL,
        Some(_) => keys::OF_A_RUN,
    };
    let mut x = area.x + 1;
    for (key, what) in keys.iter().filter(|(_, what)| view.pace.plays || *what != "speed") {
        let what = match *what {
            "zoom" if view.part != Part::All => "back",
            "play" if view.pace.plays => "pause",
            what => what,
        };
        let room = |x: u16| usize::from(area.right().saturating_sub(x));
        if Span::raw(format!("{key} {what}").trim_end()).width() > room(x) {
            break;
        }
        (x, _) = buffer.set_stringn(x, area.y, key, room(x), view.theme.key);
        if !what.is_empty() {
            x += 1;
            (x, _) = buffer.set_stringn(x, area.y, what, room(x), Style::new());
        }
        // Those that need no word stand closer.
        x += if what.is_empty() && key.len() == 1 { 1 } else { 2 };
    }
}

/// Lines over everything else.
fn over(view: &mut View, window: Rect, title: &str, lines: &[(bool, String)], buffer: &mut Buffer) {
    let area = Rect { x: 0, y: 1, width: window.width, height: window.height.saturating_sub(3) };
    for row in area.rows() {
        buffer.set_string(row.x, row.y, " ".repeat(row.width.into()), Style::reset());
    }
    let rule = format!("{title:─^width$}", width = usize::from(area.width));
    buffer.set_stringn(area.x, area.y, rule, area.width.into(), view.theme.heading);
    let inner = Rect { x: 2, y: area.y + 1, width: area.width.saturating_sub(4), height: area.height - 1 };
    view.over_scroll = view.over_scroll.min(lines.len().saturating_sub(inner.height.into()));
    let below = lines.len().saturating_sub(view.over_scroll + usize::from(inner.height));
    let hint = more(below, "↓");
    let hint_width = textwrap::core::display_width(&hint);
    for ((is_heading, text), row) in lines.iter().skip(view.over_scroll).zip(inner.rows()) {
        let style = if *is_heading { view.theme.heading } else { Style::new() };
        let is_last = row.y + 1 == inner.bottom() && below > 0;
        let width = usize::from(inner.width).saturating_sub(if is_last { hint_width } else { 0 });
        buffer.set_string(row.x, row.y, fit(text, width), style);
    }
    if below > 0 {
        let x = inner.right().saturating_sub(u16::try_from(hint_width).unwrap_or(0));
        buffer.set_string(x, inner.bottom().saturating_sub(1), hint, view.theme.bar);
    }
}

/// That there is more to read, and which key shows it.
fn more(lines: usize, key: &str) -> String {
    format!(" {lines} more {}: {key} ", if lines == 1 { "line" } else { "lines" })
}
