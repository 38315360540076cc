//! Compares what a page shows with what came.
//!
//! A page shows real values, and some of them the kernel chooses anew in every run: client ports, inodes, process ids.
//! Lines are equal when **one consistent one-to-one renaming** of such values, kept over the whole page, makes them
//! equal. Which numbers are such values is said by named rules with context, never by "a big number".

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use regex::Regex;
use similar::{Algorithm, DiffOp};

/// What kind of value the kernel chose. Two classes never exchange values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A port from the ephemeral range (ip(7), `ip_local_port_range`).
    Port,
    /// The inode of a socket or a pipe.
    Inode,
    /// A process id.
    Pid,
    /// A user id.
    Uid,
    /// A group id.
    Gid,
    /// A socket's cookie, by which `sock_diag(7)` names it.
    Cookie,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Port => "port",
            Self::Inode => "inode",
            Self::Pid => "pid",
            Self::Uid => "uid",
            Self::Gid => "gid",
            Self::Cookie => "socket cookie",
        }
    }
}

/// The rules: what the first group matches is a value of that class, or, without a class, a measured time or an
/// address in memory, which is equal to any other.
static RULES: LazyLock<Vec<(Option<Class>, Regex)>> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the patterns are constants; every test compiles them")]
    [
        // After an address: 127.0.0.1:40000, [::1]:40000, *:40000, localhost:40000.
        (
            Some(Class::Port),
            r"(?:\b\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:.%\w]*\]|\*|\blocalhost):(\d{1,5})\b",
        ),
        (Some(Class::Port), r"\bhtons\((\d{1,5})\)"),
        (Some(Class::Port), r"\b[sd]port = :(\d{1,5})\b"),
        (Some(Class::Port), r"\b(?:source|destination) port (\d{1,5})\b"),
        (Some(Class::Inode), r"\b(?:socket|pipe):\[(\d+)\]"),
        (Some(Class::Inode), r"\bino:(\d+)\b"),
        // ss -x: path and inode, peer's path and inode.
        (Some(Class::Inode), r"^u_(?:str|dgr|seq) .* (\d+) +\* \d+\b"),
        (Some(Class::Inode), r"^u_(?:str|dgr|seq) .* \* (\d+)\b"),
        (Some(Class::Pid), r"\bpid[= ](\d+)\b"),
        (Some(Class::Pid), r"/proc/(\d+)\b"),
        (Some(Class::Pid), r"\bkill (?:-\w+ )?(\d+)\b"),
        // The shell about a job in the background: [1] 4242
        (Some(Class::Pid), r"^\[\d+\] +(\d+)$"),
        (Some(Class::Uid), r"\buid[=: ](\d+)\b"),
        (Some(Class::Gid), r"\bgid[=: ](\d+)\b"),
        (Some(Class::Cookie), r"\bsk:([0-9a-f]+)\b"),
        (None, r"\b(?:in|after|took) (\d+(?:\.\d+)? ?(?:ns|us|µs|ms|s))\b"),
        (None, r"\b(\d+\.\d+ ?(?:ns|us|µs|ms|s))\b"),
        // ss -o: timer:(timewait,59sec,0)
        (None, r"\btimer:\(\w+,([^,)]+),\d+\)"),
        // Where in memory a buffer lies, for strace the argument of a call that did not fill it.
        (None, r"\b(0x[0-9a-f]{9,16})\b"),
    ]
    .map(|(class, pattern)| (class, Regex::new(pattern).expect("a constant pattern")))
    .into()
});

