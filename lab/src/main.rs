//! The door to the laboratory.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lab::check::Check;
use lab::error::{Error, Result};
use lab::network;

const HELP: &str = "\
The laboratory: replays the pages of the book and shows what the kernel did.

Usage: lab check [--update] [PAGES...]

check    Plays each page in real terminals on a private network and compares every line; compares every excerpt
         with its file. Without PAGES: README.md and docs/*.md.

Options:
  --update    rewrite what differs on the pages from what came (also: LAB_UPDATE=1)
  -h, --help  this text

Environment:
  LAB_UPDATE=1     like --update
  LAB_REQUIRE=all  what this machine cannot check is a failure

Exit status: 0 every block is as shown, 1 something differs or is wrong, 2 the laboratory could not work.
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
        Some(lexopt::Arg::Short('h') | lexopt::Arg::Long("help")) => return help(),
        Some(lexopt::Arg::Long(long)) if network::PROBE.strip_prefix("--") == Some(long) => {
            return probe();
        }
        Some(other) => return Err(usage(other.unexpected())),
        None => return Err(Error::new("no command: try lab --help")),
    };
    match command.as_str() {
        "check" => check(&mut arguments),
        "help" => help(),
        other => Err(Error::new(format!("no command {other}: try lab --help"))),
    }
}

fn next(arguments: &mut lexopt::Parser) -> Result<Option<lexopt::Arg<'_>>> {
    arguments.next().map_err(usage)
}

fn usage(error: lexopt::Error) -> Error {
    Error::of("arguments (see lab --help)", error)
}

fn help() -> Result<ExitCode> {
    print(HELP)
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
    while let Some(argument) = next(arguments)? {
        match argument {
            lexopt::Arg::Long("update") => update = true,
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => return help(),
            lexopt::Arg::Value(page) => pages.push(PathBuf::from(page)),
            other => return Err(usage(other.unexpected())),
        }
    }
    let here = std::env::current_dir().map_err(|error| Error::of("find the current directory", error))?;
    let root = root(&here);
    let pages = pages.iter().map(|page| beneath(&root, page)).collect::<Result<Vec<_>>>()?;

    network::close_on_exec()?;
    let report = Check { root, pages, update }.run(&mut io::stderr())?;
    let mut text = Vec::new();
    report.print(&mut text).map_err(|error| Error::of("write the report", error))?;
    print(&String::from_utf8_lossy(&text))?;
    let failed = report.failures() > 0 || (require && report.gaps() > 0);
    Ok(ExitCode::from(u8::from(failed)))
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
