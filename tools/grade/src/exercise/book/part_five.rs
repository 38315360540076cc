//! Part five and its timing.

use super::exercise;
use crate::bench::Bench;
use crate::check::Transport;
use crate::exercise::clients::{said, succeeds};
use crate::exercise::tcp_client::{MESSAGE, answer, meet};
use crate::fault::{Judged, fault};
use crate::page::page;
use crate::program::ending;

exercise! {
    /// 2. A connect that gives up.
    GIVES_UP: "part-five-time/2", "a client gives up after 300 ms if the server does not answer, and says so",
    page("docs/part-five-time.md", "2. A connect that gives up"), Transport::Tcp, client, gives_up
}

fn gives_up(bench: &mut Bench<'_>) -> Judged {
    // With a server that answers it must still receive as before.
    let (mut server, message) = meet(bench, MESSAGE)?;
    answer(bench, &mut server, &message);
    server.close();
    succeeds(bench, MESSAGE)?;

    bench.fresh_network()?;
    let address = bench.place.address;
    bench.silence(address)?;
    bench.launch_here()?;
    let limit = bench.limits().wait;
    let Some(status) = bench.ends_within(limit)? else {
        return fault(format!(
            "The server does not answer, and after {} seconds your program still waits in connect. Make the socket \
             non-blocking before it, and wait with poll for 300 ms at most.",
            limit.as_secs_f64()
        ));
    };
    let words = bench.said();
    let names = |what: &str| words.contains(what);
    if status.success() || !names("connect") || !names(&address.to_string()) || !names("300") {
        return fault(format!(
            "The server does not answer, and your program ended with {}{}. It should name connect, the address and the 300 \
             ms, on standard error, and end with another status than 0.",
            ending(status),
            said(bench)
        ));
    }
    Ok(())
}
