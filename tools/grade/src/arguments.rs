//! What the command line asks for.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;

use lab::error::{Error, Result};
use lexopt::{Arg, ValueExt};

use crate::check::Exercise;
use crate::run::Choice;

/// Columns of a terminal.
const WIDTH: usize = 80;

/// The answer to `--help`.
pub const HELP: &str = "\
Runs your own program, in any language, in a private network, judges what it
does, and explains what it finds.

Usage: grade EXERCISE [OPTIONS] -- COMMAND...
       grade --list | grade EXERCISE --list | grade progress

COMMAND starts your program. In its words {addr}, {host}, {port}, {path},
{folder}, {message} and {file} are replaced, and ADDR, HOST, PORT, SOCKET_PATH,
FOLDER, MESSAGE and FILE are set; a program that always takes 127.0.0.1:6797
works as well.
What `cargo run` runs is built before.

Options:
  --level L      only this level, by number or name
  --only ID      only this check; may be given several times
  --all          go on after a level in which something failed
  --build CMD    run this before, by the shell, with the machine's own network
  --slow K       every time limit K times as long (0.5, 2)
  --calls N      show N system calls of a failure (otherwise 16)
  --no-trace     do not watch system calls
  --json FILE    write the report as JSON, too
  --junit FILE   write the report as JUnit XML, too
  --list         the exercises; with EXERCISE its checks
  -h, --help     this text
  -V, --version

`grade progress` shows what you have solved so far.

Environment:
  LAB_REQUIRE=all  what this machine cannot check is exit status 2

Exit status: 0 every check that was asked for has passed, 1 something failed,
2 the grader could not work, 130 or 143 a signal ended it.
";

/// What is to be done.
#[derive(Debug)]
pub enum Task {
    /// Print this.
    Say(String),
    /// Show what has been solved.
    Progress,
    /// Only tell whether private networks are to be had.
    Probe,
    /// Be the first process of a namespace.
    First,
    /// Judge a program.
    Grade(Box<Request>),
}

/// A program to judge, and how.
#[derive(Debug)]
pub struct Request {
    /// What it is to be.
    pub exercise: &'static Exercise,
    /// What starts it.
    pub command: Vec<OsString>,
    /// Which checks are made.
    pub choice: Choice,
    /// What is run before.
    pub build: Option<String>,
    /// How many times as long everything may take.
    pub slow: f64,
    /// Whether its calls are watched.
    pub trace: bool,
    /// Where the JSON report goes.
    pub json: Option<PathBuf>,
    /// Where the `JUnit` report goes.
    pub junit: Option<PathBuf>,
}

/// Reads the command line.
///
/// # Errors
/// It cannot be understood; the error says what to write.
pub fn read(mut words: lexopt::Parser) -> Result<Task> {
    let mut exercise: Option<&'static Exercise> = None;
    let mut request = Request {
        exercise: crate::exercise::ALL.first().copied().ok_or_else(|| Error::new("there is no exercise"))?,
        command: Vec::new(),
        choice: Choice { calls: 16, ..Choice::default() },
        build: None,
        slow: 1.0,
        trace: true,
        json: None,
        junit: None,
    };
    let (mut level, mut list) = (None, false);
    while let Some(word) = words.next().map_err(usage)? {
        match word {
            Arg::Short('h') | Arg::Long("help") => return Ok(Task::Say(HELP.to_owned())),
            Arg::Short('V') | Arg::Long("version") => {
                return Ok(Task::Say(concat!("grade ", env!("CARGO_PKG_VERSION"), "\n").to_owned()));
            }
            Arg::Long(long) if lab::network::PROBE.strip_prefix("--") == Some(long) => {
                return Ok(Task::Probe);
            }
            Arg::Long(long) if lab::processes::FIRST.strip_prefix("--") == Some(long) => {
                return Ok(Task::First);
            }
            Arg::Long("list") => list = true,
            Arg::Long("all") => request.choice.all = true,
            Arg::Long("no-trace") => request.trace = false,
            Arg::Long("level") => level = Some(text(&mut words, "--level")?),
            Arg::Long("only") => request.choice.only.push(text(&mut words, "--only")?),
            Arg::Long("build") => request.build = Some(text(&mut words, "--build")?),
            Arg::Long("slow") => {
                let given = text(&mut words, "--slow")?;
                let number = given.parse().ok().filter(|k: &f64| k.is_finite() && *k > 0.0 && *k <= 1000.0);
                request.slow = number.ok_or_else(|| {
                    Error::new(format!("--slow {given}: a number above 0 is needed, at most 1000"))
                })?;
            }
            Arg::Long("calls") => {
                let given = text(&mut words, "--calls")?;
                let number = given.parse().ok().filter(|number| (1..=10_000).contains(number));
                request.choice.calls = number.ok_or_else(|| {
                    Error::new(format!("--calls {given}: a number from 1 to 10000 is needed"))
                })?;
            }
            Arg::Long("json") => request.json = Some(words.value().map_err(usage)?.into()),
            Arg::Long("junit") => request.junit = Some(words.value().map_err(usage)?.into()),
            Arg::Value(name) if exercise.is_none() && name == "progress" => {
                return match words.next().map_err(usage)? {
                    None => Ok(Task::Progress),
                    Some(other) => Err(usage(other.unexpected())),
                };
            }
            Arg::Value(name) if exercise.is_none() => {
                let name = name.to_string_lossy().into_owned();
                let named = Exercise::named(&name);
                let unknown = || Error::new(format!("there is no exercise {name}: try grade --list"));
                exercise = Some(named.ok_or_else(unknown)?);
            }
            // The command: this word, and everything behind it is its own.
            Arg::Value(first) => {
                request.command.push(first);
                request.command.extend(words.raw_args().map_err(usage)?);
            }
            other => return Err(usage(other.unexpected())),
        }
    }
    let Some(exercise) = exercise else {
        return if list {
            Ok(Task::Say(exercises()))
        } else {
            Err(Error::new("which exercise? grade --list names them; see grade --help"))
        };
    };
    if list {
        return Ok(Task::Say(checks(exercise)));
    }
    request.exercise = exercise;
    if let Some(wanted) = level {
        let number = exercise.level(&wanted);
        let names = || Error::new(format!("--level {wanted}: {} has {}", exercise.name, levels(exercise)));
        request.choice.level = Some(number.ok_or_else(names)?);
    }
    examine(&request)?;
    Ok(Task::Grade(Box::new(request)))
}

