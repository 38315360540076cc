//! What a terminal shows, cut into lines and prompts.

use crate::record::event::What;

/// Around `$?` in the prompt: control characters that no page prints (record and unit separator).
pub(super) const BEFORE_STATUS: u8 = 0x1e;
pub(super) const AFTER_STATUS: u8 = 0x1f;

/// A line that does not end is cut here.
const LONGEST_LINE: usize = 64 * 1024;

/// Cuts what a terminal shows into lines and prompts.
#[derive(Default)]
pub(super) struct Splitter {
    pending: Vec<u8>,
}

impl Splitter {
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<What> {
        let mut whats = Vec::new();
        for byte in bytes {
            match *byte {
                b'\n' => {
                    whats.push(What::Line(text(&self.pending)));
                    self.pending.clear();
                }
                AFTER_STATUS => {
                    let (before, status) = match self.pending.iter().rposition(|byte| *byte == BEFORE_STATUS)
                    {
                        Some(at) => self.pending.split_at(at),
                        None => (self.pending.as_slice(), [].as_slice()),
                    };
                    match text(status).trim_start_matches(char::from(BEFORE_STATUS)).parse() {
                        Ok(status) => {
                            // What a command leaves without a line end stands before the prompt.
                            let before = text(before);
                            if !before.is_empty() {
                                whats.push(What::Line(before));
                            }
                            whats.push(What::Prompt { status });
                            self.pending.clear();
                        }
                        Err(_) => self.pending.push(*byte),
                    }
                }
                byte => self.pending.push(byte),
            }
        }
        if self.pending.len() > LONGEST_LINE {
            whats.push(What::Line(text(&self.pending)));
            self.pending.clear();
        }
        if !self.pending.is_empty() && !self.pending.contains(&BEFORE_STATUS) {
            whats.push(What::Partial(text(&self.pending)));
        }
        whats
    }
}

/// The terminal puts CR before each LF; a program may have put one of its own.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\r').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_prompts_survive_any_cut() {
        let bytes = b"one\r\n\r\ntwo\r\r\nrest\x1e130\x1f";
        let whole = [
            What::Line("one".into()),
            What::Line(String::new()),
            What::Line("two".into()),
            What::Line("rest".into()),
            What::Prompt { status: 130 },
        ];
        for cut in 0..=bytes.len() {
            let mut splitter = Splitter::default();
            let (first, second) = bytes.split_at(cut);
            let whats = [splitter.feed(first), splitter.feed(second)].concat();
            let whats: Vec<_> = whats.into_iter().filter(|what| !matches!(what, What::Partial(_))).collect();
            assert_eq!(whats, whole, "cut at {cut}");
        }
    }

    #[test]
    fn what_has_no_line_end_is_partial() {
        assert_eq!(
            Splitter::default().feed(b"a\nb\xff"),
            [What::Line("a".into()), What::Partial("b\u{fffd}".into())]
        );
    }
}
