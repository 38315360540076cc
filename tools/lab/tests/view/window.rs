//! A program in a window of its own: a pseudoterminal, and an emulation that shows what a person would see.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use harness::process::BOUND;
use nix::unistd::Pid;
use pty_process::blocking::Pty;
use rustix::termios::{Termios, tcgetattr};

/// What ends a picture has no more bytes: `ESC [ ? 2 5 h ESC [ 60 ; 200 H`.
const LONGEST_END: usize = 24;

pub struct Window {
    pub child: Child,
    pty: Arc<Pty>,
    bytes: Receiver<Vec<u8>>,
    parser: vt100::Parser,
    /// The last bytes, by which the end of a picture is known.
    last: Vec<u8>,
    /// How the terminal was before.
    before: Termios,
}

impl Window {
    /// Starts the program with these arguments in a window of so many columns and rows.
    pub fn open(
        program: &str,
        here: &Path,
        arguments: &[&str],
        (columns, rows): (u16, u16),
        environment: &[(&str, &str)],
    ) -> Self {
        let (pty, pts) = pty_process::blocking::open().expect("a pseudoterminal");
        pty.resize(pty_process::Size::new(rows, columns)).expect("a size");
        let before = tcgetattr(&pty).expect("a terminal");
        let mut command = pty_process::blocking::Command::new(program)
            .args(arguments)
            .current_dir(here)
            .env("TERM", "xterm-256color");
        for name in ["NO_COLOR", "COLORTERM", "COLORFGBG"] {
            command = command.env_remove(name);
        }
        for (name, value) in environment {
            command = command.env(name, value);
        }
        let child = command.spawn(pts).expect("it starts");
        let pty = Arc::new(pty);
        let (sender, bytes) = channel();
        let reader = Arc::clone(&pty);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = (&*reader).read(&mut buffer) {
                if sender.send(buffer.get(..length).unwrap_or_default().to_vec()).is_err() {
                    return;
                }
            }
        });
        let size = |number: u16| number.try_into().expect("not 0");
        let parser = vt100::Parser::new(size(rows), size(columns), 0);
        Self { child, pty, bytes, parser, last: Vec::new(), before }
    }

    /// What stands on the screen.
    pub fn text(&self) -> String {
        self.parser.screen().contents()
    }

    pub fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    /// Waits until what is on the screen is so, once a picture is whole: of half a picture one part may be new and another
    /// one old.
    #[track_caller]
    pub fn until(&mut self, what: &str, is_so: impl Fn(&vt100::Screen) -> bool) {
        let deadline = Instant::now() + BOUND;
        while !self.is_whole() || !is_so(self.parser.screen()) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.bytes.recv_timeout(left) else {
                panic!("no {what} in\n{}", self.text());
            };
            self.take(&bytes);
        }
    }

    /// Waits until this text stands on the screen.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    /// Waits until the screen is this one, line by line, spaces at line ends apart.
    #[track_caller]
    pub fn wait_for_screen(&mut self, expected: &str) {
        let trimmed = |text: &str| {
            let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
            lines.join("\n").trim_end().to_owned()
        };
        let expected = trimmed(expected);
        let what = format!("screen like this:\n{expected}\n--- but");
        self.until(&what, |screen| trimmed(&screen.contents()) == expected);
    }

    /// What was written appears. Nothing asks the terminal a question: the answer would arrive among the keys.
    #[track_caller]
    fn take(&mut self, bytes: &[u8]) {
        let asks = bytes.windows(4).any(|bytes| bytes == b"\x1b[6n");
        assert!(!asks, "it asks where the cursor is");
        self.parser.process(bytes);
        self.last.extend_from_slice(bytes);
        self.last.drain(..self.last.len().saturating_sub(LONGEST_END));
    }

    /// Whether the last picture has come to its end: the cursor is hidden, or shown and put in its place. What is no picture
    /// is always whole.
    fn is_whole(&self) -> bool {
        if !self.parser.screen().alternate_screen() {
            return true;
        }
        let end = String::from_utf8_lossy(&self.last);
        let Some((_, end)) = end.rsplit_once("\x1b[?25") else { return false };
        end == "l" || end.strip_prefix("h\x1b[").is_some_and(|place| place.find('H') == Some(place.len() - 1))
    }

    pub fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    pub fn resize(&mut self, (columns, rows): (u16, u16)) {
        let size = |number: u16| number.try_into().expect("not 0");
        self.parser.set_size(size(rows), size(columns));
        self.pty.resize(pty_process::Size::new(rows, columns)).expect("a size");
    }

    /// Waits for the end; whatever was still written is on the screen then.
    #[track_caller]
    pub fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + BOUND;
        let status = loop {
            while let Ok(bytes) = self.bytes.recv_timeout(Duration::from_millis(5)) {
                self.take(&bytes);
            }
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            assert!(Instant::now() < deadline, "it did not end in time:\n{}", self.text());
        };
        // The last words are there when nobody has the window any more.
        loop {
            match self.bytes.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.take(&bytes),
                Err(RecvTimeoutError::Disconnected) => return status,
                Err(RecvTimeoutError::Timeout) => panic!("somebody keeps the window:\n{}", self.text()),
            }
        }
    }

    /// The window was given back: no second screen, a cursor, and every setting of the terminal as it was.
    #[track_caller]
    pub fn assert_given_back(&self) {
        let screen = self.parser.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
        let now = tcgetattr(&*self.pty).expect("a terminal");
        let modes = |of: &Termios| (of.input_modes, of.output_modes, of.control_modes, of.local_modes);
        assert_eq!(modes(&now), modes(&self.before));
    }
}

/// The programs that run with this command line.
pub fn running(command: &str) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").expect("/proc");
    let is_it = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).trim_end_matches('\0').replace('\0', " ") == command
    };
    let pids = processes.filter_map(|process| process.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(is_it).map(Pid::from_raw).collect()
}

/// Waits until a program with this command line runs: a shell has started it then, and a key such as ^C reaches it.
#[track_caller]
pub fn wait_until_runs(command: &str) {
    let deadline = Instant::now() + BOUND;
    while running(command).is_empty() {
        assert!(Instant::now() < deadline, "{command} does not run");
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it has ended, unless the test has failed
        let _ = self.child.wait();
    }
}
