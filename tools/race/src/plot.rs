//! The picture for the book: a bar for each server, its interval, the noise and the floor.

use std::fmt::Write as _;

use crate::report::{Field, Report, Standing};

/// Where names end and bars begin, in pixels.
const LEFT: f64 = 200.0;
/// How wide the reference's bar is.
const UNIT: f64 = 220.0;
/// How many times the reference's bar still fits; a longer one is cut and says its number.
const MOST: f64 = 2.2;
/// The height of a row.
const ROW: f64 = 20.0;

const STYLE: &str = "<style>
text { font: 13px system-ui, sans-serif; fill: #222 }
.title { font-weight: 600 } .small { font-size: 11px; fill: #666 }
.ours { fill: #2f6db5 } .peer { fill: #9aa5b1 } .floor { fill: #c9a227 }
.interval { stroke: #111; stroke-width: 1.5 } .one { stroke: #111; stroke-dasharray: 3 3 }
.noise { fill: #d33; opacity: .18 } .ground { stroke: #c9a227; stroke-dasharray: 6 3; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
text { fill: #ddd } .small { fill: #999 } .interval, .one { stroke: #eee } .ours { fill: #5b9be6 } .peer { fill: #66717d }
}
</style>";

/// The whole run as a picture.
#[must_use]
pub fn svg(report: &Report) -> String {
    let width = LEFT + UNIT * MOST + 130.0;
    let mut body = String::new();
    let mut top = 26.0;
    let _ = writeln!(
        body,
        "<text x=\"10\" y=\"{top}\" class=\"title\">Processor time of the server for an echo of {} bytes, against C</text>",
        report.size
    );
    for field in &report.fields {
        top += 18.0;
        top = panel(&mut body, field, top);
    }
    top += 22.0;
    for line in [
        "Black line: 95 % interval of the median. Red band: C against itself. Yellow dashes: what the \
         kernel's TCP itself takes.",
        &report.machine.line(),
    ] {
        let _ = writeln!(body, "<text x=\"10\" y=\"{top}\" class=\"small\">{}</text>", escape(line));
        top += 16.0;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {top}\" width=\"{width}\" height=\"{top}\" \
         role=\"img\" aria-label=\"Processor time for an echo, each server against the C server\">\n{STYLE}\n{body}</svg>\n"
    )
}

/// One number of connections; gives where the next panel may begin.
fn panel(body: &mut String, field: &Field, top: f64) -> f64 {
    let plural = if field.connections == 1 { "" } else { "s" };
    let _ = writeln!(
        body,
        "<text x=\"10\" y=\"{:.0}\" class=\"title\">{} connection{plural}</text>",
        top + 14.0,
        field.connections
    );
    let sorted = field.sorted();
    let begin = top + 22.0;
    #[expect(clippy::cast_precision_loss, reason = "a few rows")]
    let end = begin + ROW * sorted.len() as f64;
    if let Some(noise) = field.noise() {
        let (low, high) = (at(noise.low), at(noise.high));
        let _ = writeln!(
            body,
            "<rect x=\"{low:.1}\" y=\"{begin}\" width=\"{:.1}\" height=\"{:.1}\" class=\"noise\"/>",
            (high - low).max(1.0),
            end - begin
        );
    }
    let mut y = begin;
    for standing in &sorted {
        row(body, standing, y);
        y += ROW;
    }
    let mut line = |class: &str, x: f64| {
        let _ = writeln!(
            body,
            "<line x1=\"{x:.1}\" y1=\"{begin}\" x2=\"{x:.1}\" y2=\"{end}\" class=\"{class}\"/>"
        );
    };
    line("one", at(1.0));
    if let Some(tcp) = field.tcp {
        line("ground", at(tcp.middle));
    }
    end
}

fn row(body: &mut String, standing: &Standing, y: f64) {
    let Standing { name, ratio, made_with, calls, .. } = standing;
    let class = match (standing.floor, *made_with) {
        (true, _) => "floor",
        (false, "Rust") => "ours",
        _ => "peer",
    };
    let (from, to) = (at(0.0), at(ratio.middle));
    let _ = writeln!(
        body,
        "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
         <rect x=\"{from}\" y=\"{:.1}\" width=\"{:.1}\" height=\"14\" class=\"{class}\"/>",
        LEFT - 8.0,
        y + 14.5,
        escape(name),
        y + 3.0,
        to - from
    );
    let (low, high) = (at(ratio.low), at(ratio.high));
    let _ = writeln!(
        body,
        "<line x1=\"{low:.1}\" y1=\"{:.1}\" x2=\"{high:.1}\" y2=\"{:.1}\" class=\"interval\"/>",
        y + 10.0,
        y + 10.0
    );
    let calls = calls.map_or(String::new(), |calls| format!(", {calls:.2} calls"));
    let _ = writeln!(
        body,
        "<text x=\"{:.1}\" y=\"{:.1}\" class=\"small\">{:.3}{calls}</text>",
        to.max(high) + 6.0,
        y + 14.0,
        ratio.middle
    );
}

fn at(ratio: f64) -> f64 {
    LEFT + UNIT * ratio.min(MOST)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
