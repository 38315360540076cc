//! The smallest pair of programs with a socket, for the laboratory's own pages.
//!
//! `echo serve PORT` sends one line back and says from whom it came; `echo say PORT TEXT` sends a line and shows the
//! answer.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["serve", port] => serve(port.parse()?),
        ["say", port, text] => say(port.parse()?, text),
        _ => anyhow::bail!("echo serve PORT | echo say PORT TEXT"),
    }
}

fn serve(port: u16) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    writeln!(io::stdout(), "listening at {}", listener.local_addr()?)?;
    let (mut peer, from) = listener.accept()?;
    let mut line = String::new();
    BufReader::new(&peer).read_line(&mut line)?;
    writeln!(io::stdout(), "{from} says {line:?}")?;
    peer.write_all(line.as_bytes())?;
    Ok(())
}

fn say(port: u16, text: &str) -> anyhow::Result<()> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    server.write_all(format!("{text}\n").as_bytes())?;
    // To the end: the server closes first, in every run.
    let mut answer = String::new();
    server.read_to_string(&mut answer)?;
    writeln!(io::stdout(), "answer {answer:?}")?;
    Ok(())
}
