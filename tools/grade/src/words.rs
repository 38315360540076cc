//! What a program's last words say, in whatever language it is written.

/// So many characters of a line are quoted.
const QUOTED: usize = 160;

/// The line in which a program, or one of its threads, says what went wrong: a panic of Rust or Go, an exception of
/// Python, an error of node.
#[must_use]
pub fn complaint(said: &str) -> Option<String> {
    let mut lines = said.lines();
    while let Some(line) = lines.next() {
        // thread 'main' panicked at src/main.rs:7:5:
        // called `Result::unwrap()` on an `Err` value: ...
        if line.contains("panicked at") {
            let message = lines.next().map(str::trim).filter(|message| !message.is_empty());
            return Some(quoted(&format!("a thread panicked: {}", message.unwrap_or(line))));
        }
        if line.starts_with("panic: ") {
            return Some(quoted(line));
        }
        // The exception's own line is the first after the indented ones.
        if line.starts_with("Traceback (most recent call last)") {
            let own = lines.find(|line| !line.is_empty() && !line.starts_with([' ', '\t']))?;
            return Some(quoted(own));
        }
        let begins_like_an_error = line.split(':').next().is_some_and(|word| {
            word.ends_with("Error") && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        if begins_like_an_error {
            return Some(quoted(line));
        }
    }
    None
}

/// The last line that is no advice on how to call the program.
#[must_use]
pub fn last(said: &str) -> Option<String> {
    let lines = || said.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let is_advice = |line: &&str| {
        ["try ", "usage:", "for more "].iter().any(|sign| line.to_lowercase().starts_with(sign))
    };
    lines().find(|line| !is_advice(line)).or_else(|| lines().next()).map(quoted)
}

fn quoted(line: &str) -> String {
    let line = line.trim().trim_end_matches('.');
    match line.char_indices().nth(QUOTED) {
        Some((at, _)) => format!("{}...", line.get(..at).unwrap_or_default()),
        None => line.to_owned(),
    }
}

fn has(words: &str, signs: &[&str]) -> bool {
    let words = words.to_lowercase();
    signs.iter().any(|sign| words.contains(sign))
}

/// Bytes that are no text.
#[must_use]
pub fn is_about_text(words: &str) -> bool {
    has(words, &["utf8", "utf-8", "unicodedecode", "invalid start byte", "codec can't decode"])
}

/// A connection that its client has reset, or left.
#[must_use]
pub fn is_about_a_reset(words: &str) -> bool {
    has(words, &["connection reset", "connectionreset", "econnreset", "broken pipe", "brokenpipe", "epipe"])
}

/// A call that a signal has interrupted.
#[must_use]
pub fn is_about_interruption(words: &str) -> bool {
    has(words, &["interrupted", "eintr"])
}

/// An address that somebody has.
#[must_use]
pub fn is_about_address_in_use(words: &str) -> bool {
    has(words, &["address already in use", "eaddrinuse", "addrinuse", "address in use"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_not_the_last_word() {
        let usage =
            "server: unexpected argument\n\nUsage: server PORT\n\nFor more information, try '--help'.\n";
        assert_eq!(last(usage).as_deref(), Some("server: unexpected argument"));
        assert_eq!(last("Usage: server PORT\n").as_deref(), Some("Usage: server PORT"));
        assert_eq!(last("\n"), None);
    }

    #[test]
    fn every_language_has_its_way_to_complain() {
        let rust = "\nthread '<unnamed>' (7) panicked at src/main.rs:9:40:\ncalled `Result::unwrap()` on an `Err` value: \
                    Utf8Error { valid_up_to: 1, error_len: None }\nnote: run with ...\n";
        let words = complaint(rust).expect("a complaint");
        assert!(words.starts_with("a thread panicked: called") && is_about_text(&words), "{words}");
        let python = "Traceback (most recent call last):\n  File \"x\", line 3, in <module>\n    y()\n\
                      ConnectionResetError: [Errno 104] Connection reset by peer\n";
        let words = complaint(python).expect("a complaint");
        assert_eq!(words, "ConnectionResetError: [Errno 104] Connection reset by peer");
        assert!(is_about_a_reset(&words));
        assert_eq!(complaint("Error: listen EADDRINUSE"), Some("Error: listen EADDRINUSE".into()));
        assert_eq!(complaint("panic: runtime error: x").as_deref(), Some("panic: runtime error: x"));
        assert_eq!(complaint("Listening on 6797\nclient 1: hello"), None);
        assert_eq!(
            last("a\nrecv: Interrupted system call.\n\n").as_deref(),
            Some("recv: Interrupted system call")
        );
    }
}
