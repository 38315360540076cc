// A thread for each client, with nothing but the standard library. Passes tcp-echo.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

fn serve(mut connection: TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let received = connection.read(&mut buffer)?;
        if received == 0 {
            return Ok(());
        }
        connection.write_all(&buffer[..received])?;
    }
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:6797".into());
    let listener = TcpListener::bind(&address)?;
    for connection in listener.incoming() {
        match connection {
            Ok(connection) => drop(std::thread::spawn(move || serve(connection))),
            Err(error) => eprintln!("accept: {error}"),
        }
    }
    Ok(())
}
