//! What came of it: for a terminal, and as data.

use std::fmt::{self, Display, Formatter, Write as _};

use serde::Serialize;

use crate::calls::Counter;
use crate::entrants::AGAIN;
use crate::machine::Machine;
use crate::statistics::Median;

/// The whole run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where it ran.
    pub machine: Machine,
    /// The length of a message, in bytes.
    pub size: usize,
    /// Who counted the system calls.
    pub counter: Option<Counter>,
    /// Peers that did not take part, and why.
    pub lacks: Vec<String>,
    /// The two generators beside each other.
    pub check: Option<Check>,
    /// One for each number of connections.
    pub fields: Vec<Field>,
}

/// The generator beside the simple one: the ratio of what the server's echo costs with each.
#[derive(Debug, Serialize)]
pub struct Check {
    /// 1 where both say the same.
    pub ratio: Median,
}

/// Everyone with one number of connections.
#[derive(Debug, Serialize)]
pub struct Field {
    /// How many connections each server had.
    pub connections: usize,
    /// How many turns each server had.
    pub rounds: usize,
    /// The reference first.
    pub standings: Vec<Standing>,
    /// How much of the reference's time the kernel's TCP itself takes, `tcp_sendmsg` and `tcp_recvmsg`: no design can do
    /// with less. Measured where perf can be used.
    pub tcp: Option<Median>,
    /// Who could not take part, and why.
    pub absent: Vec<String>,
}

/// What one of them needed.
#[derive(Debug, Serialize)]
pub struct Standing {
    /// Who.
    pub name: String,
    /// What it is made with.
    pub made_with: &'static str,
    /// Its processor time for an echo, as a ratio to the reference's in the same round.
    pub ratio: Median,
    /// The same in nanoseconds.
    pub nanoseconds: Median,
    /// Echoes a second of the clock on the wall. On a machine that others use too it decides nothing.
    pub rate: Median,
    /// System calls for an echo.
    pub calls: Option<f64>,
    /// Whether it is no server but the least that one can do.
    pub floor: bool,
}

impl Field {
    /// The reference against itself.
    #[must_use]
    pub fn noise(&self) -> Option<&Median> {
        self.standings.iter().find(|standing| standing.name == AGAIN).map(|standing| &standing.ratio)
    }

    /// From the least to the most.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Standing> {
        let mut sorted: Vec<&Standing> = self.standings.iter().collect();
        sorted.sort_by(|one, other| one.ratio.middle.total_cmp(&other.ratio.middle));
        sorted
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let plural = if self.connections == 1 { "" } else { "s" };
        writeln!(f, "\n{} connection{plural}, {} rounds", self.connections, self.rounds)?;
        writeln!(
            f,
            "{:24}{:>7}  {:15}{:>9}{:>7}{:>10}",
            "", "ratio", "95 % interval", "an echo", "calls", "echoes/s"
        )?;
        for standing in self.sorted() {
            let Standing { name, ratio, nanoseconds, rate, calls, .. } = standing;
            let interval = format!("[{:.3}, {:.3}]", ratio.low, ratio.high);
            let calls = calls.map_or("?".into(), |calls| format!("{calls:.2}"));
            let (microseconds, rate) = (nanoseconds.middle / 1000.0, rate.middle);
            write!(
                f,
                "{name:24}{:7.3}  {interval:15}{microseconds:6.2} us{calls:>7}{rate:10.0}",
                ratio.middle
            )?;
            writeln!(f, "  {}", bar(ratio.middle))?;
        }
        if let Some(Median { middle, low, high }) = self.tcp {
            let interval = format!("[{low:.3}, {high:.3}]");
            writeln!(
                f,
                "{:24}{middle:7.3}  {interval:15}{:26}  {}",
                "TCP itself: the floor",
                "",
                bar(middle)
            )?;
        }
        Ok(())
    }
}

/// Twenty characters for the reference; what is more than twice as much ends in an arrow.
fn bar(ratio: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 40")]
    let length = (ratio * 20.0).round().clamp(0.0, 40.0) as usize;
    "#".repeat(length) + if ratio > 2.0 { ">" } else { "" }
}

impl Report {
    /// How to read the tables, and what the goals of the course's own servers came to.
    #[must_use]
    pub fn verdict(&self) -> String {
        let mut text = format!(
            "ratio: processor time of the server for an echo of {} bytes, against the C server's in the same round.\n\
             C against itself is the noise. recv and send alone: the two calls, with nobody waited for.\n\
             TCP itself: the share of C's time that is inside the kernel's tcp_sendmsg and tcp_recvmsg.\n\
             echoes/s is time on the wall and decides nothing on a machine that others use too.\n",
            self.size
        );
        if self.counter == Some(Counter::Strace) {
            text += "calls: counted by strace, which slows the server, so that it waits less often than it does untraced.\n";
        }
        if let Some(Check { ratio }) = &self.check {
            let _ = writeln!(
                text,
                "The generator against a second, simple one, at 1 connection: {:.3} [{:.3}, {:.3}]; every server's own sum \
                 of bytes is the generator's.",
                ratio.middle, ratio.low, ratio.high
            );
        }
        for field in &self.fields {
            let Some(noise) = field.noise() else { continue };
            let within: Vec<&str> = field
                .standings
                .iter()
                .filter(|standing| {
                    standing.made_with != "C" && !standing.floor && standing.ratio.overlaps(noise)
                })
                .map(|standing| standing.name.as_str())
                .collect();
            let names = if within.is_empty() { "nobody".into() } else { within.join(", ") };
            let _ = writeln!(text, "Not to be told from C at {}: {names}", field.connections);
        }
        text.truncate(text.trim_end().len());
        text
    }
}
