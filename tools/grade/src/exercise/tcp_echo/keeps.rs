//! Level 6: it can stay for months.

use crate::bench::Bench;
use crate::check::Check;
use crate::exercise::datagrams::ended_by_sigterm;
use crate::fault::{How, Judged, fault};
use crate::kernel;
use crate::page::page;
use crate::payload;

/// More than every buffer between two programs holds here.
const OFFERED: usize = 1_000_000;
/// So many clients come and go.
const CLIENTS: usize = 30;
/// So many descriptors or children more than before are no leak: a program may prepare for what comes.
const SPARE: usize = 5;

/// A client that reads late.
pub const LATE_READER: Check = Check {
    id: "late-reader",
    level: 6,
    title: "a client that reads late gets every byte",
    page: page("docs/part-six-failures.md", "The client that does not read"),
    judge: |bench| {
        bench.running()?;
        let mut client = bench.connect()?;
        bench.offer(&mut client, &payload::numbered(OFFERED))?;
        bench.ends_well(&mut client)
    },
};

/// A client that never reads.
pub const BOUNDED: Check = Check {
    id: "bounded",
    level: 6,
    title: "a client that never reads does not fill the memory",
    page: page("docs/part-six-failures.md", "The client that does not read"),
    judge: bounded,
};

/// Descriptors are given back.
pub const DESCRIPTORS: Check = Check {
    id: "descriptors",
    level: 6,
    title: "thirty clients leave no descriptor behind",
    page: page("docs/part-one.md", "What owning means"),
    judge: descriptors,
};

/// Children are waited for.
pub const CHILDREN: Check = Check {
    id: "children",
    level: 6,
    title: "thirty clients leave no ended process behind",
    page: page("docs/part-six.md", "A thread for each"),
    judge: children,
};

/// Who waits sleeps.
pub const AT_REST: Check = Check {
    id: "at-rest",
    level: 6,
    title: "while nobody speaks it sleeps",
    page: page("docs/part-six-failures.md", "No descriptor left"),
    judge: at_rest,
};

/// It can be started again at once.
pub const RESTART: Check = Check {
    id: "restart",
    level: 6,
    title: "it can be started again at once",
    page: page("docs/part-one-failures.md", "The address rests"),
    judge: restart,
};

/// It ends when it is asked to.
pub const SIGTERM: Check = Check {
    id: "sigterm",
    level: 6,
    title: "SIGTERM ends it",
    page: page("docs/part-six-failures.md", "SIGTERM in the middle"),
    judge: sigterm,
};

fn bounded(bench: &mut Bench<'_>) -> Judged {
    bench.running()?;
    let mut client = bench.connect()?;
    let taken = bench.offer(&mut client, &payload::numbered(OFFERED))?;
    if taken < OFFERED {
        // It goes away with a reset: how that is taken is another check's matter.
        bench.end();
        return Ok(());
    }
    Err(bench
        .fault_on(
            &client,
            format!(
                "Your program took {OFFERED} bytes from a client that reads nothing: they are in your memory, and the \
                 next client sends more. While a send would block, do not receive from that client; then TCP stops it."
            ),
        )
        .into())
}

/// Thirty clients, one after another, each served and ended. Gives how many were descriptors before and after.
fn visitors(bench: &mut Bench<'_>) -> Judged<(usize, usize)> {
    bench.running()?;
    let mut before = 0;
    for number in 0..=CLIENTS {
        let mut client = bench.connect()?;
        bench.echo(&mut client, b"a visitor\n")?;
        bench.ends_well(&mut client)?;
        if number == 0 {
            bench.settle()?;
            before = count(bench);
        }
    }
    bench.all_closed()?;
    bench.settle()?;
    Ok((before, count(bench)))
}

fn count(bench: &mut Bench<'_>) -> usize {
    bench.program().map_or(0, |program| kernel::descriptors(&program.members()))
}

fn descriptors(bench: &mut Bench<'_>) -> Judged {
    let (before, after) = visitors(bench)?;
    if after <= before + SPARE {
        return Ok(());
    }
    fault(format!(
        "Your program had {before} descriptors open before {CLIENTS} clients came and went, and has {after} now. Close \
         each connection when it is over; at the limit (often 1,024) accept fails with EMFILE."
    ))
}

fn children(bench: &mut Bench<'_>) -> Judged {
    bench.running()?;
    // Those of the check before count as well.
    if bench.clients() < CLIENTS {
        visitors(bench)?;
    }
    let zombies = bench.program().map_or(0, |program| kernel::zombies(&program.members()).len());
    if zombies <= SPARE {
        return Ok(());
    }
    fault(format!(
        "{zombies} children of your program have ended, and nobody has asked how (zombies). Each takes a process number \
         until its parent calls waitpid: do that on SIGCHLD, or ignore SIGCHLD, then there is nothing to ask."
    ))
}

fn at_rest(bench: &mut Bench<'_>) -> Judged {
    bench.running()?;
    let mut idle = bench.connect()?;
    bench.echo(&mut idle, b"hello\n")?;
    let mut leaver = bench.connect()?;
    bench.echo(&mut leaver, b"and good bye\n")?;
    bench.ends_well(&mut leaver)?;
    bench.settle()?;
    let Some(found) = bench.looks_awake()? else { return Ok(()) };
    Err(bench
        .fault_on(
            &idle,
            format!(
                "Nobody spoke for half a second, and your program ran all the time: it was running in {found} looks. Sleep in the kernel until there is something to do: in a blocking call, or in poll or epoll \
                 without a time limit of 0."
            ),
        )
        .into())
}

/// Also of other exercises with a TCP server.
pub fn restart(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    let mut client = bench.connect()?;
    bench.echo(&mut client, b"hello\n")?;
    // It ends first: its end of the connection rests in TIME-WAIT.
    bench.end();
    bench.wait(&mut client, |client| client.how != How::Open)?;
    client.close();
    bench.launch_here()?;
    bench.wait_ready()?;
    let mut next = bench.connect()?;
    bench.echo(&mut next, b"hello again\n")
}

fn sigterm(bench: &mut Bench<'_>) -> Judged {
    bench.running()?;
    let mut idle = bench.connect()?;
    bench.echo(&mut idle, b"hello\n")?;
    bench.settle()?;
    ended_by_sigterm(bench)
}
