//! Who takes part: every design of the course, and peers that this machine has the tools for.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::machine::Machine;
use crate::server::{Place, free_port};

/// One who takes part.
#[derive(Debug)]
pub struct Entrant {
    /// As the report calls it.
    pub name: String,
    /// What it is made with.
    pub made_with: &'static str,
    /// With how many connections it takes part at most.
    pub most: usize,
    program: PathBuf,
    /// `PORT`, `ADDR`, `N` and `FILE` stand for what the run gives.
    arguments: Vec<String>,
    /// Whether its last line says how many bytes it has echoed.
    pub sums: bool,
    /// Whether it is no server but the floor.
    pub floor: bool,
}

/// As many as there are descriptors.
const ANY: usize = usize::MAX;

/// The reference is the first, and takes part a second time, for the noise.
pub const AGAIN: &str = "C, epoll, again";

impl Entrant {
    fn new(name: &str, made_with: &'static str, program: impl Into<PathBuf>, arguments: &str) -> Self {
        let arguments = arguments.split_whitespace().map(str::to_owned).collect();
        let (most, sums, floor) = (ANY, false, false);
        Self { name: name.to_owned(), made_with, most, program: program.into(), arguments, sums, floor }
    }

    /// The command that starts it for `connections`, and where it will listen.
    ///
    /// # Errors
    /// No port is free.
    pub fn command(&self, connections: usize, folder: &Path) -> Result<(Command, Place)> {
        let address = free_port()?;
        let file = folder.join("race.sock");
        let mut command = Command::new(&self.program);
        let mut place = Place::Tcp(address);
        for argument in &self.arguments {
            command.arg(match argument.as_str() {
                "ADDR" => address.to_string().into(),
                "N" => connections.to_string().into(),
                "FILE" => {
                    place = Place::Unix(file.clone());
                    OsString::from(&file)
                }
                other => other.replace("PORT", &address.port().to_string()).into(),
            });
        }
        // Ours say a line a client; part three's server shows every byte otherwise.
        command.env("RUST_LOG", if self.sums { "info" } else { "warn" });
        Ok((command, place))
    }
}

/// Everyone that this machine has, the reference first; and what it lacks, in sentences.
///
/// # Errors
/// Our own programs cannot be built.
pub fn find(folder: &Path, machine: &mut Machine) -> Result<(Vec<Entrant>, Vec<String>)> {
    let (mut all, mut lacks) = (Vec::new(), Vec::new());
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");

    let epoll = folder.join("epoll");
    let compile = |compiler: &str, arguments: &[&str], source: &str, to: &Path| -> Result<()> {
        let output =
            Command::new(compiler).args(arguments).arg("-o").arg(to).arg(sources.join(source)).output();
        let output = output.with_context(|| format!("start {compiler}"))?;
        ensure!(output.status.success(), "{compiler}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    };
    compile("cc", &["-O2", "-Wall"], "epoll.c", &epoll).context(
        "the reference is a C program: install a C compiler (Debian and Ubuntu: sudo apt-get install gcc)",
    )?;
    machine.note("cc", "--version");
    all.push(Entrant::new("C, epoll", "C", &epoll, "PORT"));
    all.push(Entrant::new(AGAIN, "C", &epoll, "PORT"));

    ours(&mut all)?;

    if installed("python3") {
        machine.note("python3", "--version");
        let script = sources.join("asyncio_echo.py");
        all.push(Entrant::new("Python, asyncio", "Python", "python3", &format!("{} PORT", script.display())));
    } else {
        lacks.push("python3 is not installed: no asyncio".into());
    }
    if installed("node") {
        machine.note("node", "--version");
        let script = sources.join("echo.js");
        all.push(Entrant::new("node", "JavaScript", "node", &format!("{} PORT", script.display())));
    } else {
        lacks.push("node is not installed".into());
    }
    if installed("go") {
        let echo = folder.join("echo-go");
        match compile("go", &["build"], "echo.go", &echo) {
            Ok(()) => {
                machine.note("go", "version");
                all.push(Entrant::new("Go, goroutines", "Go", &echo, "PORT"));
            }
            Err(error) => lacks.push(format!("{error:#}")),
        }
    } else {
        lacks.push("go is not installed".into());
    }
    if installed("socat") {
        machine.note("socat", "-V");
        let listen = "TCP4-LISTEN:PORT,bind=127.0.0.1,fork,reuseaddr,backlog=4096 PIPE";
        let mut socat = Entrant::new("socat, a process each", "C", "socat", listen);
        socat.most = 50;
        all.push(socat);
    } else {
        lacks.push("socat is not installed".into());
    }
    Ok((all, lacks))
}

/// The designs of parts three, six and seven, built as this program was, and the floor.
fn ours(all: &mut Vec<Entrant>) -> Result<()> {
    let own = env::current_exe().context("find this program")?;
    let place = own.parent().context("find this program's folder")?;
    // In one go: cargo would build a library twice that two packages want with other features.
    let mut packages = vec!["part-six-connections", "part-three-unix"];
    let seven =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../part-seven-async").join("Cargo.toml").exists();
    if seven {
        packages.push("part-seven-async");
    }
    let _ =
        writeln!(io::stderr(), "building the servers of the course: the first time this may take minutes");
    build(place, &packages)?;
    let rust = |name: &str, program: &str, arguments: &str, most| {
        let mut entrant = Entrant::new(name, "Rust", place.join(program), arguments);
        (entrant.most, entrant.sums) = (most, true);
        entrant
    };
    all.push(rust("many-epoll --edge", "many-epoll", "--edge ADDR", ANY));
    all.push(rust("many-epoll", "many-epoll", "ADDR", ANY));
    all.push(rust("many-poll", "many-poll", "ADDR", ANY));
    all.push(rust("many-threads", "many-threads", "ADDR", ANY));
    all.push(rust("many-pool", "many-pool", "--workers N ADDR", ANY));
    all.push(rust("many-iterative", "many-iterative", "ADDR", 1));
    // Part one's server ends after one message, so it cannot take part. Part three's serves one client.
    let mut unix = rust("unix-server", "unix-server", "FILE", 1);
    unix.sums = false;
    all.push(unix);

    // Part seven's, as far as it is here.
    if seven {
        for (name, program, arguments) in [
            ("async-executor", "async-executor", "ADDR"),
            ("async-tokio", "async-tokio", "--workers 0 ADDR"),
            ("async-tokio --workers 2", "async-tokio", "--workers 2 ADDR"),
            ("async-uring", "async-uring", "ADDR"),
            ("async-uring --plain", "async-uring", "--plain ADDR"),
            ("async-uring --batch 48", "async-uring", "--batch 48 ADDR"),
        ] {
            if place.join(program).exists() {
                all.push(rust(name, program, arguments, ANY));
            }
        }
    }

    let mut floor = Entrant::new("recv and send alone", "Rust", place.join("floor"), "ADDR N");
    floor.floor = true;
    all.push(floor);
    Ok(())
}

fn build(place: &Path, packages: &[&str]) -> Result<()> {
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--locked", "--bins"]);
    build.args(packages.iter().flat_map(|package| ["--package", package]));
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    if place.ends_with("release") {
        build.arg("--release");
    }
    let output = build.stdin(Stdio::null()).output().context("start cargo")?;
    if !output.status.success() {
        bail!("build {}:\n{}", packages.join(", "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn installed(program: &str) -> bool {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).any(|folder| fs::metadata(folder.join(program)).is_ok_and(|it| it.is_file()))
}
