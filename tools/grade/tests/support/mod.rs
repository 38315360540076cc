//! The known-bad and known-good programs, and the grader on one of them.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]
#![allow(dead_code, reason = "each test uses a part of it")]

pub mod kept;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use harness::missing::Missing;
use harness::process::{command, not_checked};
use harness::tools;
use serde_json::Value;
use tempfile::TempDir;

/// A program that the grader is tried on.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its file.
    pub file: PathBuf,
    /// What its first lines say behind `Caught by` or `Passes`: an exercise, and the check that catches it.
    pub claims: Vec<(String, String)>,
}

impl Subject {
    /// Every program in this folder of the tests.
    pub fn all(folder: &str) -> Vec<Self> {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
        let entries = fs::read_dir(&place).expect("the folder of the programs");
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
        files.sort();
        let subjects: Vec<Self> = files.into_iter().map(Self::read).collect();
        subjects.iter().for_each(Self::must_claim);
        subjects
    }

    fn read(file: PathBuf) -> Self {
        let text = fs::read_to_string(&file).expect("a program");
        let head = text.lines().take(3).collect::<Vec<_>>().join(" ");
        let mut claims = Vec::new();
        for sentence in head.split(". ").map(|sentence| sentence.trim().trim_end_matches('.')) {
            let words = sentence.strip_prefix("Caught by ").or_else(|| sentence.strip_prefix("Passes "));
            let mut words = words.unwrap_or_default().split(' ').map(str::to_owned);
            if let Some(exercise) = words.next().filter(|exercise| !exercise.is_empty()) {
                claims.push((exercise, words.next().unwrap_or_default()));
            }
        }
        Self { file, claims }
    }

    /// A program that claims nothing would be tried by nobody.
    fn must_claim(&self) {
        let name = self.name();
        assert!(!self.claims.is_empty(), "{name}: its first lines say neither `Caught by` nor `Passes`");
        let known = exercises();
        for (exercise, _) in &self.claims {
            assert!(known.contains(exercise.as_str()), "{name}: there is no exercise {exercise}");
        }
    }

    /// `one_recv.py`
    pub fn name(&self) -> String {
        self.file.file_name().expect("a name").to_string_lossy().into_owned()
    }

    fn ends_with(&self, extension: &str) -> bool {
        self.file.extension().is_some_and(|own| own == extension)
    }

    /// Puts it into `folder`, built where that is needed; gives the command that starts it from there, or what this
    /// machine lacks.
    pub fn command(&self, folder: &Path) -> Result<Vec<String>, Missing> {
        let name = self.name();
        let stem = self.file.file_stem().expect("a name").to_string_lossy().into_owned();
        let needs = |program: &str, package: &str| match tools::find(program) {
            Some(_) => Ok(()),
            None => Err(Missing::program(program, package)),
        };
        fs::copy(&self.file, folder.join(&name)).expect("a copy");
        let build = |program: &str, arguments: &[&str]| {
            let mut build = command(program);
            let output = build.args(arguments).args(["-o", &stem, &name]).current_dir(folder).output();
            let output = output.expect("a compiler");
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
            vec![format!("./{stem}")]
        };
        if self.ends_with("py") {
            needs("python3", "python3").map(|()| vec!["python3".to_owned(), name.clone()])
        } else if self.ends_with("sh") {
            if fs::read_to_string(&self.file).expect("a script").contains("exec socat") {
                needs("socat", "socat")?;
            }
            Ok(vec!["sh".to_owned(), name.clone()])
        } else if self.ends_with("js") {
            needs("node", "nodejs").map(|()| vec!["node".to_owned(), name.clone()])
        } else if self.ends_with("c") {
            needs("cc", "gcc").map(|()| build("cc", &["-O1", "-w", "-pthread"]))
        } else if self.ends_with("rs") {
            needs("rustc", "rustc").map(|()| build("rustc", &["--edition", "2024", "-O"]))
        } else if self.ends_with("go") {
            needs("go", "golang-go").map(|()| {
                let mut go = command("go");
                let cache = folder.join("go-cache");
                go.args(["build", "-o", &stem, &name]).env("GOCACHE", cache).env("GOPATH", folder.join("go"));
                let output = go.env("GOFLAGS", "-mod=mod").current_dir(folder).output().expect("go runs");
                assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
                vec![format!("./{stem}")]
            })
        } else {
            panic!("{name}: how is that run?");
        }
    }
}

