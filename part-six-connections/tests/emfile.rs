//! The server that spins without a descriptor waits for as long as it has one.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use harness::process::{Process, example};

fn start() -> io::Result<(Process, SocketAddr)> {
    let program = example("part-six-connections", "emfile_spin")?;
    let mut server = Process::start(&program.to_string_lossy(), &["127.0.0.1:0"])?;
    let address = server.wait_for_address("Socket bound to address: ")?;
    server.wait_for("Listening")?;
    Ok((server, address))
}

/// It once took a second without a client for the signal to stop, and was gone when a slow one came.
#[test]
fn it_waits_for_its_first_client_as_long_as_that_takes() {
    let (server, _) = start().expect("it starts");
    let ended = server.end_within(Duration::from_millis(1500));
    let complaint = ended.expect_err("nobody has come, and nobody has stopped it").to_string();
    assert!(complaint.contains("it did not end in time"), "{complaint}");
}

#[test]
fn the_second_client_makes_it_spin_for_a_second() {
    let (mut server, address) = start().expect("it starts");
    let clients = [(); 2].map(|()| TcpStream::connect(address).expect("the queue has room"));
    server.wait_for("accept: EMFILE").expect("it has no descriptor left");
    server.wait_for("tried again").expect("it says what that took");
    assert!(server.end().expect("it ends").status.success());
    drop(clients);
}
