//! How a part speaks.
//!
//! A part says what it does in `tracing` events. An `info!` event is one bare line on standard output, exactly the
//! message; any other level stands before its message (`warning: ...`). `RUST_LOG` asks for more or less.

use std::fmt;
use std::io::{self, Write};
use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::stop;

/// Lets the program `name` speak from here on. The first call decides; a later one changes nothing.
///
/// `RUST_LOG` takes directives with commas between them: a level (`off`, `error`, `warn`, `info`, `debug`, `trace`)
/// or `target=level`, such as `common=debug`. Where no level is given it is `info`. A value that makes no sense is
/// a warning on standard error, and `info`.
pub fn init(name: &str) {
    let name = NAME.get_or_init(|| name.to_owned());
    let directives = std::env::var_os("RUST_LOG").unwrap_or_default();
    let targets = parse(&directives.to_string_lossy()).unwrap_or_else(|directive| {
        let _ = writeln!(
            io::stderr(),
            "{name}: warning: RUST_LOG: {directive:?} is neither a level (off, error, warn, info, debug, trace) \
             nor target=level: going on with info"
        );
        Targets::new().with_default(LevelFilter::INFO)
    });
    let lines = tracing_subscriber::fmt::layer().event_format(Line).with_writer(|| Output);
    let _ = tracing_subscriber::registry().with(lines.with_ansi(false)).with(targets).try_init();
}

/// The targets that `directives` ask for, or the directive that asks for nothing.
///
/// `Targets` has a `FromStr` of its own, but takes any word for the name of a target and then shows that one alone:
/// `RUST_LOG=inof` would be silence.
fn parse(directives: &str) -> Result<Targets, &str> {
    let mut targets = Targets::new().with_default(LevelFilter::INFO);
    for directive in directives.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        let (target, level) = match directive.split_once('=') {
            Some((target, level)) => (Some(target.trim()), level.trim()),
            None => (None, directive),
        };
        // By name alone: a number would be a level too, and nobody could say which.
        let level = match level.parse::<LevelFilter>() {
            Ok(wanted) if level.chars().all(char::is_alphabetic) && !level.is_empty() => wanted,
            _ => return Err(directive),
        };
        targets = match target {
            // Of spans, `target[span]=level`, there are none.
            Some(target) if target.is_empty() || target.contains(['[', '{', ' ']) => return Err(directive),
            // A package's name has dashes where its target has underscores.
            Some(target) => targets.with_target(target.replace('-', "_"), level),
            None => targets.with_default(level),
        };
    }
    Ok(targets)
}

/// One event, one line.
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_str(match *event.metadata().level() {
            Level::ERROR => "error: ",
            Level::WARN => "warning: ",
            Level::INFO => "",
            Level::DEBUG => "debug: ",
            Level::TRACE => "trace: ",
        })?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// Standard output, each line at once: the reader of a pipe sees it when it happens.
///
/// Where nobody reads any more (`| head -1`) there is nothing left to say, and the program ends quietly: at once, or
/// as after SIGTERM where it has something to put away ([`Stop`](crate::stop::Stop)). Rust ignores SIGPIPE, so this
/// must be said; `println!` would panic. Where a line cannot be written (a full disk) the program ends likewise, but
/// says why on standard error and fails.
struct Output;

/// Of the program, for what it says on standard error.
static NAME: OnceLock<String> = OnceLock::new();

static BROKEN: AtomicBool = AtomicBool::new(false);

/// Whether a line was lost for another reason than that nobody reads.
pub(crate) fn broken() -> bool {
    BROKEN.load(Ordering::Relaxed)
}

impl Write for Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut output = io::stdout().lock();
        match output.write_all(line).and_then(|()| output.flush()) {
            Ok(()) => Ok(line.len()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                if stop::ask() {
                    Ok(line.len())
                } else {
                    process::exit(0)
                }
            }
            Err(error) => {
                if !BROKEN.swap(true, Ordering::Relaxed) {
                    let _ = writeln!(
                        io::stderr(),
                        "{}: write standard output: {error}",
                        NAME.get().map_or("", String::as_str)
                    );
                }
                if stop::ask() { Ok(line.len()) } else { process::exit(1) }
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_changes_every_target() {
        let targets = parse("warn").unwrap();
        assert!(!targets.would_enable("part_one_server", &Level::INFO));
        assert!(targets.would_enable("part_one_server", &Level::WARN));
    }

    #[test]
    fn a_target_changes_itself_and_silences_nobody() {
        let targets = parse("part-one-server=debug, common=off").unwrap();
        assert!(targets.would_enable("part_one_server", &Level::DEBUG));
        assert!(!targets.would_enable("common::stop", &Level::ERROR));
        assert!(targets.would_enable("another", &Level::INFO));
        assert!(!targets.would_enable("another", &Level::DEBUG));
    }

    #[test]
    fn nothing_means_info() {
        let targets = parse(" , ").unwrap();
        assert!(targets.would_enable("any", &Level::INFO));
        assert!(!targets.would_enable("any", &Level::DEBUG));
    }

    #[test]
    fn nonsense_is_named() {
        for nonsense in ["inof", "common=", "=info", "common=loud", "common[span]=debug", "3", "common=3"] {
            assert_eq!(parse(&format!("info,{nonsense}")).unwrap_err(), nonsense);
        }
    }
}
