//! Part six's server: many clients at once, and each as if it were alone.

use std::time::Instant;

use lab::error::Error;
use lab::missing::Missing;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;

use super::tcp_echo::starts;
use crate::bench::Bench;
use crate::check::{Check, Exercise, Transport};
use crate::client::{Client, Kept};
use crate::explain;
use crate::fault::{Fault, How, Judged, Stop, fault};
use crate::page::page;
use crate::payload;
use crate::program::Program;

/// More than select can name, which is 1,024 descriptors.
const IDLE: usize = 1_100;
/// The descriptors for these, at either end, and some to spare.
const DESCRIPTORS: u32 = 2_048;
/// So few descriptors the program has where they run out.
const FEW: u32 = 64;

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "many",
    about: "part six's server: an echo for many clients at once, each as if it were alone",
    transport: Transport::Tcp,
    serves: true,
    ready: super::listens,
    levels: &["starts", "many", "limits"],
    checks: &[
        starts::LISTENS,
        starts::ONE_LINE,
        Check {
            id: "two-hundred",
            level: 2,
            title: "two hundred clients at once are served",
            page: page("docs/part-six.md", "A crowd"),
            judge: |bench| crowd(bench, None, two_hundred),
        },
        Check {
            id: "fairness",
            level: 2,
            title: "a client that never stops speaking leaves room for another",
            page: page("docs/part-six.md", "Level and edge"),
            judge: fairness,
        },
        Check {
            id: "idle-thousand",
            level: 3,
            title: "a thousand clients that say nothing hold up nobody",
            page: page("docs/part-six-cost.md", "Ten thousand who say nothing"),
            judge: |bench| {
                enough_descriptors()?;
                crowd(bench, Some(DESCRIPTORS), idle)
            },
        },
        Check {
            id: "no-descriptor-left",
            level: 3,
            title: "where no descriptor is left it waits, and goes on when one is free",
            page: page("docs/part-six-failures.md", "No descriptor left"),
            judge: |bench| crowd(bench, Some(FEW), no_descriptor_left),
        },
        Check {
            id: "sigterm",
            level: 3,
            title: "SIGTERM ends it when it has answered what has come",
            page: page("docs/part-six-failures.md", "SIGTERM in the middle"),
            judge: sigterm,
        },
    ],
};

/// Does `work` with a program that has so many descriptors. The calls of a thousand threads nobody watches: each of them
/// makes strace slower.
fn crowd(
    bench: &mut Bench<'_>,
    descriptors: Option<u32>,
    work: impl FnOnce(&mut Bench<'_>) -> Judged,
) -> Judged {
    (bench.descriptors, bench.unwatched) = (descriptors, descriptors == Some(DESCRIPTORS));
    let judged = bench.restart().and_then(|()| work(bench));
    (bench.descriptors, bench.unwatched) = (None, false);
    judged?;
    // The next check has a program with everything again.
    bench.end();
    Ok(())
}

fn two_hundred(bench: &mut Bench<'_>) -> Judged {
    let mut clients = Vec::new();
    for number in 0..200 {
        let mut client = bench.connect()?;
        client.write(format!("client {number}\n").as_bytes());
        clients.push(client);
    }
    let unserved = all_served(bench, &mut clients)?;
    if unserved > 0 {
        let waiting = bench.waiting()?;
        return fault(format!(
            "200 clients are connected and have sent a line, and {unserved} of them have no answer; {waiting} wait in the \
             listener's queue. All of them stay: serve each without waiting for another one to leave."
        ));
    }
    for client in clients.iter_mut().rev().step_by(20) {
        bench.echo(client, b"once more\n")?;
    }
    Ok(())
}

/// Waits until every client has its echo; gives how many have not.
fn all_served(bench: &mut Bench<'_>, clients: &mut [Client]) -> Judged<usize> {
    let mut unserved = clients.len();
    let limit = bench.limits().wait * 4;
    bench.until_within(limit, |_| {
        let served = |client: &mut Client| {
            client.read();
            client.got.len() >= client.sent.len()
        };
        unserved = clients.iter_mut().map(served).filter(|served| !served).count();
        Ok(unserved == 0)
    })?;
    bench.lives()?;
    Ok(unserved)
}

fn fairness(bench: &mut Bench<'_>) -> Judged {
    bench.running()?;
    let mut flood = bench.connect()?;
    bench.echo(&mut flood, b"I begin\n")?;
    let mut other = bench.connect()?;
    let piece = payload::numbered(16 * 1024);
    for round in 1..=20 {
        let line = format!("my turn, {round}\n");
        let wanted = other.got.len() + line.len();
        other.write(line.as_bytes());
        let begun = Instant::now();
        let before = bench.program().map(Program::worked).unwrap_or_default();
        while other.got.len() < wanted {
            bench.go_on()?;
            bench.lives()?;
            // It sends all that there is room for and reads little: the program always has more to receive from it.
            while flood.write(&piece) > 0 {
                flood.sent.clear();
            }
            flood.sip(4096);
            other.read();
            // A busy machine gives it little time: then it has longer.
            let limits = bench.limits();
            let has_worked = |bench: &mut Bench<'_>| {
                let worked = bench.program().map(Program::worked).unwrap_or_default();
                worked.saturating_sub(before) > limits.quiet
            };
            let took = begun.elapsed();
            if took > limits.busy || took > limits.wait && has_worked(bench) {
                // How many rounds it took, and so what went over the connection, is left to chance.
                return Err(Fault::new(format!(
                    "One client sends without a pause and reads slowly, and another one has had no answer for {} seconds. \
                     Your program stays with the first as long as it has something to say, or waits in send until it reads. \
                     Take a piece of each in turn, and let no send wait.",
                    bench.limits().wait.as_secs_f64()
                ))
                .on(other.address, None)
                .into());
            }
        }
    }
    // Its connection ends in the middle of much: how that is taken is another check's matter.
    bench.end();
    Ok(())
}

