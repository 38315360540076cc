//! An open file through a socket: what the programs that give one and the programs that take one do alike.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{IoSlice, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use anyhow::{Context, Result, bail};
use common::Dump;
use common::dump::Text;
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
use tracing::{info, warn};

use crate::rights;

/// Opens the file that is to be passed.
///
/// # Errors
/// What `open(2)` lists.
pub fn open(name: &OsStr) -> Result<File> {
    // 1. open: here, and only here, the kernel looks at the file's permissions.
    let shown = Text(name.as_bytes());
    let file = File::open(name).with_context(|| format!("open {shown}"))?;
    info!("Opened {shown}: descriptor {}", file.as_raw_fd());
    Ok(file)
}

/// Sends the file's name, and with it the file.
///
/// # Errors
/// What `sendmsg(2)` lists.
pub fn pass(connection: &OwnedFd, file: &File, name: &OsStr) -> Result<()> {
    // 2. sendmsg: the bytes go as always. The control message asks the kernel to give the receiver a descriptor of its
    //    own for this open file. On a stream it travels with a byte, so there must be at least one.
    let bytes = [IoSlice::new(name.as_bytes())];
    let descriptors = [file.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    sendmsg(connection.as_raw_fd(), &bytes, &rights, MsgFlags::MSG_DONTWAIT, None::<&UnixAddr>)
        .context("sendmsg")?;
    Ok(())
}

/// Receives a file and reads it to its end.
///
/// # Errors
/// No descriptor came, or it cannot be read.
pub fn take<Fd: AsFd>(socket: Fd) -> Result<File> {
    // 3. recvmsg: has room for one descriptor. Whatever comes has an owner at once. A second one is closed here, and
    //    any for which there is no room never gets in.
    let mut buffer = [0; 4096];
    let message = rights::recvmsg(socket, &mut buffer, 1).context("recvmsg")?;
    let mut descriptors = message.descriptors.into_iter();
    let Some(descriptor) = descriptors.next() else {
        bail!("recvmsg: {} bytes and no descriptor", message.length)
    };
    info!("received {} and descriptor {}", Text(&buffer[..message.length]), descriptor.as_raw_fd());
    if descriptors.len() > 0 {
        warn!("closing {} more that nobody asked for", descriptors.len());
        drop(descriptors);
    }

    // 4. read: nobody asks for a permission again. Both processes share one open file, and with it the position: the
    //    one that reads later goes on where the other one has stopped.
    let mut file = File::from(descriptor);
    let mut buffer = [0; 1024];
    loop {
        let received = file.read(&mut buffer).context("read")?;
        info!("read {received} bytes");
        if received == 0 {
            return Ok(file);
        }
        info!("{}", Dump(&buffer[..received]));
    }
}
