//! The lines that strace writes, taken apart.

use std::time::{Duration, SystemTime};

/// What a line says about one call: name, what stands between the brackets, what stands after `=`.
pub(super) struct Parts<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: &'a str,
    pub(super) result: &'a str,
    /// Where in the line the arguments and the result begin.
    pub(super) arguments_at: usize,
    pub(super) result_at: usize,
}

/// A line without what `-yy` writes behind each descriptor.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plain {
    pub(super) text: String,
    /// Where in `text` a descriptor with such a mark begins, and the mark.
    marks: Vec<(usize, String)>,
}

impl Plain {
    /// The mark of the descriptor that begins at this place of the text.
    pub(super) fn mark(&self, at: usize) -> Option<&str> {
        self.marks.iter().find(|(start, _)| *start == at).map(|(_, mark)| mark.as_str())
    }

    /// Takes the marks out: `accept4(3<TCP:[127.0.0.1:6797]>, ` becomes `accept4(3, `.
    pub(super) fn of(said: &str) -> Self {
        let mut plain = Self { text: String::with_capacity(said.len()), marks: Vec::new() };
        let mut rest = said;
        while let Some(at) = rest.find(['<', '"']) {
            let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            plain.text.push_str(before);
            let length = if from.starts_with('"') { quoted_length(from) } else { plain.mark_length(from) };
            if from.starts_with('<') && length > 1 {
                let digits = plain.text.bytes().rev().take_while(u8::is_ascii_digit).count();
                let mark = from.get(1..length).unwrap_or_default();
                plain
                    .marks
                    .push((plain.text.len() - digits, mark.strip_suffix('>').unwrap_or(mark).to_owned()));
            } else {
                plain.text.push_str(from.get(..length).unwrap_or_default());
            }
            rest = from.get(length..).unwrap_or_default();
        }
        plain.text.push_str(rest);
        plain
    }

    /// How long the mark at the beginning of `from` is, in bytes; 1 where the `<` begins none.
    fn mark_length(&self, from: &str) -> usize {
        let follows =
            self.text.ends_with(|last: char| last.is_ascii_digit()) || self.text.ends_with("AT_FDCWD");
        let begins = from.as_bytes().get(1).is_some_and(|next| next.is_ascii_alphabetic() || *next == b'/');
        if !follows || !begins {
            return 1;
        }
        let mut depth = 0_usize;
        let mut at = 0;
        let bytes = from.as_bytes();
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => at += quoted_length(from.get(at..).unwrap_or_default()) - 1,
                b'<' => depth += 1,
                // An arrow, `->`, ends nothing.
                b'>' if bytes.get(at.wrapping_sub(1)) != Some(&b'-') => {
                    depth -= 1;
                    if depth == 0 {
                        return at + 1;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        from.len()
    }
}

/// How long the quoted string at the beginning of `from` is, in bytes, with its quotation marks.
fn quoted_length(from: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in from.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    from.len().max(1)
}

impl<'a> Parts<'a> {
    /// strace pads short calls with spaces before `=`.
    pub(super) fn of(said: &'a str) -> Option<Self> {
        let (name, rest) = said.split_once('(')?;
        let (at, _) = rest
            .match_indices(')')
            .rev()
            .find(|(at, _)| rest.get(at + 1..).is_some_and(|after| after.trim_start().starts_with("= ")))?;
        let (arguments, after) = rest.split_at_checked(at)?;
        let result = after.get(1..)?.trim_start().strip_prefix("= ")?.trim();
        let arguments_at = name.len() + 1;
        let result_at = said.trim_end().len() - result.len();
        Some(Self { name, arguments, result, arguments_at, result_at })
    }
}

/// `1234  1795364915.761167 close(3) = 0` in its three parts.
pub(super) fn head(line: &str) -> Option<(u32, SystemTime, &str)> {
    let (pid, rest) = line.trim_start().split_once(' ')?;
    let (time, said) = rest.trim_start().split_once(' ')?;
    Some((pid.parse().ok()?, SystemTime::UNIX_EPOCH.checked_add(seconds(time)?)?, said.trim()))
}

/// Decimal seconds, as strace prints them: exact, which a floating point number would not be.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.')?;
    let micros: u32 = fraction.parse().ok().filter(|_| fraction.len() == 6)?;
    Some(Duration::new(whole.parse().ok()?, micros * 1000))
}

/// Takes off the ` <0.000123>` of `-T`.
pub(super) fn without_duration(said: &str) -> (&str, Duration) {
    said.strip_suffix('>')
        .and_then(|said| said.rsplit_once(" <"))
        .and_then(|(said, took)| Some((said, seconds(took)?)))
        .unwrap_or((said, Duration::ZERO))
}

pub(super) fn is_exec(said: &str) -> bool {
    ["execve(", "execveat(", "<... execve resumed>", "<... execveat resumed>"]
        .iter()
        .any(|start| said.starts_with(start))
}

/// The descriptor that is the first argument of most calls.
pub(super) fn first_number(arguments: &str) -> Option<i32> {
    arguments.split([',', '<']).next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_are_taken_out() {
        let plain = Plain::of(
            r#"accept4(3<TCP:[127.0.0.1:6797]>, {x="4<a>"}, 1<<3, 0) = 5<TCP:[127.0.0.1:6797->127.0.0.1:40000]>"#,
        );
        assert_eq!(plain.text, r#"accept4(3, {x="4<a>"}, 1<<3, 0) = 5"#);
        let parts = Parts::of(&plain.text).expect("a whole call");
        assert_eq!(plain.mark(parts.arguments_at), Some("TCP:[127.0.0.1:6797]"));
        assert_eq!(plain.mark(parts.result_at), Some("TCP:[127.0.0.1:6797->127.0.0.1:40000]"));
        assert_eq!(
            Plain::of("write(1</dev/pts/0<char 136:0>>, \"x\", 1) = 1").text,
            "write(1, \"x\", 1) = 1"
        );
        assert_eq!(
            Plain::of("openat(AT_FDCWD</root>, \"x\") = 3</root/x>").text,
            "openat(AT_FDCWD, \"x\") = 3"
        );
        assert_eq!(Plain::of(r#"close(3<UNIX-STREAM:[1->2,"/a>b"]>) = 0"#).text, "close(3) = 0");
        assert_eq!(Plain::of("recvfrom(4<TCP:[1").text, "recvfrom(4");
    }

    proptest! {
        #[test]
        fn any_line_at_all(said in "\\PC{0,120}|[<>\"0-9a-z\\\\ -]{0,60}") {
            let plain = Plain::of(&said);
            let _ = Parts::of(&plain.text).map(|parts| plain.mark(parts.result_at).is_some());
        }
    }
}
