//! Level 2: a stream has no messages in it, and two ends.

use crate::bench::Bench;
use crate::check::Check;
use crate::explain;
use crate::fault::{How, Judged};
use crate::page::page;

/// Several messages in turn.
pub const CONVERSATION: Check = Check {
    id: "conversation",
    level: 2,
    title: "one client is answered three times",
    page: page("docs/part-one-failures.md", "A message in two pieces"),
    judge: |bench| {
        bench.running()?;
        let mut client = bench.connect()?;
        for line in ["one, which is the longest\n", "two\n", "three\n"] {
            bench.echo(&mut client, line.as_bytes())?;
        }
        Ok(())
    },
};

/// Every byte alone.
pub const BYTE_BY_BYTE: Check = Check {
    id: "byte-by-byte",
    level: 2,
    title: "a message that comes byte by byte comes back",
    page: page("docs/part-one-failures.md", "A message in two pieces"),
    judge: |bench| {
        bench.running()?;
        let mut client = bench.connect()?;
        let message = b"byte by byte\n";
        for (at, byte) in message.iter().enumerate() {
            bench.send(&mut client, &[*byte])?;
            bench.consumed(&mut client)?;
            bench.settle()?;
            client.read();
            if client.how != How::Open {
                // The rest should have come back as well.
                client.sent.extend(message.iter().skip(at + 1));
                break;
            }
        }
        bench.comes_back(&mut client)
    },
};

/// Two messages in one segment.
pub const JOINED: Check = Check {
    id: "joined",
    level: 2,
    title: "two messages that come in one piece come back, both of them",
    page: page("docs/part-four-failures.md", "Two frames in one segment"),
    judge: |bench| {
        bench.running()?;
        let mut client = bench.connect()?;
        bench.echo(&mut client, b"first\nsecond\n")
    },
};

/// The end of our stream together with the last bytes.
pub const HALF_CLOSE: Check = Check {
    id: "half-close",
    level: 2,
    title: "after a client's end the rest comes back, then the server's own end",
    page: page("docs/part-four-failures.md", "The forgotten half-close"),
    judge: |bench| {
        bench.running()?;
        let mut client = bench.connect()?;
        // They leave in one segment with the end behind them.
        client.cork()?;
        client.write(b"the last words");
        bench.ends_well(&mut client)
    },
};

/// The end, and nothing before it.
pub const ONLY_END: Check = Check {
    id: "only-end",
    level: 2,
    title: "a client that says nothing and ends gets an end, and no byte",
    page: page("docs/part-five.md", "FIN-WAIT-2 and CLOSE-WAIT"),
    judge: only_end,
};

/// One client after another.
pub const NEXT_CLIENT: Check = Check {
    id: "next-client",
    level: 2,
    title: "when a client has gone, the next one is served",
    page: page("docs/part-one.md", "4. A server that stays"),
    judge: |bench| {
        bench.running()?;
        for line in ["the first client\n", "the second\n", "the third\n"] {
            // Between two clients it does what it does when one has gone.
            bench.settle()?;
            let mut client = bench.connect()?;
            bench.echo(&mut client, line.as_bytes())?;
            bench.ends_well(&mut client)?;
            bench.moment = "after the first client was served";
        }
        Ok(())
    },
};

fn only_end(bench: &mut Bench<'_>) -> Judged {
    bench.running()?;
    let mut client = bench.connect()?;
    client.finish();
    bench.wait(&mut client, |_| false)?;
    match client.how {
        How::End if client.got.is_empty() => Ok(()),
        How::Reset => Err(bench
            .fault_on(
                &client,
                "A client said nothing and ended, and got a reset (RST) instead of an end. When recv returns 0, close \
                 the connection; it is no error.",
            )
            .into()),
        _ => Err(explain::echo(bench, &mut client)?.into()),
    }
}
