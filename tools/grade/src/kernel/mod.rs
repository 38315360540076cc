//! What the kernel knows of the learner's program: the sockets of its network, and its processes. Everything here is
//! read from /proc; nobody is asked, so nothing is disturbed.

mod processes;
mod sockets;
mod threads;

pub use processes::{Inhabitants, Member, descriptors, inhabitants, is_exiting, network, owners, zombies};
pub use sockets::{CLOSE_WAIT, LISTEN, Row, TIME_WAIT, UnixRow, tcp, udp, unix};
pub use threads::{Quiet, Threads, runs, worked};
