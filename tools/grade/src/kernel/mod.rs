//! What the kernel knows of the learner's program: the sockets of its network, and its processes. Everything here is
//! read from /proc; nobody is asked, so nothing is disturbed.

use std::fs::File;
use std::io::Read;
use std::path::Path;

mod processes;
mod segments;
mod sockets;
mod threads;

pub use processes::{Census, Inhabitants, Member, descriptors, is_exiting, network, owners, zombies};
pub use segments::data_segments;
pub use sockets::{CLOSE_WAIT, LISTEN, Row, SYN_SENT, TIME_WAIT, UnixRow, tcp, udp, unix};
pub use threads::{Quiet, runs, threads, worked};

/// A small file of /proc, with one call and not in many steps: its size is said to be 0.
fn small(path: impl AsRef<Path>) -> std::io::Result<String> {
    let mut text = Vec::with_capacity(4096);
    File::open(path)?.read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
