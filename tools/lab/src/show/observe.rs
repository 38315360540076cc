//! `lab observe -- COMMAND`: a program of the reader's own on a private network, under the same observers as a page.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::SystemTime;

use crate::build::build;
use crate::error::Result;
use crate::missing::Missing;
use crate::network::{self, Network};
use crate::observe::terminal::Takes;
use crate::record::event::Lane;
use crate::record::order::Ordered;
use crate::show::lanes::Lanes;
use crate::show::observation::{Observation, Start};
use crate::show::play::Looks;
use crate::show::reader::{columns, is_broken_pipe, not_shown, typed};
use crate::show::view;
use crate::signals::Signals;
use crate::tools;

/// The lane of COMMAND.
pub(crate) const COMMAND: &str = "command";
/// The lane of the second terminal.
pub(crate) const SECOND: &str = "second";

/// The exit status with which shells say that there is no such program.
const NOT_FOUND: u8 = 127;

/// Runs `command` in `here` on a private network and shows live on `out` what it prints, which system calls it makes and
/// which packets pass. What is typed on standard input goes to the shell of a second terminal on the same network.
///
/// Gives the exit status of the command; 127 if there is no such program; 128 and the signal's number if a signal ended it; 0 if `out` was closed by
/// its reader before that. Call it before there is any thread.
///
/// # Errors
///
/// When the laboratory itself fails. A lane that this machine cannot show is named in the output, and the command goes
/// on without it.
pub fn observe(command: &[OsString], here: &Path, looks: Looks, out: impl Write) -> Result<u8> {
    if let Some(missing) = not_found(command) {
        writeln!(io::stderr(), "lab: {missing}").map_err(not_shown)?;
        return Ok(NOT_FOUND);
    }
    if looks == Looks::Window {
        writeln!(io::stderr(), "building ...").map_err(not_shown)?;
    }
    // No registry can be reached from a network of one's own: what cargo would build is built before.
    let words = command.iter().map(|word| word.to_string_lossy());
    build(here, std::iter::once(shell_words::join(words).as_str()), &mut io::stderr())?;

    let network = Network::enter()?;
    if matches!(network, Network::Private) {
        network::fresh()?;
        // Every port is free, those below 1024 too (ip(7)).
        network::set("net.ipv4.ip_unprivileged_port_start", "0")?;
    }
    let signals = Signals::catch()?;
    if looks == Looks::Window {
        return view::observe::observe(command, here, &network, &signals);
    }
    let mut lanes = Lanes::new(out, &[COMMAND, SECOND]);
    lanes.without_shell(COMMAND);
    lanes.wrap_at(columns());
    let start = Start { command, here, network: &network, kind: "dumb" };
    let observation = Observation::start(&start, typed()?, &mut lanes);
    match observation.and_then(|observation| observation.run(&mut lanes, &signals)) {
        Err(error) if is_broken_pipe(&error) => Ok(0),
        result => result,
    }
}

/// Who shows what is observed.
pub(crate) trait Showing {
    /// An event, in causal order.
    fn see(&mut self, ordered: Ordered) -> io::Result<()>;

    /// A remark of the laboratory itself.
    fn aside(&mut self, text: &str) -> io::Result<()>;

    /// Makes room for the lanes that will appear.
    fn expect(&mut self, _lane: &Lane) {}

    /// The terminal takes what is typed in another way from here on.
    fn takes(&mut self, _terminal: &str, _how: Takes) -> io::Result<()> {
        Ok(())
    }

    /// Asked now and then.
    fn overdue(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// COMMAND has ended, and all is quiet. Whether there is anything more to show.
    fn ended(&mut self, _status: u8) -> io::Result<bool> {
        Ok(false)
    }
}

impl<W: Write> Showing for Lanes<W> {
    fn see(&mut self, ordered: Ordered) -> io::Result<()> {
        Self::see(self, &ordered.event)
    }

    fn aside(&mut self, text: &str) -> io::Result<()> {
        Self::aside(self, text)
    }

    fn expect(&mut self, lane: &Lane) {
        Self::expect(self, lane);
    }

    fn overdue(&mut self) -> io::Result<()> {
        Self::overdue(self, SystemTime::now())
    }
}

/// That there is no program to run.
fn not_found(command: &[OsString]) -> Option<Missing> {
    let name = command.first()?.to_string_lossy();
    let is_there =
        if name.contains('/') { is_program(Path::new(name.as_ref())) } else { tools::find(&name).is_some() };
    (!is_there).then(|| {
        tools::not_installed(&name)
            .unwrap_or_else(|| Missing { what: format!("{name}: there is no such program"), remedy: None })
    })
}

/// A file that somebody may execute.
fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
