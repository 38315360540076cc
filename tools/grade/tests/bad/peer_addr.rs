// It unwraps the address of a client that may have gone before accept. Caught by tcp-echo reset-before-accept.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

fn serve(mut connection: TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        let received = connection.read(&mut buffer)?;
        if received == 0 {
            return Ok(());
        }
        connection.write_all(&buffer[..received])?;
    }
}

fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:6797")?;
    for connection in listener.incoming() {
        let connection = connection?;
        println!("client {}", connection.peer_addr().unwrap());
        std::thread::spawn(move || serve(connection));
    }
    Ok(())
}
