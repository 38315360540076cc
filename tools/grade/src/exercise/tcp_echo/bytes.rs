//! Level 3: bytes are not text, and there are more of them than fit into a buffer.

use crate::check::Check;
use crate::page::page;
use crate::payload;

/// A character in two pieces.
pub const CUT_UTF8: Check = Check {
    id: "cut-utf8",
    level: 3,
    title: "a character that is cut in two comes back",
    page: page("docs/part-one-failures.md", "Bytes that are not text"),
    judge: |bench| {
        bench.running()?;
        let mut client = bench.connect()?;
        let bytes = "Grüße\n".as_bytes();
        let (before, after) = bytes.split_at_checked(3).unwrap_or((bytes, &[]));
        bench.send(&mut client, before)?;
        bench.consumed(&mut client)?;
        bench.echo(&mut client, after)
    },
};

/// Bytes that no text has.
pub const NOT_TEXT: Check = Check {
    id: "not-text",
    level: 3,
    title: "bytes that are no text come back",
    page: page("docs/part-one-failures.md", "Bytes that are not text"),
    judge: |bench| {
        bench.running()?;
        let mut client = bench.connect()?;
        bench.echo(&mut client, b"\xff\xfe\x80 no text\n")
    },
};

/// Every value that a byte can have.
pub const EVERY_BYTE: Check = Check {
    id: "every-byte",
    level: 3,
    title: "every value that a byte can have comes back, zero too",
    page: page("docs/part-one-failures.md", "Bytes that are not text"),
    judge: |bench| {
        bench.running()?;
        let mut client = bench.connect()?;
        bench.echo(&mut client, b"before\0after\n")?;
        bench.echo(&mut client, &payload::every_byte())
    },
};

/// More than a usual buffer holds, and then the end.
pub const TWO_THOUSAND: Check = Check {
    id: "two-thousand",
    level: 3,
    title: "2,000 bytes at once come back",
    page: page("docs/part-one-failures.md", "More than 1024 bytes"),
    judge: |bench| {
        bench.running()?;
        let mut client = bench.connect()?;
        client.cork()?;
        client.write(&payload::numbered(2000));
        bench.ends_well(&mut client)
    },
};

/// More than the kernel keeps on both ways together: a send of the server takes a part, however slow the server is.
pub const LONG: Check = Check {
    id: "long",
    level: 3,
    title: "600,000 bytes come back to a client that reads a little late",
    page: page("docs/part-six-failures.md", "Data and end in one event"),
    judge: |bench| {
        bench.running()?;
        let mut client = bench.connect()?;
        let bytes = payload::numbered(600_000);
        let taken = bench.offer(&mut client, &bytes)?;
        bench.echo(&mut client, bytes.get(taken..).unwrap_or_default())?;
        bench.ends_well(&mut client)
    },
};
