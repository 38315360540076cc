//! A program as under an ordinary user's fingers, whoever starts it: without root's privileges, and with what a shell
//! gives, whatever the one gave that the tests were started from.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask};
use nix::sys::stat::{Mode, umask};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};

/// How many descriptors a program may open: the usual soft limit (`RLIM_NOFILE` of systemd and of the kernel).
const DESCRIPTORS: u64 = 1024;

/// `command` without root's privileges. Its user stays root, but that alone opens no port below 1024 and no file that
/// is closed to its owner (capabilities(7)).
pub fn without_privileges(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec only system calls are made.
    #[expect(unsafe_code, reason = "a process gives up its privileges for itself alone")]
    unsafe {
        command.pre_exec(give_up_privileges)
    }
}

/// `command` with what [`forget_habits`] sets.
pub fn usual(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec only system calls are made.
    #[expect(unsafe_code, reason = "a process changes what it inherited for itself alone")]
    unsafe {
        command.pre_exec(forget_habits)
    }
}

/// Gives up every privilege, for this process and for what it becomes: a program of root's gains none back by `exec`.
/// To be called between fork and exec.
///
/// # Errors
/// When the kernel refuses.
pub fn give_up_privileges() -> io::Result<()> {
    // capabilities(7): an exec by root gives what was permitted before at most, once no_new_privs is set.
    set_no_new_privs(true)?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    Ok(())
}

/// Sets what a process inherits and a program on a page would show: which rights a new file lacks, how many
/// descriptors there may be, that no signal is ignored or held back. To be called between fork and exec.
///
/// # Errors
/// When the kernel refuses.
pub fn forget_habits() -> io::Result<()> {
    umask(Mode::S_IWGRP | Mode::S_IWOTH);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let usual = DESCRIPTORS.min(hard);
    if soft != usual {
        setrlimit(Resource::RLIMIT_NOFILE, usual, hard)?;
    }
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in Signal::iterator().filter(|signal| !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP)) {
        // SAFETY: no handler is installed.
        #[expect(unsafe_code, reason = "nohup, or a shell's `trap ''`, has signals ignored")]
        unsafe { sigaction(signal, &default) }?;
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::without_privileges;

    #[test]
    fn no_privilege_is_left() {
        let output = without_privileges(Command::new("cat").arg("/proc/self/status")).output().expect("cat");
        let status = String::from_utf8_lossy(&output.stdout);
        for set in ["CapInh", "CapPrm", "CapEff"] {
            assert!(status.contains(&format!("{set}:\t0000000000000000\n")), "{status}");
        }
    }
}
