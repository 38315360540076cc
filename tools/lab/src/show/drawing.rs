//! A scene as a still picture: SVG that follows the reader's light or dark, for a forge, for print, and for the site
//! without script. Downwards is order, and nothing else.

use std::fmt::Write as _;

use super::scene::{Kind, Row, Scene};

/// The height of a row and of the head, in pixels, as all lengths here.
const ROW: f64 = 20.0;
const HEAD: f64 = 62.0;
const MARGIN: f64 = 10.0;
const KERNEL: f64 = 92.0;
/// The width of a character in a fixed-width font of 12 pixels, and of 11.
const CHARACTER: f64 = 7.25;
const SMALL: f64 = 6.65;

/// The colours of `sketch`, `server` being the first end and `client` the second; a third takes the wire's.
const STYLE: &str = "\
svg{--paper:#fbfaf6;--sheet:#fff;--ink:#20242a;--soft:#5a6069;--rule:#dcd8cd;--e0:#97400f;--e1:#175a90;--e2:#2c6a3f;\
--w0:#faf0e8;--w1:#eaf2f9;--w2:#e9f3ec;--wire:#5f4390}\
@media(prefers-color-scheme:dark){svg{--paper:#15171a;--sheet:#1b1e22;--ink:#e7e4dc;--soft:#a5a69f;--rule:#383c42;\
--e0:#f0a578;--e1:#86bff2;--e2:#8fd0a4;--w0:#2a211b;--w1:#1a2530;--w2:#1c2a21;--wire:#c2abf0}}\
@media print{svg{--paper:#fff}}\
text{font:12px ui-monospace,\"SF Mono\",Menlo,Consolas,\"DejaVu Sans Mono\",monospace;fill:var(--ink);paint-order:stroke;stroke:var(--paper);stroke-width:3px}\
.p,.t,.s{stroke:none}\
.n{font:600 14px Georgia,\"DejaVu Serif\",serif}.s{font-size:11px;fill:var(--soft)}.i{font:italic 13px Georgia,\"DejaVu Serif\",serif;fill:var(--soft)}\
.m{text-anchor:middle}.r{text-anchor:end}.q{fill:var(--soft)}.b{font-weight:700}\
.p{font-size:11px;fill:var(--wire)}.a{stroke:var(--wire);stroke-width:1.5;fill:none}.h{fill:var(--wire)}\
.e0{--c:var(--e0)}.e1{--c:var(--e1)}.e2{--c:var(--e2)}text.c{fill:var(--c)}.f{fill:var(--c)}.l{stroke:var(--c);fill:none}\
.k0{fill:var(--w0)}.k1{fill:var(--w1)}.k2{fill:var(--w2)}.o{fill:var(--paper)}.g{fill:var(--sheet);stroke:var(--c,var(--rule))}\
.t{font-size:10px;font-weight:600}.d{stroke-dasharray:3 3}.y{stroke:var(--soft);stroke-dasharray:1 3}";

/// Where the lanes of an end are.
#[derive(Debug, Clone, Copy)]
struct Lane {
    /// The edge of the program's lane towards its kernel.
    edge: f64,
    /// The kernel's lane.
    left: f64,
    right: f64,
    /// The program stands to the left of its kernel.
    is_left: bool,
    colour: usize,
}

impl Lane {
    /// Away from the kernel.
    fn out(self, by: f64) -> f64 {
        if self.is_left { self.edge - by } else { self.edge + by }
    }

    fn middle(self) -> f64 {
        f64::midpoint(self.left, self.right)
    }
}

struct Drawing<'a> {
    scene: &'a Scene,
    lanes: Vec<Lane>,
    width: f64,
    /// How many characters fit into a program's lane.
    fits: usize,
    svg: String,
}

