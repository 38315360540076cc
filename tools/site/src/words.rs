//! Words that a browser would break at their hyphens: `--bin`, `life-end`. Of a name or an option broken so, nobody could
//! tell whether the hyphen belongs to it.

use std::fmt::Write;

/// A longer word may be broken: on a phone it would not fit.
const LONGEST: usize = 30;

/// Whether there is such a word in `text`.
#[must_use]
pub fn any(text: &str) -> bool {
    text.split(' ').any(breaks)
}

/// `text` as HTML, written piece by piece by `escape`, in which these words stay whole.
#[must_use]
pub fn whole(text: &str, escape: impl Fn(&str) -> String) -> String {
    let mut html = String::new();
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            html.push(' ');
        }
        if breaks(word) {
            let _ = write!(html, "<span class=\"whole\">{}</span>", escape(word)); // a String takes everything
        } else {
            html.push_str(&escape(word));
        }
    }
    html
}

fn breaks(word: &str) -> bool {
    word.contains('-') && word.chars().count() <= LONGEST
}

#[cfg(test)]
mod tests {
    use super::{any, whole};

    #[test]
    fn a_short_word_with_a_hyphen_stays_whole() {
        let shout = |word: &str| word.to_uppercase();
        assert_eq!(whole("run a-b  c", shout), "RUN <span class=\"whole\">A-B</span>  C");
        assert!(any("-n") && !any("n"));
        assert!(!any(&format!("--{}", "long".repeat(9))));
    }
}
