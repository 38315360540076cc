//! One renaming, consistent over the whole page, makes the values that the kernel chose for the page and those that it
//! chose for the run equal.

use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;

use super::values::{self, Class, Token, squeeze};

/// For each class, what is called what.
type Names = HashMap<Class, HashMap<String, String>>;

/// Which value of the page stands for which value of the run.
#[derive(Debug, Clone)]
pub struct Renaming {
    ephemeral: RangeInclusive<u16>,
    to_run: Names,
    to_page: Names,
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
        // Bound only if the whole line is equal.
        let mut new: Vec<(Class, &str, &str)> = Vec::new();
        for pair in page.iter().zip(&run) {
            let equal = match pair {
                (Token::Text(page), Token::Text(run)) => squeeze(page) == squeeze(run),
                (Token::Time(_), Token::Time(_)) => true,
                (Token::Value(class, page), Token::Value(of, run)) if class == of => {
                    let known = self.stands_for(*class, page, run).or_else(|| {
                        let bound = new.iter().find(|(of, p, r)| of == class && (p == page || r == run));
                        bound.map(|(_, p, r)| p == page && r == run)
                    });
                    if known.is_none() {
                        new.push((*class, page, run));
                    }
                    known != Some(false)
                }
                _ => false,
            };
            if !equal {
                return false;
            }
        }
        for (class, page, run) in new {
            self.insert(class, page.to_owned(), run.to_owned());
        }
        true
    }

    /// Whether the one is known to stand for the other; none where both are new.
    fn stands_for(&self, class: Class, page: &str, run: &str) -> Option<bool> {
        let to_run = self.to_run.get(&class)?;
        match (to_run.get(page), self.to_page.get(&class).and_then(|to_page| to_page.get(run))) {
            (None, None) => None,
            (there, _) => Some(there.is_some_and(|there| there == run)),
        }
    }

    fn insert(&mut self, class: Class, page: String, run: String) {
        self.to_page.entry(class).or_default().insert(run.clone(), page.clone());
        self.to_run.entry(class).or_default().insert(page, run);
    }

    /// The ports of the run that have a name on the page, in ascending order.
    #[must_use]
    pub fn ports(&self) -> BTreeSet<u16> {
        let ports = self.to_page.get(&Class::Port).into_iter().flat_map(HashMap::keys);
        ports.filter_map(|port| port.parse().ok()).collect()
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
    /// the next lower number that the page does not use for another value and that the kernel might have chosen.
    pub fn adopt(&mut self, run: &str) -> String {
        let new: Vec<(Class, String)> = self
            .tokens(run)
            .into_iter()
            .filter_map(|token| match token {
                Token::Value(class, value) => Some((class, value.to_owned())),
                _ => None,
            })
            .collect();
        for (class, value) in new {
            if !self.to_page.get(&class).is_some_and(|names| names.contains_key(&value)) {
                let page = self.free_name(class, &value);
                self.insert(class, page, value);
            }
        }
        self.to_page(run)
    }

    /// The value itself, or the next lower number that no other value of the page has; after the lowest comes the
    /// highest.
    fn free_name(&self, class: Class, value: &str) -> String {
        let taken = self.to_run.get(&class);
        let (low, high) = match class {
            Class::Port => (u64::from(*self.ephemeral.start()), u64::from(*self.ephemeral.end())),
            _ => (1, u64::MAX),
        };
        let radix = if class == Class::Cookie { 16 } else { 10 };
        let number = u64::from_str_radix(value, radix).unwrap_or(low);
        let lower = |number: &u64| Some(if *number <= low { high } else { number - 1 });
        std::iter::successors(Some(number), lower)
            .map(|number| if class == Class::Cookie { format!("{number:x}") } else { number.to_string() })
            .take(1 + taken.map_or(0, HashMap::len))
            .find(|name| !taken.is_some_and(|taken| taken.contains_key(name)))
            // Every port of the range has a name already: there is no better one.
            .unwrap_or_else(|| value.to_owned())
    }

    /// The values in a line of the run that the page calls otherwise, as sentences.
    pub(super) fn explain(&self, run: &str) -> Vec<String> {
        self.tokens(run)
            .into_iter()
            .filter_map(|token| match token {
                Token::Value(class, value) => {
                    let page = self.to_page.get(&class)?.get(value)?;
                    (page != value)
                        .then(|| format!("{} {page} of the page was {value} in this run", class.name()))
                }
                _ => None,
            })
            .collect()
    }

    fn renamed(&self, text: &str, names: &Names) -> String {
        self.tokens(text)
            .into_iter()
            .map(|token| match token {
                Token::Text(text) | Token::Time(text) => text.to_owned(),
                Token::Value(class, value) => {
                    let name = names.get(&class).and_then(|names| names.get(value));
                    name.map_or(value, String::as_str).to_owned()
                }
            })
            .collect()
    }

    /// The line with its values blanked: equal shapes may be equal lines.
    pub(super) fn shape(&self, line: &str) -> String {
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
        values::tokens(line, &self.ephemeral)
    }
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
        assert!(renaming.bind("*:6797 *:40001", "*:6797 *:50000"));
        assert_eq!(renaming.ports().into_iter().collect::<Vec<_>>(), [50000, 51000]);
    }

    #[test]
    fn what_is_adopted_keeps_the_kind_of_its_number() {
        let mut renaming = renaming();
        // The page has these names for other values.
        for (page, run) in [("sk:1a", "sk:2b"), ("sk:3c", "sk:4d"), ("sk:19", "sk:5e"), ("sk:1", "sk:6f")] {
            assert!(renaming.bind(page, run));
        }
        assert_eq!(renaming.adopt("sk:1a sk:3c sk:1"), "sk:18 sk:3b sk:ffffffffffffffff");
        assert!(renaming.bind("127.0.0.1:32768", "127.0.0.1:40000"));
        assert_eq!(renaming.adopt("127.0.0.1:32768"), "127.0.0.1:60999");
    }

    #[test]
    fn a_range_without_a_free_port_ends_the_search() {
        let mut renaming = Renaming::new(32768..=32769);
        assert!(renaming.bind("*:32768 *:32769", "*:32769 *:32768"));
        assert_eq!(renaming.adopt("*:32769"), "*:32768");
        let mut full = Renaming::new(32768..=32768);
        assert!(full.bind("*:32768", "*:32768"));
        assert_eq!(full.adopt("*:32768"), "*:32768");
    }

    #[test]
    fn one_line_binds_one_value_once() {
        let mut renaming = renaming();
        assert!(!renaming.bind("pid 1 pid 1", "pid 2 pid 3"));
        assert!(!renaming.bind("pid 1 pid 4", "pid 2 pid 2"));
        assert!(renaming.bind("pid 1 pid 4 pid 1", "pid 2 pid 3 pid 2"));
        assert!(!renaming.bind("pid 4", "pid 2"));
        assert!(!renaming.bind("pid 9", "pid 2"));
    }
}
