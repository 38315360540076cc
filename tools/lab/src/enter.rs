//! `lab enter PID`: one more window on the private network of a laboratory that is running.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sched::{CloneFlags, setns};

use crate::error::{Error, Result};
use crate::privilege;

/// Joins the user and network namespaces of the process `pid` and becomes an interactive shell in them. Call it before
/// there is any thread: setns(2) lets only a single-threaded process change its user namespace.
///
/// # Errors
///
/// When there is no such process, it lives in our own network, it is another user's, or there is no shell. On success
/// this does not return.
pub fn enter(pid: u32) -> Result<std::convert::Infallible> {
    let namespace = |name: &str| {
        let path = format!("/proc/{pid}/ns/{name}");
        let theirs = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::new(format!("there is no process {pid}")),
            _ => Error::of(format!("open {path}"), error),
        })?;
        let is_ours =
            std::fs::read_link(&path).ok() == std::fs::read_link(format!("/proc/self/ns/{name}")).ok();
        Ok((!is_ours).then_some(theirs))
    };
    let user = namespace("user")?;
    let Some(network) = namespace("net")? else {
        return Err(Error::new(format!(
            "process {pid} has no network of its own: a running `lab observe` names the number to give here"
        )));
    };
    if let Some(user) = user {
        setns(user, CloneFlags::CLONE_NEWUSER)
            .map_err(|errno| Error::of(format!("setns /proc/{pid}/ns/user"), errno))?;
    }
    setns(network, CloneFlags::CLONE_NEWNET)
        .map_err(|errno| Error::of(format!("setns /proc/{pid}/ns/net"), errno))?;
    let shell = std::env::var_os("SHELL")
        .filter(|shell| !shell.is_empty())
        .unwrap_or_else(|| OsString::from("/bin/sh"));
    privilege::with(&privilege::OBSERVED, || {
        let error = Command::new(&shell).exec();
        Err(Error::of(format!("exec {}", shell.display()), error))
    })
}
