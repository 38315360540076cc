//! `recvmsg` for messages that carry descriptors (`SCM_RIGHTS`), each with an owner.
//!
//! A descriptor is a small number; the kernel closes nothing until the process says `close` or ends. Rust's
//! [`OwnedFd`] says it on drop. nix gives an owner for what `socket` and `accept` return, but bare numbers for the
//! descriptors that come with a message, and a number is closed by nobody.

// The only `unsafe` in the parts: to say that a number has no other owner.
#![expect(unsafe_code, reason = "taking ownership of a descriptor that the kernel has just made")]

use std::fmt::{self, Display, Formatter};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::{mem, ptr};

use nix::errno::Errno;
use nix::libc;

/// How many descriptors one message can carry: `SCM_MAX_FD` of Linux, the largest of all systems (`unix(7)`).
pub const MOST_DESCRIPTORS: usize = 253;

/// What [`recvmsg`] took.
#[derive(Debug)]
pub struct Message {
    /// How many bytes of the buffer were filled; 0 is the end of a stream.
    pub length: usize,
    /// The descriptors that came along (`SCM_RIGHTS`), in the sender's order, close-on-exec.
    pub descriptors: Vec<OwnedFd>,
}

/// Why [`recvmsg`] has nothing to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecvmsgError {
    /// The call failed; what `recvmsg(2)` lists.
    Call(Errno),
    /// Not all descriptors could be delivered (`MSG_CTRUNC`): there were more than there was room for, or this
    /// process is at its limit of descriptors. Those that came are closed again; the bytes are lost with them.
    Truncated {
        /// How many had come.
        closed: usize,
    },
}

impl Display for RecvmsgError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(errno) => errno.fmt(f),
            Self::Truncated { closed } => write!(
                f,
                "MSG_CTRUNC: not every descriptor could be delivered; closed the {closed} that came, lost the message"
            ),
        }
    }
}

impl std::error::Error for RecvmsgError {}

impl From<Errno> for RecvmsgError {
    fn from(errno: Errno) -> Self {
        Self::Call(errno)
    }
}

/// `recvmsg(2)`: takes bytes and the descriptors that came with them, `room` of those at most (and never more than
/// [`MOST_DESCRIPTORS`]), sleeping while nothing has come.
///
/// Every descriptor that the kernel has put into this process has an owner before anything else happens, also those
/// of a message whose control data was cut (there nix shows none of them, and they would stay open for ever).
/// The kernel may use the padding of `room` descriptors for one more. Control data of other kinds is passed over: it
/// comes only to a socket whose owner has asked for it (of these, `SCM_PIDFD` would be a descriptor too).
///
/// # Errors
/// [`RecvmsgError::Call`] and [`RecvmsgError::Truncated`].
pub fn recvmsg<Fd: AsFd>(socket: Fd, buffer: &mut [u8], room: usize) -> Result<Message, RecvmsgError> {
    let room = room.min(MOST_DESCRIPTORS);
    // 253 descriptors are 1012 bytes.
    let wanted = u32::try_from(room * size_of::<RawFd>()).unwrap_or(0);
    // SAFETY: CMSG_SPACE only computes.
    let space = unsafe { libc::CMSG_SPACE(wanted) } as usize;
    // Of u64, since the headers in it must be aligned.
    let mut control = vec![0_u64; space.div_ceil(size_of::<u64>())];
    let mut bytes = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };

    // SAFETY: a msghdr of zeros is one of null pointers and no lengths.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = ptr::from_mut(&mut bytes);
    header.msg_iovlen = 1;
    if room > 0 {
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = space as _;
    }

    // SAFETY: `header` points to two buffers that live until the end of this function, with their lengths.
    let length = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut header, FLAGS) };
    let length = usize::try_from(length).map_err(|_| Errno::last())?;
    let descriptors = own_descriptors(&header);

    #[cfg(target_vendor = "apple")]
    for descriptor in &descriptors {
        nix::fcntl::fcntl(descriptor, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))?;
    }
    if header.msg_flags & libc::MSG_CTRUNC != 0 {
        return Err(RecvmsgError::Truncated { closed: descriptors.len() });
    }
    for descriptor in &descriptors {
        tracing::debug!("received a descriptor: {}", descriptor.as_raw_fd());
    }
    Ok(Message { length, descriptors })
}

#[cfg(not(target_vendor = "apple"))]
const FLAGS: libc::c_int = libc::MSG_CMSG_CLOEXEC;
#[cfg(target_vendor = "apple")]
const FLAGS: libc::c_int = 0;

/// Takes every descriptor that `recvmsg` has left in the control data of `header`, which nobody may have read before.
fn own_descriptors(header: &libc::msghdr) -> Vec<OwnedFd> {
    let mut descriptors = Vec::new();
    // usize with one C library, u32 with another; so is cmsg_len.
    let control_length: usize = header.msg_controllen as _;
    let end = header.msg_control as usize + control_length;
    // SAFETY: `header` is as recvmsg has left it, so the macros stay within its control data.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    // SAFETY: a pointer that the macros give is null or points to a whole header.
    while let Some(control) = unsafe { next.as_ref() } {
        if (control.cmsg_level, control.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            // SAFETY: the data of a control message begins right behind its header.
            let data = unsafe { libc::CMSG_DATA(next) }.cast::<[u8; size_of::<RawFd>()]>();
            // A kernel that cuts the data may leave the length of the whole: the buffer's end counts as well.
            let message_length: usize = control.cmsg_len as _;
            let data_end = end.min(next as usize + message_length);
            for at in 0..data_end.saturating_sub(data as usize) / size_of::<RawFd>() {
                // SAFETY: `at` stays within the data.
                let number = RawFd::from_ne_bytes(unsafe { data.add(at).read() });
                // SAFETY: the kernel made this descriptor for us in the call before, and nobody else knows its number.
                descriptors.push(unsafe { OwnedFd::from_raw_fd(number) });
            }
        }
        // SAFETY: as for the first.
        next = unsafe { libc::CMSG_NXTHDR(header, next) };
    }
    descriptors
}
