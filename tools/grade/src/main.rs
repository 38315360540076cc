//! The door of the grader.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use grade::arguments::{self, Request, Task};
use grade::bench::{Limits, Subject};
use grade::progress::{self, Progress};
use grade::report::json::json;
use grade::report::junit::junit;
use grade::report::text::Report;
use grade::run::{self, Outcome, Status};
use lab::error::{Error, Result};
use lab::missing::Missing;
use lab::network::{self, Network};
use lab::observe::syscalls;
use lab::signals::Signals;
use lab::{processes, tools};

/// The grader could not work.
const BROKEN: u8 = 2;

fn main() -> ExitCode {
    match door() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // A closed standard error leaves the exit code to speak.
            let _ = writeln!(io::stderr(), "grade: {}", error.whole());
            ExitCode::from(BROKEN)
        }
    }
}

fn door() -> Result<u8> {
    match arguments::read(lexopt::Parser::from_env())? {
        Task::Say(text) => say(&text),
        Task::Probe => network::try_private().map(|()| 0),
        Task::First => processes::be_first().map(|()| 0),
        Task::Progress => {
            let file = progress::file(&here()?).ok_or_else(|| {
                Error::new("progress is kept in the checkout of this course: call it from there")
            })?;
            say(&Progress::read(&file)?.table())
        }
        Task::Grade(request) => grade(&request),
    }
}

fn grade(request: &Request) -> Result<u8> {
    let require = match std::env::var_os("LAB_REQUIRE") {
        Some(value) if value == "all" => true,
        Some(value) if !value.is_empty() => {
            return Err(Error::new(format!(
                "LAB_REQUIRE={}: the only value it knows is all",
                value.display()
            )));
        }
        _ => false,
    };
    network::close_on_exec()?;
    let here = here()?;
    find(&request.command, &here)?;
    build(request, &here)?;

    let mut gaps = 0;
    let mut traced = request.trace;
    if let (true, Err(missing)) = (request.trace, syscalls::available()) {
        gap("your program's system calls", &missing);
        gaps += 1;
        traced = false;
    }
    if let Network::Host(missing, _) = Network::enter()? {
        return Err(Error::new(format!(
            "your program is judged in a private network, and there is none: {missing}"
        )));
    }
    let signals = Signals::catch()?;
    let scratch =
        lab::folder::tempdir().map_err(|error| Error::of("make a folder for the program", error))?;
    let subject = Subject {
        exercise: request.exercise,
        command: request.command.clone(),
        here: here.clone(),
        traced,
        limits: Limits::times(request.slow),
    };
    let out = anstream::AutoStream::auto(io::stdout());
    let begun = Instant::now();
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    let mut report = Report::begin(out, &subject, io::stdout().is_terminal() && !is_dumb)?;
    let outcomes = run::run(&subject, &request.choice, &signals, scratch.path(), &mut report);
    if let Some(status) = signals.status() {
        report.interrupted();
        return Ok(status);
    }
    let outcomes = outcomes?;
    let took = begun.elapsed();
    report.finish(&outcomes)?;
    if let Some(file) = &request.json {
        write(file, &json(&subject, &outcomes, took)?)?;
    }
    if let Some(file) = &request.junit {
        write(file, &junit(&subject, &outcomes, took))?;
    }
    if let Some(file) = progress::file(&here) {
        let mut progress = Progress::read(&file)?;
        progress.add(request.exercise, &outcomes);
        progress.write(&file)?;
    }
    for outcome in &outcomes {
        if let Status::NotChecked(missing) = &outcome.status {
            gap(outcome.check.id, missing);
            gaps += 1;
        }
    }
    Ok(code(&outcomes, require && gaps > 0))
}

fn code(outcomes: &[Outcome], has_gap: bool) -> u8 {
    if outcomes.iter().any(|outcome| matches!(outcome.status, Status::Fail(_))) {
        1
    } else if has_gap {
        BROKEN
    } else {
        0
    }
}

/// That there is such a program: a mistyped command is no fault of a server.
fn find(command: &[OsString], here: &Path) -> Result<()> {
    let name = command.first().map(|name| name.to_string_lossy()).unwrap_or_default();
    let is_program = |path: &Path| {
        path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let is_there =
        if name.contains('/') { is_program(&here.join(name.as_ref())) } else { tools::find(&name).is_some() };
    if is_there || name.contains('{') {
        return Ok(());
    }
    Err(Error::new(match tools::not_installed(&name) {
        Some(missing) => missing.to_string(),
        None => format!("{name}: there is no such program"),
    }))
}

/// Builds what is built before, with the machine's own network.
fn build(request: &Request, here: &Path) -> Result<()> {
    if let Some(command) = &request.build {
        let doing = || format!("--build {command}");
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(here).stdin(Stdio::null());
        // What it says is no part of the report.
        shell.stdout(io::stderr());
        let status = shell.status().map_err(|error| Error::of(doing(), error))?;
        if !status.success() {
            return Err(Error::new(format!("{}: {status}", doing())));
        }
    }
    let words = shell_words::join(request.command.iter().map(|word| word.to_string_lossy()));
    lab::build::build(here, std::iter::once(words.as_str()), &mut io::sink())
}

fn write(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).map_err(|error| Error::of(format!("write {}", file.display()), error))
}

fn gap(what: &str, missing: &Missing) {
    let _ = writeln!(io::stderr(), "NOT CHECKED {what}: {missing}");
}

fn here() -> Result<std::path::PathBuf> {
    std::env::current_dir().map_err(|error| Error::of("find the current directory", error))
}

fn say(text: &str) -> Result<u8> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever read it has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::of("write to standard output", error))
        }
        _ => Ok(0),
    }
}
