//! What the learner has solved so far: one file in the checkout, which git ignores.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use lab::error::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::check::Exercise;
use crate::run::{Outcome, Status};

/// The file, in the root of the checkout.
const FILE: &str = ".grade-progress.json";

/// The checks that a program of the learner's has passed, by exercise.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    passed: BTreeMap<String, BTreeSet<String>>,
}

/// The file for somebody who works in `here`; none outside of a checkout.
#[must_use]
pub fn file(here: &Path) -> Option<PathBuf> {
    let is_root = |folder: &&Path| folder.join("tools/grade/Cargo.toml").is_file();
    here.ancestors().find(is_root).map(|root| root.join(FILE))
}

impl Progress {
    /// What stands in the file; nothing where there is none.
    ///
    /// # Errors
    /// It cannot be read, or something else stands in it.
    pub fn read(file: &Path) -> Result<Self> {
        let doing = || format!("read {} (delete it to begin anew)", file.display());
        match fs::read_to_string(file) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| Error::of(doing(), error)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Error::of(doing(), error)),
        }
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let doing = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::of(format!("write {}", file.display()), error)
        };
        let text = serde_json::to_string_pretty(self).map_err(|error| doing(error.into()))?;
        let beside = file.with_extension(format!("{}.new", std::process::id()));
        fs::write(&beside, text + "\n")
            .and_then(|()| fs::rename(&beside, file))
            .map_err(|error| doing(error.into()))
    }

    /// Adds what has passed now.
    pub fn add(&mut self, exercise: &Exercise, outcomes: &[Outcome]) {
        let passed = outcomes.iter().filter(|outcome| matches!(outcome.status, Status::Pass(_)));
        let ids = passed.map(|outcome| outcome.check.id.to_owned());
        self.passed.entry(exercise.name.to_owned()).or_default().extend(ids);
    }

    /// A line for each exercise: how much of it is solved, and what comes next.
    #[must_use]
    pub fn table(&self) -> String {
        let line = |exercise: &&Exercise| {
            let passed = self.passed.get(exercise.name);
            let has = |id: &str| passed.is_some_and(|passed| passed.contains(id));
            let next = exercise.checks.iter().find(|check| !has(check.id));
            let count = exercise.checks.iter().filter(|check| has(check.id)).count();
            let next = match next {
                None => "solved".to_owned(),
                Some(_) if count == 0 => String::new(),
                Some(check) => format!("next: level {}, {}", check.level, check.id),
            };
            format!("{:22} {count:2} of {:2}  {next}", exercise.name, exercise.checks.len())
                .trim_end()
                .to_owned()
                + "\n"
        };
        crate::exercise::ALL.iter().map(line).collect()
    }
}
