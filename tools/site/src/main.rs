//! The door that mdBook knocks at: it hands the book over as JSON, and takes it back.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use lexopt::{Arg, Parser, ValueExt};
use mdbook_preprocessor::parse_input;

const HELP: &str = "\
Makes the book a site, for mdBook, which starts this program by itself:

  mdbook build docs

Usage: site                    the book as JSON from standard input, and back
       site supports RENDERER  exit status 0 if it works for this renderer
";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "site: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let mut arguments = Parser::from_env();
    match arguments.next()? {
        None => {}
        Some(Arg::Value(word)) if word == "supports" => {
            let renderer = arguments.value()?.string()?;
            return Ok(if renderer == "html" { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Some(Arg::Short('h') | Arg::Long("help")) => {
            io::stdout().write_all(HELP.as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(argument) => return Err(argument.unexpected().into()),
    }
    let (context, book) = parse_input(io::stdin().lock())?;
    let book = site::rewrite(&context, book)?;
    serde_json::to_writer(io::stdout().lock(), &book).context("hand the book back to mdBook")?;
    Ok(ExitCode::SUCCESS)
}
