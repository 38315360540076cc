//! The door to the laboratory.

mod help;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use help::{CHECK_HELP, DOCTOR_HELP, DRAW_HELP, ENTER_HELP, HELP, OBSERVE_HELP, PLAY_HELP, RECORD_HELP};
use lab::check::Check;
use lab::error::{Error, Result};
use lab::network;
use lab::processes;
use lab::record::recording::{Recording, VERSION};
use lab::show::play::{Looks, Tempo};
use lab::show::scene::Scene;
use lab::signals::Signals;
use lexopt::ValueExt;

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
        "draw" => draw(&mut arguments),
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
    let mut plain = false;
    while let Some(argument) = next(arguments)? {
        match argument {
            lexopt::Arg::Long("plain") => plain = true,
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
    let looks = if plain || tempo == Tempo::NoWait || !has_window() { Looks::Lines } else { Looks::Window };
    lab::show::play::play(&root, &page, tempo, looks, anstream::AutoStream::auto(io::stdout()))
        .map(ExitCode::from)
}

/// Whether somebody sits before a terminal that can be drawn on.
fn has_window() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    io::stdin().is_terminal() && io::stdout().is_terminal() && !is_dumb
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
    written(&recording?.to_json()?, file.as_deref())
}

fn draw(arguments: &mut lexopt::Parser) -> Result<ExitCode> {
    let (mut recording, mut file, mut is_scene) = (None, None, false);
    while let Some(argument) = next(arguments)? {
        match argument {
            lexopt::Arg::Long("scene") => is_scene = true,
            lexopt::Arg::Short('o') | lexopt::Arg::Long("output") => {
                file = Some(PathBuf::from(arguments.value().map_err(usage)?));
            }
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => return print(DRAW_HELP),
            lexopt::Arg::Value(path) if recording.is_none() => recording = Some(PathBuf::from(path)),
            other => return Err(usage(other.unexpected())),
        }
    }
    let recording =
        recording.ok_or_else(|| Error::new("which recording? lab draw docs/recordings/part-one.json"))?;
    let read = Recording::read(&recording)?;
    if read.version != VERSION {
        return Err(Error::new(format!(
            "{} is of version {}, and this is {VERSION}: record it anew with lab record",
            recording.display(),
            read.version
        )));
    }
    let scene = Scene::of(&read);
    let text = if is_scene { scene.to_json()? } else { lab::show::drawing::draw(&scene) };
    written(&text, file.as_deref())
}

/// Writes to the file, or to standard output where none is named.
fn written(text: &str, file: Option<&Path>) -> Result<ExitCode> {
    match file {
        None => print(text),
        Some(file) => std::fs::write(file, text)
            .map(|()| ExitCode::SUCCESS)
            .map_err(|error| Error::of(format!("write {}", file.display()), error)),
    }
}

fn observe(arguments: &mut lexopt::Parser) -> Result<ExitCode> {
    let mut command = Vec::new();
    let mut plain = false;
    while command.is_empty() {
        match next(arguments)? {
            Some(lexopt::Arg::Value(program)) => command.push(program),
            Some(lexopt::Arg::Long("plain")) => plain = true,
            Some(lexopt::Arg::Short('h') | lexopt::Arg::Long("help")) => return print(OBSERVE_HELP),
            Some(other) => return Err(usage(other.unexpected())),
            None => return Err(Error::new("which command? lab observe -- COMMAND (see lab observe --help)")),
        }
    }
    // From here on everything is the command's own.
    command.extend(arguments.raw_args().map_err(usage)?);
    network::close_on_exec()?;
    let looks = if plain || !has_window() { Looks::Lines } else { Looks::Window };
    let out = anstream::AutoStream::auto(io::stdout());
    lab::show::observe::observe(&command, &here()?, looks, out).map(ExitCode::from)
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
