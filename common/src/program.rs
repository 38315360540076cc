//! The door of every program.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::arguments::{Arguments, Error};
use crate::logging;

/// Runs a program: lets it speak, reads its `arguments`, gives them to its `lesson`, and turns what comes back into
/// an exit code.
///
/// * 0: the lesson came to its end, or `--help` or `--version` was answered.
/// * 1: the lesson failed; standard error has one line, `name: call object: errno`.
/// * 2: the arguments cannot be used; standard error says which and what to write.
///
/// `name` is what `env!("CARGO_BIN_NAME")` gives. An error is written with `{:#}`, which for `anyhow` is the whole
/// chain in one line.
pub fn run<T, E: Display>(
    name: &str,
    help: &str,
    arguments: impl FnOnce(&mut Arguments) -> Result<T, Error>,
    lesson: impl FnOnce(T) -> Result<(), E>,
) -> ExitCode {
    let mut words = Arguments::of_process();
    match arguments(&mut words).and_then(|taken| words.end().map(|()| taken)) {
        Ok(taken) => {
            logging::init(name);
            match lesson(taken) {
                // What could not be written was said when it happened.
                Ok(()) if logging::broken() => ExitCode::FAILURE,
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => complain(name, &format!("{error:#}"), 1),
            }
        }
        Err(Error::Help) => answer(name, help),
        Err(Error::Version) => answer(name, &format!("{name} {}\n", env!("CARGO_PKG_VERSION"))),
        Err(Error::Unusable(sentence)) => complain(name, &format!("{sentence}\nTry '{name} --help'."), 2),
    }
}

/// What the program was asked for, on standard output. A reader who has left (`--help | head -1`) is no error.
fn answer(name: &str, text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(name, &format!("write standard output: {error}"), 1)
        }
        _ => ExitCode::SUCCESS,
    }
}

fn complain(name: &str, sentence: &str, code: u8) -> ExitCode {
    // A closed standard error leaves the exit code to speak.
    let _ = writeln!(io::stderr(), "{name}: {sentence}");
    ExitCode::from(code)
}
