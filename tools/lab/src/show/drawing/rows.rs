//! What stands in a row: a line, a call, a packet on its way, and what made it happen.

use super::{Drawing, Lane, MARGIN, SMALL, cut, escaped, wide, y};
use crate::show::scene::{Kind, Row};

impl Drawing<'_> {
    /// What made a row happen: a solid elbow from a call, a dashed one to the call that takes what came.
    pub(super) fn links(&mut self, at: usize, row: &Row) {
        let Some(cause) = row.cause else { return };
        let Some(before) = self.scene.rows.get(cause) else { return };
        let (Some(lane), Some(from)) = (self.lane(row.end), self.lane(before.end)) else { return };
        let (start, end) = (y(cause), y(at));
        match (before.kind, row.kind) {
            (Kind::Call, Kind::Packet) => {
                let goes_right = self.lane(row.to).map_or(lane.is_left, |to| to.left > lane.left);
                let inner = if goes_right { lane.right - 3.0 } else { lane.left + 3.0 };
                let turn = if lane.is_left { inner - 6.0 } else { inner + 6.0 };
                let turn = if goes_right == lane.is_left { turn } else { inner };
                let (edge, colour) = (from.out(0.0), from.colour);
                let corner = start + 6.0;
                self.add(format_args!(
                    r#"<path class="l e{colour}" d="M{edge} {start}H{turn}Q{inner} {start} {inner} {corner}V{end}"/>"#
                ));
            }
            // Through a router.
            (Kind::Packet, Kind::Packet)
                if lane.colour == 3 && before.to == row.end && before.end != row.to =>
            {
                let (middle, colour) = (lane.middle(), lane.colour);
                let (came, left) =
                    if from.left > lane.left { (lane.right, lane.left) } else { (lane.left, lane.right) };
                self.add(format_args!(
                    r#"<path class="l e{colour}" d="M{came} {start}H{middle}V{end}H{left}"/>"#
                ));
            }
            (_, Kind::Return | Kind::Call) => {
                // From where the packet arrived, or from the other program's call, to this program.
                let source = match self.lane(before.to) {
                    Some(receiver) if from.left > receiver.left => receiver.right,
                    Some(receiver) => receiver.left,
                    None => from.out(0.0),
                };
                let (edge, colour) = (lane.out(4.0), lane.colour);
                let path = if row.kind == Kind::Return {
                    format!("M{source} {start}H{edge}")
                } else {
                    let inner = if lane.is_left { lane.left + 6.0 } else { lane.right - 6.0 };
                    format!("M{source} {start}H{inner}V{end}H{edge}")
                };
                self.add(format_args!(r#"<path class="l d e{colour}" d="{path}"/>"#));
                if let (Kind::Call, Some(sent)) = (before.kind, &before.result) {
                    self.passed(start, from, lane, sent, row);
                }
            }
            _ => {}
        }
    }

    /// What went from a program to another without a packet: over a Unix socket.
    fn passed(&mut self, middle: f64, from: Lane, to: Lane, sent: &str, row: &Row) {
        let has_more = row.descriptors.iter().any(|(_, _, what)| what.starts_with("came"));
        let label = format!("{} B{}", sent, if has_more { " + descriptor" } else { "" });
        let (start, base) = (if to.left > from.left { from.right } else { from.left }, middle + 4.0);
        let half = wide(&label, SMALL) / 2.0 + 4.0;
        let x = if to.left > from.left { start + half + 4.0 } else { start - half - 4.0 };
        self.add(format_args!(
            r#"<rect class="o" x="{:.1}" y="{:.1}" width="{:.1}" height="14"/><text class="m s" x="{x:.1}" y="{base}">{label}</text>"#,
            x - half, middle - 7.0, half * 2.0
        ));
    }

    pub(super) fn row(&mut self, at: usize, row: &Row) {
        let middle = y(at);
        let base = middle + 4.0;
        match (row.kind, self.lane(row.end)) {
            (Kind::Call | Kind::Return, Some(lane)) => self.call(at, row, lane),
            (Kind::Packet, Some(lane)) => self.packet(at, row, lane),
            (Kind::Table | Kind::Note, _) => {
                let (Some(first), Some(last)) = (self.lanes.first(), self.lanes.last()) else { return };
                let (left, right) = if self.lanes.len() > 1 {
                    (first.left, last.right)
                } else {
                    (first.left, self.width - MARGIN)
                };
                let label = escaped(&cut(&row.label, 44));
                let half = wide(&label, SMALL) / 2.0 + 9.0;
                let centre = self
                    .lanes
                    .get(1)
                    .map_or(f64::midpoint(left, right), |second| f64::midpoint(first.right, second.left));
                self.add(format_args!(
                    r#"<path class="y" d="M{left} {middle}H{right}"/><rect class="g" x="{:.1}" y="{:.1}" width="{:.1}" height="16" rx="8"/><text class="m s" x="{centre}" y="{base}">{label}</text>"#,
                    centre - half, middle - 8.0, half * 2.0
                ));
            }
            (kind, Some(lane)) => {
                let more =
                    if row.lines.len() > 1 { format!(" (+{})", row.lines.len() - 1) } else { String::new() };
                let text = cut(&row.label, self.fits.saturating_sub(more.len())) + &more;
                let (x, anchor, colour) = (lane.out(20.0), if lane.is_left { " r" } else { "" }, lane.colour);
                let class = if kind == Kind::Typed { format!("b c e{colour}") } else { "q".to_owned() };
                let text = escaped(&text);
                self.add(format_args!(r#"<text class="{class}{anchor}" x="{x}" y="{base}">{text}</text>"#));
            }
            _ => {}
        }
    }

    /// A square beside the kernel; a hatched bar for as long as the call waits.
    fn call(&mut self, at: usize, row: &Row, lane: Lane) {
        let (middle, colour) = (y(at), lane.colour);
        let (x, base) = (lane.out(9.0).min(lane.out(0.0)), middle + 4.0);
        let (text, anchor) = (lane.out(20.0), if lane.is_left { " r" } else { "" });
        let label = if row.kind == Kind::Return { String::new() } else { escaped(&row.label) };
        let result =
            row.result.as_deref().map_or_else(String::new, |result| format!(" = {}", cut(result, 24)));
        let result = escaped(&result);
        self.add(format_args!(
            r#"<text class="c e{colour}{anchor}" x="{text}" y="{base}">{label}<tspan class="q">{result}</tspan></text>"#
        ));
        if let Some(until) = row.until {
            let over = self.scene.rows.get(until).and_then(|row| row.cause).filter(|over| *over > at);
            let is_open = self.scene.rows.get(until).is_none_or(|row| row.began != Some(at));
            let end = if is_open { self.bottom() } else { y(over.unwrap_or(until)) + 4.0 };
            let (top, height) = (middle - 4.5, end - middle + 4.5);
            self.add(format_args!(
                r#"<rect class="e{colour}" x="{x}" y="{top}" width="9" height="{height:.1}" rx="2" fill="url(#h{colour})" style="stroke:var(--c)"/>"#
            ));
            if over.is_some() && !is_open {
                let (x, last) = (lane.out(4.5), y(until));
                self.add(format_args!(r#"<path class="l e{colour}" d="M{x} {end}V{last}"/>"#));
            }
        } else {
            let top = middle - 4.5;
            self.add(format_args!(
                r#"<rect class="f e{colour}" x="{x}" y="{top}" width="9" height="9" rx="2"/>"#
            ));
        }
    }

    fn packet(&mut self, at: usize, row: &Row, from: Lane) {
        let (middle, base) = (y(at), y(at) + 4.0);
        // To itself, or to nobody who is known.
        let to = self.lane(row.to).unwrap_or(from);
        let is_right = to.left > from.left || (to.left - from.left).abs() < 1.0 && from.is_left;
        let (start, end) = match (is_right, (to.left - from.left).abs() < 1.0) {
            (true, false) => (from.right, to.left),
            (false, false) => (from.left, to.right),
            (true, true) => (from.right, from.right + 110.0),
            (false, true) => (from.left, from.left - 110.0),
        };
        let back = if is_right { end - 8.0 } else { end + 8.0 };
        // Between two links there are no empty lanes to write over.
        let fits = if self.scene.ends.iter().any(|end| end.is_router) { 25 } else { 34 };
        let label = escaped(&cut(&row.label, fits));
        // Where the way crosses others' lanes, the words stand in the first gap.
        let gap = if self.lanes.len() > 2 { self.wire } else { (end - start).abs() };
        let centre = if is_right { start + gap / 2.0 } else { start - gap / 2.0 };
        let half = wide(&label, SMALL) / 2.0 + 5.0;
        self.add(format_args!(
            r#"<path class="a" d="M{start} {middle}H{back}"/><path class="h" d="M{end} {middle}L{back} {:.1}V{:.1}z"/><rect class="o" x="{:.1}" y="{:.1}" width="{:.1}" height="14"/><text class="p m" x="{centre}" y="{base}">{label}</text>"#,
            middle - 4.5, middle + 4.5, centre - half, middle - 7.0, half * 2.0
        ));
    }
}
