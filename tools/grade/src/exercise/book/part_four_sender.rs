//! Part four's sender: here the grader is the receiver.

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use lab::error::Error;
use lab::missing::Missing;

use super::exercise;
use crate::bench::Bench;
use crate::check::Transport;
use crate::client::Client;
use crate::exercise::clients::{ended, said};
use crate::exercise::frames_receiver::frame;
use crate::exercise::tcp_client::answer;
use crate::fault::{Fault, How, Judged, Stop, fault};
use crate::hosts::Hosts;
use crate::kernel;
use crate::page::page;
use crate::payload;
use crate::program::{Program, ending};

exercise! {
    /// 3. Race two addresses.
    RACE: "part-four/3", "a sender tries the second address of a name while the first does not answer",
    page("docs/part-four.md", "3. Race two addresses"), Transport::Tcp, client, race
}

exercise! {
    /// 5. One segment.
    ONE_SEGMENT: "part-four/5", "header, content and checksum of a short file come in one segment",
    page("docs/part-four.md", "5. One segment"), Transport::Tcp, client, one_segment
}

/// As long as the page's `hello.txt`.
const LENGTH: usize = 574;
/// The name with two addresses, as on the page.
const NAME: &str = "both.test";
/// Kept, and a text of no byte.
const KEPT: [u8; 3] = [0, 0, 0];

fn race(bench: &mut Bench<'_>) -> Judged {
    Hosts::can_be_given()?;
    let (v4, v6) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST));
    // Which of the two is tried first is up to the machine and the language. So each of them is silent once.
    reaches(bench, v6, v4)?;
    reaches(bench, v4, v6)
}

/// Of the two addresses of a name one is silent, and the program's file arrives at the other.
fn reaches(bench: &mut Bench<'_>, silent: IpAddr, answers: IpAddr) -> Judged {
    bench.fresh_network()?;
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return Err(Stop::NotChecked(Missing { what: "this machine has no ::1".into(), remedy: None }));
    }
    let frame = the_file(bench)?;
    let port = bench.place.address.port();
    let (silent, answers) = (SocketAddr::new(silent, port), SocketAddr::new(answers, port));
    bench.silence(silent)?;
    let listener = listener(bench, answers)?;
    bench.place.hosts = Some(Hosts { name: NAME, addresses: vec![silent.ip(), answers.ip()] });
    bench.launch_here()?;

    // A start takes its time; the clock runs from its first packet on.
    let mut met = None;
    let limit = bench.limits().compile;
    let tries = |row: &kernel::Row| row.state == kernel::SYN_SENT && row.peer == silent;
    let how = bench.until_within(limit, |bench| {
        met = accepted(bench, &listener)?;
        Ok(met.is_some() || kernel::tcp()?.iter().any(tries))
    })?;
    if how != How::Open {
        return not_here(bench, &format!("{NAME}:{port}"));
    }
    let limit = bench.limits().wait;
    bench.by_the_clock(limit, |bench| {
        if met.is_none() {
            met = accepted(bench, &listener)?;
        }
        Ok(met.is_some() || bench.program().is_none_or(|program| program.ended().is_some()))
    })?;
    let Some(mut receiver) = met else {
        let waits = match bench.program().and_then(Program::ended) {
            Some(status) => format!("your program ended with {}{}", ending(status), said(bench)),
            None => format!("{} seconds later your program still waits for it alone", limit.as_secs_f64()),
        };
        return fault(format!(
            "{NAME}, the name in ADDR, has two addresses, {silent} and {answers}. The first does not answer, and {waits}. Begin each connect \
             on a non-blocking socket, the second one 250 ms after the first, wait for both with poll, and go on with the \
             one that is connected first."
        ));
    };
    takes(bench, &mut receiver, &frame)?;
    is_kept(bench, &mut receiver)
}

fn one_segment(bench: &mut Bench<'_>) -> Judged {
    bench.fresh_network()?;
    let frame = the_file(bench)?;
    let address = bench.place.address;
    let listener = listener(bench, address)?;
    bench.launch_here()?;
    let mut met = None;
    let limit = bench.limits().compile;
    bench.until_within(limit, |bench| {
        met = accepted(bench, &listener)?;
        Ok(met.is_some())
    })?;
    let Some(mut receiver) = met else { return not_here(bench, &address.to_string()) };
    takes(bench, &mut receiver, &frame)?;
    let segments = receiver.data_segments()?;
    if segments > 1 {
        let sentence = format!(
            "The frame of {} bytes came in {segments} segments, and fits into one: the kernel sends what each call gives it. \
             Set TCP_CORK before the header, and take it away behind the checksum; then they go together.",
            frame.len()
        );
        return Err(Fault::new(sentence).on(address, None).into());
    }
    is_kept(bench, &mut receiver)
}

/// Makes the file to be sent; gives its frame.
fn the_file(bench: &Bench<'_>) -> Judged<Vec<u8>> {
    let (file, content) = (&bench.place.file, payload::numbered(LENGTH));
    fs::write(file, &content).map_err(|error| Error::of(format!("write {}", file.display()), error))?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(frame(&name, &content))
}

/// Listens at `address` until the check is over.
fn listener(bench: &Bench<'_>, address: SocketAddr) -> Judged<TcpListener> {
    let doing = |error| Error::of(format!("listen on {address}"), error);
    let listener = TcpListener::bind(address).map_err(doing)?;
    listener.set_nonblocking(true).map_err(doing)?;
    let same = OwnedFd::from(listener.try_clone().map_err(doing)?);
    bench.kept().borrow_mut().push(TcpStream::from(same));
    Ok(listener)
}

/// The connection with the program, if it has come.
fn accepted(bench: &Bench<'_>, listener: &TcpListener) -> Judged<Option<Client>> {
    match listener.accept() {
        Ok((stream, from)) => Ok(Some(Client::accepted(stream, from, &bench.kept())?)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) => {
            Ok(None)
        }
        Err(error) => Err(Error::of("accept", error).into()),
    }
}

fn not_here(bench: &mut Bench<'_>, place: &str) -> Judged {
    let what = match bench.program().and_then(Program::ended) {
        Some(status) => format!("ended with {}", ending(status)),
        None => "runs".to_owned(),
    };
    fault(format!(
        "Your program {what} and has not connected to {place}{}. The address stands in ADDR, and in place of {{addr}} in a \
         word of your command; the file to send in FILE, and in place of {{file}}.",
        said(bench)
    ))
}

/// Takes the whole frame.
fn takes(bench: &mut Bench<'_>, receiver: &mut Client, frame: &[u8]) -> Judged {
    bench.until(|_| {
        receiver.read();
        Ok(receiver.got.len() >= frame.len() || receiver.how != How::Open)
    })?;
    if receiver.got == frame {
        return Ok(());
    }
    let sentence = format!(
        "{} bytes came, and they are not the frame of the file, which has {}: the length of the name, the name, the length of \
         the content, the content and its CRC-32{}. The file stands in FILE, and in place of {{file}} in a word of your \
         command.",
        receiver.got.len(),
        frame.len(),
        said(bench)
    );
    Err(Fault::new(sentence).on(bench.place.address, None).into())
}

/// Answers that the file is kept; then the program ends well.
fn is_kept(bench: &mut Bench<'_>, receiver: &mut Client) -> Judged {
    answer(bench, receiver, &KEPT);
    receiver.finish();
    let status = ended(bench, "The file came whole, and was answered with kept (0)")?;
    if status.success() {
        return Ok(());
    }
    fault(format!(
        "The file came whole, was answered with kept (0), and your program ended with {}{}.",
        ending(status),
        said(bench)
    ))
}