/// The grader as a test starts it.
pub fn grade(arguments: &[&str], here: &Path) -> Command {
    let mut grade = command(env!("CARGO_BIN_EXE_grade"));
    grade.args(arguments).current_dir(here).stdin(Stdio::null());
    grade
}

/// What the grader made of a program.
#[derive(Debug)]
pub struct Report {
    /// Its exit status.
    pub code: Option<i32>,
    /// The report for people.
    pub text: String,
    /// The report for programs.
    pub json: Value,
}

/// Judges `program`, as `exercise`; none where this machine cannot, which is then named.
pub fn judge(exercise: &str, subject: &Subject, more: &[&str]) -> Option<Report> {
    let folder = harness::folder::tempdir().expect("a folder");
    let command = match subject.command(folder.path()) {
        Ok(command) => command,
        Err(missing) => {
            let what = format!("{exercise} judges {}", subject.name());
            not_checked(&what, missing).expect("LAB_REQUIRE=all");
            return None;
        }
    };
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    Some(judge_in(exercise, &words, more, &folder))
}

/// Judges what `words` start, as `exercise`.
pub fn judge_command(exercise: &str, words: &[&str], more: &[&str]) -> Report {
    let folder = harness::folder::tempdir().expect("a folder");
    judge_in(exercise, words, more, &folder)
}

fn judge_in(exercise: &str, words: &[&str], more: &[&str], folder: &TempDir) -> Report {
    let (output, json) = run(exercise, words, more, folder).expect("the grader runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{}: {}\n{errors}{text}",
        words.join(" "),
        output.status
    );
    let json = serde_json::from_str(&json).expect("JSON");
    Report { code: output.status.code(), text, json }
}

fn run(exercise: &str, words: &[&str], more: &[&str], folder: &TempDir) -> io::Result<(Output, String)> {
    let mut arguments = vec![exercise, "--json", "report.json"];
    arguments.extend(more);
    arguments.push("--");
    arguments.extend(words);
    let output = grade(&arguments, folder.path()).output()?;
    let json = fs::read_to_string(folder.path().join("report.json")).unwrap_or_default();
    Ok((output, json))
}

impl Report {
    /// The checks with this status, in order.
    pub fn with(&self, status: &str) -> Vec<String> {
        let checks = self.json["checks"].as_array().expect("checks");
        let with = checks.iter().filter(|check| check["status"] == status);
        with.map(|check| check["id"].as_str().expect("an id").to_owned()).collect()
    }
}

/// Whether the grader can work here; where it cannot, the gap is named.
pub fn can_judge(test: &str) -> bool {
    let folder = harness::folder::tempdir().expect("a folder");
    let probe = grade(&[harness::network::PROBE], folder.path()).output().expect("the grader runs");
    if probe.status.success() {
        return true;
    }
    let what = format!("no private network: {}", String::from_utf8_lossy(&probe.stderr).trim());
    not_checked(test, Missing { what, remedy: Some("it takes unprivileged user namespaces".into()) })
        .expect("LAB_REQUIRE=all");
    false
}

/// Whether system calls can be seen here; where they cannot, the gap is named.
pub fn can_trace(test: &str) -> bool {
    match lab::observe::syscalls::available() {
        Ok(()) => true,
        Err(missing) => {
            not_checked(&format!("{test}: system calls"), missing).expect("LAB_REQUIRE=all");
            false
        }
    }
}

/// Does `work` for each of `items`, two at a time, and gives what it complains of.
pub fn each<T: Sync>(items: &[T], work: impl Fn(&T) -> Result<(), String> + Sync) -> Vec<String> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let complaints = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    if let Err(complaint) = work(item) {
                        complaints.lock().expect("nobody panicked").push(complaint);
                    }
                }
            });
        }
    });
    complaints.into_inner().expect("nobody panicked")
}

/// The exercises that there are.
pub fn exercises() -> BTreeSet<&'static str> {
    grade::exercise::ALL.iter().map(|exercise| exercise.name).collect()
}