/// Gives this process as many descriptors as the program will have.
fn enough_descriptors() -> Judged {
    let needed = u64::from(DESCRIPTORS);
    let doing = |errno| Error::of("set the limit of descriptors (RLIMIT_NOFILE)", errno);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(doing)?;
    if hard < needed {
        return Err(Stop::NotChecked(Missing {
            what: format!("{needed} descriptors are needed, and this machine allows {hard}"),
            remedy: Some("raise the limit: ulimit -n".into()),
        }));
    }
    Ok(setrlimit(Resource::RLIMIT_NOFILE, soft.max(needed), hard).map_err(doing)?)
}

fn idle(bench: &mut Bench<'_>) -> Judged {
    let mut clients = Vec::new();
    bench.moment = "while a thousand clients are connected";
    for _ in 0..IDLE {
        clients.push(bench.connect()?);
    }
    // A thread or a process for each takes its time.
    let limit = bench.limits().wait * 6;
    bench.until_within(limit, |bench| Ok(bench.waiting()? == 0))?;
    bench.lives()?;
    let mut speaker = bench.connect()?;
    bench.echo(&mut speaker, b"one who speaks\n")?;
    for at in [0, IDLE - 1] {
        if let Some(client) = clients.get_mut(at) {
            bench.echo(client, b"at last I speak, too\n")?;
        }
    }
    Ok(())
}

fn no_descriptor_left(bench: &mut Bench<'_>) -> Judged {
    bench.moment = "when it had no descriptor left for another client (EMFILE)";
    let mut clients = Vec::new();
    for number in 0..FEW + 10 {
        let from = bench.next_address();
        let mut client = Client::begin(from, bench.place.address, &Kept::default())?;
        // On loopback a handshake is over at once; where the queue is full it is not, and this one waits outside.
        if client.is_connected() {
            client.write(format!("client {number}\n").as_bytes());
        }
        clients.push(client);
    }
    // As many as there are descriptors for.
    bench.until(|_| {
        for client in &mut clients {
            client.read();
        }
        Ok(clients.iter().filter(|client| !client.got.is_empty()).count() + 20 > FEW as usize)
    })?;
    bench.settle()?;
    bench.lives()?;
    let awake = bench.looks_awake()?;
    bench.lives()?;
    if let Some(found) = awake {
        return fault(format!(
            "No descriptor is left for another client, and your program runs all the time: it was running in {found} looks. accept fails with EMFILE again and again: wait a while, or until a client has left, before you call it \
             again."
        ));
    }
    // Those who were served leave; the others have their turn.
    let (mut served, mut rest): (Vec<Client>, Vec<Client>) =
        clients.into_iter().partition(|client| !client.got.is_empty());
    served.iter_mut().for_each(Client::close);
    for client in rest.iter_mut().filter(|client| client.sent.is_empty()) {
        bench.wait_connected(client)?;
        client.write(b"my turn\n");
    }
    let unserved = all_served(bench, &mut rest)?;
    if unserved == 0 {
        return Ok(());
    }
    fault(format!(
        "No descriptor was left for {} clients. The others have left since, and {unserved} of these are not served yet. Go on to \
         call accept after EMFILE; they wait in the queue.",
        rest.len()
    ))
}

fn sigterm(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = bench.connect()?;
        bench.echo(&mut client, b"hello\n")?;
        clients.push(client);
    }
    bench.settle()?;
    bench.frozen(|bench| {
        for client in &mut clients {
            client.write(b"in flight\n");
        }
        if let Some(program) = bench.program() {
            program.signal(Signal::SIGTERM);
        }
        Ok(())
    })?;
    let limit = bench.limits().wait;
    let ended = bench.ends_within(limit)?;
    for client in &mut clients {
        // What it has sent is in our kernel by now.
        while client.how == How::Open && client.read() {}
        if client.got != client.sent {
            // Whether it had received it, and so whether an end or a reset came, is left to chance.
            client.how = How::Exit;
            return Err(bench
                .fault_on(
                    client,
                    "A client's message had come when SIGTERM came, and its answer did not. Catch the signal: call accept no \
                     more, answer what has come, and end then.",
                )
                .into());
        }
    }
    match ended {
        Some(status) if status.success() => Ok(()),
        Some(_) => Err(explain::died(bench).into()),
        None => fault(format!(
            "SIGTERM was sent to your program, and after {} seconds it still runs, with three clients that say nothing. \
             Answer what has come, and end; do not wait for more.",
            limit.as_secs_f64()
        )),
    }
}
