//! Nothing more comes. Who waits for what is found by giving it.

use super::content::bytes;
use super::{CLOSE_WAIT, MESSAGE, ONE_AFTER_ANOTHER, TWO_PIECES};
use crate::bench::Bench;
use crate::check::Transport;
use crate::client::Client;
use crate::fault::{Exchange, Fault, How, Judged};

/// Nothing more comes. Who waits for what is found by giving it: a line end, then the end of the stream.
pub(super) fn silent(bench: &mut Bench<'_>, client: &mut Client, exchange: &Exchange) -> Judged<Fault> {
    let (sent, got) = (exchange.sent.len(), exchange.got.len());
    let after = if exchange.how == How::Slow { " within the time limit" } else { "" };
    if got == sent {
        return end_not_sent(bench, client);
    }
    // In the Unix domain the kernel does not tell which connection is whose.
    let can_tell = bench.subject.exercise.transport == Transport::Tcp;
    if can_tell && bench.row(client)?.is_none() && bench.waiting()? == 0 {
        return Ok(Fault::new("The connection is gone on your program's side, and no end of it was sent."));
    }
    if bench.waiting()? > 0 {
        let waiting = bench.waiting()?;
        let who = if waiting == 1 { "1 client waits".to_owned() } else { format!("{waiting} clients wait") };
        return Ok(Fault::new(format!(
            "{who} in the listener's queue: accept is not called{}. While your program serves one client it must be \
             ready for the next: a thread or a process for each, or poll for all of them.",
            if bench.moment.is_empty() { String::new() } else { format!(" {}", bench.moment) }
        ))
        .read(ONE_AFTER_ANOTHER));
    }
    if let Some(row) = bench.row(client)?.filter(|row| row.waiting > 0) {
        return Ok(Fault::new(format!(
            "{} of {sent} bytes came back{after}: {} wait in the kernel's receive queue, and your program does not \
             call recv on this connection{}.",
            got,
            bytes(row.waiting as usize),
            if bench.moment.is_empty() { String::new() } else { format!(" {}", bench.moment) }
        ))
        .read(MESSAGE));
    }
    let came = if got == 0 {
        format!("Your program has received our {}, and sent nothing back{after}", bytes(sent))
    } else {
        format!("Your program has received our {}, and sent {got} of them back{after}", bytes(sent))
    };
    // Give it what it may be waiting for.
    let before = client.got.len();
    client.how = How::Open;
    if exchange.sent.last() != Some(&b'\n') {
        client.write(b"\n");
        bench.wait(client, |client| client.got.len() > before)?;
        if client.got.len() > before {
            return Ok(Fault::new(format!(
                "{came}. It answered only after a line end came. Bytes come without one, too: send back what recv gives, \
                 at once."
            ))
            .read(TWO_PIECES));
        }
        client.how = How::Open;
    }
    client.finish();
    bench.wait(client, |client| client.got.len() > before)?;
    if client.got.len() > before {
        return Ok(Fault::new(format!(
            "{came}. It answered only after the end of our stream: it receives until recv returns 0, or until its \
             buffer is full, before it sends. Send back what each recv gives, at once."
        ))
        .read(MESSAGE));
    }
    Ok(Fault::new(format!(
        "{came}. Nothing more came, neither after a line end nor after the end of our stream."
    ))
    .read(MESSAGE))
}

/// Everything came back, and after our end the program's own does not come.
fn end_not_sent(bench: &mut Bench<'_>, client: &Client) -> Judged<Fault> {
    let holders = match (bench.row(client)?, bench.program()) {
        (Some(row), Some(program)) => crate::kernel::owners(&program.members(), row.inode).len(),
        _ => 0,
    };
    let calls = super::of(bench, client);
    let acceptors = calls.iter().filter(|call| call.gave.is_some()).map(|call| call.process);
    let served_by_another = acceptors
        .into_iter()
        .any(|acceptor| calls.iter().any(|call| call.receives() && call.process != acceptor));
    let came =
        if client.sent.is_empty() { "A client said nothing and ended" } else { "Everything came back" };
    let who = match (holders, served_by_another) {
        (2.., _) => format!("{holders} processes have it open"),
        (_, true) => {
            "the process that called accept still has it open, and another one has served it".to_owned()
        }
        _ => {
            return Ok(Fault::new(format!(
                "{came}, but your program does not close the connection after we ended ours: recv has returned 0, or \
                 would, and the descriptor stays open (CLOSE-WAIT). When recv returns 0, close."
            ))
            .read(CLOSE_WAIT));
        }
    };
    Ok(Fault::new(format!(
        "{came}, but the connection is not closed after we ended ours: {who}. A connection ends when every process that \
         has it has closed it. After fork, the parent closes the connection, and the child the listener."
    ))
    .read(CLOSE_WAIT))
}
