//! The machine that the figures are true of.

use std::fs;
use std::process::Command;

use nix::sys::utsname::uname;
use serde::Serialize;

/// What a reader must know to compare figures.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many of them there are.
    pub processors: usize,
    /// Whether this is a virtual machine.
    pub is_virtual: bool,
    /// The kernel's name and release.
    pub kernel: String,
    /// How many processes wanted a processor over the last minute, at the beginning.
    pub load: f64,
    /// The tools that peers were made with or run by, with their version.
    pub tools: Vec<(String, String)>,
}

impl Machine {
    /// Asks the system.
    #[must_use]
    pub fn describe() -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let line = |name: &str| {
            let line = cpu.lines().find(|line| line.starts_with(name))?;
            line.split_once(':').map(|(_, value)| value.trim().to_owned())
        };
        let system = uname().ok();
        let kernel = system.map_or_else(String::new, |system| {
            format!("{} {}", system.sysname().display(), system.release().display())
        });
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            processor: line("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            processors: cpu.lines().filter(|line| line.starts_with("processor")).count(),
            is_virtual: line("flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
            kernel,
            load: load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
            tools: Vec::new(),
        }
    }

    /// Notes a tool's version, if it tells one.
    pub fn note(&mut self, tool: &str, question: &str) {
        let answer = Command::new(tool).arg(question).output().ok();
        let text = answer.map(|answer| [answer.stdout, answer.stderr].concat()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        // socat begins with a line about itself that has no number.
        let version = text.lines().find(|line| line.contains(|c: char| c.is_ascii_digit())).unwrap_or("?");
        self.tools.push((tool.to_owned(), version.trim().to_owned()));
    }

    /// In one line.
    #[must_use]
    pub fn line(&self) -> String {
        let kind = if self.is_virtual { ", a virtual machine" } else { "" };
        format!("{} x {}{kind}; {}; load {}", self.processors, self.processor, self.kernel, self.load)
    }
}
