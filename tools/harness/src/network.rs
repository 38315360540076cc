//! A network of one's own: in a new user and network namespace every port is free, no TIME-WAIT is left over from an
//! earlier run, the settings are ours, and packets can be captured without root (`user_namespaces(7)`,
//! `network_namespaces(7)`).

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::libc;
use nix::sched::{CloneFlags, unshare};

use crate::error::{Error, Result};
use crate::missing::Missing;

/// The word after which the laboratory's own program only tries whether private networks are to be had here, and says
/// it with its exit status. A failed attempt cannot be undone by the process that made it.
pub const PROBE: &str = "--probe-private-network";

/// Where the programs of a page live.
#[derive(Debug)]
pub enum Network {
    /// In private networks; the user namespace is entered, each page gets a network with [`fresh`].
    Private,
    /// On the host's own network, under a lock, for want of a private one.
    Host(Missing, HostLock),
}

/// While it lives, no other laboratory plays pages on the host's network.
#[derive(Debug)]
#[expect(dead_code, reason = "the lock is held, not read")]
pub struct HostLock(Flock<File>);

impl Network {
    /// Enters the user namespace for private networks, or takes the lock of the host's network where there is none to
    /// be had. Call it once, before there is any thread.
    ///
    /// # Errors
    /// When the lock cannot be had or the namespace, already proved possible, is refused.
    pub fn enter() -> Result<Self> {
        let Some(missing) = missing()? else {
            enter_user_namespace()?;
            return Ok(Self::Private);
        };
        Ok(Self::Host(missing, HostLock::take()?))
    }

    /// Why there is no private network, where there is none.
    #[must_use]
    pub fn missing(&self) -> Option<&Missing> {
        match self {
            Self::Private => None,
            Self::Host(missing, _) => Some(missing),
        }
    }
}

impl HostLock {
    /// Waits for it, and says so.
    fn take() -> Result<Self> {
        // One for all users, whatever their TMPDIR.
        let place = Some(PathBuf::from("/tmp")).filter(|place| place.is_dir());
        let path = place.unwrap_or_else(std::env::temp_dir).join("sockets-part-by-part.lock");
        // For reading first: another user may have made it.
        let file = File::open(&path).or_else(|_| {
            let file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
            file.set_permissions(Permissions::from_mode(0o644))?; // whatever the umask
            Ok(file)
        });
        let file = file.map_err(|error: io::Error| Error::of(format!("open {}", path.display()), error))?;
        let failed = |errno| Error::of(format!("lock {}", path.display()), errno);
        let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(Self(lock)),
            Err((file, Errno::EWOULDBLOCK)) => file,
            Err((_, errno)) => return Err(failed(errno)),
        };
        let _ = writeln!(
            io::stderr(),
            "waiting for another laboratory: it plays on this machine's own network and holds {}",
            path.display()
        );
        let lock = Flock::lock(file, FlockArg::LockExclusive);
        lock.map(Self).map_err(|(_, errno)| failed(errno))
    }
}

/// A program that is started from here on inherits nothing but its standard streams, so that its first socket is 3.
/// Whoever ran the tests may have left descriptors open.
///
/// # Errors
/// When the kernel refuses, or /proc is not there on a kernel before Linux 5.11.
pub fn close_on_exec() -> Result<()> {
    // SAFETY: close_range(2) with CLOSE_RANGE_CLOEXEC takes three integers and only sets flags.
    #[expect(unsafe_code, reason = "nix has no close_range")]
    let done =
        unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 {
        return Ok(());
    }
    let open = std::fs::read_dir("/proc/self/fd").map_err(|error| Error::of("read /proc/self/fd", error))?;
    for fd in
        open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok()).filter(|fd| *fd > 2)
    {
        // SAFETY: F_SETFD on a number that is not open fails with EBADF, which is as good: it is not inherited.
        #[expect(unsafe_code, reason = "the descriptor has no owner in this program")]
        let _ = unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}

/// Why private networks are not to be had, if they are not: tried by a process of its own.
///
/// # Errors
/// The laboratory's own program cannot be run.
pub fn missing() -> Result<Option<Missing>> {
    let program =
        std::env::current_exe().map_err(|error| Error::of("find the laboratory's own program", error))?;
    let probe = Command::new(&program).arg(PROBE).stdin(Stdio::null()).stdout(Stdio::null()).output();
    let probe = probe.map_err(|error| Error::of(format!("run {} {PROBE}", program.display()), error))?;
    Ok((!probe.status.success()).then(|| Missing {
        what: format!(
            "no private network: {}",
            String::from_utf8_lossy(&probe.stderr).trim().trim_start_matches("lab: ")
        ),
        remedy: Some("it takes unprivileged user namespaces".into()),
    }))
}

