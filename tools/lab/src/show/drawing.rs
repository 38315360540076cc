//! A scene as a still picture: SVG that follows the reader's light or dark, for a forge, for print, and for the site
//! without script. Downwards is order, and nothing else.

mod rows;

use std::fmt::Write as _;

use super::scene::{Kind, Scene};

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

/// Of a router, which is nobody's terminal.
const ROUTER: &str =
    ".e3{--c:var(--soft)}.k3{fill:#ebe8df}@media(prefers-color-scheme:dark){.k3{fill:#272b30}}";

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
    /// Its place among those that are no router; 3 for a router, which has no program either.
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
    /// Between two kernels that stand beside each other.
    wire: f64,
    /// How many characters fit into a program's lane.
    fits: usize,
    svg: String,
}

/// The picture of a scene.
#[must_use]
pub fn draw(scene: &Scene) -> String {
    let (program, wire) = match scene.ends.as_slice() {
        ends if ends.iter().any(|end| end.is_router) => (212.0, 190.0),
        ends if ends.len() > 2 => (212.0, 128.0),
        _ => (274.0, 168.0),
    };
    let mut lanes = Vec::new();
    let mut x = MARGIN;
    for (at, end) in scene.ends.iter().enumerate() {
        let (is_left, before) = (at == 0, scene.ends.iter().take(at).filter(|end| !end.is_router).count());
        let (colour, program) = if end.is_router { (3, 0.0) } else { (before.min(2), program) };
        let (edge, left) = if is_left { (x + program, x + program) } else { (x + KERNEL, x) };
        lanes.push(Lane { edge, left, right: left + KERNEL, is_left, colour });
        x += program + KERNEL + wire;
    }
    let width = x - if scene.ends.len() > 1 { wire } else { 0.0 } + MARGIN;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few dozen characters")]
    let fits = ((program - 26.0) / CHARACTER) as usize;
    let mut drawing = Drawing { scene, lanes, width, wire, fits, svg: String::new() };
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
            if end.is_router {
                let name = escaped(&cut(&end.name, 12));
                self.add(format_args!(r#"<text class="n m c e{colour}" x="{middle}" y="28">{name}</text>"#));
                self.add(format_args!(r#"<text class="s m" x="{middle}" y="45">router</text>"#));
                continue;
            }
            let (x, anchor) = (lane.out(8.0), if lane.is_left { " r" } else { "" });
            let name = escaped(&cut(&end.name, 24));
            self.add(format_args!(r#"<text class="n c e{colour}{anchor}" x="{x}" y="28">{name}</text>"#));
            let program = escaped(&cut(&end.program, 30));
            self.add(format_args!(r#"<text class="s{anchor}" x="{x}" y="45">{program}</text>"#));
            self.add(format_args!(r#"<text class="n m c e{colour}" x="{middle}" y="28">kernel</text>"#));
        }
        let has_router = self.scene.ends.iter().any(|end| end.is_router);
        for sides in self.lanes.clone().windows(2).filter(|_| has_router) {
            let [one, other] = sides else { continue };
            let middle = f64::midpoint(one.right, other.left);
            self.add(format_args!(
                r#"<text class="n m" style="fill:var(--wire)" x="{middle}" y="28">link</text>"#
            ));
        }
        let has_packets = !has_router && self.scene.rows.iter().any(|row| row.kind == Kind::Packet);
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
                if end.is_router {
                    format!("{} (a router)", end.name)
                } else if end.program.is_empty() {
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
        let router = if self.scene.ends.iter().any(|end| end.is_router) { ROUTER } else { "" };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"t d\">\n\
             <title id=\"t\">A recorded run of {page} ({sections}): {ends}</title>\n\
             <desc id=\"d\">{}</desc>\n<style>{STYLE}{router}</style>\n<defs>{hatches}</defs>\n\
             <rect class=\"o\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n{}</svg>\n",
            sentences.join(" "),
            self.svg
        )
    }
}
