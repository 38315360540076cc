//! What pages run with `cargo run` is built before they are played: while there is a network to fetch from, and nobody
//! waits for a line.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::check::say;
use crate::environment;
use crate::error::{Error, Result};

/// Builds what `commands` run; says each of cargo's command lines on `progress`.
///
/// # Errors
/// When cargo cannot be started or a build fails.
pub fn build<'a>(
    root: &Path,
    commands: impl Iterator<Item = &'a str>,
    progress: &mut dyn Write,
) -> Result<()> {
    for arguments in grouped(commands.filter_map(arguments_of_cargo_run)) {
        let name = format!("cargo build {}", arguments.join(" "));
        say(progress, &name)?;
        let status = Command::new("cargo")
            .arg("build")
            .args(&arguments)
            .env_clear()
            .envs(environment::variables())
            .current_dir(root)
            .stdin(Stdio::null())
            .status()
            .map_err(|error| Error::of(&name, error))?;
        if !status.success() {
            return Err(Error::new(format!("{name}: {status}")));
        }
    }
    Ok(())
}

/// `-p part-one-server` of `RUST_LOG=debug cargo run -p part-one-server -- 127.0.0.1:6797 | cat`.
fn arguments_of_cargo_run(command: &str) -> Option<Vec<String>> {
    let words = shell_words::split(command).ok()?;
    let run = words.windows(2).position(|pair| pair == ["cargo", "run"])?;
    let ends = |word: &String| word == "--" || word.contains(['|', '&', ';', '<', '>', ')']);
    Some(words.into_iter().skip(run + 2).take_while(|word| !ends(word)).collect())
}

/// One build for a package's programs and one for its examples, where cargo would need a fifth of a second for each of
/// them. Not one for both, and not one for several packages: cargo unites the features that those ask of a
/// dependency, and `cargo run` of one of them would build it once more.
fn grouped(runs: impl Iterator<Item = Vec<String>>) -> Vec<Vec<String>> {
    /// The arguments without the targets, and whether the targets are examples.
    type Group = (Vec<String>, bool);
    let mut groups: BTreeMap<Group, BTreeSet<String>> = BTreeMap::new();
    for run in runs {
        let mut words = run.into_iter();
        let (mut rest, mut target) = (Vec::new(), None);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--bin" => target = words.next().map(|name| (false, name)),
                "--example" => target = words.next().map(|name| (true, name)),
                _ => rest.push(word),
            }
        }
        let (examples, name) = target.unwrap_or_default();
        groups.entry((rest, examples)).or_default().insert(name);
    }
    let arguments = |((mut rest, examples), names): (Group, BTreeSet<String>)| {
        // Without a name cargo builds all of the package's programs.
        if !names.contains("") {
            let option = if examples { "--example" } else { "--bin" };
            rest.extend(names.into_iter().flat_map(|name| [option.to_owned(), name]));
        }
        rest
    };
    groups.into_iter().map(arguments).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_runs_is_what_it_builds() {
        let arguments = |command| arguments_of_cargo_run(command).map(|words| words.join(" "));
        assert_eq!(arguments("cargo run -p a"), Some("-p a".into()));
        assert_eq!(arguments("X=1 cargo run -q -p a -- -p b | cat"), Some("-q -p a".into()));
        assert_eq!(arguments("cargo run --bin a > f"), Some("--bin a".into()));
        assert_eq!(arguments("cargo build"), None);
        assert_eq!(arguments("echo 'unclosed"), None);
    }

    #[test]
    fn a_packages_programs_are_built_at_once() {
        let runs =
            ["-p a --bin y", "-p a --example e", "-p a --bin x", "-p b", "-p b --bin z", "-p a --bin y"];
        let words = |run: &str| run.split(' ').map(str::to_owned).collect();
        let builds: Vec<String> = grouped(runs.into_iter().map(words)).iter().map(|b| b.join(" ")).collect();
        assert_eq!(builds, ["-p a --bin x --bin y", "-p a --example e", "-p b"]);
    }
}
