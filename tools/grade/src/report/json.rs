//! The report for programs. Version 1: fields may be added, none changes its meaning.

use std::time::Duration;

use lab::error::{Error, Result};
use serde::Serialize;

use crate::bench::Subject;
use crate::run::{Outcome, Status};

/// So many bytes of what came back are given.
const GOT: usize = 200;

#[derive(Debug, Serialize)]
struct Report<'a> {
    version: u8,
    exercise: &'a str,
    command: Vec<String>,
    status: &'static str,
    seconds: f64,
    machine: Machine,
    checks: Vec<Check<'a>>,
}

#[derive(Debug, Serialize)]
struct Machine {
    strace: bool,
    private: bool,
}

#[derive(Debug, Default, Serialize)]
struct Check<'a> {
    id: &'a str,
    level: usize,
    title: &'a str,
    status: &'static str,
    ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sentence: Option<String>,
    page: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_len: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    got_len: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_wrong: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    got_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<&'a str>,
}

/// The whole report, with a line end.
///
/// # Errors
/// It cannot be made; that should not be.
pub fn json(subject: &Subject, outcomes: &[Outcome], took: Duration) -> Result<String> {
    let failed = outcomes.iter().any(|outcome| matches!(outcome.status, Status::Fail(_)));
    let report = Report {
        version: 1,
        exercise: subject.exercise.name,
        command: subject.command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        status: if failed { "fail" } else { "pass" },
        seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0,
        machine: Machine { strace: subject.traced, private: true },
        checks: outcomes.iter().map(check).collect(),
    };
    serde_json::to_string_pretty(&report)
        .map(|text| text + "\n")
        .map_err(|error| Error::of("make the JSON report", error))
}

fn check(outcome: &Outcome) -> Check<'_> {
    let about = outcome.check;
    let mut check = Check {
        id: about.id,
        level: about.level,
        title: about.title,
        ms: u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
        page: about.page.to_string(),
        ..Check::default()
    };
    match &outcome.status {
        Status::Pass(note) => {
            check.status = "pass";
            check.note = note.as_deref();
        }
        Status::NotReached => check.status = "skip",
        Status::NotChecked(missing) => {
            check.status = "not_checked";
            check.sentence = Some(missing.to_string());
        }
        Status::Fail(failure) => {
            check.status = "fail";
            check.sentence = Some(failure.fault.sentence.clone());
            if let Some(page) = failure.fault.page {
                check.page = page.to_string();
            }
            if let Some(exchange) = &failure.fault.exchange {
                check.sent_len = Some(exchange.sent.len());
                check.got_len = Some(exchange.got.len());
                check.first_wrong = exchange.first_wrong();
                check.how = Some(exchange.how.word());
                let bytes = exchange.got.iter().take(GOT).map(|byte| format!("{byte:02x}"));
                check.got_hex = Some(bytes.collect::<String>());
            }
            check.calls = failure.calls.as_deref();
            check.stderr = Some(failure.stderr.as_str()).filter(|said| !said.is_empty());
            check.exit = failure.exit.as_deref();
        }
    }
    check
}
