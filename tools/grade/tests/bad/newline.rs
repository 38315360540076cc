// It answers with writeln!, which adds a line end. Caught by tcp-echo one-line.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

fn serve(mut connection: TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        let received = connection.read(&mut buffer)?;
        if received == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&buffer[..received]);
        let mut answer = Vec::new();
        writeln!(answer, "{text}")?;
        connection.write_all(&answer)?;
    }
}

fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:6797")?;
    for connection in listener.incoming() {
        let connection = connection?;
        std::thread::spawn(move || serve(connection));
    }
    Ok(())
}
