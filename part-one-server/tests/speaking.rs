//! How the server speaks: bare lines, more or less of them by `RUST_LOG`, quiet where nobody listens.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use harness::process::{Ended, Process, command};
const SERVER: &str = env!("CARGO_BIN_EXE_part-one-server");

/// One exchange with a server that has `RUST_LOG=directives`.
///
/// It may not tell us a port that the kernel chose, so it listens on 6797 of a loopback address of its own; a
/// port that the kernel may choose would also let `connect` meet itself.
fn with_rust_log(directives: &str, last: u8) -> Ended {
    let address = SocketAddr::from(([127, 67, 97, last], 6797));
    let mut server = command(SERVER);
    server.arg(address.to_string()).env("RUST_LOG", directives);
    let server = Process::spawn(server).unwrap();
    let mut client = connect(address);
    client.write_all(b"x").unwrap();
    client.read_to_end(&mut Vec::new()).unwrap();
    server.end().unwrap()
}

/// Connects as soon as the server listens.
fn connect(address: SocketAddr) -> TcpStream {
    let begun = std::time::Instant::now();
    loop {
        match TcpStream::connect(address) {
            Ok(client) => return client,
            Err(error) => assert!(begun.elapsed() < harness::process::BOUND, "{error}"),
        }
        std::thread::yield_now();
    }
}

#[test]
fn rust_log_asks_for_more() {
    for directives in ["debug", "part-one-server=debug", "part_one_server=trace,warn,info"] {
        let ended = with_rust_log(directives, 1);
        assert!(ended.lines.contains(&"debug: accepted a connection: descriptor 4".into()), "{ended:?}");
        assert_eq!(ended.lines.len(), 9, "{ended:?}");
        assert_eq!(ended.errors, "");
    }
}

#[test]
fn rust_log_asks_for_less() {
    for directives in ["warn", "error", "off", "part-one-server=warn", "part_one_server=off"] {
        let ended = with_rust_log(directives, 2);
        assert_eq!((ended.lines.as_slice(), ended.errors.as_str()), ([].as_slice(), ""), "{directives}");
        assert_eq!(ended.status.code(), Some(0));
    }
}

#[test]
fn a_rust_log_that_makes_no_sense_is_a_warning_and_no_silence() {
    for directives in ["inof", "common=loud", "=", "\u{1b}[31m"] {
        let ended = with_rust_log(directives, 3);
        assert_eq!(
            ended.errors,
            format!(
                "part-one-server: warning: RUST_LOG: {directives:?} is neither a level (off, error, warn, info, debug, trace) \
                 nor target=level: going on with info\n"
            )
        );
        assert_eq!(ended.lines.len(), 8, "{ended:?}");
        assert_eq!(ended.status.code(), Some(0));
    }
}

#[test]
fn a_closed_standard_output_ends_the_server_quietly() {
    // What `| head -0` leaves: a pipe that nobody reads.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = command(SERVER).arg("127.0.0.1:0").stdout(writer).output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), b"".as_slice()));
}

#[test]
fn a_full_standard_output_is_an_error() {
    let Ok(full) = File::options().write(true).open("/dev/full") else { return };
    let ended = command(SERVER).arg("127.0.0.1:0").stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&ended.stderr),
        "part-one-server: write standard output: No space left on device (os error 28)\n"
    );
}

#[test]
fn help_and_version_answer_on_standard_output() {
    let said = |mut command: Command| {
        let ended = command.output().unwrap();
        assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), b"".as_slice()));
        String::from_utf8(ended.stdout).unwrap()
    };
    for option in ["--help", "-h"] {
        let mut server = command(SERVER);
        server.args([option]);
        let help = said(server);
        assert!(help.contains("Usage: part-one-server [ADDR]\n"), "{help}");
        assert!(help.contains(&format!("[default: {}]", common::arguments::DEFAULT_ADDRESS)), "{help}");
    }
    for option in ["--version", "-V"] {
        let mut server = command(SERVER);
        server.args(["127.0.0.1:0", option]);
        assert_eq!(said(server), format!("part-one-server {}\n", env!("CARGO_PKG_VERSION")));
    }
}
