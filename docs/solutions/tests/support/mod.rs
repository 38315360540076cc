//! What tells a solved exercise from an unsolved one.
#![allow(dead_code, reason = "each file of tests uses its own share of this")]
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use harness::process::{Process, built};

/// Why a check is not passed: one sentence, which begins with what was looked at.
pub type Checked = Result<(), Box<dyn Error>>;

/// The program of one state of an exercise, and the arguments that it is always given.
pub struct State {
    program: String,
    arguments: Vec<String>,
}

impl State {
    /// The part's own lesson, as a learner finds it.
    pub fn lesson(package: &str, program: &str) -> Self {
        let program = built(package, program).unwrap().into_os_string().into_string().unwrap();
        Self { program, arguments: Vec::new() }
    }

    /// An answer of this package: `State::answer(env!("CARGO_BIN_EXE_..."))`.
    pub fn answer(program: &str) -> Self {
        Self { program: program.into(), arguments: Vec::new() }
    }

    /// The same program with these arguments: for exercises whose answer is a command.
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(ToString::to_string));
        self
    }

    /// Where the program is, for a check that starts it through another one.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Starts it, with `more` arguments behind its own.
    pub fn start(&self, more: &[&str]) -> io::Result<Process> {
        let arguments: Vec<&str> =
            self.arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        Process::start(&self.program, &arguments)
    }

    /// A server that says its address, on a free port of 127.0.0.1, listening.
    pub fn serve(&self) -> io::Result<(Process, SocketAddr)> {
        let mut server = self.start(&["127.0.0.1:0"])?;
        let address = server.wait_for_address("Socket bound to address: ")?;
        server.line()?;
        Ok((server, address))
    }
}

/// The `unsolved` state must fail `check`, and with a sentence that contains `because`; the `answer` must pass it. A
/// state is a [`State`] in most exercises, and whatever the exercise lets the learner change in the others.
///
/// A check that the unsolved state passes tells a learner nothing, and one that it fails for another reason than the
/// exercise's would tell them something wrong.
#[track_caller]
pub fn exercise<S>(unsolved: &S, because: &str, answer: &S, check: impl Fn(&S) -> Checked) {
    let why = check(unsolved).expect_err("the unsolved state passes: this is no exercise").to_string();
    assert!(why.contains(because), "the unsolved state fails for another reason: {why}");
    if let Err(why) = check(answer) {
        panic!("the answer does not pass: {why}");
    }
}
