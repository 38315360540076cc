//! A name that stands for several addresses: the program sees another /etc/hosts than this machine has.

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use lab::error::{Error, Result};
use lab::missing::Missing;
use lab::processes::Processes;
use nix::mount::{MsFlags, mount};

use crate::fault::{Judged, Stop};

/// Where a name's addresses are looked for before a name server is asked (hosts(5)).
const HOSTS: &str = "/etc/hosts";

/// A name, and what it stands for.
#[derive(Debug, Clone)]
pub struct Hosts {
    /// The name.
    pub name: &'static str,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

impl Hosts {
    /// That a program can be given a name here.
    ///
    /// # Errors
    /// It cannot.
    pub fn can_be_given() -> Judged {
        let lacks = |what: &str| Err(Stop::NotChecked(Missing { what: what.into(), remedy: None }));
        if !Processes::start()?.is_private() {
            return lacks("this machine gives no private mounts, so no name can be given two addresses");
        }
        if !Path::new(HOSTS).exists() {
            return lacks("this machine has no /etc/hosts, so no name can be given two addresses");
        }
        Ok(())
    }

    /// Mounts a file with this name over the machine's, for the calling thread and the programs that it starts. It must
    /// be among private processes ([`Processes::within`]), whose mounts nobody else sees.
    ///
    /// # Errors
    /// The kernel refuses it.
    pub(crate) fn mount(&self, scratch: &Path) -> Result<()> {
        let file = scratch.join("hosts");
        let mut text = "127.0.0.1 localhost\n::1 localhost\n".to_owned();
        for address in &self.addresses {
            let _ = writeln!(text, "{address} {}", self.name); // a String takes everything
        }
        fs::write(&file, text).map_err(|error| Error::of(format!("write {}", file.display()), error))?;
        mount(Some(&file), HOSTS, None::<&str>, MsFlags::MS_BIND, None::<&str>)
            .map_err(|errno| Error::of(format!("mount {} over {HOSTS}", file.display()), errno))
    }
}
