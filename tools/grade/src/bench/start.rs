//! A network of its own for the program, and its start there.

use std::ffi::OsString;
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use lab::error::Result;
use lab::missing::Missing;
use lab::network;

use super::{Bench, FIRST_CLIENT, PORT};
use crate::check::Ready;
use crate::explain;
use crate::fault::{Fault, Judged, Stop, fault};
use crate::kernel;
use crate::program::Program;
use crate::wait::pause;

/// What a network here has otherwise than a machine: back-pressure comes after about 150,000 bytes instead of millions,
/// and a learner's program may have any port.
const SETTINGS: [(&str, &str); 3] = [
    ("net.ipv4.tcp_rmem", "4096 65536 131072"),
    ("net.ipv4.tcp_wmem", "4096 16384 131072"),
    ("net.ipv4.ip_unprivileged_port_start", "0"),
];

/// Programs that compile others: while one of them lives, a first start may take a minute.
const COMPILERS: [&str; 12] =
    ["cargo", "rustc", "cc", "cc1", "gcc", "clang", "ld", "go", "compile", "javac", "tsc", "make"];

impl Bench<'_> {
    /// Gives a network in which nothing has happened yet, and starts the program there without waiting for anything.
    ///
    /// # Errors
    /// There is no network to be had, or the program cannot be run.
    pub fn launch(&mut self) -> Result<()> {
        self.fresh_network()?;
        self.launch_here()
    }

    /// Gives a network in which nothing has happened yet.
    ///
    /// # Errors
    /// There is none to be had.
    pub fn fresh_network(&mut self) -> Result<()> {
        self.end();
        // A server in the Unix domain that was killed has left its file.
        let _ = std::fs::remove_file(&self.place.path);
        network::fresh()?;
        SETTINGS.iter().try_for_each(|(name, value)| network::set(name, value))?;
        self.next_port = FIRST_CLIENT;
        self.place.hosts = None;
        Ok(())
    }

    /// Starts the program in a fresh network at `::1`, and waits until it can be spoken to.
    ///
    /// # Errors
    /// It does not get there; there is no `::1`.
    pub fn launch_over_ipv6(&mut self) -> Judged {
        let loopback = Ipv6Addr::LOCALHOST;
        self.fresh_network()?;
        if UdpSocket::bind((loopback, 0)).is_err() {
            return Err(Stop::NotChecked(Missing { what: "this machine has no ::1".into(), remedy: None }));
        }
        self.place.address = SocketAddr::from((loopback, PORT));
        self.launch_here()?;
        self.wait_ready()
    }

    /// Starts the program in the network as it is.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn launch_here(&mut self) -> Result<()> {
        // Who was there before it stays.
        self.program = None;
        self.restless = false;
        let subject = self.subject;
        let command = self.limited(&subject.command);
        self.program = Some(Program::start(
            &command,
            &self.place,
            &subject.here,
            self.scratch,
            subject.traced && !self.unwatched,
        )?);
        Ok(())
    }

    /// The command, by a shell that first sets the limit of descriptors, for good: the program cannot raise it again.
    fn limited(&self, command: &[OsString]) -> Vec<OsString> {
        let Some(limit) = self.descriptors else { return command.to_vec() };
        let script = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
        let mut words: Vec<OsString> = vec!["sh".into(), "-c".into(), script.into()];
        words.extend(command.iter().cloned());
        words
    }

    /// Starts the program in a new network, and waits until it can be spoken to.
    ///
    /// # Errors
    /// It cannot.
    pub fn restart(&mut self) -> Judged {
        self.launch()?;
        self.wait_ready().map_err(|stop| match stop {
            Stop::Fault(fault) => Stop::Fault(Box::new(Fault { fatal: true, ..*fault })),
            other => other,
        })
    }

    /// The program runs and can be spoken to; it is started if it does not.
    ///
    /// # Errors
    /// It cannot.
    pub fn running(&mut self) -> Judged {
        let runs = self.program.as_mut().is_some_and(|program| program.ended().is_none());
        if runs && (self.subject.exercise.ready)(&self.place)? == Ready::Yes {
            return Ok(());
        }
        self.restart()
    }

    /// Waits until the program can be spoken to.
    ///
    /// # Errors
    /// It has ended, waits elsewhere, or does nothing of the kind in time.
    pub fn wait_ready(&mut self) -> Judged {
        let begun = Instant::now();
        let mut elsewhere: Option<Instant> = None;
        let (mut looks, mut working) = (0_u32, 0_u32);
        loop {
            self.go_on()?;
            let ready = (self.subject.exercise.ready)(&self.place)?;
            let Some(program) = &mut self.program else { return fault("Your program does not run.") };
            match ready {
                Ready::Yes => return Ok(()),
                Ready::NotYet => {}
                // It may be one socket of several.
                Ready::Elsewhere(_) if elsewhere.is_none_or(|since| since.elapsed().as_millis() < 300) => {
                    elsewhere.get_or_insert_with(Instant::now);
                }
                Ready::Elsewhere(place) => {
                    return Err(explain::elsewhere(self, &place).into());
                }
            }
            if program.ended().is_some() {
                return Err(explain::ended_early(self).into());
            }
            let members = program.members();
            let compiles = members.iter().any(|member| COMPILERS.contains(&member.name.as_str()));
            // One that works all the time, or waits for a processor all the time, is still on its way.
            looks += 1;
            working += u32::from(kernel::runs(&members));
            let limits = self.limits();
            let limit = if compiles || working * 2 > looks { limits.compile } else { limits.start };
            if begun.elapsed() > limit {
                return Err(explain::never_ready(self)?.into());
            }
            pause(begun);
        }
    }
}