#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    Text(&'a str),
    Value(Class, &'a str),
    Time(&'a str),
}

/// Which value of the page stands for which value of the run.
#[derive(Debug, Clone)]
pub struct Renaming {
    ephemeral: RangeInclusive<u16>,
    to_run: HashMap<(Class, String), String>,
    to_page: HashMap<(Class, String), String>,
}

impl Renaming {
    /// An empty one; ports outside of `ephemeral` are compared literally.
    #[must_use]
    pub fn new(ephemeral: RangeInclusive<u16>) -> Self {
        Self { ephemeral, to_run: HashMap::new(), to_page: HashMap::new() }
    }

    /// Whether the line of the page and the line of the run are equal under one renaming with all lines before; if so,
    /// their values are bound to each other from here on.
    pub fn bind(&mut self, page: &str, run: &str) -> bool {
        let (page, run) = (self.tokens(page), self.tokens(run));
        if page.len() != run.len() {
            return false;
        }
        let mut to_run = self.to_run.clone();
        let mut to_page = self.to_page.clone();
        for pair in page.into_iter().zip(run) {
            let equal = match pair {
                (Token::Text(page), Token::Text(run)) => squeeze(page) == squeeze(run),
                (Token::Time(_), Token::Time(_)) => true,
                (Token::Value(class, page), Token::Value(of, run)) if class == of => {
                    let there =
                        to_run.entry((class, page.to_owned())).or_insert_with(|| run.to_owned()) == run;
                    let back =
                        to_page.entry((class, run.to_owned())).or_insert_with(|| page.to_owned()) == page;
                    there && back
                }
                _ => false,
            };
            if !equal {
                return false;
            }
        }
        self.to_run = to_run;
        self.to_page = to_page;
        true
    }

    /// A text of the page with the values of the run.
    #[must_use]
    pub fn to_run(&self, page: &str) -> String {
        self.renamed(page, &self.to_run)
    }

    /// A text of the run with the values of the page. A value that the page does not know stays what it is.
    #[must_use]
    pub fn to_page(&self, run: &str) -> String {
        self.renamed(run, &self.to_page)
    }

    /// Like [`Self::to_page`], for a page that is rewritten: a value that is new to the page is bound to itself, or to
    /// the next number that the page does not use for another value.
    pub fn adopt(&mut self, run: &str) -> String {
        let new: Vec<(Class, String)> = self
            .tokens(run)
            .into_iter()
            .filter_map(|token| match token {
                Token::Value(class, value) => Some((class, value.to_owned())),
                _ => None,
            })
            .filter(|key| !self.to_page.contains_key(key))
            .collect();
        for (class, value) in new {
            let mut page = value.clone();
            while self.to_run.contains_key(&(class, page.clone())) {
                page = page.parse::<u64>().map_or(0, |number| number.saturating_sub(1)).to_string();
            }
            self.to_run.insert((class, page.clone()), value.clone());
            self.to_page.insert((class, value), page);
        }
        self.to_page(run)
    }

    /// The values in a line of the run that the page calls otherwise, as sentences.
    fn explain(&self, run: &str) -> Vec<String> {
        self.tokens(run)
            .into_iter()
            .filter_map(|token| match token {
                Token::Value(class, value) => {
                    let page = self.to_page.get(&(class, value.to_owned()))?;
                    (page != value)
                        .then(|| format!("{} {page} of the page was {value} in this run", class.name()))
                }
                _ => None,
            })
            .collect()
    }

    fn renamed(&self, text: &str, names: &HashMap<(Class, String), String>) -> String {
        self.tokens(text)
            .into_iter()
            .map(|token| match token {
                Token::Text(text) | Token::Time(text) => text.to_owned(),
                Token::Value(class, value) => {
                    names.get(&(class, value.to_owned())).cloned().unwrap_or_else(|| value.to_owned())
                }
            })
            .collect()
    }

    /// The line with its values blanked: equal shapes may be equal lines.
    fn shape(&self, line: &str) -> String {
        self.tokens(line)
            .into_iter()
            .map(|token| match token {
                Token::Text(text) => squeeze(text),
                Token::Value(class, _) => format!("\0{}\0", class.name()),
                Token::Time(_) => "\0time\0".into(),
            })
            .collect()
    }

    fn tokens<'a>(&self, line: &'a str) -> Vec<Token<'a>> {
        let line = line.trim_end();
        let mut spans: Vec<(usize, usize, Option<Class>)> = Vec::new();
        for (class, rule) in RULES.iter() {
            for found in rule.captures_iter(line).filter_map(|captures| captures.get(1)) {
                let renamed = match class {
                    Some(Class::Port) => {
                        found.as_str().parse().is_ok_and(|port| self.ephemeral.contains(&port))
                    }
                    _ => true,
                };
                if renamed {
                    spans.push((found.start(), found.end(), *class));
                }
            }
        }
        spans.sort_unstable();
        let mut tokens = Vec::new();
        let mut at = 0;
        for (start, end, class) in spans {
            let (Some(text), Some(value)) = (line.get(at..start), line.get(start..end)) else {
                continue; // overlaps the one before
            };
            if !text.is_empty() {
                tokens.push(Token::Text(text));
            }
            tokens.push(class.map_or(Token::Time(value), |class| Token::Value(class, value)));
            at = end;
        }
        if let Some(text) = line.get(at..).filter(|text| !text.is_empty()) {
            tokens.push(Token::Text(text));
        }
        tokens
    }
}

/// Columns are padded to the width of their widest value, of which the kernel chooses some: one space is as good as
/// five, everywhere. The parts' own tests compare their lines to the letter.
fn squeeze(text: &str) -> String {
    let mut squeezed = String::with_capacity(text.len());
    for character in text.chars() {
        if character != ' ' || !squeezed.ends_with(' ') {
            squeezed.push(character);
        }
    }
    squeezed
}

/// One line of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// The page's line of this index came.
    Same(usize),
    /// The page's line of this index did not come.
    Gone(usize),
    /// The run's line of this index is not on the page.
    New(usize),
}

/// Compares lines of a page with lines of a run and binds the values of those that are equal.
pub fn rows<P: AsRef<str>, R: AsRef<str>>(page: &[P], run: &[R], renaming: &mut Renaming) -> Vec<Row> {
    let shape = |line: &str| renaming.shape(line);
    let page_shapes: Vec<String> = page.iter().map(|line| shape(line.as_ref())).collect();
    let run_shapes: Vec<String> = run.iter().map(|line| shape(line.as_ref())).collect();
    let mut rows = Vec::new();
    for op in similar::capture_diff_slices(Algorithm::Myers, &page_shapes, &run_shapes) {
        if let DiffOp::Equal { old_index, new_index, len } = op {
            for (old, new) in (old_index..old_index + len).zip(new_index..) {
                let equal = match (page.get(old), run.get(new)) {
                    (Some(page), Some(run)) => renaming.bind(page.as_ref(), run.as_ref()),
                    _ => false,
                };
                if equal {
                    rows.push(Row::Same(old));
                } else {
                    rows.extend([Row::Gone(old), Row::New(new)]);
                }
            }
        } else {
            rows.extend(op.old_range().map(Row::Gone));
            rows.extend(op.new_range().map(Row::New));
        }
    }
    rows
}

