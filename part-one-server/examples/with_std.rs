//! Part one's server again, through the standard library: the same exchange, the same words.
//!
//! What is one line here is several system calls below; `docs/part-one.md` puts both programs' calls side by side.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use anyhow::{Context, Result};
use common::arguments::Arguments;
use common::{Dump, program};
use tracing::info;

const HELP: &str = "\
Echoes one message to one client, then ends: part-one-server, written with std::net.

Usage: with_std [ADDR]

  ADDR           IP:PORT to listen on; port 0 lets the kernel choose one
                 [default: 127.0.0.1:6797]

  -h, --help     print this help
  -V, --version  print the version
";

fn main() -> ExitCode {
    program::run(env!("CARGO_BIN_NAME"), HELP, Arguments::address, serve)
}

fn serve(address: SocketAddr) -> Result<()> {
    // 1. bind: socket, setsockopt, bind and listen in one. Its error does not say which of the four failed.
    let listener = TcpListener::bind(address).with_context(|| format!("bind {address}"))?;
    info!("Socket file descriptor: {}", listener.as_raw_fd());
    info!("Socket bound to address: {}", listener.local_addr().context("getsockname")?);
    info!("Listening for incoming connections...");

    // 2. accept: the connection comes with an owner, and with the client's address.
    let (mut connection, _client) = listener.accept().context("accept")?;

    // 3. read: recv without flags. It may return early like recv, and 0 is the end of the stream here too.
    let mut buffer = [0; 1024];
    let received = connection.read(&mut buffer).context("recv")?;
    info!("received {received} bytes");
    if received == 0 {
        return Ok(());
    }
    info!("{}", Dump(&buffer[..received]));

    // 4. write_all: send, again and again until everything is taken.
    connection.write_all(&buffer[..received]).context("send")?;
    info!("Sent {received} bytes back to client");
    Ok(())
}
