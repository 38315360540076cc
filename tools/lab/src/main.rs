//! The door to the laboratory.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lab::check::Check;
use lab::error::{Error, Result};
use lab::network;
use lab::processes;
use lab::show::play::Tempo;
use lab::signals::Signals;
use lexopt::ValueExt;

const HELP: &str = "\
The laboratory: replays the pages of the book and shows what the kernel did.

Usage: lab COMMAND [ARGUMENTS]

  check [--update] [PAGES...]  play pages and compare every line
  play PAGE                    play a page live in this terminal
  observe -- COMMAND...        run any program on a private network and see what it does
  record PAGE                  play a page and write down what happened, as JSON
  doctor                       what this machine can and cannot do for the book
  enter PID                    a shell on the private network of a running `lab observe`

`lab COMMAND --help` says more. Exit status 2: the laboratory could not work.
";

const CHECK_HELP: &str = "\
Plays each page in real terminals on a private network and compares every line; compares every excerpt with its file.

Usage: lab check [--update] [--jobs N] [PAGES...]

Without PAGES: README.md and docs/*.md.

Options:
  --update    rewrite what differs on the pages from what came (also: LAB_UPDATE=1)
  --jobs N    play N pages at once (otherwise: one for every two processors)
  -h, --help  this text

Environment:
  LAB_UPDATE=1     like --update
  LAB_REQUIRE=all  what this machine cannot check is a failure

Exit status: 0 every block is as shown, 1 something differs or is wrong, 2 the laboratory could not work, 130 or 143 a
signal ended it.
";

const PLAY_HELP: &str = "\
Plays a page of the book live: what appears in its terminals, the system calls of the programs and the packets between
them, each line with the name of its lane. The order in time is certain within a lane; between a program's words and
its calls a few milliseconds are not.

Usage: lab play [--speed N | --no-wait] PAGE

On a terminal, Return plays the next block, q and Return ends. Elsewhere nothing waits.

Options:
  --speed N   no keys: wait as long as reading takes at N times a usual speed (0.5, 1, 4)
  --no-wait   no keys and no waiting
  -h, --help  this text

Environment:
  NO_COLOR=1  no colours; a pipe or a file gets none anyway

Exit status: 0 everything came as the page shows it, or you left before the end; 1 not everything did; 2 the laboratory
could not work.
";

const RECORD_HELP: &str = "\
Plays a page once, with every terminal traced, and writes what happened as JSON: keys,
lines, system calls, packets and the states of the sockets, in causal order.

Usage: lab record [--section HEADING]... [-o FILE] PAGE

Options:
  --section HEADING  only what happened in this section of the page; may be
                     given several times
  -o FILE            write to FILE instead of standard output
  -h, --help         this text

Exit status: 0 written, 2 not everything came as the page shows it, or the
laboratory could not work.
";

const OBSERVE_HELP: &str = "\
Runs a program, in whatever language, on a private network, and shows live what it prints, the network calls it makes
and the packets that pass. On a private network every port is free, and nobody else is there; so COMMAND may open raw
and packet sockets on it (CAP_NET_RAW), which elsewhere takes root.

Usage: lab observe [--] COMMAND [ARGUMENTS...]

What you type goes, line by line, to the shell of a second terminal on the same network: start a client there, and talk
to your server. ^D closes the second terminal, ^C ends COMMAND. What COMMAND leaves behind when it ends, as a daemon does,
is watched until ^C. The first line names the command that joins from another window.

  cargo run -p lab -- observe -- cargo run -p part-one-server
  telnet 127.0.0.1 6797

System calls take strace (Debian: strace); without it, or without user namespaces, COMMAND runs with the lanes that this
machine can show.

Options:
  -h, --help  this text

Environment:
  NO_COLOR=1  no colours; a pipe or a file gets none anyway

Exit status: that of COMMAND; 127 if there is no such program; 2 the laboratory could not work.
";

const ENTER_HELP: &str = "\
Opens a shell on the private network of a running `lab observe`.

Usage: lab enter PID

PID is in the first line of what `lab observe` prints. The shell is $SHELL.

Options:
  -h, --help  this text

Exit status: that of the shell; 2 the laboratory could not work.
";

const DOCTOR_HELP: &str = "\
Tries what the pages of the book take, and says what this machine can do and what it cannot: namespaces, packets, calls,
terminals, settings of the kernel, each tool with its make and the package that brings the right one; and which blocks
of which pages would be NOT CHECKED here.

Usage: lab doctor

Options:
  -h, --help  this text

Environment:
  LAB_REQUIRE=all  what this machine cannot check is a failure

Exit status: 0 it has looked; 1 something cannot be checked and LAB_REQUIRE=all is set; 2 the laboratory could not work.
";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to tell it to if this fails as well.
            let _ = writeln!(io::stderr(), "lab: {:#}", anyhow::Error::new(error));
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode> {
    let mut arguments = lexopt::Parser::from_env();
    let command = match next(&mut arguments)? {
        Some(lexopt::Arg::Value(command)) => command.to_string_lossy().into_owned(),
        Some(lexopt::Arg::Short('h') | lexopt::Arg::Long("help")) => return print(HELP),
        Some(lexopt::Arg::Short('V') | lexopt::Arg::Long("version")) => {
            return print(concat!("lab ", env!("CARGO_PKG_VERSION"), "\n"));
        }
        Some(lexopt::Arg::Long(long)) if network::PROBE.strip_prefix("--") == Some(long) => {
            return probe();
        }
        Some(lexopt::Arg::Long(long)) if processes::FIRST.strip_prefix("--") == Some(long) => {
            return processes::be_first().map(|()| ExitCode::SUCCESS);
        }
        Some(other) => return Err(usage(other.unexpected())),
        None => return Err(Error::new("no command: try lab --help")),
    };
    match command.as_str() {
        "check" => check(&mut arguments),
        "play" => play(&mut arguments),
        "observe" => observe(&mut arguments),
        "record" => record(&mut arguments),
        "doctor" => doctor(&mut arguments),
        "enter" => enter(&mut arguments),
        "help" => print(HELP),
        other => Err(Error::new(format!("no command {other}: try lab --help"))),
    }
}

fn next(arguments: &mut lexopt::Parser) -> Result<Option<lexopt::Arg<'_>>> {
    arguments.next().map_err(usage)
}

fn usage(error: lexopt::Error) -> Error {
    Error::of("arguments (see lab --help)", error)
}

fn print(text: &str) -> Result<ExitCode> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // Whoever read it has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(Error::of("write to standard output", error)),
    }
}

fn probe() -> Result<ExitCode> {
    network::try_private().map(|()| ExitCode::SUCCESS)
}

fn check(arguments: &mut lexopt::Parser) -> Result<ExitCode> {
    let mut update = environment("LAB_UPDATE", "1")?;
    let require = environment("LAB_REQUIRE", "all")?;
    let mut pages = Vec::new();
    let mut jobs = None;
    while let Some(argument) = next(arguments)? {
        match argument {
            lexopt::Arg::Long("update") => update = true,
            lexopt::Arg::Long("jobs") => {
                let value = arguments.value().map_err(usage)?;
                let needed = || Error::new(format!("--jobs {}: a number above 0 is needed", value.display()));
                jobs = Some(value.parse().map_err(|_| needed())?);
            }
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => return print(CHECK_HELP),
            lexopt::Arg::Value(page) => pages.push(PathBuf::from(page)),
            other => return Err(usage(other.unexpected())),
        }
    }
    let root = root(&here()?);
    let pages = pages.iter().map(|page| beneath(&root, page)).collect::<Result<Vec<_>>>()?;

    network::close_on_exec()?;
    let signals = Signals::catch()?;
    let report = Check { root, pages, update, jobs }.run(&mut io::stderr(), &signals);
    if let Some(status) = signals.status() {
        return Ok(ExitCode::from(status));
    }
    let report = report?;
    let mut text = Vec::new();
    report.print(&mut text).map_err(|error| Error::of("write the report", error))?;
    print(&String::from_utf8_lossy(&text))?;
    let failed = report.failures() > 0 || (require && report.gaps() > 0);
    Ok(ExitCode::from(u8::from(failed)))
}

fn play(arguments: &mut lexopt::Parser) -> Result<ExitCode> {
    let mut tempo = if io::stdin().is_terminal() { Tempo::Keys } else { Tempo::NoWait };
    let mut page = None;
    while let Some(argument) = next(arguments)? {
        match argument {
            lexopt::Arg::Long("no-wait") => tempo = Tempo::NoWait,
            lexopt::Arg::Long("speed") => {
                let value = arguments.value().map_err(usage)?;
                let speed = value.parse().ok().filter(|speed: &f64| speed.is_finite() && *speed > 0.0);
                let needed =
                    || Error::new(format!("--speed {}: a number above 0 is needed", value.display()));
                tempo = Tempo::Speed(speed.ok_or_else(needed)?);
            }
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => return print(PLAY_HELP),
            lexopt::Arg::Value(path) if page.is_none() => page = Some(PathBuf::from(path)),
            other => return Err(usage(other.unexpected())),
        }
    }
    let page = page.ok_or_else(|| Error::new("which page? lab play docs/part-one.md"))?;
    let root = root(&here()?);
    let page = beneath(&root, &page)?;
    network::close_on_exec()?;
    lab::show::play::play(&root, &page, tempo, anstream::AutoStream::auto(io::stdout())).map(ExitCode::from)
}

fn record(arguments: &mut lexopt::Parser) -> Result<ExitCode> {
    let (mut page, mut sections, mut file) = (None, Vec::new(), None);
    while let Some(argument) = next(arguments)? {
        match argument {
            lexopt::Arg::Long("section") => {
                sections.push(arguments.value().map_err(usage)?.to_string_lossy().into_owned());
            }
            lexopt::Arg::Short('o') | lexopt::Arg::Long("output") => {
                file = Some(PathBuf::from(arguments.value().map_err(usage)?));
            }
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => return print(RECORD_HELP),
            lexopt::Arg::Value(path) if page.is_none() => page = Some(PathBuf::from(path)),
            other => return Err(usage(other.unexpected())),
        }
    }
    let page = page.ok_or_else(|| Error::new("which page? lab record docs/part-one.md"))?;
    let root = root(&here()?);
    let page = beneath(&root, &page)?;
    network::close_on_exec()?;
    let signals = Signals::catch()?;
    let recording = lab::show::record::record(&root, &page, &sections, &mut &signals);
    if let Some(status) = signals.status() {
        return Ok(ExitCode::from(status));
    }
    let json = recording?.to_json()?;
    match file {
        None => print(&json),
        Some(file) => std::fs::write(&file, json)
            .map(|()| ExitCode::SUCCESS)
            .map_err(|error| Error::of(format!("write {}", file.display()), error)),
    }
}

fn observe(arguments: &mut lexopt::Parser) -> Result<ExitCode> {
    let mut command = Vec::new();
    match next(arguments)? {
        Some(lexopt::Arg::Value(program)) => command.push(program),
        Some(lexopt::Arg::Short('h') | lexopt::Arg::Long("help")) => return print(OBSERVE_HELP),
        Some(other) => return Err(usage(other.unexpected())),
        None => return Err(Error::new("which command? lab observe -- COMMAND (see lab observe --help)")),
    }
    // From here on everything is the command's own.
    command.extend(arguments.raw_args().map_err(usage)?);
    network::close_on_exec()?;
    let out = anstream::AutoStream::auto(io::stdout());
    lab::show::observe::observe(&command, &here()?, out).map(ExitCode::from)
}

fn doctor(arguments: &mut lexopt::Parser) -> Result<ExitCode> {
    let require = environment("LAB_REQUIRE", "all")?;
    match next(arguments)? {
        None => {}
        Some(lexopt::Arg::Short('h') | lexopt::Arg::Long("help")) => return print(DOCTOR_HELP),
        Some(other) => return Err(usage(other.unexpected())),
    }
    network::close_on_exec()?;
    let findings = lab::doctor::examine(&root(&here()?))?;
    print(&findings.text)?;
    Ok(ExitCode::from(u8::from(require && findings.gaps > 0)))
}

fn enter(arguments: &mut lexopt::Parser) -> Result<ExitCode> {
    let mut pid = None;
    while let Some(argument) = next(arguments)? {
        match argument {
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => return print(ENTER_HELP),
            lexopt::Arg::Value(value) if pid.is_none() => {
                let needed =
                    |_| Error::new(format!("enter {}: the number of a process is needed", value.display()));
                pid = Some(value.parse().map_err(needed)?);
            }
            other => return Err(usage(other.unexpected())),
        }
    }
    let pid = pid.ok_or_else(|| Error::new("which process? the first line of `lab observe` names it"))?;
    match lab::enter::enter(pid)? {}
}

fn here() -> Result<PathBuf> {
    std::env::current_dir().map_err(|error| Error::of("find the current directory", error))
}

/// Whether the variable is set to the one value that it knows; empty is as good as not set.
fn environment(name: &str, value: &str) -> Result<bool> {
    match std::env::var_os(name) {
        None => Ok(false),
        Some(set) if set.is_empty() => Ok(false),
        Some(set) if set == value => Ok(true),
        Some(set) => Err(Error::new(format!("{name}={}: the only value it knows is {value}", set.display()))),
    }
}

/// The directory above `here` that holds the workspace; `here` itself where there is none.
fn root(here: &Path) -> PathBuf {
    let is_workspace = |dir: &&Path| {
        std::fs::read_to_string(dir.join("Cargo.toml")).is_ok_and(|manifest| manifest.contains("[workspace]"))
    };
    here.ancestors().find(is_workspace).unwrap_or(here).to_owned()
}

/// The page as named from the root, where it lies beneath it.
fn beneath(root: &Path, page: &Path) -> Result<PathBuf> {
    let absolute =
        page.canonicalize().map_err(|error| Error::of(format!("find {}", page.display()), error))?;
    let root = root.canonicalize().map_err(|error| Error::of(format!("find {}", root.display()), error))?;
    Ok(absolute.strip_prefix(&root).map_or_else(|_| absolute.clone(), Path::to_owned))
}