/// Whether nothing differs.
#[must_use]
pub fn equal(rows: &[Row]) -> bool {
    rows.iter().all(|row| matches!(row, Row::Same(_)))
}

/// How often each renamed value in the differing lines of the run is called what: sentences without repetition.
#[must_use]
pub fn explanations<R: AsRef<str>>(rows: &[Row], run: &[R], renaming: &Renaming) -> Vec<String> {
    let mut sentences: Vec<String> = rows
        .iter()
        .filter_map(|row| match row {
            Row::New(index) => run.get(*index),
            _ => None,
        })
        .flat_map(|line| renaming.explain(line.as_ref()))
        .collect();
    sentences.sort_unstable();
    sentences.dedup();
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renaming() -> Renaming {
        Renaming::new(32768..=60999)
    }

    #[test]
    fn one_port_is_one_port_in_every_lane() {
        let mut renaming = renaming();
        assert!(renaming.bind("peer 127.0.0.1:40000", "peer 127.0.0.1:51000"));
        assert!(renaming.bind("{sin_port=htons(40000)}", "{sin_port=htons(51000)}"));
        assert!(renaming.bind("ESTAB  [::1]:40000   *:6797", "ESTAB     [::1]:51000 *:6797"));
        assert!(!renaming.bind("127.0.0.1:40000 > 127.0.0.1:6797", "127.0.0.1:51001 > 127.0.0.1:6797"));
        assert!(!renaming.bind("127.0.0.1:40001 > 127.0.0.1:6797", "127.0.0.1:51000 > 127.0.0.1:6797"));
        assert!(renaming.bind("127.0.0.1:40001 > 127.0.0.1:6797", "127.0.0.1:51001 > 127.0.0.1:6797"));
    }

    #[test]
    fn a_line_that_is_not_equal_binds_nothing() {
        let mut renaming = renaming();
        assert!(!renaming.bind("127.0.0.1:40000 a", "127.0.0.1:51000 b"));
        assert!(renaming.bind("127.0.0.1:40000 a", "127.0.0.1:52000 a"));
    }

    #[test]
    fn fixed_ports_descriptors_and_counts_are_literal() {
        let mut renaming = renaming();
        for (page, run) in [
            ("127.0.0.1:6797", "127.0.0.1:6798"),
            ("127.0.0.1:6797", "127.0.0.1:40000"),
            ("Socket file descriptor: 3", "Socket file descriptor: 4"),
            ("received 40000 bytes", "received 50000 bytes"),
            ("waits 5 s", "waits 6 s"),
            ("a b", " a b"),
            ("a b", "ab"),
        ] {
            assert!(!renaming.bind(page, run), "{page} | {run}");
        }
    }

    #[test]
    fn columns_stand_as_far_apart_as_they_like() {
        let mut renaming = renaming();
        assert!(renaming.bind("State    Recv-Q", "State Recv-Q "));
        assert!(renaming.bind("x  (\"a\",pid=24519,fd=4))", "x (\"a\",pid=5296,fd=4))"));
    }

    #[test]
    fn classes_do_not_mix_and_times_are_free() {
        let mut renaming = renaming();
        assert!(renaming.bind("pid=7 uid=7 socket:[7] in 3 ms", "pid=8 uid=9 socket:[10] in 0.25 s"));
        assert!(renaming.bind("/proc/7/fd pipe:[7] gid=7", "/proc/8/fd pipe:[10] gid=1000"));
        assert!(!renaming.bind("pid=7", "pid=9"));
    }

    #[test]
    fn texts_travel_both_ways() {
        let mut renaming = renaming();
        assert!(renaming.bind("pid 7 at 127.0.0.1:40000", "pid 8 at 127.0.0.1:51000"));
        assert_eq!(
            renaming.to_run("ss -tan 'sport = :40000' /proc/7/fd"),
            "ss -tan 'sport = :51000' /proc/8/fd"
        );
        assert_eq!(renaming.adopt("pid 8 pid 7"), "pid 7 pid 6");
    }

    #[test]
    fn rows_find_the_line_that_differs() {
        let mut renaming = renaming();
        let page = ["a", "b 127.0.0.1:40000", "c", "d"];
        let run = ["a", "b 127.0.0.1:50000", "x", "d", "e"];
        let rows = rows(&page, &run, &mut renaming);
        assert_eq!(rows, [Row::Same(0), Row::Same(1), Row::Gone(2), Row::New(2), Row::Same(3), Row::New(4)]);
        assert!(!equal(&rows));
    }
}
