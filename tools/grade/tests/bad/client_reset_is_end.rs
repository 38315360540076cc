// To it every error of read is the end of the answer, a reset as well. Caught by tcp-client reset.
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn main() -> std::io::Result<()> {
    let variable = |name| std::env::var(name).map_err(std::io::Error::other);
    let message = variable("MESSAGE")?;
    let mut server = TcpStream::connect(variable("ADDR")?)?;
    server.set_read_timeout(Some(Duration::from_secs(5)))?;
    server.write_all(message.as_bytes())?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
    while answer.len() < message.len() {
        match server.read(&mut buffer) {
            Ok(0) => return Err(std::io::Error::other("the answer is too short")),
            Ok(received) => answer.extend_from_slice(&buffer[..received]),
            Err(_) => break,
        }
    }
    println!("{}", String::from_utf8_lossy(&answer));
    Ok(())
}
