//! Part four.

use super::exercise;
use crate::bench::Bench;
use crate::check::Transport;
use crate::exercise::listens;
use crate::fault::{Judged, fault};
use crate::page::page;

exercise! {
    /// 1. CR LF.
    CR_LF: "part-four/1", "a line ends with LF or with CR LF, and neither is shown",
    page("docs/part-four.md", "1. CR LF"), Transport::Tcp, listens, cr_lf
}

fn cr_lf(bench: &mut Bench<'_>) -> Judged {
    bench.restart()?;
    let longest = [&[b'x'; 1024][..], b"\r\n"].concat();
    for (sent, lengths) in [(&b"Hello\r\na\rb\n"[..], &[5, 3][..]), (&longest, &[1024])] {
        let mut client = bench.connect()?;
        client.write(sent);
        client.finish();
        bench.wait(&mut client, |_| false)?;
        for length in lengths {
            let words = format!("line of {length} bytes");
            let says = |bench: &mut Bench<'_>| {
                let said = bench.program().map(|program| program.stdout.text() + &program.stderr.text());
                Ok(said.is_some_and(|said| said.contains(&words)))
            };
            bench.until(says)?;
            if !says(bench)? {
                return fault(format!(
                    "A client sent {}, and your program does not say \"{words}\". A carriage return right before the line \
                     feed belongs to the line's end; any other is a byte of the line.",
                    if sent.len() > 100 {
                        "1,024 bytes, CR and LF".to_owned()
                    } else {
                        format!("{:?}", String::from_utf8_lossy(sent))
                    }
                ));
            }
        }
    }
    Ok(())
}