/// Whether there is something to judge, and by what.
fn examine(request: &Request) -> Result<()> {
    let Request { exercise, choice, .. } = request;
    if let Some(id) = choice.only.iter().find(|id| !exercise.checks.iter().any(|check| check.id == **id)) {
        return Err(Error::new(format!(
            "--only {id}: {} has no such check; try grade {} --list",
            exercise.name, exercise.name
        )));
    }
    if !exercise.checks.iter().any(|check| choice.takes(check)) {
        return Err(Error::new("--level and --only together leave no check"));
    }
    if request.command.is_empty() {
        return Err(Error::new(format!(
            "which program? grade {} -- COMMAND..., such as: grade {} -- python3 echo.py",
            exercise.name, exercise.name
        )));
    }
    Ok(())
}

fn text(words: &mut lexopt::Parser, option: &str) -> Result<String> {
    words.value().and_then(ValueExt::string).map_err(|error| Error::of(option, error))
}

fn usage(error: lexopt::Error) -> Error {
    Error::of("arguments (see grade --help)", error)
}

fn levels(exercise: &Exercise) -> String {
    let names: Vec<String> =
        exercise.levels.iter().enumerate().map(|(at, name)| format!("{} {name}", at + 1)).collect();
    names.join(", ")
}

fn exercises() -> String {
    crate::exercise::ALL.iter().map(|exercise| entry(0, exercise.name, 22, exercise.about)).collect()
}

/// One line of a list: `name`, and what it is about, from the same column on in every line.
fn entry(indent: usize, name: &str, width: usize, about: &str) -> String {
    let first = format!("{:indent$}{name:width$} ", "");
    let next = " ".repeat(indent + width + 1);
    let options = textwrap::Options::new(WIDTH).initial_indent(&first).subsequent_indent(&next);
    textwrap::fill(about, options) + "\n"
}

fn checks(exercise: &Exercise) -> String {
    let mut text = textwrap::fill(&format!("{}: {}", exercise.name, exercise.about), WIDTH) + "\n";
    let mut level = 0;
    for check in exercise.checks {
        if level != check.level {
            level = check.level;
            let _ = writeln!(text, "\nlevel {level}, {}", exercise.level_name(level)); // a String takes everything
        }
        text += &entry(2, check.id, 20, check.title);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(words: &[&str]) -> Result<Task> {
        read(lexopt::Parser::from_args(words))
    }

    fn error(words: &[&str]) -> String {
        task(words).expect_err("an error").whole()
    }

    #[test]
    fn a_command_keeps_its_own_options() {
        let words = ["tcp-echo", "--level", "bytes", "--slow", "2", "--", "prog", "--all", "--", "-x"];
        let Ok(Task::Grade(request)) = task(&words) else { panic!("no request") };
        assert_eq!(request.command, ["prog", "--all", "--", "-x"]);
        assert_eq!((request.choice.level, request.choice.all), (Some(3), false));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        assert!(error(&[]).contains("grade --list"));
        assert!(error(&["tcp-ecko", "--", "x"]).contains("there is no exercise tcp-ecko"));
        assert!(error(&["tcp-echo"]).contains("which program?"));
        assert!(error(&["tcp-echo", "--slow", "0", "--", "x"]).contains("--slow 0"));
        assert!(error(&["tcp-echo", "--level", "9", "--", "x"]).contains("1 starts, 2 stream"));
        assert!(error(&["tcp-echo", "--only", "y", "--", "x"]).contains("no such check"));
        assert!(error(&["tcp-echo", "--level", "1", "--only", "gone", "--", "x"]).contains("no check"));
        assert!(error(&["tcp-echo", "--wrong", "--", "x"]).contains("--wrong"));
    }

    #[test]
    fn help_fits_a_terminal() {
        assert!(HELP.lines().all(|line| line.len() <= WIDTH));
        let list = [exercises(), checks(crate::exercise::ALL[0])].concat();
        assert!(list.lines().all(|line| line.chars().count() <= WIDTH), "{list}");
    }
}