/// What the program does after [`PROBE`].
///
/// # Errors
/// What is refused here.
pub fn try_private() -> Result<()> {
    enter_user_namespace()?;
    fresh()
}

/// A new user namespace in which we may make networks. Programs started from here stay unprivileged: the user is
/// mapped to itself, and root to 1000, so that an exec gains no capability.
fn enter_user_namespace() -> Result<()> {
    let uid = nix::unistd::geteuid().as_raw();
    let gid = nix::unistd::getegid().as_raw();
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|errno| Error::of("unshare(CLONE_NEWUSER)", errno))?;
    let unprivileged = |id: u32| if id == 0 { 1000 } else { id };
    for (file, line) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("{} {uid} 1", unprivileged(uid))),
        ("gid_map", format!("{} {gid} 1", unprivileged(gid))),
    ] {
        let path = format!("/proc/self/{file}");
        std::fs::write(&path, line).map_err(|error| Error::of(format!("write {path}"), error))?;
    }
    Ok(())
}

/// What a new network takes over from the host's; everything else begins as the kernel has it by itself. Here are the
/// kernel's own values for a machine of a few GiB.
const INHERITED: [(&str, &str); 3] = [
    ("net.ipv4.tcp_congestion_control", "cubic"),
    ("net.ipv4.tcp_rmem", "4096 131072 6291456"),
    ("net.ipv4.tcp_wmem", "4096 16384 4194304"),
];

/// A new network for this thread, and for the processes and threads that it starts from here on. Its loopback
/// interface is up, and its settings are the same on every machine.
///
/// # Errors
/// When the kernel refuses; not after [`Network::enter`] has given a private one.
pub fn fresh() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| Error::of("unshare(CLONE_NEWNET)", errno))?;
    for (name, value) in INHERITED {
        // A kernel may be built without one of them, and allow another congestion control only.
        let _ = set(name, value);
    }
    link(true)
}

/// Sets the loopback interface of this thread's network up or down: `ip link set lo up`. While it is down, packets get
/// lost as if a cable were pulled.
///
/// # Errors
/// When the kernel refuses, as it does on the host's network.
pub fn link(up: bool) -> Result<()> {
    set_loopback(up).map_err(|error| Error::of(if up { "set lo up" } else { "set lo down" }, error))
}

/// netdevice(7), SIOCSIFFLAGS.
#[expect(unsafe_code, reason = "nix has no netdevice ioctls")]
pub(crate) fn set_loopback(up: bool) -> std::io::Result<()> {
    // SAFETY: socket(2) takes integers; the descriptor, when there is one, is new and has no other owner.
    let socket = unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        if fd < 0 {
            return Err(std::io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(fd)
    };
    // SAFETY: ifreq is plain data, for which zeroes are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo".iter()) {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    #[expect(clippy::cast_possible_truncation, reason = "IFF_UP is 1 and IFF_RUNNING is 64")]
    {
        request.ifr_ifru.ifru_flags =
            if up { (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short } else { 0 };
    }
    // SAFETY: SIOCSIFFLAGS reads one ifreq, which outlives the call.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Sets a setting of this thread's network, given as for sysctl(8): `net.ipv4.tcp_syn_retries`.
///
/// # Errors
/// When there is no such setting, it is not of a network of one's own, or the value is refused.
pub fn set(name: &str, value: &str) -> Result<()> {
    if !name.starts_with("net.") || name.contains('/') {
        return Err(Error::new(format!("sysctl {name}: not a setting of the network")));
    }
    std::fs::write(format!("/proc/sys/{}", name.replace('.', "/")), value)
        .map_err(|error| Error::of(format!("sysctl {name}={value}"), error))
}

/// A setting of this thread's network, with single spaces between its values; `None` where this kernel has no such
/// setting.
#[must_use]
pub fn get(name: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).ok()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A loopback address that only the calling process uses: made of its number, so that tests of two checkouts, or of two
/// users, run beside each other with whatever port they like.
#[must_use]
pub fn own_loopback() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    // A number of a process has at most 22 bits (proc_sys_kernel(5), pid_max); 127.0.0.0/24 is everybody's.
    Ipv4Addr::new(127, 0x40 | (high & 0x3f), middle, low)
}

/// The ports from which the kernel chooses one for a socket that was not bound (ip(7), `ip_local_port_range`).
#[must_use]
pub fn ephemeral_ports() -> RangeInclusive<u16> {
    let range = get("net.ipv4.ip_local_port_range").unwrap_or_default();
    let mut bounds = range.split(' ').map(str::parse);
    match (bounds.next(), bounds.next()) {
        (Some(Ok(low)), Some(Ok(high))) => low..=high,
        // The kernel's default.
        _ => 32768..=60999,
    }
}