/// The picture of a scene.
#[must_use]
pub fn draw(scene: &Scene) -> String {
    let is_wide = scene.ends.len() > 2;
    let (program, wire) = if is_wide { (212.0, 128.0) } else { (274.0, 168.0) };
    let mut lanes = Vec::new();
    let mut x = MARGIN;
    for colour in 0..scene.ends.len() {
        let is_left = colour == 0;
        let (edge, left) = if is_left { (x + program, x + program) } else { (x + KERNEL, x) };
        lanes.push(Lane { edge, left, right: left + KERNEL, is_left, colour: colour.min(2) });
        x += program + KERNEL + wire;
    }
    let width = x - if scene.ends.len() > 1 { wire } else { 0.0 } + MARGIN;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few dozen characters")]
    let fits = ((program - 26.0) / CHARACTER) as usize;
    let mut drawing = Drawing { scene, lanes, width, fits, svg: String::new() };
    drawing.head();
    drawing.lives();
    for (at, row) in scene.rows.iter().enumerate() {
        drawing.links(at, row);
    }
    for (at, row) in scene.rows.iter().enumerate() {
        drawing.row(at, row);
    }
    drawing.badges();
    drawing.finish()
}

/// The middle of a row.
#[expect(clippy::cast_precision_loss, reason = "a few hundred rows")]
fn y(at: usize) -> f64 {
    HEAD + ROW * (at as f64 + 0.5)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str, fits: usize) -> String {
    if text.chars().count() <= fits {
        return text.to_owned();
    }
    let start: String = text.chars().take(fits.saturating_sub(1)).collect();
    format!("{}…", start.trim_end())
}

#[expect(clippy::cast_precision_loss, reason = "a few dozen characters")]
fn wide(text: &str, character: f64) -> f64 {
    text.chars().count() as f64 * character
}

