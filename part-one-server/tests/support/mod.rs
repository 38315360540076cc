//! The server as a process, for every test beside this folder.

use std::net::SocketAddr;

use harness::process::Process;

pub const SERVER: &str = env!("CARGO_BIN_EXE_part-one-server");

/// The server on `address`, listening; port 0 is a free one.
pub fn server_on(address: &str) -> (Process, SocketAddr) {
    let mut server = Process::start(SERVER, &[address]).unwrap();
    let address = server.wait_for_address("Socket bound to address: ").unwrap();
    assert_eq!(server.line().unwrap(), "Listening for incoming connections...");
    (server, address)
}
