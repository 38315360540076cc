// It takes the bytes for text and unwraps. Caught by tcp-echo cut-utf8.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

fn serve(mut connection: TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        let received = connection.read(&mut buffer)?;
        if received == 0 {
            return Ok(());
        }
        let text = std::str::from_utf8(&buffer[..received]).unwrap();
        println!("received {text:?}");
        connection.write_all(text.as_bytes())?;
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