impl Drawing<'_> {
    fn add(&mut self, piece: std::fmt::Arguments<'_>) {
        let _ = self.svg.write_fmt(piece); // a String takes everything
        self.svg.push('\n');
    }

    fn lane(&self, end: Option<usize>) -> Option<Lane> {
        self.lanes.get(end?).copied()
    }

    fn bottom(&self) -> f64 {
        y(self.scene.rows.len()) - ROW / 2.0
    }

    fn head(&mut self) {
        let bottom = self.bottom();
        for (end, lane) in self.scene.ends.iter().zip(self.lanes.clone()) {
            let (colour, middle) = (lane.colour, lane.middle());
            let left = lane.left;
            self.add(format_args!(
                r#"<rect class="k{colour}" x="{left}" y="{HEAD}" width="{KERNEL}" height="{:.0}"/>"#,
                bottom - HEAD
            ));
            let (x, anchor) = (lane.out(8.0), if lane.is_left { " r" } else { "" });
            let name = escaped(&cut(&end.name, 24));
            self.add(format_args!(r#"<text class="n c e{colour}{anchor}" x="{x}" y="28">{name}</text>"#));
            let program = escaped(&cut(&end.program, 30));
            self.add(format_args!(r#"<text class="s{anchor}" x="{x}" y="45">{program}</text>"#));
            self.add(format_args!(r#"<text class="n m c e{colour}" x="{middle}" y="28">kernel</text>"#));
        }
        let has_packets = self.scene.rows.iter().any(|row| row.kind == Kind::Packet);
        if let (Some(first), Some(second), true) = (self.lanes.first(), self.lanes.get(1), has_packets) {
            let middle = f64::midpoint(first.right, second.left);
            self.add(format_args!(
                r#"<text class="n m" style="fill:var(--wire)" x="{middle}" y="28">network</text>"#
            ));
        }
        let (x1, x2) = (MARGIN, self.width - MARGIN);
        self.add(format_args!(r#"<path d="M{x1} {HEAD}H{x2}" style="stroke:var(--rule)"/>"#));
    }

    /// For each socket a line down its kernel's lane for as long as it has a state.
    fn lives(&mut self) {
        for (socket, about) in self.scene.sockets.iter().enumerate() {
            let Some(lane) = self.lane(Some(about.end)) else { continue };
            let x = lane.middle() + self.slot(socket);
            let mut since: Option<f64> = None;
            let mut pieces = Vec::new();
            for (at, row) in self.scene.rows.iter().enumerate() {
                for change in row.sockets.iter().filter(|change| change.socket == socket) {
                    let is_over = change.state.is_empty() || change.state == "CLOSED";
                    match (since, is_over) {
                        (None, false) => since = Some(if change.fresh { y(at) } else { HEAD }),
                        (Some(start), true) => {
                            pieces.push((start, y(at)));
                            since = None;
                        }
                        _ => {}
                    }
                }
            }
            pieces.extend(since.map(|start| (start, self.bottom())));
            for (start, end) in pieces {
                let colour = lane.colour;
                self.add(format_args!(
                    r#"<path class="l e{colour}" d="M{x} {start}V{end}" stroke-width="3" opacity=".45"/>"#
                ));
            }
        }
    }

    /// How far from the middle of its lane the line of a socket stands.
    fn slot(&self, socket: usize) -> f64 {
        let end = self.scene.sockets.get(socket).map(|socket| socket.end);
        let before = self.scene.sockets.iter().take(socket).filter(|other| Some(other.end) == end).count();
        [0.0, 14.0, -14.0, 28.0, -28.0].get(before % 5).copied().unwrap_or_default()
    }

    /// What made a row happen: a solid elbow from a call, a dashed one to the call that takes what came.
    fn links(&mut self, at: usize, row: &Row) {
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

    fn row(&mut self, at: usize, row: &Row) {
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
        let label = escaped(&cut(&row.label, 34));
        // Where the way crosses others' lanes, the words stand in the first gap.
        let gap = if self.lanes.len() > 2 { 128.0 } else { (end - start).abs() };
        let centre = if is_right { start + gap / 2.0 } else { start - gap / 2.0 };
        let half = wide(&label, SMALL) / 2.0 + 5.0;
        self.add(format_args!(
            r#"<path class="a" d="M{start} {middle}H{back}"/><path class="h" d="M{end} {middle}L{back} {:.1}V{:.1}z"/><rect class="o" x="{:.1}" y="{:.1}" width="{:.1}" height="14"/><text class="p m" x="{centre}" y="{base}">{label}</text>"#,
            middle - 4.5, middle + 4.5, centre - half, middle - 7.0, half * 2.0
        ));
    }

    /// Where a socket goes into a state, its name.
    fn badges(&mut self) {
        for (at, row) in self.scene.rows.iter().enumerate() {
            for change in row.sockets.iter().filter(|change| change.fresh) {
                let end = self.scene.sockets.get(change.socket).map(|socket| socket.end);
                let Some(lane) = self.lane(end) else { continue };
                let (middle, x, colour) = (y(at), lane.middle(), lane.colour);
                let state = escaped(&change.state);
                let half = wide(&state, 6.1) / 2.0 + 5.0;
                self.add(format_args!(
                    r#"<g class="e{colour}"><rect class="g" x="{:.1}" y="{:.1}" width="{:.1}" height="16" rx="3"/><text class="t m c" x="{x}" y="{:.1}">{state}</text></g>"#,
                    x - half, middle - 8.0, half * 2.0, middle + 3.5
                ));
            }
        }
    }

    fn finish(mut self) -> String {
        let (bottom, width) = (self.bottom(), self.width);
        let note = "From top to bottom is order, not time.";
        self.add(format_args!(r#"<text class="i" x="{MARGIN}" y="{:.0}">{note}</text>"#, bottom + 22.0));
        let height = bottom + 34.0;
        let ends: Vec<String> = self
            .scene
            .ends
            .iter()
            .map(|end| {
                if end.program.is_empty() {
                    end.name.clone()
                } else {
                    format!("{} ({})", end.name, end.program)
                }
            })
            .collect();
        let page = escaped(&self.scene.page);
        let sections = escaped(&self.scene.sections.join(", "));
        let ends = escaped(&ends.join(", "));
        let sentences: Vec<String> = self
            .scene
            .rows
            .iter()
            .filter(|row| !matches!(row.kind, Kind::Line | Kind::Table))
            .map(|row| escaped(&row.say))
            .collect();
        let hatches = [0, 1, 2].map(|colour| {
            format!(
                r#"<pattern id="h{colour}" class="e{colour}" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="l" d="M0 0V4" stroke-width="2"/></pattern>"#
            )
        });
        let hatches = hatches.concat();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"t d\">\n\
             <title id=\"t\">A recorded run of {page} ({sections}): {ends}</title>\n\
             <desc id=\"d\">{}</desc>\n<style>{STYLE}</style>\n<defs>{hatches}</defs>\n\
             <rect class=\"o\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n{}</svg>\n",
            sentences.join(" "),
            self.svg
        )
    }
}
